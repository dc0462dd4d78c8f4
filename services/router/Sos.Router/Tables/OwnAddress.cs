using System.Runtime.InteropServices;

namespace Sos.Router.Tables;

/// <summary>An address of this machine's that Linux answers for on the links of some interfaces.</summary>
[StructLayout(LayoutKind.Sequential, Size = Size)]
public struct OwnAddress
{
    /// <summary>Bytes.</summary>
    public const int Size = 40;

    /// <summary>Addresses at most.</summary>
    public const int CountMax = 1024;

    /// <summary>The high half of the address; 0 for IPv4, whose address is in <see cref="Low"/>.</summary>
    public ulong High;

    /// <summary>The low half of the address.</summary>
    public ulong Low;

    /// <summary>A bit for each interface on whose link Linux answers for it.</summary>
    public ulong Answered;

    /// <summary>A bit for each interface whose network device has it.</summary>
    public ulong Home;

    /// <summary>1 for IPv6.</summary>
    public byte IsIpv6;

    /// <summary>Length of its network.</summary>
    public byte PrefixLength;

    /// <summary>The order in which a list has them: by family, then by address.</summary>
    public static int Compare(in OwnAddress one, in OwnAddress other)
        => one.IsIpv6 != other.IsIpv6 ? one.IsIpv6.CompareTo(other.IsIpv6)
            : one.High != other.High ? one.High.CompareTo(other.High)
            : one.Low.CompareTo(other.Low);
}
