using System.Runtime.InteropServices;

namespace Sos.Firewall.Tables;

/// <summary>A base chain: where a packet enters the rules.</summary>
[StructLayout(LayoutKind.Sequential, Size = Size)]
public struct BaseChain
{
    /// <summary>Bytes of a base chain.</summary>
    public const int Size = 16;

    /// <summary>Set in <see cref="Families"/> for IPv4.</summary>
    public const byte Ipv4 = 1;

    /// <summary>Set in <see cref="Families"/> for IPv6.</summary>
    public const byte Ipv6 = 2;

    /// <summary>All bits of <see cref="Families"/> that are for chains on what Linux sends.</summary>
    public const byte AnySent = 0xf0;

    private const int BeforeTrackingShift = 2;
    private const int SentShift = 4;

    /// <summary>Index of its first instruction.</summary>
    public uint Entry;

    /// <summary>Whose packets it sees.</summary>
    public byte Families;

    /// <summary>1 if its policy is to drop.</summary>
    public byte PolicyDrop;

    /// <summary>Returns what stands in <see cref="Families"/> of a chain that sees packets of these families before they are tracked.</summary>
    /// <param name="families"><see cref="Ipv4"/> and <see cref="Ipv6"/>, or what <see cref="Sent"/> makes of them.</param>
    public static byte BeforeTracking(byte families) => (byte)(families << BeforeTrackingShift);

    /// <summary>Returns what stands in <see cref="Families"/> of a chain that sees packets of these families as Linux sends them.</summary>
    /// <param name="families"><see cref="Ipv4"/> and <see cref="Ipv6"/>.</param>
    public static byte Sent(byte families) => (byte)(families << SentShift);
}
