using Sos.Sdk.Control;
using Sos.Sdk.Memory;
using Sos.Sdk.Tables;

namespace Limiter;

/// <summary>
/// The service's view of its table: the header of every table, the number of entries (4 bytes, 4 more for later), and the entries in the
/// order of their addresses.
/// </summary>
public readonly unsafe struct LimitTable : ITable<LimitTable>
{
    /// <summary>Entries at most: each has two counters, and a service has 256 of them for itself and its ports.</summary>
    public const int EntriesMax = 64;

    /// <summary>The highest rate: at 1 GHz, 100 ticks of the TSC for a packet.</summary>
    public const uint PacketsPerSecondMax = 10_000_000;

    /// <summary>Where the number of entries stands.</summary>
    public const int CountOffset = TableHeader.HeaderSize;

    /// <summary>Where the entries begin.</summary>
    public const int EntriesOffset = CountOffset + 8;

    /// <summary>Bytes of the largest table.</summary>
    public const int SizeMax = EntriesOffset + (EntriesMax * LimitEntry.Size);

    private readonly MemoryBlock<LimitEntry> _entries;

    private LimitTable(MemoryBlock<LimitEntry> entries) => _entries = entries;

    /// <summary>"LIMT".</summary>
    public static uint Kind => 0x544d494c;

    /// <inheritdoc/>
    public static uint Version => 1;

    /// <summary>The number of entries.</summary>
    public int Count => _entries.Length;

    /// <summary>An entry.</summary>
    public ref readonly LimitEntry this[int index] => ref _entries[index];

    /// <inheritdoc/>
    public static bool TryOpen(byte* bytes, ulong size, out LimitTable table)
    {
        table = default;
        if (size < EntriesOffset)
        {
            return false;
        }

        uint count = *(uint*)(bytes + CountOffset);
        if (count > EntriesMax || size < EntriesOffset + (count * (ulong)LimitEntry.Size))
        {
            return false;
        }

        table = new LimitTable(new MemoryBlock<LimitEntry>((LimitEntry*)(bytes + EntriesOffset), (int)count));
        return true;
    }

    /// <summary>Finds the entry of an address by bisection.</summary>
    /// <returns>Its number, or -1.</returns>
    public int Find(uint address)
    {
        int low = 0;
        int high = _entries.Length - 1;
        while (low <= high)
        {
            int middle = (low + high) / 2;
            uint found = _entries[middle].Address;
            if (found == address)
            {
                return middle;
            }

            if (found < address)
            {
                low = middle + 1;
            }
            else
            {
                high = middle - 1;
            }
        }

        return -1;
    }
}
