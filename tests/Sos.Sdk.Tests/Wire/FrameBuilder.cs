using Sos.Sdk.Wire;

namespace Sos.Sdk.Tests.Wire;

/// <summary>Makes frames of headers, the outermost last.</summary>
internal static class FrameBuilder
{
    public const uint Source = 0x0a000001;
    public const uint Destination = 0xc0a80102;

    public static readonly Ipv6Address Source6 = new(0x20010db800000001, 0x1);
    public static readonly Ipv6Address Destination6 = new(0x20010db800000002, 0xffff);

    public static byte[] Tcp(ushort sourcePort, ushort destinationPort, TcpFlags flags, int data = 0)
    {
        byte[] segment = new byte[TcpHeader.SizeMin + data];
        new TcpHeader { SourcePort = sourcePort, DestinationPort = destinationPort, HeaderLength = 20, Flags = flags }.Write(segment);
        return segment;
    }

    public static byte[] Udp(ushort sourcePort, ushort destinationPort, int data = 0)
    {
        byte[] datagram = new byte[UdpHeader.Size + data];
        new UdpHeader { SourcePort = sourcePort, DestinationPort = destinationPort, Length = (ushort)datagram.Length }.Write(datagram);
        return datagram;
    }

    public static byte[] Icmp(byte type, byte code) => [type, code, 0, 0, 0, 0, 0, 0];

    public static byte[] Ipv4(IpProtocol protocol, byte[] payload, FragmentInfo fragment = default, int options = 0)
    {
        byte[] packet = new byte[20 + options + payload.Length];
        payload.CopyTo(packet, 20 + options);
        new Ipv4Header
        {
            HeaderLength = (byte)(20 + options),
            TotalLength = (ushort)packet.Length,
            TimeToLive = 64,
            Protocol = protocol,
            Source = Source,
            Destination = Destination,
            Fragment = fragment,
        }.Write(packet);
        return packet;
    }

    public static byte[] Ipv6(IpProtocol next, byte[] payload)
    {
        byte[] packet = new byte[40 + payload.Length];
        payload.CopyTo(packet, 40);
        new Ipv6Header
        {
            PayloadLength = (ushort)payload.Length,
            NextHeader = next,
            HopLimit = 63,
            Source = Source6,
            Destination = Destination6,
        }.Write(packet);
        return packet;
    }

    /// <summary>An extension header of 8 bytes in front of a payload.</summary>
    public static byte[] Extension(IpProtocol next, byte[] payload, byte length = 0, byte third = 0)
        => [(byte)next, length, third, 0, 0, 0, 0, 0, .. payload];

    public static byte[] Fragment6(IpProtocol next, FragmentInfo fragment, byte[] payload)
    {
        int place = fragment.Offset | (fragment.More ? 1 : 0);
        return [(byte)next, 0, (byte)(place >> 8), (byte)place, 0, 0, 0, (byte)fragment.Identification, .. payload];
    }

    public static byte[] Ethernet(EtherType type, byte[] payload, params VlanTag[] tags)
    {
        EthernetHeader header = new()
        {
            Destination = MacAddress.Broadcast,
            Source = new MacAddress(0x020000000001),
            TagCount = (byte)tags.Length,
            Outer = tags.Length > 0 ? tags[0] : default,
            Inner = tags.Length > 1 ? tags[1] : default,
            Type = type,
        };
        byte[] frame = new byte[header.Length + payload.Length];
        header.Write(frame);
        payload.CopyTo(frame, header.Length);
        return frame;
    }
}
