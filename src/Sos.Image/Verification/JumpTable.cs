using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Collections.Immutable;
using System.Linq;

namespace Sos.Image.Verification;

/// <summary>
/// Tells where a switch's indirect jump can go. The compiler writes
/// <code>
/// cmp   index, N-1
/// ja    default
/// mov   index, index32
/// lea   t, [rip + table]
/// mov   t32, [t + index*4]
/// lea   b, [rip + base]
/// add   t, b
/// jmp   t
/// </code>
/// with copies and other instructions in between. <see cref="MachineState"/> finds that the jump's register holds the sum.
/// </summary>
internal static class JumpTable
{
    private const ulong EntriesMax = 4096;
    private const int EntrySize = 4;
    private const ulong PointerSize = 8;

    /// <summary>The targets, or null if the value is none that can be proven.</summary>
    public static ulong[]? TargetsOf(ServiceImage image, Value value)
    {
        if (value.Kind != ValueKind.Target || value.Below > EntriesMax)
        {
            return null;
        }

        int size = (int)value.Below * EntrySize;
        ulong table = (ulong)value.At;
        ReadOnlySpan<byte> bytes = image.BytesAt(table);
        if (image.SegmentAt(table) is not { Protection: SegmentProtection.Read } || bytes.Length < size || IsWrittenByLoader(image, table, (ulong)size))
        {
            return null;
        }

        HashSet<ulong> targets = [];
        for (int i = 0; i < size; i += EntrySize)
        {
            targets.Add(unchecked((ulong)value.Extra + (value.IsSigned
                ? (ulong)BinaryPrimitives.ReadInt32LittleEndian(bytes[i..])
                : BinaryPrimitives.ReadUInt32LittleEndian(bytes[i..]))));
        }

        return [.. targets.Order()];
    }

    /// <summary>Tells whether the loader writes into a table: its entries are then not those of the file.</summary>
    private static bool IsWrittenByLoader(ServiceImage image, ulong table, ulong size)
    {
        // Relocations are in ascending order: the first that ends behind the table's beginning is the only one to look at.
        ImmutableArray<ImageRelocation> relocations = image.Relocations;
        int low = 0, high = relocations.Length;
        while (low < high)
        {
            int middle = (low + high) / 2;
            (low, high) = relocations[middle].Rva + PointerSize <= table ? (middle + 1, high) : (low, middle);
        }

        ulong variable = image.Descriptor.IsaVariableRva;
        return (low < relocations.Length && relocations[low].Rva < table + size)
            || (variable != 0 && variable + PointerSize > table && variable < table + size);
    }
}
