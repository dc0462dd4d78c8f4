using System;
using Sos.RemoteConsole.View;

namespace Sos.RemoteConsole.Commands.Linux;

/// <summary><c>mem</c>: Linux's memory.</summary>
internal readonly struct MemCommand : ICommand
{
    private const ulong KibPerPage = 4;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Name => "mem"u8;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Arguments => default;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Explanation => "Linux's memory, in KiB"u8;

    /// <inheritdoc/>
    public static CommandForm Form => CommandForm.Fields;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Heading => default;

    /// <inheritdoc/>
    public static CommandProgress Step(ref CommandRun run)
    {
        if (!LinuxView.IsOpen(ref run, LinuxField.ZoneStatistics, LinuxField.ZoneFree, LinuxField.NodeStatistics))
        {
            return CommandProgress.Done;
        }

        ref LinuxMemory linux = ref run.Context.Linux;
        RowWriter row = run.BeginRow(Form);
        WriteVariable(ref linux, LinuxField.MemoryTotal, ref row, "total_kib"u8);
        Write(ref linux, LinuxField.ZoneStatistics, LinuxField.ZoneFree, ref row, "free_kib"u8);
        Write(ref linux, LinuxField.NodeStatistics, LinuxField.NodeFile, ref row, "files_kib"u8);
        Write(ref linux, LinuxField.NodeStatistics, LinuxField.NodeAnonymous, ref row, "anonymous_kib"u8);
        Write(ref linux, LinuxField.NodeStatistics, LinuxField.NodeShared, ref row, "shared_kib"u8);
        Write(ref linux, LinuxField.NodeStatistics, LinuxField.NodeDirty, ref row, "dirty_kib"u8);
        Write(ref linux, LinuxField.NodeStatistics, LinuxField.NodeWriteback, ref row, "writeback_kib"u8);
        Write(ref linux, LinuxField.NodeStatistics, LinuxField.NodeSlabReclaimable, ref row, "slab_reclaimable_kib"u8);
        Write(ref linux, LinuxField.NodeStatistics, LinuxField.NodeSlabUnreclaimable, ref row, "slab_kept_kib"u8);
        Write(ref linux, LinuxField.NodeStatistics, LinuxField.NodeStacks, ref row, "kernel_stacks_kib"u8, unit: 1);
        Write(ref linux, LinuxField.NodeStatistics, LinuxField.NodePageTables, ref row, "page_tables_kib"u8);
        WriteVariable(ref linux, LinuxField.SwapTotal, ref row, "swap_total_kib"u8);
        WriteVariable(ref linux, LinuxField.SwapFree, ref row, "swap_free_kib"u8);
        row.End();
        return CommandProgress.Done;
    }

    // The sums over all CPUs: what each of them has not added yet is left out, as in /proc/meminfo.
    private static void Write(
        ref LinuxMemory linux, LinuxField statistics, LinuxField item, ref RowWriter row, ReadOnlySpan<byte> name, ulong unit = KibPerPage)
    {
        if (linux.Symbols.Has(item) && linux.TryRead(linux.Value(statistics) + (linux.Value(item) * sizeof(ulong)), out long pages))
        {
            row.Number(name, (ulong)Math.Max(pages, 0) * unit);
        }
    }

    private static void WriteVariable(ref LinuxMemory linux, LinuxField variable, ref RowWriter row, ReadOnlySpan<byte> name)
    {
        if (linux.TryReadVariable(variable, out long pages))
        {
            row.Number(name, (ulong)Math.Max(pages, 0) * KibPerPage);
        }
    }
}
