using System;

namespace Sos.RemoteConsole.View;

/// <summary>The places of things in Linux's memory: the blob of a companion, checked once.</summary>
public readonly unsafe struct LinuxSymbols
{
    /// <summary>The value of what this kernel does not have.</summary>
    public const long Missing = long.MinValue;

    /// <summary>Bytes of a name at most: KSYM_NAME_LEN is 512.</summary>
    private const int NameMax = 512;

    private readonly byte* _start;
    private readonly LinuxSymbolsHeader* _header;

    private LinuxSymbols(byte* start)
    {
        _start = start;
        _header = (LinuxSymbolsHeader*)start;
    }

    /// <summary>How many functions have names.</summary>
    public int FunctionCount => (int)_header->FunctionCount;

    /// <summary>Looks at a blob.</summary>
    /// <param name="start">Its first byte.</param>
    /// <param name="byteCount">Its bytes.</param>
    /// <param name="symbols">What it tells.</param>
    /// <returns>Whether it is one, of this version.</returns>
    public static bool TryCreate(byte* start, ulong byteCount, out LinuxSymbols symbols)
    {
        symbols = default;
        if (byteCount < LinuxSymbolsHeader.Size)
        {
            return false;
        }

        LinuxSymbolsHeader* header = (LinuxSymbolsHeader*)start;
        ulong functions = (ulong)header->FunctionCount * sizeof(uint);
        if (header->Magic != LinuxSymbolsHeader.MagicValue || header->FieldCount != (uint)LinuxField.Count || header->TotalSize > byteCount
            || LinuxSymbolsHeader.Size + ((ulong)header->FieldCount * sizeof(long)) > header->TotalSize
            || header->FunctionsOffset + functions > header->TotalSize || header->PlacesOffset + functions > header->TotalSize
            || (header->FunctionsOffset | header->PlacesOffset) % sizeof(uint) != 0
            || header->NamesOffset + (ulong)header->NamesSize > header->TotalSize)
        {
            return false;
        }

        symbols = new LinuxSymbols(start);
        return true;
    }

    /// <summary>A value; <see cref="Missing"/> if this kernel has none.</summary>
    public long this[LinuxField field] => (uint)field < (uint)LinuxField.Count ? ((long*)(_start + LinuxSymbolsHeader.Size))[(int)field] : Missing;

    /// <summary>Whether this kernel has a value.</summary>
    public bool Has(LinuxField field) => this[field] != Missing;

    /// <summary>Whether this kernel has all values between two, these included.</summary>
    public bool HasAll(LinuxField first, LinuxField last)
    {
        for (LinuxField field = first; field <= last; field++)
        {
            if (!Has(field))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Finds the function that holds an address: the last one that begins at or before it.</summary>
    /// <param name="address">The address.</param>
    /// <param name="name">The function's name.</param>
    /// <param name="offset">Bytes from the function's start.</param>
    /// <returns>Whether there is one.</returns>
    public bool TryFindFunction(ulong address, out ReadOnlySpan<byte> name, out ulong offset)
    {
        name = default;
        offset = 0;
        if (_start == null || address < LinuxSymbolsHeader.FunctionBase)
        {
            return false;
        }

        uint wanted = (uint)(address - LinuxSymbolsHeader.FunctionBase);
        uint* functions = (uint*)(_start + _header->FunctionsOffset);
        uint low = 0;
        uint high = _header->FunctionCount;
        while (low < high)
        {
            uint middle = low + ((high - low) / 2);
            if (functions[middle] <= wanted)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        if (low == 0)
        {
            return false;
        }

        offset = wanted - functions[low - 1];
        name = NameAt(((uint*)(_start + _header->PlacesOffset))[low - 1]);
        return !name.IsEmpty;
    }

    private ReadOnlySpan<byte> NameAt(uint place)
    {
        if (place >= _header->NamesSize)
        {
            return default;
        }

        ReadOnlySpan<byte> rest = new(_start + _header->NamesOffset + place, (int)Math.Min(_header->NamesSize - place, NameMax));
        int length = 0;
        while (length < rest.Length && rest[length] != 0)
        {
            length++;
        }

        return rest[..length];
    }
}
