using System;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Sos.Sdk.Wire;

namespace Sos.Router.Tables;

/// <summary>
/// Longest prefix of IPv6. The first 22 bits choose a bucket, or name the next hop at once. A bucket has the prefixes of the next 30 bits as sorted
/// ranges: 16 range starts to a line, compared at once, under lines of 16 that say which line is next. A range leads to a next hop, or to a bucket for
/// the next 30 bits.
/// </summary>
public static unsafe class Ipv6Routes
{
    /// <summary>Bits of an address that a bucket decides.</summary>
    public const int SliceBits = 30;

    /// <summary>Starts of ranges, or values, in a line.</summary>
    public const int LineKeys = 16;

    /// <summary>The value behind the last start in a line: above every start.</summary>
    public const int Padding = int.MaxValue;

    /// <summary>The value of a range that no prefix of its bucket covers: what the first 22 bits say holds.</summary>
    public const uint Inherit = 0x7fff_ffff;

    /// <summary>Set in an entry that names a bucket: bits 28 to 30 its depth, below its first line.</summary>
    public const uint BucketBit = 1u << 31;

    /// <summary>Levels of lines above a bucket's starts at most: 16^5 ranges.</summary>
    public const int DepthMax = 4;

    /// <summary>Buckets that an address can go through: 22 + 4 × 30 bits are more than 128.</summary>
    public const int BucketsMax = 4;

    private const int DepthShift = 28;
    private const uint LineMask = (1u << DepthShift) - 1;

    /// <summary>Makes an entry that names a bucket.</summary>
    public static uint ToBucket(uint line, int depth) => BucketBit | ((uint)depth << DepthShift) | line;

    /// <summary>The depth in such an entry.</summary>
    public static int DepthOf(uint entry) => (int)(entry >> DepthShift & 7);

    /// <summary>The first line in such an entry.</summary>
    public static uint LineOf(uint entry) => entry & LineMask;

    /// <summary>Lines above the starts of a bucket: 0, 1, 17, 273, 4369.</summary>
    public static uint LinesAbove(int depth) => ((1u << (4 * depth)) - 1) / (LineKeys - 1);

    /// <summary>The 30 bits of an address that a bucket decides.</summary>
    /// <param name="address">The address.</param>
    /// <param name="bucket">Which bucket on its way, 0 to <see cref="BucketsMax"/> - 1.</param>
    public static int Slice(Ipv6Address address, int bucket) => bucket switch
    {
        0 => (int)(address.High >> 12 & 0x3fff_ffff),
        1 => (int)((address.High << 18 | address.Low >> 46) & 0x3fff_ffff),
        2 => (int)(address.Low >> 16 & 0x3fff_ffff),
        _ => (int)(address.Low << 14 & 0x3fff_ffff),
    };

    /// <summary>Looks up one address.</summary>
    /// <returns>The number of its next hop, 0 for none.</returns>
    public static uint Lookup(in RouterTable table, Ipv6Address address)
    {
        uint slot = (uint)(address.High >> (64 - RouterTable.Ipv6RootBits));
        uint entry = table.Ipv6Root[slot];
        return Follow(in table, address, slot, entry, 0);
    }

