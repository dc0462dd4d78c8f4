using System.Runtime.InteropServices;

namespace Sos.Router.Tables;

/// <summary>
/// A next hop, apart from the prefixes that lead to it. What must be read as one is in <see cref="Action"/>, a single word: the core never sees one
/// half of a change.
/// </summary>
[StructLayout(LayoutKind.Sequential, Size = Size)]
public struct NextHop
{
    /// <summary>Bytes of a next hop.</summary>
    public const int Size = 32;

    private const int InterfaceShift = 48;
    private const int KindShift = 56;
    private const ulong FixedBit = 1UL << 55;

    /// <summary>Bits 0 to 47: the address on the link, the first byte on the wire the highest; or a group's first member and, from bit 32 on, their number.
    /// Bits 48 to 54: the interface. Bit 55: the address on the link is fixed. Bits 56 to 63: the kind.</summary>
    public ulong Action;

    /// <summary>Largest packet behind an Ethernet header.</summary>
    public uint Mtu;

    /// <summary>The IPv4 source address that Linux would use on this way; 0 for none.</summary>
    public uint Source4;

    /// <summary>The high half of the IPv6 source address that Linux would use on this way.</summary>
    public ulong Source6High;

    /// <summary>Its low half.</summary>
    public ulong Source6Low;

    /// <summary>The kind in a word as <see cref="Action"/> has it.</summary>
    public static NextHopKind KindOf(ulong action) => (NextHopKind)(action >> KindShift);

    /// <summary>The interface in such a word.</summary>
    public static int InterfaceOf(ulong action) => (int)(action >> InterfaceShift & 0x7f);

    /// <summary>Whether somebody has fixed the address on the link in such a word: no message changes it.</summary>
    public static bool IsFixed(ulong action) => (action & FixedBit) != 0 && KindOf(action) == NextHopKind.Forward;

    /// <summary>Makes such a word of a neighbour.</summary>
    /// <param name="number">The interface.</param>
    /// <param name="mac">The address on the link.</param>
    /// <param name="isFixed">Whether that is fixed.</param>
    public static ulong ToForward(int number, ulong mac, bool isFixed) => ToAction(NextHopKind.Forward, number, mac) | (isFixed ? FixedBit : 0);

    /// <summary>The address on the link in such a word.</summary>
    public static ulong MacOf(ulong action) => action & 0xffff_ffff_ffff;

    /// <summary>A group's first member in such a word.</summary>
    public static uint FirstMemberOf(ulong action) => (uint)action;

    /// <summary>A group's members in such a word.</summary>
    public static uint MemberCountOf(ulong action) => (uint)(action >> 32) & 0xffff;

    /// <summary>Makes such a word.</summary>
    public static ulong ToAction(NextHopKind kind, int number = 0, ulong mac = 0)
        => ((ulong)kind << KindShift) | ((ulong)(uint)number << InterfaceShift) | mac;

    /// <summary>Makes a group's word.</summary>
    public static ulong ToGroup(uint first, uint count) => ((ulong)NextHopKind.Group << KindShift) | ((ulong)count << 32) | first;
}

/// <summary>A member of a group.</summary>
[StructLayout(LayoutKind.Sequential, Size = Size)]
public struct GroupMember
{
    /// <summary>Bytes of a member.</summary>
    public const int Size = 8;

    /// <summary>A flow whose hash is not above this, and above the member's before, goes here (RFC 2992: hash threshold).</summary>
    public uint HashMax;

    /// <summary>Number of the next hop.</summary>
    public uint NextHop;
}

/// <summary>A neighbour on a link, in a hash table that the control side writes: linear probing, at most <see cref="RouterTable.ProbesMax"/> steps.</summary>
[StructLayout(LayoutKind.Sequential, Size = Size)]
public struct Neighbour
{
    /// <summary>Bytes of a neighbour.</summary>
    public const int Size = 32;

    /// <summary>The high half of its address; 0 for IPv4, whose address is in <see cref="Low"/>.</summary>
    public ulong High;

    /// <summary>The low half of its address.</summary>
    public ulong Low;

    /// <summary>0: free. Else as <see cref="NextHop.Action"/>: of kind Forward, or Linux while its address on the link is not known.</summary>
    public ulong Action;

    /// <summary>The use that it is for: bits 0 to 7 the interface, bit 8 set for IPv6. Written before <see cref="Action"/>.</summary>
    public ulong Place;

    /// <summary>The place in such a word.</summary>
    public static ulong ToPlace(int number, bool isIpv6) => (uint)number | (isIpv6 ? 0x100UL : 0);
}
