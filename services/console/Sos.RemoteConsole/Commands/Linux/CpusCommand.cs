using System;
using Sos.RemoteConsole.View;

namespace Sos.RemoteConsole.Commands.Linux;

/// <summary><c>cpus</c>: what each of Linux's CPUs runs.</summary>
internal readonly struct CpusCommand : ICommand
{
    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Name => "cpus"u8;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Arguments => default;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Explanation => "what each of Linux's CPUs runs, by its scheduler"u8;

    /// <inheritdoc/>
    public static CommandForm Form => CommandForm.Table;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Heading => "CPU  ONLINE  READY  INTERRUPTS  PID      NAME"u8;

    /// <inheritdoc/>
    public static CommandProgress Step(ref CommandRun run)
    {
        if (!LinuxView.IsOpen(ref run, LinuxField.CpuIds, LinuxField.CpuOnline, LinuxField.PerCpuOffset, LinuxField.RunQueues, LinuxField.RunQueueCurrent))
        {
            return CommandProgress.Done;
        }

        ref LinuxMemory linux = ref run.Context.Linux;
        uint cpu = (uint)run.State.Step;
        if (cpu >= CpuMask.Count(ref linux))
        {
            return CommandProgress.Done;
        }

        run.State.Step++;
        RowWriter row = run.BeginRow();
        row.Number("cpu"u8, cpu, 3);
        row.Flag("online"u8, CpuMask.IsOnline(ref linux, cpu), 6);
        WriteQueue(ref linux, cpu, ref row);
        row.End();
        return CommandProgress.More;
    }

    private static void WriteQueue(ref LinuxMemory linux, uint cpu, ref RowWriter row)
    {
        Span<byte> name = stackalloc byte[LinuxTask.NameSize];
        int length = 0;
        LinuxTask task = default;
        uint ready = 0;
        if (linux.TryFindPerCpu(linux.Value(LinuxField.RunQueues), cpu, out ulong queue))
        {
            _ = linux.TryRead(queue, LinuxField.RunQueueRunning, out ready);
            if (linux.TryRead(queue, LinuxField.RunQueueCurrent, out ulong current))
            {
                _ = LinuxTask.TryRead(ref linux, current, name, out length, out task);
            }
        }

        ulong interrupts = 0;
        if (linux.Symbols.Has(LinuxField.KernelStatistics) && linux.TryFindPerCpu(linux.Value(LinuxField.KernelStatistics), cpu, out ulong statistics))
        {
            _ = linux.TryRead(statistics, LinuxField.KernelIrqs, out interrupts);
        }

        row.Number("ready"u8, ready, 5);
        row.Number("interrupts"u8, interrupts, 10);
        row.Number("pid"u8, (ulong)task.Pid, 7);
        row.Text("name"u8, name[..length]);
    }
}
