using System;
using Sos.RemoteConsole.View;

namespace Sos.RemoteConsole.Commands.Linux;

/// <summary>The outcome of a walk's step.</summary>
internal enum WalkStep : byte
{
    /// <summary>A task.</summary>
    Task = 0,

    /// <summary>Nothing yet: the walk had to begin again, or passes what was seen.</summary>
    OnTheWay,

    /// <summary>The list's end.</summary>
    End,

    /// <summary>The list is torn for good.</summary>
    Torn,
}

/// <summary>
/// Walks Linux's list of processes, with their threads if these are asked for, over many steps of a command, while Linux may change it. A process at which the
/// walk stood and which is gone makes it begin again, behind as many as were seen; a thread that is gone ends the list of its process.
/// </summary>
internal readonly ref struct TaskWalk
{
    /// <summary>Numbers of the command's memory that the walk takes, from the first one on.</summary>
    public const int NumbersUsed = 8;

    /// <summary>How often the list may be found torn before it is taken for broken.</summary>
    private const ulong TornMax = 16;

    private const int Node = 0;
    private const int Seen = 1;
    private const int Skip = 2;
    private const int Torn = 3;
    private const int Pid = 4;
    private const int Thread = 5;
    private const int ThreadPid = 6;
    private const int ThreadsSeen = 7;

    private readonly ref LinuxMemory _linux;
    private readonly Span<ulong> _kept;
    private readonly ulong _head;
    private readonly bool _hasThreads;

    /// <summary>Goes on with a walk.</summary>
    /// <param name="run">The command's step.</param>
    /// <param name="hasThreads">Whether each process is followed by its other threads.</param>
    public TaskWalk(ref CommandRun run, bool hasThreads = false)
    {
        _linux = ref run.Context.Linux;
        _kept = run.State.Kept;
        _head = _linux.Value(LinuxField.InitTask) + _linux.Value(LinuxField.TaskTasks);
        _kept[Node] = _kept[Node] == 0 ? _head : _kept[Node];
        _hasThreads = hasThreads && _linux.Symbols.Has(LinuxField.TaskThreadNode) && _linux.Symbols.Has(LinuxField.SignalThreadHead);
    }

    /// <summary>Whether the list changed under the walk: tasks may be missing, or twice.</summary>
    public bool HasChanged => _kept[Torn] > 0;

    /// <summary>Goes on by one task.</summary>
    /// <param name="task">Where its task_struct is.</param>
    public WalkStep Next(out ulong task)
    {
        task = 0;
        if (_kept[Thread] != 0)
        {
            return NextThread(out task);
        }

        if (!IsThere() || !LinkedList.TryFollow(ref _linux, _kept[Node], out ulong next))
        {
            _kept[Node] = _head;
            _kept[Skip] = _kept[Seen];
            return ++_kept[Torn] <= TornMax ? WalkStep.OnTheWay : WalkStep.Torn;
        }

        if (next == _head)
        {
            return WalkStep.End;
        }

        _kept[Node] = next;
        _kept[Pid] = PidAt(next);
        if (_kept[Skip] > 0)
        {
            _kept[Skip]--;
            return WalkStep.OnTheWay;
        }

        task = next - _linux.Value(LinuxField.TaskTasks);
        _kept[Thread] = _hasThreads && TryFindThreads(task, out ulong threads) ? threads : 0;
        return ++_kept[Seen] <= LinkedList.EntriesMax ? WalkStep.Task : WalkStep.Torn;
    }

    private WalkStep NextThread(out ulong task)
    {
        ulong node = _kept[Thread];
        ulong process = _kept[Node] - _linux.Value(LinuxField.TaskTasks);
        task = 0;
        _kept[Thread] = 0;
        if (!IsThere() || !TryFindThreads(process, out ulong head)
            || (node != head && !(LinkedList.IsLinked(ref _linux, node) && PidOf(node - _linux.Value(LinuxField.TaskThreadNode)) == _kept[ThreadPid]))
            || !LinkedList.TryFollow(ref _linux, node, out ulong next) || ++_kept[ThreadsSeen] > LinkedList.EntriesMax)
        {
            return ++_kept[Torn] <= TornMax ? WalkStep.OnTheWay : WalkStep.Torn;
        }

        if (next == head)
        {
            return WalkStep.OnTheWay;
        }

        task = next - _linux.Value(LinuxField.TaskThreadNode);
        _kept[Thread] = next;
        _kept[ThreadPid] = PidOf(task);
        return task == process ? WalkStep.OnTheWay : WalkStep.Task;
    }

    /// <summary>Whether the walk's process is still in the list: memory that was freed may be another task's by now, at the list's end.</summary>
    private bool IsThere()
        => _kept[Node] == _head || (LinkedList.IsLinked(ref _linux, _kept[Node]) && PidAt(_kept[Node]) == _kept[Pid]);

    private bool TryFindThreads(ulong process, out ulong head)
    {
        bool isFound = _linux.TryRead(process, LinuxField.TaskSignal, out ulong signal) && signal != 0;
        head = isFound ? signal + _linux.Value(LinuxField.SignalThreadHead) : 0;
        return isFound;
    }

    private ulong PidAt(ulong node) => PidOf(node - _linux.Value(LinuxField.TaskTasks));

    private ulong PidOf(ulong task) => _linux.TryRead(task, LinuxField.TaskPid, out uint pid) ? pid : ulong.MaxValue;
}
