using System;
using Sos.RemoteConsole.View;

namespace Sos.RemoteConsole.Commands.Linux;

/// <summary><c>ps</c>: Linux's processes, by its own list.</summary>
internal readonly struct PsCommand : ICommand
{
    private const ulong NsPerSecond = 1_000_000_000;

    /// <summary>Tasks that a step looks at.</summary>
    private const int TasksPerStep = 32;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Name => "ps"u8;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Arguments => "[--state S] [--kernel] [--threads]"u8;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Explanation => "Linux's processes; those in a state (R S D T Z I), the kernel's own, and with each its threads"u8;

    /// <inheritdoc/>
    public static CommandForm Form => CommandForm.Table;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Heading => "    PID    PPID  S  CPU  THREADS  TIME          KERNEL  NAME"u8;

    /// <inheritdoc/>
    public static CommandProgress Step(ref CommandRun run)
    {
        if (!TryReadOptions(run.Arguments, out byte state, out bool isKernel, out bool hasThreads))
        {
            return run.Fail("ps takes --state with a letter, as in --state D, --kernel and --threads"u8, CommandRun.Usage);
        }

        if (!LinuxView.IsOpen(
            ref run, LinuxField.TaskTasks, LinuxField.TaskPid, LinuxField.TaskTgid, LinuxField.TaskName, LinuxField.TaskState, LinuxField.TaskExitState,
            LinuxField.TaskFlags))
        {
            return CommandProgress.Done;
        }

        ref LinuxMemory linux = ref run.Context.Linux;
        TaskWalk walk = new(ref run, hasThreads);
        Span<byte> name = stackalloc byte[LinuxTask.NameSize];
        for (int i = 0; i < TasksPerStep; i++)
        {
            switch (walk.Next(out ulong address))
            {
                case WalkStep.End:
                    return Finish(ref run, walk.HasChanged);
                case WalkStep.Torn:
                    return run.Fail("the list of tasks is torn here: Linux died while it changed, or something has written over it"u8);
                case WalkStep.Task when LinuxTask.TryRead(ref linux, address, name, out int length, out LinuxTask task)
                    && (state == 0 || task.State == state) && (!isKernel || task.IsKernel):
                    Write(ref run, in task, name[..length]);
                    return CommandProgress.More;
            }
        }

        return CommandProgress.More;
    }

    private static CommandProgress Finish(ref CommandRun run, bool hasChanged)
    {
        if (hasChanged && !run.State.IsJson)
        {
            run.Output.WriteLine("the list changed while it was read: tasks may be missing or twice"u8);
        }

        return CommandProgress.Done;
    }

    private static void Write(ref CommandRun run, in LinuxTask task, scoped ReadOnlySpan<byte> name)
    {
        RowWriter row = run.BeginRow();
        row.Number("pid"u8, (ulong)task.Pid, 7);
        row.Number("ppid"u8, (ulong)task.Parent, 6);
        row.Text("state"u8, new ReadOnlySpan<byte>(in task.State), 1);
        row.Number("cpu"u8, task.Cpu, 3);
        row.Number("threads"u8, (ulong)task.Threads, 7);
        row.Time("time_s"u8, task.TimeNs / NsPerSecond, 12);
        row.Flag("kernel"u8, task.IsKernel, 6);
        row.Text("name"u8, name);
        row.End();
    }

    private static bool TryReadOptions(ReadOnlySpan<byte> arguments, out byte state, out bool isKernel, out bool hasThreads)
    {
        state = 0;
        isKernel = false;
        hasThreads = false;
        Words words = new(arguments);
        for (ReadOnlySpan<byte> word = words.Take(); !word.IsEmpty; word = words.Take())
        {
            if (word.SequenceEqual("--kernel"u8))
            {
                isKernel = true;
            }
            else if (word.SequenceEqual("--threads"u8))
            {
                hasThreads = true;
            }
            else if (word.SequenceEqual("--state"u8) && words.Take() is [byte letter])
            {
                state = letter;
            }
            else
            {
                return false;
            }
        }

        return true;
    }
}
