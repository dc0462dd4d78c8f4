using System;
using Sos.RemoteConsole.View;

namespace Sos.RemoteConsole.Commands.Linux;

/// <summary><c>irq</c>: the interrupts of devices.</summary>
internal readonly struct IrqCommand : ICommand
{
    private const uint Vectors = 256;
    private const int VectorsPerStep = 64;
    private const int NameSize = 64;
    private const ulong ErrorValues = 0xffff_ffff_ffff_f000;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Name => "irq"u8;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Arguments => default;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Explanation => "interrupts of devices: where each arrives, and how often it did"u8;

    /// <inheritdoc/>
    public static CommandForm Form => CommandForm.Table;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Heading => "  IRQ  CPU  VECTOR       COUNT  NAME"u8;

    /// <inheritdoc/>
    public static CommandProgress Step(ref CommandRun run)
    {
        if (!LinuxView.IsOpen(
            ref run, LinuxField.CpuIds, LinuxField.PerCpuOffset, LinuxField.VectorIrqs, LinuxField.IrqNumber, LinuxField.IrqCounts, LinuxField.IrqAction))
        {
            return CommandProgress.Done;
        }

        ref LinuxMemory linux = ref run.Context.Linux;
        uint cpus = CpuMask.Count(ref linux);
        for (int i = 0; i < VectorsPerStep; i++)
        {
            uint cpu = (uint)(run.State.Step / Vectors);
            if (cpu >= cpus)
            {
                return CommandProgress.Done;
            }

            uint vector = (uint)(run.State.Step++ % Vectors);
            if (TryFind(ref linux, cpu, vector, out ulong descriptor))
            {
                Write(ref run, ref linux, cpu, vector, descriptor);
                return CommandProgress.More;
            }
        }

        return CommandProgress.More;
    }

    // Each CPU's table of vectors has the interrupts that arrive there; other values stand for none.
    private static bool TryFind(ref LinuxMemory linux, uint cpu, uint vector, out ulong descriptor)
    {
        descriptor = 0;
        return linux.TryFindPerCpu(linux.Value(LinuxField.VectorIrqs), cpu, out ulong table)
            && linux.TryRead(table + (vector * sizeof(ulong)), out descriptor) && descriptor >> 63 != 0 && descriptor < ErrorValues;
    }

    private static void Write(ref CommandRun run, ref LinuxMemory linux, uint cpu, uint vector, ulong descriptor)
    {
        _ = linux.TryRead(descriptor, LinuxField.IrqNumber, out uint number);
        Span<byte> space = stackalloc byte[NameSize];
        scoped ReadOnlySpan<byte> name = default;
        if (linux.TryRead(descriptor, LinuxField.IrqAction, out ulong action) && linux.TryRead(action, LinuxField.IrqActionName, out ulong text))
        {
            name = linux.ReadText(text, space);
        }

        RowWriter row = run.BeginRow();
        row.Number("irq"u8, number, 5);
        row.Number("cpu"u8, cpu, 3);
        row.Number("vector"u8, vector, 6);
        row.Number("count"u8, Sum(ref linux, descriptor), 10);
        row.Text("name"u8, name);
        row.End();
    }

    private static ulong Sum(ref LinuxMemory linux, ulong descriptor)
    {
        ulong sum = 0;
        if (!linux.TryRead(descriptor, LinuxField.IrqCounts, out ulong counts))
        {
            return 0;
        }

        uint cpus = CpuMask.Count(ref linux);
        for (uint cpu = 0; cpu < cpus; cpu++)
        {
            if (linux.TryFindPerCpu(counts, cpu, out ulong place) && linux.TryRead(place, LinuxField.IrqCount, out uint count))
            {
                sum += count;
            }
        }

        return sum;
    }
}
