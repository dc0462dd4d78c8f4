using System;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Sos.Router.Tables;

/// <summary>
/// Longest prefix of IPv4: one table for the first 24 bits, and groups of 256 entries for what longer prefixes divide. An entry has 15 bits of next hop, or
/// bit 15 and 15 bits of group, so that the first table takes 32 MiB.
/// </summary>
public static unsafe class Ipv4Routes
{
    /// <summary>Set in an entry that names a group.</summary>
    public const ushort GroupBit = 0x8000;

    /// <summary>Looks up one address.</summary>
    /// <returns>The number of its next hop, 0 for none.</returns>
    public static uint Lookup(in RouterTable table, uint address)
    {
        uint entry = table.Ipv4Root[address >> 8];
        return (entry & GroupBit) == 0 ? entry : table.Ipv4Groups[(((entry & ~(uint)GroupBit) << 8) | (address & 0xff)) & GroupMask(in table)];
    }

    /// <summary>Looks up the addresses of a burst; the memory reads of all of them overlap.</summary>
    /// <param name="table">The table.</param>
    /// <param name="addresses">The addresses.</param>
    /// <param name="nextHops">For each the number of its next hop; as long as the addresses.</param>
    public static void Lookup(in RouterTable table, ReadOnlySpan<uint> addresses, Span<uint> nextHops)
    {
        ushort* root = table.Ipv4Root;
        ushort* groups = table.Ipv4Groups;
        uint mask = GroupMask(in table);
        nextHops = nextHops[..addresses.Length];
        foreach (uint address in addresses)
        {
            Prefetch(root + (address >> 8));
        }

        uint any = 0;
        for (int i = 0; i < nextHops.Length; i++)
        {
            uint entry = root[addresses[i] >> 8];
            nextHops[i] = entry;
            any |= entry;
        }

        if ((any & GroupBit) == 0)
        {
            return;
        }

        for (int i = 0; i < nextHops.Length; i++)
        {
            // The first group's place for those that need none: one line that all of them share.
            uint entry = nextHops[i];
            uint place = ((entry & ~(uint)GroupBit) << 8) | (addresses[i] & 0xff);
            Prefetch(groups + ((entry & GroupBit) == 0 ? 0 : place & mask));
        }

        for (int i = 0; i < nextHops.Length; i++)
        {
            uint entry = nextHops[i];
            if ((entry & GroupBit) != 0)
            {
                nextHops[i] = groups[(((entry & ~(uint)GroupBit) << 8) | (addresses[i] & 0xff)) & mask];
            }
        }
    }

    // What an entry says is never followed beyond the groups.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint GroupMask(in RouterTable table) => (table.GroupCount << 8) - 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Prefetch(void* address)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch0(address);
        }
    }
}
