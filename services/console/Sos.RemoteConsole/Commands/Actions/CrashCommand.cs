using System;
using Sos.RemoteConsole.Commands.Linux;
using Sos.Sdk.Control;
using Sos.Sdk.Services;

namespace Sos.RemoteConsole.Commands.Actions;

/// <summary><c>crash</c>: has Linux panic, whatever it does.</summary>
internal readonly struct CrashCommand : ICommand
{
    /// <summary>How long Linux is waited for: it stops its CPUs, which may take a second, before it tells the words.</summary>
    private const ulong PanicMs = 5000;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Name => "crash"u8;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Arguments => "[CPU] [--yes]"u8;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Explanation => "has Linux panic, by an NMI to a CPU (0), even one that hangs; with kdump, it dumps"u8;

    /// <inheritdoc/>
    public static CommandForm Form => CommandForm.Text;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Heading => default;

    /// <inheritdoc/>
    public static CommandProgress Step(ref CommandRun run)
    {
        if (!CpuOption.TryRead(run.Arguments, default, out CpuOption options))
        {
            return run.Fail("crash takes the number of a CPU, and --yes"u8, CommandRun.Usage);
        }

        if (!ActionGate.IsGranted(ref run, ServiceAction.Crash, "crash"u8))
        {
            return CommandProgress.Done;
        }

        if (run.State.Step == 0 && ActionGate.IsTooLate(ref run))
        {
            return CommandProgress.Done;
        }

        if (!ActionGate.IsMeant(ref run, options.IsSure, "Linux panics, and what it has not written to its disks is lost."u8, out CommandProgress progress))
        {
            return progress;
        }

        if (ActionGate.Begins(ref run, "console: crash asked for by "u8))
        {
            run.State.Step = 1;
            long answer = Gate.Act(ServiceAction.Crash, options.Cpu);
            return answer == 0 ? CommandProgress.Waiting : ActionGate.Refuse(ref run, answer);
        }

        return Await(ref run);
    }

    private static CommandProgress Await(ref CommandRun run)
    {
        Span<byte> space = stackalloc byte[LinuxView.PanicWordsMax];
        ref ConsoleContext context = ref run.Context;
        if (!context.Panic.IsThere)
        {
            run.Output.WriteLine("asked for; whether Linux panicked is not to be seen from here without '--grant linux-memory'"u8);
            return CommandProgress.Done;
        }

        bool isOver = ActionGate.ElapsedMs(in run) >= PanicMs;
        if (!context.Panic.HasPanicked(ref context.Linux, out uint cpu, out _))
        {
            return isOver ? run.Fail("Linux did not panic: that CPU takes no NMI; try another one, 'crash 1'"u8) : CommandProgress.Waiting;
        }

        ReadOnlySpan<byte> words = context.Panic.ReadWords(ref context.Linux, space);
        if (words.IsEmpty && !isOver)
        {
            return CommandProgress.Waiting;
        }

        run.Output.Write("Linux panicked on CPU "u8);
        run.Output.WriteNumber(cpu);
        run.Output.Write(words.IsEmpty ? default : ": "u8);
        run.Output.WritePrintable(words);
        run.Output.NewLine();
        return CommandProgress.Done;
    }
}
