using System.Runtime.InteropServices;

namespace Sos.Firewall.Tables;

/// <summary>An amount of bytes that rules let through, or react to once it is used up (<c>quota</c>).</summary>
[StructLayout(LayoutKind.Sequential, Size = Size)]
public struct ByteQuota
{
    /// <summary>Bytes of a quota.</summary>
    public const int Size = 32;

    /// <summary>Bytes of packets, from their IP headers on.</summary>
    public ulong Bytes;

    /// <summary>Bytes that are used up at first.</summary>
    public ulong Used;

    /// <summary>1 where the rule goes on for what exceeds the quota (<c>quota over</c>), 0 where it does for what stays within.</summary>
    public uint IsOver;
}
