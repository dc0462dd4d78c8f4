using System;
using System.Runtime.CompilerServices;
using Sos.Sdk.Control;

namespace Sos.RemoteConsole.View;

/// <summary>
/// Linux's memory, read by the addresses that Linux uses. Nothing is touched before its physical address was found among the ranges that are mapped and its
/// page is known not to be poisoned, so that no pointer, however wrong, makes a fault. What is read may change meanwhile: who follows pointers says
/// how far, and looks twice.
/// </summary>
public unsafe struct LinuxMemory
{
    private const int PageShift = 12;
    private const ulong PageMask = (1UL << PageShift) - 1;
    private const ulong EntryAddress = 0x000f_ffff_ffff_f000;
    private const ulong EntryPresent = 1;
    private const ulong EntryLarge = 1 << 7;
    private const int EntriesBits = 9;
    private const ulong ImageBase = 0xffff_ffff_8000_0000;
    private const ulong NoPage = ulong.MaxValue;

    private readonly byte* _window;
    private readonly LinuxRange* _ranges;
    private readonly int _rangeCount;
    private readonly ulong _pageOffset;
    private readonly ulong _directEnd;
    private readonly bool _knowsPoison;
    private int _lastRange;
    private ulong _soundPage;

    /// <summary>Makes a reader.</summary>
    /// <param name="window">Where physical address 0 lies.</param>
    /// <param name="ranges">The ranges that are mapped, in order of address; an empty one ends them.</param>
    /// <param name="symbols">What lies where.</param>
    public LinuxMemory(byte* window, LinuxRange* ranges, LinuxSymbols symbols)
    {
        this = default;
        _window = window;
        _ranges = ranges;
        while (ranges[_rangeCount].ByteCount != 0)
        {
            _rangeCount++;
        }

        Symbols = symbols;
        _pageOffset = Value(LinuxField.PageOffset);
        _directEnd = _rangeCount == 0 ? _pageOffset : _pageOffset + ranges[_rangeCount - 1].Start + ranges[_rangeCount - 1].ByteCount;
        _knowsPoison = symbols.HasAll(LinuxField.PageArray, LinuxField.PagePoisonBit);
        _soundPage = NoPage;
    }

    /// <summary>The places of things in it.</summary>
    public LinuxSymbols Symbols { get; }

    /// <summary>Whether there is a view at all.</summary>
    public readonly bool IsThere => _window != null;

    /// <summary>The ranges that are mapped.</summary>
    public readonly ReadOnlySpan<LinuxRange> Ranges => new(_ranges, _rangeCount);

    /// <summary>Forgets what was found sound: pages may have been poisoned since.</summary>
    public void Refresh() => _soundPage = NoPage;

    /// <summary>A value of <see cref="Symbols"/>, for arithmetic with addresses.</summary>
    public readonly ulong Value(LinuxField field) => (ulong)Symbols[field];

    /// <summary>Reads bytes at a physical address.</summary>
    /// <returns>False if they are not all in memory that is mapped and sound; then nothing was read that is of use.</returns>
    public bool TryReadPhysical(ulong address, Span<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            int count = (int)Math.Min((ulong)bytes.Length, PageMask + 1 - (address & PageMask));
            if (!IsMapped(address, (ulong)count) || !IsSound(address >> PageShift))
            {
                return false;
            }

            new ReadOnlySpan<byte>(_window + address, count).CopyTo(bytes);
            bytes = bytes[count..];
            address += (ulong)count;
        }

