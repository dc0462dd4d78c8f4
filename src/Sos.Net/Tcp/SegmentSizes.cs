namespace Sos.Net.Tcp;

/// <summary>Bytes of data that a segment can have on the endpoint's own link, without options.</summary>
/// <param name="mtu">Bytes of an IP packet at most.</param>
internal readonly struct SegmentSizes(int mtu)
{
    private const int HeadersIpv4 = 20 + 20;
    private const int HeadersIpv6 = 40 + 20;

    /// <summary>The size for an address's family.</summary>
    public uint For(IpAddress address) => ForPacket(address, (uint)mtu);

    /// <summary>The size for packets of a length.</summary>
    public static uint ForPacket(IpAddress address, uint length) => length - (uint)(address.IsIpv4 ? HeadersIpv4 : HeadersIpv6);
}
