using System;
using Sos.RemoteConsole.View;

namespace Sos.RemoteConsole.Commands.Linux;

/// <summary><c>slab</c>: the caches of Linux's own objects.</summary>
internal readonly struct SlabCommand : ICommand
{
    private const int NameSize = 64;

    /// <summary>MAX_NUMNODES, at most.</summary>
    private const uint NodesMax = 1024;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Name => "slab"u8;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Arguments => default;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Explanation => "caches of Linux's own objects: what its memory went to"u8;

    /// <inheritdoc/>
    public static CommandForm Form => CommandForm.Table;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Heading => "NAME                            OBJECTS     BYTES     SLABS        KIB"u8;

    /// <inheritdoc/>
    public static CommandProgress Step(ref CommandRun run)
    {
        if (!LinuxView.IsOpen(ref run, LinuxField.SlabCaches, LinuxField.SlabList, LinuxField.SlabName, LinuxField.SlabNodes))
        {
            return CommandProgress.Done;
        }

        ref LinuxMemory linux = ref run.Context.Linux;
        Span<ulong> kept = run.State.Kept;
        ulong head = linux.Value(LinuxField.SlabCaches);
        ulong node = kept[0] == 0 ? head : kept[0];
        if ((node != head && !LinkedList.IsLinked(ref linux, node)) || !LinkedList.TryFollow(ref linux, node, out ulong next)
            || ++kept[1] > LinkedList.EntriesMax)
        {
            return run.Fail("the list of caches changed while it was read, or is torn: try again"u8);
        }

        if (next == head)
        {
            return CommandProgress.Done;
        }

        kept[0] = next;
        Write(ref run, ref linux, next - linux.Value(LinuxField.SlabList));
        return CommandProgress.More;
    }

    private static void Write(ref CommandRun run, ref LinuxMemory linux, ulong cache)
    {
        Span<byte> space = stackalloc byte[NameSize];
        ReadOnlySpan<byte> name = linux.TryRead(cache, LinuxField.SlabName, out ulong text) ? linux.ReadText(text, space) : default;
        _ = linux.TryRead(cache, LinuxField.SlabSize, out uint size);
        Measure(ref linux, cache, out ulong objects, out ulong slabs);
        RowWriter row = run.BeginRow();
        row.Text("name"u8, name, 28);
        row.Number("objects"u8, objects, 9);
        row.Number("object_bytes"u8, size, 8);
        row.Number("slabs"u8, slabs, 8);
        row.Number("kib"u8, objects * size / 1024, 9);
        row.End();
    }

    private static void Measure(ref LinuxMemory linux, ulong cache, out ulong objects, out ulong slabs)
    {
        objects = 0;
        slabs = 0;
        if (!linux.TryReadVariable(LinuxField.Nodes, out uint nodes))
        {
            nodes = 1;
        }

        for (uint i = 0; i < Math.Min(nodes, NodesMax); i++)
        {
            ulong entry = cache + linux.Value(LinuxField.SlabNodes) + (i * linux.Value(LinuxField.SlabNodeSize));
            if (linux.TryRead(entry, LinuxField.SlabNodePointer, out ulong node) && node != 0)
            {
                _ = linux.TryRead(node, LinuxField.SlabNodeSlabs, out ulong ofNode);
                slabs += ofNode;
                _ = linux.TryRead(node, LinuxField.SlabNodeObjects, out ofNode);
                objects += ofNode;
            }
        }
    }
}
