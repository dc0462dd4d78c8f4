using Sos.Sdk.Wire;

namespace Sos.Net.Wire;

/// <summary>The pseudo-header's sum in either family.</summary>
internal static class TransportSum
{
    /// <summary>Sums the pseudo-header of a packet.</summary>
    /// <param name="source">Where it comes from.</param>
    /// <param name="destination">Where it goes, in the same family.</param>
    /// <param name="protocol">What it carries.</param>
    /// <param name="length">Bytes of that.</param>
    public static ushort PseudoHeader(IpAddress source, IpAddress destination, IpProtocol protocol, int length)
        => source.IsIpv4
            ? InternetChecksum.PseudoHeader(source.Ipv4, destination.Ipv4, protocol, (ushort)length)
            : InternetChecksum.PseudoHeader(source.Ipv6, destination.Ipv6, protocol, (uint)length);
}