    /// <summary>Looks up the addresses of a burst; the memory reads of all of them overlap.</summary>
    /// <param name="table">The table.</param>
    /// <param name="addresses">The addresses.</param>
    /// <param name="nextHops">For each the number of its next hop; as long as the addresses.</param>
    /// <param name="scratch">As long as the addresses.</param>
    public static void Lookup(in RouterTable table, ReadOnlySpan<Ipv6Address> addresses, Span<uint> nextHops, Span<uint> scratch)
    {
        nextHops = nextHops[..addresses.Length];
        Span<uint> lines = scratch[..addresses.Length];
        byte* memory = table.Ipv6Lines;
        uint mask = table.LineCount - 1;
        for (int i = 0; i < addresses.Length; i++)
        {
            Prefetch(table.Ipv6Root + (addresses[i].High >> (64 - RouterTable.Ipv6RootBits)));
        }

        for (int i = 0; i < nextHops.Length; i++)
        {
            uint entry = table.Ipv6Root[addresses[i].High >> (64 - RouterTable.Ipv6RootBits)];
            nextHops[i] = entry;
            PrefetchBucket(in table, entry, addresses[i], memory, mask);
        }

        // The lines above the starts, one level at a time; most buckets have one level or none.
        for (int i = 0; i < nextHops.Length; i++)
        {
            uint entry = nextHops[i];
            if ((entry & BucketBit) != 0)
            {
                uint line = Descend(memory, mask, entry, Slice(addresses[i], 0));
                lines[i] = line;
                Prefetch(memory + ((ulong)(line & mask) * RouterCapacity.LineSize));
                Prefetch(memory + ((ulong)((line + 1) & mask) * RouterCapacity.LineSize));
            }
        }

        for (int i = 0; i < nextHops.Length; i++)
        {
            uint entry = nextHops[i];
            uint slot = (uint)(addresses[i].High >> (64 - RouterTable.Ipv6RootBits));
            entry = (entry & BucketBit) == 0 ? Inherit : ReadValue(memory, mask, lines[i], Slice(addresses[i], 0));
            nextHops[i] = (entry & BucketBit) == 0
                ? entry == Inherit ? table.Ipv6Short[slot] : entry
                : Follow(in table, addresses[i], slot, entry, 1);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void PrefetchBucket(in RouterTable table, uint entry, Ipv6Address address, byte* memory, uint mask)
    {
        if ((entry & BucketBit) == 0)
        {
            Prefetch(table.Ipv6Short + (address.High >> (64 - RouterTable.Ipv6RootBits)));
            return;
        }

        byte* line = memory + ((ulong)(entry & LineMask & mask) * RouterCapacity.LineSize);
        Prefetch(line);
        Prefetch(line + (DepthOf(entry) == 0 ? RouterCapacity.LineSize : 0));
    }

    private static uint Follow(in RouterTable table, Ipv6Address address, uint slot, uint entry, int bucket)
    {
        if (bucket == 0 && (entry & BucketBit) == 0)
        {
            return table.Ipv6Short[slot];
        }

        byte* memory = table.Ipv6Lines;
        uint mask = table.LineCount - 1;
        for (; bucket < BucketsMax && (entry & BucketBit) != 0; bucket++)
        {
            int slice = Slice(address, bucket);
            entry = ReadValue(memory, mask, Descend(memory, mask, entry, slice), slice);
        }

        return entry == Inherit ? table.Ipv6Short[slot] : entry;
    }

    /// <summary>Finds the line of starts where a slice belongs.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Descend(byte* memory, uint mask, uint entry, int slice)
    {
        uint first = entry & LineMask;
        uint child = 0;
        int depth = DepthOf(entry);
        for (int level = 0; level < depth; level++)
        {
            child = (child * LineKeys) + Place(memory, (first + LinesAbove(level) + child) & mask, slice);
        }

        return first + LinesAbove(depth) + (2 * child);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint ReadValue(byte* memory, uint mask, uint line, int slice)
    {
        uint place = Place(memory, line & mask, slice);
        return *(uint*)(memory + ((ulong)((line + 1) & mask) * RouterCapacity.LineSize) + (place * sizeof(uint)));
    }

    /// <summary>How many of a line's numbers, the first left out, are not above a slice.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Place(byte* memory, uint line, int slice)
    {
        int* keys = (int*)(memory + ((ulong)line * RouterCapacity.LineSize));
        Vector256<int> wanted = Vector256.Create(slice);
        uint above = Vector256.GreaterThan(Vector256.Load(keys), wanted).ExtractMostSignificantBits()
            | (Vector256.GreaterThan(Vector256.Load(keys + 8), wanted).ExtractMostSignificantBits() << 8);
        return (uint)(LineKeys - 1 - BitOperations.PopCount(above)) & (LineKeys - 1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Prefetch(void* address)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch0(address);
        }
    }
}
