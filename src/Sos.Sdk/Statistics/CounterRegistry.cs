using System;
using Sos.Sdk.Control;
using Sos.Sdk.Memory;

namespace Sos.Sdk.Statistics;

/// <summary>The service's counters, named at initialisation. Copies share the statistics resource.</summary>
public readonly unsafe struct CounterRegistry
{
    private readonly StatisticsLayout* _layout;

    private CounterRegistry(StatisticsLayout* layout) => _layout = layout;

    /// <summary>Counters so far.</summary>
    public int Count => (int)_layout->Count;

    /// <summary>Counters that can be added.</summary>
    public int Free => StatisticsLayout.Capacity - Count;

    /// <summary>Empties the statistics resource at <paramref name="memory"/> and makes it valid.</summary>
    /// <returns>Whether it is aligned to a cache line and has <see cref="StatisticsLayout.TotalSize"/> bytes.</returns>
    public static bool TryCreate(void* memory, ulong size, out CounterRegistry registry)
    {
        registry = default;
        if (memory == null || ((nuint)memory & 63) != 0 || size < StatisticsLayout.TotalSize)
        {
            return false;
        }

        StatisticsLayout* layout = (StatisticsLayout*)memory;
        MemoryOrdering.StoreRelease(ref layout->Count, 0);
        new Span<byte>((byte*)memory + StatisticsLayout.HeaderSize, StatisticsLayout.TotalSize - StatisticsLayout.HeaderSize).Clear();
        MemoryOrdering.StoreRelease(ref layout->Magic, StatisticsLayout.MagicValue);
        registry = new CounterRegistry(layout);
        return true;
    }

    /// <summary>Adds a counter; traps when there are <see cref="StatisticsLayout.Capacity"/> or the name does not fit.</summary>
    /// <param name="name">UTF-8, 1 to <see cref="StatisticsLayout.NameSize"/> bytes, unique.</param>
    public Counter Add(ReadOnlySpan<byte> name)
    {
        bool added = TryAdd(name, out Counter counter);
        Trap.Unless(added, TrapCode.CounterLimit);
        return counter;
    }

    /// <summary>
    /// Adds a counter of one among several like things, named for example "port0.rx_packets"; traps as <see
    /// cref="Add(ReadOnlySpan{byte})"/>.
    /// </summary>
    /// <param name="prefix">What it is, for example "port".</param>
    /// <param name="index">Which, 0 to 99.</param>
    /// <param name="name">What is counted.</param>
    public Counter Add(ReadOnlySpan<byte> prefix, uint index, ReadOnlySpan<byte> name)
    {
        Trap.Unless(index < 100 && prefix.Length + name.Length + 3 <= StatisticsLayout.NameSize, TrapCode.CounterLimit);
        Span<byte> whole = stackalloc byte[StatisticsLayout.NameSize];
        prefix.CopyTo(whole);
        int length = prefix.Length;
        if (index >= 10)
        {
            whole[length++] = (byte)('0' + (index / 10));
        }

        whole[length++] = (byte)('0' + (index % 10));
        whole[length++] = (byte)'.';
        name.CopyTo(whole[length..]);
        return Add(whole[..(length + name.Length)]);
    }

    /// <summary>Adds a counter.</summary>
    /// <returns>False when there are <see cref="StatisticsLayout.Capacity"/> already or the name does not fit.</returns>
    public bool TryAdd(ReadOnlySpan<byte> name, out Counter counter)
    {
        counter = default;
        uint index = _layout->Count;
        if (index >= StatisticsLayout.Capacity || name.IsEmpty || name.Length > StatisticsLayout.NameSize)
        {
            return false;
        }

        byte* slot = (byte*)_layout + StatisticsLayout.NamesOffset + (index * StatisticsLayout.NameSize);
        name.CopyTo(new Span<byte>(slot, StatisticsLayout.NameSize));
        counter = new Counter((ulong*)((byte*)_layout + StatisticsLayout.ValuesOffset) + index);
        MemoryOrdering.StoreRelease(ref _layout->Count, index + 1);
        return true;
    }
}
