using System;
using System.Buffers.Binary;
using Sos.Sdk.Wire;

namespace Sos.Net.Wire;

/// <summary>A frame by which hosts of a link find each other, of ARP or neighbour discovery, in words of both: checked once, here.</summary>
public readonly record struct LinkMessage
{
    private const int Ethernet = EthernetHeader.UntaggedSize;
    private const int Icmpv6Type = Ethernet + Ipv6Header.Size;

    /// <summary>The address that is asked for; unspecified in an answer.</summary>
    public IpAddress Asked { get; init; }

    /// <summary>The address of who asks, or who answers in ARP; unspecified in a probe.</summary>
    public IpAddress Sender { get; init; }

    /// <summary>The address that the message tells the place of; unspecified if it tells none.</summary>
    public IpAddress Told { get; init; }

    /// <summary>Where the told address is on the link; in a question also where the answer goes.</summary>
    public MacAddress Link { get; init; }

    /// <summary>Whether it is an answer to a question that was asked of this host.</summary>
    public bool IsSolicited { get; init; }

    /// <summary>Whether it replaces what was known.</summary>
    public bool Overrides { get; init; }

    /// <summary>Whether it asks.</summary>
    public bool IsQuestion => !Asked.IsUnspecified;

    /// <summary>Whether a frame may be such a message: two words of it are looked at.</summary>
    public static bool IsLikely(ReadOnlySpan<byte> frame)
    {
        if (frame.Length < Ethernet + ArpPacket.Size)
        {
            return false;
        }

        EtherType type = (EtherType)BinaryPrimitives.ReadUInt16BigEndian(frame[12..]);
        return type == EtherType.Arp
            || (type == EtherType.Ipv6 && frame.Length > Icmpv6Type && frame[Ethernet + 6] == (byte)IpProtocol.Icmpv6
                && frame[Icmpv6Type] is NeighborMessage.Solicitation or NeighborMessage.Advertisement);
    }

    /// <summary>Reads a frame.</summary>
    /// <returns>False for one that is no such message, or breaks a rule of its protocol.</returns>
    public static bool TryParse(ReadOnlySpan<byte> frame, out LinkMessage message)
    {
        message = default;
        return IsLikely(frame) && !MacAddress.Read(frame[6..]).IsGroup
            && ((EtherType)BinaryPrimitives.ReadUInt16BigEndian(frame[12..]) == EtherType.Arp
                ? TryParseArp(frame, out message)
                : TryParseNeighbor(frame, out message));
    }

    private static bool TryParseArp(ReadOnlySpan<byte> frame, out LinkMessage message)
    {
        message = default;
        if (ArpPacket.Parse(frame[Ethernet..], out ArpPacket arp) != MalformedReason.None
            || arp.SenderMac.IsGroup || arp.SenderMac.Value == 0
            || arp.Operation is not (ArpPacket.Request or ArpPacket.Reply))
        {
            return false;
        }

        bool isReply = arp.Operation == ArpPacket.Reply;
        message = new LinkMessage
        {
            Asked = isReply ? default : IpAddress.FromIpv4(arp.TargetAddress),
            Sender = IpAddress.FromIpv4(arp.SenderAddress),
            Told = IpAddress.FromIpv4(arp.SenderAddress),
            Link = arp.SenderMac,
            IsSolicited = isReply && !MacAddress.Read(frame).IsGroup,
            Overrides = true,
        };
        return isReply ? message.Told.IsHost : arp.TargetAddress != 0 && (arp.SenderAddress == 0 || message.Told.IsHost);
    }

    /// <summary>RFC 4861, 7.1.1 and 7.1.2.</summary>
    private static bool TryParseNeighbor(ReadOnlySpan<byte> frame, out LinkMessage message)
    {
        message = default;
        ReadOnlySpan<byte> packet = frame[Ethernet..];
        if (Ipv6Header.Parse(packet, out Ipv6Header header) != MalformedReason.None || header.HopLimit != Outbox.LinkHopLimit || header.Source.IsMulticast)
        {
            return false;
        }

        ReadOnlySpan<byte> body = packet.Slice(Ipv6Header.Size, header.PayloadLength);
        ushort sum = InternetChecksum.PseudoHeader(header.Source, header.Destination, IpProtocol.Icmpv6, header.PayloadLength);
        if (!InternetChecksum.IsValid(body, sum) || !NeighborMessage.TryParse(body, out NeighborMessage neighbor)
            || (neighbor.HasLink && (neighbor.Link.IsGroup || neighbor.Link.Value == 0)))
        {
            return false;
        }

        // An IPv4 address written as an IPv6 one is not found by neighbour discovery.
        IpAddress sender = new(header.Source);
        IpAddress target = new(neighbor.Target);
        if (target.IsIpv4 || !target.IsHost || sender.IsIpv4 || !(sender.IsUnspecified || sender.IsHost))
        {
            return false;
        }

        bool isQuestion = neighbor.Type == NeighborMessage.Solicitation;
        message = new LinkMessage
        {
            Asked = isQuestion ? target : default,
            Sender = sender,
            Told = isQuestion ? neighbor.HasLink ? sender : default : target,
            Link = neighbor.HasLink ? neighbor.Link : MacAddress.Read(frame[6..]),
            IsSolicited = neighbor.Solicited && !header.Destination.IsMulticast,
            Overrides = isQuestion || (neighbor.Override && neighbor.HasLink),
        };

        // Who has no address yet tells none, and asks the group. An advertisement to all answers nobody's question.
        return sender.IsUnspecified
            ? isQuestion && !neighbor.HasLink && header.Destination.IsMulticast
            : isQuestion || !neighbor.Solicited || !header.Destination.IsMulticast;
    }
}
