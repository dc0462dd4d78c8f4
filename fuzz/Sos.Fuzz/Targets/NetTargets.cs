using System;
using Sos.Net;
using Sos.Net.Wire;
using Sos.Sdk.Wire;

namespace Sos.Fuzz.Targets;

/// <summary>The endpoint's parsers: what they accept lies within the input, and is written and read again the same.</summary>
internal static class NetTargets
{
    public static bool TcpOption(byte[] input)
    {
        if (!TcpOptions.TryParse(input, out TcpOptions options))
        {
            return false;
        }

        FuzzException.Require(options.WindowShift <= TcpOptions.WindowShiftMax && options.SackCount <= TcpOptions.SackBlocksMax, "values are bounded");
        byte[] written = new byte[TcpOptions.SizeMax];
        int length = options.Write(written);
        FuzzException.Require(length <= TcpOptions.SizeMax && length % 4 == 0, "options are whole words and fit a header");
        bool isRead = TcpOptions.TryParse(written.AsSpan(0, length), out TcpOptions again);
        FuzzException.Require(
            isRead && (again.SegmentSizeMax, again.WindowShift, again.SackPermitted) == (options.SegmentSizeMax, options.WindowShift, options.SackPermitted)
                && (again.HasTimestamp, again.Timestamp, again.TimestampEcho) == (options.HasTimestamp, options.Timestamp, options.TimestampEcho),
            "what is written is read back the same");
        for (int i = 0; i < again.SackCount; i++)
        {
            FuzzException.Require(again.SackBlock(i) == options.SackBlock(i), "blocks are read back the same");
        }

        return true;
    }

    public static bool Segment(byte[] input)
    {
        IpAddress source = IpAddress.FromIpv4(0x0a00_0001);
        IpAddress destination = IpAddress.FromIpv4(0x0a00_0002);
        if (input.Length >= TcpHeader.SizeMin && input.Length % 2 == 0)
        {
            // A mutated segment is mostly refused for its checksum; half of the inputs get theirs repaired.
            (input[16], input[17]) = (0, 0);
            ushort sum = InternetChecksum.PseudoHeader(source.Ipv4, destination.Ipv4, IpProtocol.Tcp, (ushort)input.Length);
            ushort checksum = InternetChecksum.Compute(input, sum);
            (input[16], input[17]) = ((byte)(checksum >> 8), (byte)checksum);
        }

        if (!TcpSegment.TryParse(input, source, destination, out TcpSegment segment))
        {
            return false;
        }

        FuzzException.Require(segment.Header.HeaderLength + segment.Payload.Length == input.Length, "header and data are the segment");
        FuzzException.Require(segment.Header.SourcePort != 0 && segment.Header.DestinationPort != 0, "ports are not 0");
        return true;
    }

    public static bool Neighbor(byte[] input)
    {
        if (!NeighborMessage.TryParse(input, out NeighborMessage message))
        {
            return false;
        }

        byte[] written = new byte[NeighborMessage.SizeMax];
        int length = message.Write(written);
        FuzzException.Require(
            NeighborMessage.TryParse(written.AsSpan(0, length), out NeighborMessage again) && again == message, "what is written is read back the same");
        return true;
    }

    public static bool Link(byte[] input)
    {
        const int message = EthernetHeader.UntaggedSize + Ipv6Header.Size;
        if (input.Length > message + IcmpHeader.Size && (input[^1] & 1) == 0)
        {
            // A mutated message is mostly refused for its checksum; half of the inputs get theirs repaired.
            (input[message + 2], input[message + 3]) = (0, 0);
            Ipv6Address source = Ipv6Address.Read(input.AsSpan(22));
            Ipv6Address destination = Ipv6Address.Read(input.AsSpan(38));
            ushort sum = InternetChecksum.PseudoHeader(source, destination, IpProtocol.Icmpv6, (uint)(input.Length - message));
            ushort checksum = InternetChecksum.Compute(input.AsSpan(message), sum);
            (input[message + 2], input[message + 3]) = ((byte)(checksum >> 8), (byte)checksum);
        }

        if (!LinkMessage.TryParse(input, out LinkMessage read))
        {
            return false;
        }

        FuzzException.Require(LinkMessage.IsLikely(input), "what is read is likely");
        FuzzException.Require(!read.Link.IsGroup, "no host is at a group's place");
        FuzzException.Require(read.IsQuestion || read.Told.IsHost, "an answer tells of a host");
        FuzzException.Require(!(read.IsQuestion && read.IsSolicited), "a question answers none");
        return true;
    }

    public static bool Router(byte[] input)
    {
        bool isRead = RouterAdvertisement.TryParse(input, out RouterAdvertisement message);
        FuzzException.Require(isRead || !message.HasPrefix, "what is refused has no prefix");
        FuzzException.Require(!message.HasPrefix || new IpAddress(new Ipv6Address(message.Prefix, 1)).IsHost, "a prefix is one of hosts");
        return isRead;
    }

    public static bool Prefixes(byte[] input)
    {
        bool isRead = SourceList.TryParse(input, out SourceList list);
        FuzzException.Require(!isRead || list.Count is > 0 and <= SourceList.CountMax, "a list is not empty, and bounded");
        return isRead;
    }
}
