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
/// Walks Linux's list of processes over many steps of a command, while Linux may change it. A task at which the walk stood and which is gone makes it begin
/// again, behind as many as were seen.
/// </summary>
internal readonly ref struct TaskWalk
{
    /// <summary>Numbers of the command's memory that the walk takes, from the first one on.</summary>
    public const int NumbersUsed = 5;

    /// <summary>How often the list may be found torn before it is taken for broken.</summary>
    private const ulong TornMax = 16;

    private const int Node = 0;
    private const int Seen = 1;
    private const int Skip = 2;
    private const int Torn = 3;
    private const int Pid = 4;

    private readonly ref LinuxMemory _linux;
    private readonly Span<ulong> _kept;
    private readonly ulong _head;

    /// <summary>Goes on with a walk.</summary>
    /// <param name="run">The command's step.</param>
    public TaskWalk(ref CommandRun run)
    {
        _linux = ref run.Context.Linux;
        _kept = run.State.Kept;
        _head = _linux.Value(LinuxField.InitTask) + _linux.Value(LinuxField.TaskTasks);
        _kept[Node] = _kept[Node] == 0 ? _head : _kept[Node];
    }

    /// <summary>Whether the list changed under the walk: tasks may be missing, or twice.</summary>
    public bool HasChanged => _kept[Torn] > 0;

    /// <summary>Goes on by one task.</summary>
    /// <param name="task">Where its task_struct is.</param>
    public WalkStep Next(out ulong task)
    {
        task = 0;
        bool isLinked = _kept[Node] == _head || (LinkedList.IsLinked(ref _linux, _kept[Node]) && PidAt(_kept[Node]) == _kept[Pid]);
        if (!isLinked || !LinkedList.TryFollow(ref _linux, _kept[Node], out ulong next))
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
        return ++_kept[Seen] <= LinkedList.EntriesMax ? WalkStep.Task : WalkStep.Torn;
    }

    /// <summary>The number of a node's task: memory that was freed may be another task's by now, at the list's end.</summary>
    private ulong PidAt(ulong node) => _linux.TryRead(node - _linux.Value(LinuxField.TaskTasks), LinuxField.TaskPid, out uint pid) ? pid : ulong.MaxValue;
}
