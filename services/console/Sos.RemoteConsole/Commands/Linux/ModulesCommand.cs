using System;
using Sos.RemoteConsole.View;

namespace Sos.RemoteConsole.Commands.Linux;

/// <summary><c>modules</c>: the modules that Linux has loaded.</summary>
internal readonly struct ModulesCommand : ICommand
{
    private const int NameSize = 56;
    private const ulong PiecesMax = 16;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Name => "modules"u8;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Arguments => default;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Explanation => "the modules that Linux has loaded"u8;

    /// <inheritdoc/>
    public static CommandForm Form => CommandForm.Table;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Heading => "NAME                                SIZE  USED  STATE    ADDRESS"u8;

    /// <inheritdoc/>
    public static CommandProgress Step(ref CommandRun run)
    {
        if (!LinuxView.IsOpen(ref run, LinuxField.Modules, LinuxField.ModuleList, LinuxField.ModuleName, LinuxField.ModuleState))
        {
            return CommandProgress.Done;
        }

        ref LinuxMemory linux = ref run.Context.Linux;
        Span<ulong> kept = run.State.Kept;
        ulong head = linux.Value(LinuxField.Modules);
        ulong node = kept[0] == 0 ? head : kept[0];
        if ((node != head && !LinkedList.IsLinked(ref linux, node)) || !LinkedList.TryFollow(ref linux, node, out ulong next)
            || ++kept[1] > LinkedList.EntriesMax)
        {
            return run.Fail("the list of modules changed while it was read, or is torn: try again"u8);
        }

        if (next == head)
        {
            return CommandProgress.Done;
        }

        kept[0] = next;
        Write(ref run, ref linux, next - linux.Value(LinuxField.ModuleList));
        return CommandProgress.More;
    }

    private static void Write(ref CommandRun run, ref LinuxMemory linux, ulong module)
    {
        Span<byte> space = stackalloc byte[NameSize];
        ReadOnlySpan<byte> name = linux.ReadText(module + linux.Value(LinuxField.ModuleName), space);
        _ = linux.TryRead(module, LinuxField.ModuleState, out uint state);
        _ = linux.TryRead(module, LinuxField.ModuleReferences, out uint references);
        ulong size = Measure(ref linux, module, out ulong address);
        RowWriter row = run.BeginRow();
        row.Text("name"u8, name, 30);
        row.Number("bytes"u8, size, 8);
        // One of them is the module's own.
        row.Number("used"u8, references == 0 ? 0 : references - 1, 4);
        row.Text("state"u8, state == 0 ? "live"u8 : state == 1 ? "coming"u8 : state == 2 ? "going"u8 : "unformed"u8, 8);
        row.Hex("address"u8, address);
        row.End();
    }

    /// <summary>Adds up a module's memory: one piece, or from 6.4 on several.</summary>
    private static ulong Measure(ref LinuxMemory linux, ulong module, out ulong address)
    {
        ulong size = 0;
        if (!linux.Symbols.Has(LinuxField.ModuleMemory))
        {
            _ = linux.TryRead(module, LinuxField.ModuleCoreBase, out address);
            _ = linux.TryRead(module, LinuxField.ModuleCoreSize, out uint whole);
            return whole;
        }

        ulong pieces = module + linux.Value(LinuxField.ModuleMemory);
        _ = linux.TryRead(pieces, LinuxField.ModuleMemoryBase, out address);
        for (ulong i = 0; i < Math.Min(linux.Value(LinuxField.ModuleMemoryCount), PiecesMax); i++)
        {
            _ = linux.TryRead(pieces + (i * linux.Value(LinuxField.ModuleMemorySize)), LinuxField.ModuleMemoryBytes, out uint piece);
            size += piece;
        }

        return size;
    }
}
