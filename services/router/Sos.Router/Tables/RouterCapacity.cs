using System.Numerics;
using System.Runtime.InteropServices;

namespace Sos.Router.Tables;

/// <summary>How much the router's memory has room for.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct RouterCapacity
{
    /// <summary>Next hops at most: 15 bits of an entry.</summary>
    public const uint NextHopsMax = 1 << 15;

    /// <summary>Bytes of a line of IPv6 prefixes.</summary>
    public const int LineSize = 64;

    /// <summary>Groups of 256 IPv4 addresses that prefixes longer than 24 bits divide; a power of two, at most 32,768.</summary>
    public uint Ipv4Groups;

    /// <summary>Lines of 64 bytes for IPv6 prefixes longer than 22 bits, a power of two.</summary>
    public uint Ipv6Lines;

    /// <summary>Next hops, groups of them included.</summary>
    public uint NextHops;

    /// <summary>Members of groups, a power of two.</summary>
    public uint Members;

    /// <summary>Places in the table of neighbours, a power of two.</summary>
    public uint Neighbours;

    /// <summary>Enough for the Internet's table of 2026 twice over.</summary>
    public static RouterCapacity Default => new()
    {
        Ipv4Groups = 1 << 15,
        Ipv6Lines = 1 << 19,
        NextHops = NextHopsMax,
        Members = 1 << 16,
        Neighbours = 1 << 16,
    };

    /// <summary>Enough for tests and small routers: a few hundred prefixes of each length.</summary>
    public static RouterCapacity Small => new() { Ipv4Groups = 1 << 10, Ipv6Lines = 1 << 13, NextHops = 1 << 10, Members = 1 << 10, Neighbours = 1 << 10 };

    /// <summary>Whether a table can be laid out so.</summary>
    public readonly bool IsValid
        => Ipv4Groups is > 0 and <= 1 << 15 && BitOperations.IsPow2(Ipv4Groups)
            && Ipv6Lines is >= 16 and <= 1 << 24 && BitOperations.IsPow2(Ipv6Lines)
            && NextHops is >= 16 and <= NextHopsMax
            && Members is >= 64 and <= 1 << 20 && BitOperations.IsPow2(Members)
            && Neighbours is >= 64 and <= 1 << 20 && BitOperations.IsPow2(Neighbours);
}
