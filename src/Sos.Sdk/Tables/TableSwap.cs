using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Sos.Sdk.Control;
using Sos.Sdk.Memory;

namespace Sos.Sdk.Tables;

/// <summary>
/// Switches to the table that the control plane asks for, between two polls, so that no packet sees half of each. Nothing is
/// copied: the former table's slot is free for the next one once the switch is answered.
/// </summary>
/// <typeparam name="TTable">The view of the table.</typeparam>
public unsafe struct TableSwap<TTable>
    where TTable : unmanaged, ITable<TTable>
{
    private readonly TableSlots _slots;
    private ulong _seen;
    private TTable _current;

    /// <summary>Watches <paramref name="slots"/>; no table is loaded before the first <see cref="Poll"/>.</summary>
    public TableSwap(TableSlots slots)
    {
        _slots = slots;
    }

    /// <summary>Whether a table is loaded.</summary>
    public bool IsLoaded { get; private set; }

    /// <summary>The table; default until one is loaded.</summary>
    [UnscopedRef]
    public readonly ref readonly TTable Current => ref _current;

    /// <summary>Generation of the table, 0 before the first.</summary>
    public ulong Generation { get; private set; }

    /// <summary>Requests that were refused.</summary>
    public ulong Refused { get; private set; }

    /// <summary>Looks for a request and obeys it. Call it at the start of each pass.</summary>
    /// <returns>Whether the table was switched.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Poll()
    {
        ulong request = MemoryOrdering.LoadAcquire(ref _slots.Control->TableRequest);
        return request != _seen && Switch(request);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool Switch(ulong request)
    {
        _seen = request;
        if (request == 0)
        {
            return false;
        }

        bool valid = TryOpen(request, out TTable table);
        if (valid)
        {
            _current = table;
            IsLoaded = true;
            Generation = request >> TableHeader.RequestSlotBits;
        }
        else
        {
            Refused++;
        }

        MemoryOrdering.StoreRelease(ref _slots.Control->TableActive, valid ? request : request | ServiceControl.TableRefused);
        return valid;
    }

    private readonly bool TryOpen(ulong request, out TTable table)
    {
        table = default;
        if (!_slots.TryGet(request & ((1UL << TableHeader.RequestSlotBits) - 1), out byte* bytes, out ulong slotSize))
        {
            return false;
        }

        TableHeader header = *(TableHeader*)bytes;
        return header.Magic == TableHeader.MagicValue
            && header.Kind == TTable.Kind
            && header.Version == TTable.Version
            && header.TotalSize >= TableHeader.HeaderSize
            && header.TotalSize <= slotSize
            && header.Generation == request >> TableHeader.RequestSlotBits
            && TTable.TryOpen(bytes, header.TotalSize, out table);
    }
}