        return true;
    }

    /// <summary>Reads bytes at an address of Linux's.</summary>
    /// <returns>False if they cannot be read.</returns>
    public bool TryRead(ulong address, Span<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            int count = (int)Math.Min((ulong)bytes.Length, PageMask + 1 - (address & PageMask));
            if (!TryTranslate(address, out ulong physical) || !TryReadPhysical(physical, bytes[..count]))
            {
                return false;
            }

            bytes = bytes[count..];
            address = unchecked(address + (ulong)count);
        }

        return true;
    }

    /// <summary>Reads a number at an address of Linux's.</summary>
    /// <typeparam name="T">Its type.</typeparam>
    /// <param name="address">The address.</param>
    /// <param name="value">The number, or 0.</param>
    /// <returns>False if it cannot be read.</returns>
    public bool TryRead<T>(ulong address, out T value)
        where T : unmanaged
    {
        value = default;
        // What Linux writes in one go is read in one go.
        if ((address & PageMask) + (ulong)sizeof(T) <= PageMask + 1 && TryTranslate(address, out ulong physical)
            && IsMapped(physical, (ulong)sizeof(T)) && IsSound(physical >> PageShift))
        {
            value = Unsafe.ReadUnaligned<T>(_window + physical);
            return true;
        }

        T read = default;
        bool isRead = TryRead(address, new Span<byte>(&read, sizeof(T)));
        value = isRead ? read : default;
        return isRead;
    }

    /// <summary>Reads a number that is a member of something.</summary>
    /// <typeparam name="T">Its type.</typeparam>
    /// <param name="address">The address of the whole.</param>
    /// <param name="member">The member.</param>
    /// <param name="value">The number, or 0.</param>
    /// <returns>False if it cannot be read, or this kernel has no such member.</returns>
    public bool TryRead<T>(ulong address, LinuxField member, out T value)
        where T : unmanaged
    {
        value = default;
        return Symbols.Has(member) && TryRead(unchecked(address + Value(member)), out value);
    }

    /// <summary>Reads a variable.</summary>
    /// <typeparam name="T">Its type.</typeparam>
    /// <param name="variable">The variable.</param>
    /// <param name="value">Its value, or 0.</param>
    /// <returns>False if it cannot be read, or this kernel has none of that name.</returns>
    public bool TryReadVariable<T>(LinuxField variable, out T value)
        where T : unmanaged
    {
        value = default;
        return Symbols.Has(variable) && TryRead(Value(variable), out value);
    }

    /// <summary>Reads a text that a zero ends.</summary>
    /// <returns>The part of <paramref name="space"/> that it takes; empty if it cannot be read.</returns>
    public ReadOnlySpan<byte> ReadText(ulong address, Span<byte> space)
    {
        int length = 0;
        while (length < space.Length)
        {
            // No further than the page: what follows the text may not be there.
            int count = (int)Math.Min((ulong)(space.Length - length), PageMask + 1 - (address & PageMask));
            if (!TryRead(address, space.Slice(length, count)))
            {
                break;
            }

            for (int end = length + count; length < end; length++)
            {
                if (space[length] == 0)
                {
                    return space[..length];
                }
            }

            address = unchecked(address + (ulong)count);
        }

        return space[..length];
    }

    /// <summary>Finds the variable of a CPU.</summary>
    /// <param name="variable">The variable, as the linker placed it.</param>
    /// <param name="cpu">The CPU.</param>
    /// <param name="address">Where it is.</param>
    /// <returns>False if that cannot be found out.</returns>
    public bool TryFindPerCpu(ulong variable, uint cpu, out ulong address)
    {
        address = 0;
        if (!Symbols.Has(LinuxField.PerCpuOffset) || !TryRead(Value(LinuxField.PerCpuOffset) + ((ulong)cpu * sizeof(ulong)), out ulong offset))
        {
            return false;
        }

        address = unchecked(variable + offset);
        return true;
    }

    /// <summary>Finds the physical address behind one of Linux's: in the direct map and the image by arithmetic, else in its page tables.</summary>
    public bool TryTranslate(ulong address, out ulong physical)
    {
        if (address >= _pageOffset && address < _directEnd)
        {
            physical = address - _pageOffset;
            return true;
        }

        if (address >= Value(LinuxField.ImageStart) && address < Value(LinuxField.ImageEnd))
        {
            physical = unchecked(address - ImageBase + Value(LinuxField.PhysBase));
            return true;
        }

        return TryWalk(address, out physical);
    }

    private bool TryWalk(ulong address, out ulong physical)
    {
        physical = 0;
        // Of a user's half Linux's own table has nothing.
        if (address >> 63 == 0 || !Symbols.Has(LinuxField.PageTable))
        {
            return false;
        }

        ulong table = unchecked(Value(LinuxField.PageTable) - ImageBase + Value(LinuxField.PhysBase));
        ulong mask = EntryAddress & ~Value(LinuxField.EncryptionMask);
        for (int level = (int)Symbols[LinuxField.PageTableLevels]; level >= 1; level--)
        {
            int shift = PageShift + (EntriesBits * (level - 1));
            ulong place = table + (((address >> shift) & ((1 << EntriesBits) - 1)) * sizeof(ulong));
            if (!IsMapped(place, sizeof(ulong)))
            {
                return false;
            }

            ulong entry = Unsafe.ReadUnaligned<ulong>(_window + place);
            if ((entry & EntryPresent) == 0)
            {
                return false;
            }

            ulong within = (1UL << shift) - 1;
            if (level == 1 || ((entry & EntryLarge) != 0 && level <= 3))
            {
                physical = (entry & mask & ~within) | (address & within);
                return true;
            }

            table = entry & mask;
        }

        return false;
    }

    private bool IsMapped(ulong address, ulong size)
    {
        if (_rangeCount > 0 && Holds(_ranges[_lastRange], address, size))
        {
            return true;
        }

        int low = 0;
        int high = _rangeCount;
        while (low < high)
        {
            int middle = low + ((high - low) / 2);
            if (_ranges[middle].Start <= address)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        if (low == 0 || !Holds(_ranges[low - 1], address, size))
        {
            return false;
        }

        _lastRange = low - 1;
        return true;
    }

    private static bool Holds(LinuxRange range, ulong address, ulong size)
        => address >= range.Start && address - range.Start < range.ByteCount && range.ByteCount - (address - range.Start) >= size;

    /// <summary>Whether a page was not poisoned since it was mapped: reading one that is would be a machine check.</summary>
    private bool IsSound(ulong page)
    {
        if (page == _soundPage || !_knowsPoison)
        {
            return true;
        }

        ulong flags = unchecked(Value(LinuxField.PageArray) + (page * Value(LinuxField.PageStructSize)) + Value(LinuxField.PageFlags));
        if (!TryWalk(flags, out ulong place) || !IsMapped(place, sizeof(ulong)))
        {
            return false;
        }

        if (((Unsafe.ReadUnaligned<ulong>(_window + place) >> (int)Symbols[LinuxField.PagePoisonBit]) & 1) != 0)
        {
            return false;
        }

        _soundPage = page;
        return true;
    }
}
