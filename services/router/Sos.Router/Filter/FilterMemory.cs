using System.Runtime.InteropServices;
using Sos.Sdk.Memory;

namespace Sos.Router.Filter;

/// <summary>The first page of the memory in which the control side gives the core Linux's rules for forwarded packets: two places for a table.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct FilterMemoryHeader
{
    /// <summary>"SOSRFIL2".</summary>
    public const ulong MagicValue = 0x324c49465253_4f53;

    /// <summary>Bytes of the page.</summary>
    public const ulong Size = 4096;

    /// <summary><see cref="MagicValue"/>. Written by the service.</summary>
    public ulong Magic;

    /// <summary>Bytes of each of the two places. Written by the service.</summary>
    public ulong SlotSize;

    /// <summary>Counts the tables: its lowest bit says which place has the last one. Written by the control side behind the table.</summary>
    public ulong Request;

    /// <summary>The request that the core has answered: the other place is free. Written by the service.</summary>
    public ulong Answered;

    /// <summary>Generation of the ruleset by which the core judges; 0 for none. Written by the service before <see cref="Answered"/>.</summary>
    public ulong Active;
}

/// <summary>The memory of Linux's rules, for both sides.</summary>
public readonly unsafe struct FilterMemory
{
    /// <summary>Bytes of the memory.</summary>
    public const ulong Size = FilterMemoryHeader.Size + (2 * SlotSize);

    /// <summary>Bytes of each place: rules and sets of some hundred thousand elements.</summary>
    public const ulong SlotSize = 4 << 20;

    private readonly byte* _memory;

    private FilterMemory(byte* memory) => _memory = memory;

    /// <summary>Whether there is none.</summary>
    public bool IsNull => _memory == null;

    /// <summary>The first page.</summary>
    public FilterMemoryHeader* Header => (FilterMemoryHeader*)_memory;

    /// <summary>The place of a request's table.</summary>
    public byte* SlotOf(ulong request) => _memory + FilterMemoryHeader.Size + ((request & 1) * Header->SlotSize);

    /// <summary>Formats zeroed memory.</summary>
    /// <returns>Whether it is large enough.</returns>
    public static bool TryFormat(void* memory, ulong size, out FilterMemory filter)
    {
        filter = default;
        if (memory == null || size < Size)
        {
            return false;
        }

        filter = new FilterMemory((byte*)memory);
        filter.Header->SlotSize = SlotSize;
        MemoryOrdering.StoreRelease(ref filter.Header->Magic, FilterMemoryHeader.MagicValue);
        return true;
    }

    /// <summary>Opens formatted memory.</summary>
    /// <returns>Whether it is such.</returns>
    public static bool TryOpen(void* memory, ulong size, out FilterMemory filter)
    {
        filter = new FilterMemory((byte*)memory);
        return size >= Size && MemoryOrdering.LoadAcquire(ref filter.Header->Magic) == FilterMemoryHeader.MagicValue && filter.Header->SlotSize == SlotSize;
    }
}
