using System;
using Sos.RemoteConsole.View;

namespace Sos.RemoteConsole.Commands.Linux;

/// <summary><c>softirq</c>: what each CPU did after interrupts.</summary>
internal readonly struct SoftirqCommand : ICommand
{
    private const int Kinds = 10;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Name => "softirq"u8;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Arguments => default;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Explanation => "softirqs of each of Linux's CPUs"u8;

    /// <inheritdoc/>
    public static CommandForm Form => CommandForm.Table;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Heading
        => "CPU          HI       TIMER      NET_TX      NET_RX       BLOCK    IRQ_POLL     TASKLET       SCHED     HRTIMER         RCU"u8;

    /// <inheritdoc/>
    public static CommandProgress Step(ref CommandRun run)
    {
        if (!LinuxView.IsOpen(ref run, LinuxField.CpuIds, LinuxField.CpuOnline, LinuxField.KernelStatistics, LinuxField.KernelSoftirqs))
        {
            return CommandProgress.Done;
        }

        ref LinuxMemory linux = ref run.Context.Linux;
        uint cpu = (uint)run.State.Step;
        if (!CpuMask.TryFindOnline(ref linux, ref cpu))
        {
            return CommandProgress.Done;
        }

        run.State.Step = cpu + 1UL;
        RowWriter row = run.BeginRow();
        row.Number("cpu"u8, cpu, 3);
        for (int i = 0; i < Kinds; i++)
        {
            uint count = 0;
            if (linux.TryFindPerCpu(linux.Value(LinuxField.KernelStatistics), cpu, out ulong statistics))
            {
                _ = linux.TryRead(statistics + linux.Value(LinuxField.KernelSoftirqs) + ((ulong)i * sizeof(uint)), out count);
            }

            row.Number(NameOf(i), count, 10);
        }

        row.End();
        return CommandProgress.More;
    }

    // The order of the enum that ends with NR_SOFTIRQS (include/linux/interrupt.h).
    private static ReadOnlySpan<byte> NameOf(int kind) => kind switch
    {
        0 => "hi"u8,
        1 => "timer"u8,
        2 => "net_tx"u8,
        3 => "net_rx"u8,
        4 => "block"u8,
        5 => "irq_poll"u8,
        6 => "tasklet"u8,
        7 => "sched"u8,
        8 => "hrtimer"u8,
        _ => "rcu"u8,
    };
}
