using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using Sos.RemoteConsole.View;

namespace Sos.RemoteConsole.Control.Linux;

/// <summary>
/// Finds out how the running kernel numbers registers in its unwinding tables, which no description of it tells: at the first instruction of a function,
/// whichever, the caller's stack lies 8 bytes above RSP.
/// </summary>
internal static class OrcOrder
{
    private const ulong CountMax = 1 << 24;
    private const int StackCodeOfFirst = 5; // ORC_REG_SP
    private const int StackCodeOfSecond = 3;
    private const int OffsetAtEntry = 8;

    /// <summary>Functions that kernels have, of several files.</summary>
    private static readonly string[] Probes = ["schedule", "do_exit", "kfree", "vprintk", "wake_up_process"];

    /// <summary>Looks at the entries of some functions' first instructions.</summary>
    /// <param name="values">The places of the table and of its parts.</param>
    /// <param name="symbols">The functions' addresses.</param>
    /// <param name="read">Reads the kernel's memory: null where there is none.</param>
    /// <returns>The order; null where these entries contradict each other or are of neither order, so that no table is used.</returns>
    public static long? Find(IReadOnlyDictionary<LinuxField, long> values, KernelSymbols symbols, Func<ulong, int, byte[]?> read)
    {
        if (!values.TryGetValue(LinuxField.OrcAddresses, out long addresses) || !values.TryGetValue(LinuxField.OrcAddressesEnd, out long end)
            || !values.TryGetValue(LinuxField.OrcEntries, out long entries) || !values.TryGetValue(LinuxField.OrcEntrySize, out long size)
            || !values.TryGetValue(LinuxField.OrcStackOffset, out long offset)
            || !values.TryGetValue(LinuxField.OrcStackRegisterBit, out long bit) || size is < 2 or > sizeof(ulong))
        {
            return null;
        }

        int? code = null;
        foreach (string probe in Probes)
        {
            if (symbols.Find(probe) is not { } function)
            {
                continue;
            }

            if (FindIndex((ulong)addresses, (ulong)(end - addresses) / sizeof(int), function, read) is not { } index
                || read((ulong)entries + (index * (ulong)size), (int)size) is not { } entry)
            {
                return null;
            }

            byte[] padded = new byte[sizeof(ulong)];
            entry.CopyTo(padded, 0);
            ulong bits = BinaryPrimitives.ReadUInt64LittleEndian(padded);
            int found = (int)(bits >> (int)bit) & 15;
            if ((short)(bits >> (int)(offset * 8)) != OffsetAtEntry || (code is not null && code != found))
            {
                return null;
            }

            code = found;
        }

        return code switch
        {
            StackCodeOfFirst => OrcEntry.FirstOrder,
            StackCodeOfSecond => OrcEntry.SecondOrder,
            _ => null,
        };
    }

    /// <summary>Finds the last entry that begins at or before an instruction.</summary>
    private static ulong? FindIndex(ulong addresses, ulong count, ulong instruction, Func<ulong, int, byte[]?> read)
    {
        ulong low = 0;
        ulong high = count <= CountMax ? count : 0;
        while (low < high)
        {
            ulong middle = low + ((high - low) / 2);
            ulong place = addresses + (middle * sizeof(int));
            if (read(place, sizeof(int)) is not { } distance)
            {
                return null;
            }

            if (unchecked(place + (ulong)BinaryPrimitives.ReadInt32LittleEndian(distance)) <= instruction)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low == 0 ? null : low - 1;
    }
}
