using System.Runtime.InteropServices;

namespace Sos.Firewall.Tables;

/// <summary>
/// A rate that rules let through (<c>limit</c>), in the units of nft_limit: a bucket of nanoseconds, of which each packet or byte costs some. Or a volume
/// (<c>quota</c>, nft_quota): a bucket of bytes that nothing fills again.
/// </summary>
[StructLayout(LayoutKind.Sequential, Size = Size)]
public struct RateLimit
{
    /// <summary>Bytes of a limit.</summary>
    public const int Size = 32;

    /// <summary>Packets or bytes in <see cref="Nanoseconds"/>, at least 1.</summary>
    public ulong Rate;

    /// <summary>The time of the rate: a second to a week; 0 for a quota.</summary>
    public ulong Nanoseconds;

    /// <summary>Nanoseconds, or the quota's bytes, that the bucket holds: it is full at first.</summary>
    public ulong TokensMax;

    /// <summary>1 where bytes count, 0 where packets do.</summary>
    public uint CountsBytes;

    /// <summary>1 where the rule goes on for what exceeds the limit (<c>limit rate over</c>), 0 where it does for what stays within.</summary>
    public uint IsOver;
}
