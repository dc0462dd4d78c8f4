using System;
using Sos.Sdk.Control;
using Sos.Sdk.Services;

namespace Sos.RemoteConsole.Commands.Actions;

/// <summary><c>nmi</c>: sends an NMI to one of Linux's CPUs, or has all of them store their registers.</summary>
internal readonly struct NmiCommand : ICommand
{
    /// <summary>CPUs that a step asks: each is a ring change and an interrupt command.</summary>
    private const int CpusPerStep = 16;

    private const uint CpusMax = 1000;
    private const int Found = 0;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Name => "nmi"u8;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Arguments => "[--look] [CPU] [--yes]"u8;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Explanation => "an NMI to a CPU, for kernel.unknown_nmi_panic; --look: one or all store their registers, for cpus"u8;

    /// <inheritdoc/>
    public static CommandForm Form => CommandForm.Text;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Heading => default;

    /// <inheritdoc/>
    public static CommandProgress Step(ref CommandRun run)
    {
        if (!CpuOption.TryRead(run.Arguments, "--look"u8, out CpuOption options))
        {
            return run.Fail("nmi takes the number of a CPU, --look and --yes"u8, CommandRun.Usage);
        }

        if (!ActionGate.IsGranted(ref run, ServiceAction.Nmi, "nmi"u8))
        {
            return CommandProgress.Done;
        }

        if (run.State.Step == 0 && ActionGate.IsTooLate(ref run))
        {
            return CommandProgress.Done;
        }

        return options.HasOption ? Look(ref run, in options) : Send(ref run, in options);
    }

    private static CommandProgress Send(ref CommandRun run, in CpuOption options)
    {
        ReadOnlySpan<byte> question = "Linux gets an NMI without a reason; it panics if kernel.unknown_nmi_panic or kernel.panic_on_unrecovered_nmi is 1."u8;
        if (!ActionGate.IsMeant(ref run, options.IsSure, question, out CommandProgress progress))
        {
            return progress;
        }

        _ = ActionGate.Begins(ref run, "console: nmi asked for by "u8);
        long answer = Gate.Act(ServiceAction.Nmi, options.Cpu);
        if (answer != 0)
        {
            return ActionGate.Refuse(ref run, answer);
        }

        run.Output.Write("sent to CPU "u8);
        run.Output.WriteNumber(options.Cpu);
        run.Output.WriteLine(": 'status' tells whether Linux panicked"u8);
        return CommandProgress.Done;
    }

    private static CommandProgress Look(ref CommandRun run, in CpuOption options)
    {
        uint end = options.HasCpu ? options.Cpu + 1 : CpusMax;
        uint cpu = options.HasCpu ? options.Cpu : (uint)run.State.Step;
        for (int i = 0; i < CpusPerStep && cpu < end; i++, cpu++)
        {
            long answer = Gate.Act(ServiceAction.Look, cpu);
            if (answer != 0 && (options.HasCpu || answer != ActionAnswer.NoDevice))
            {
                return ActionGate.Refuse(ref run, answer);
            }

            run.State.Kept[Found] += answer == 0 ? 1u : 0u;
        }

        run.State.Step = cpu;
        if (cpu < end)
        {
            return CommandProgress.More;
        }

        run.Output.WriteNumber(run.State.Kept[Found]);
        run.Output.WriteLine(" CPUs were asked: 'cpus --registers' shows what they stored, in a view of Linux"u8);
        return CommandProgress.Done;
    }
}
