namespace Sos.RemoteConsole.View;

/// <summary>
/// An unwinding table of the kernel's image, or of a module: sorted places of code, and for each an entry that holds from there to the next. A table that was
/// overwritten gives wrong entries, and no more: each is read where memory is known to be.
/// </summary>
public readonly struct OrcTable
{
    /// <summary>More entries than these no kernel has: large ones have a million.</summary>
    private const ulong CountMax = 1 << 24;

    private readonly ulong _addresses;
    private readonly ulong _entries;
    private readonly ulong _count;

    private OrcTable(ulong addresses, ulong entries, ulong count)
    {
        _addresses = addresses;
        _entries = entries;
        _count = count;
    }

    /// <summary>Opens the image's table.</summary>
    /// <returns>False if this kernel has none, or does not tell of it.</returns>
    public static bool TryOpenImage(ref LinuxMemory memory, out OrcTable table)
    {
        LinuxSymbols symbols = memory.Symbols;
        table = default;
        if (!OrcEntry.AreKnown(in symbols) || !symbols.HasAll(LinuxField.OrcAddresses, LinuxField.OrcEntries))
        {
            return false;
        }

        ulong start = memory.Value(LinuxField.OrcAddresses);
        return TryMake(start, memory.Value(LinuxField.OrcEntries), unchecked(memory.Value(LinuxField.OrcAddressesEnd) - start) / sizeof(uint), out table);
    }

    /// <summary>Opens a module's table.</summary>
    /// <param name="memory">Linux's memory.</param>
    /// <param name="module">Where its struct module is.</param>
    /// <param name="table">The table.</param>
    /// <returns>False if it has none, or cannot be read.</returns>
    public static bool TryOpenModule(ref LinuxMemory memory, ulong module, out OrcTable table)
    {
        LinuxSymbols symbols = memory.Symbols;
        table = default;
        return OrcEntry.AreKnown(in symbols)
            && memory.TryRead(module, LinuxField.ModuleOrcCount, out uint count)
            && memory.TryRead(module, LinuxField.ModuleOrcAddresses, out ulong addresses)
            && memory.TryRead(module, LinuxField.ModuleOrcEntries, out ulong entries)
            && TryMake(addresses, entries, count, out table);
    }

    /// <summary>Finds the entry that holds for an instruction: the last one that begins at or before it.</summary>
    public bool TryFind(ref LinuxMemory memory, ulong instruction, out OrcEntry entry)
    {
        entry = default;
        ulong low = 0;
        ulong high = _count;
        while (low < high)
        {
            ulong middle = low + ((high - low) / 2);
            ulong place = _addresses + (middle * sizeof(int));
            if (!memory.TryRead(place, out int distance))
            {
                return false;
            }

            if (unchecked(place + (ulong)(long)distance) <= instruction)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low != 0 && OrcEntry.TryRead(ref memory, _entries + ((low - 1) * memory.Value(LinuxField.OrcEntrySize)), out entry);
    }

    private static bool TryMake(ulong addresses, ulong entries, ulong count, out OrcTable table)
    {
        table = new OrcTable(addresses, entries, count);
        return count is > 0 and <= CountMax;
    }
}
