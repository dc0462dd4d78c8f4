using System;
using Sos.RemoteConsole.View;

namespace Sos.RemoteConsole.Commands.Linux;

/// <summary><c>load</c>: Linux's load.</summary>
internal readonly struct LoadCommand : ICommand
{
    // FSHIFT of include/linux/sched/loadavg.h, and half of a hundredth.
    private const int FractionBits = 11;
    private const ulong Rounding = (1 << FractionBits) / 200;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Name => "load"u8;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Arguments => default;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Explanation => "Linux's load averages, and what is ready or waits for a disk now"u8;

    /// <inheritdoc/>
    public static CommandForm Form => CommandForm.Fields;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Heading => default;

    /// <inheritdoc/>
    public static CommandProgress Step(ref CommandRun run)
    {
        if (!LinuxView.IsOpen(ref run, LinuxField.LoadAverages))
        {
            return CommandProgress.Done;
        }

        ref LinuxMemory linux = ref run.Context.Linux;
        RowWriter row = run.BeginRow(Form);
        WriteAverage(ref linux, 0, ref row, "load_1m"u8);
        WriteAverage(ref linux, 1, ref row, "load_5m"u8);
        WriteAverage(ref linux, 2, ref row, "load_15m"u8);
        _ = linux.TryReadVariable(LinuxField.Threads, out uint threads);
        row.Number("threads"u8, threads);
        ulong ready = 0;
        long waiting = 0;
        for (uint cpu = 0; CpuMask.TryFindOnline(ref linux, ref cpu); cpu++)
        {
            if (linux.Symbols.Has(LinuxField.RunQueues) && linux.TryFindPerCpu(linux.Value(LinuxField.RunQueues), cpu, out ulong queue))
            {
                _ = linux.TryRead(queue, LinuxField.RunQueueRunning, out uint running);
                _ = linux.TryRead(queue, LinuxField.RunQueueUninterruptible, out long uninterruptible);
                ready += running;
                // A CPU's count alone means little, and may be negative: tasks wake elsewhere.
                waiting += uninterruptible;
            }
        }

        row.Number("ready"u8, ready);
        row.Number("uninterruptible"u8, (ulong)Math.Max(waiting, 0));
        row.End();
        return CommandProgress.Done;
    }

    private static void WriteAverage(ref LinuxMemory linux, ulong index, ref RowWriter row, ReadOnlySpan<byte> name)
    {
        _ = linux.TryRead(linux.Value(LinuxField.LoadAverages) + (index * sizeof(ulong)), out ulong average);
        Span<byte> space = stackalloc byte[32];
        row.Text(name, LinuxView.Hundredths(((average + Rounding) * 100) >> FractionBits, space));
    }
}
