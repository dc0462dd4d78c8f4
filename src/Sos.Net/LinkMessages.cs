using Sos.Net.Wire;
using Sos.Sdk.Packets;
using Sos.Sdk.Wire;

namespace Sos.Net;

/// <summary>
/// Sends the messages by which hosts of a link find each other, ARP (RFC 826) and neighbour discovery (RFC 4861), from the outbox's address on the link.
/// </summary>
public static class LinkMessages
{
    /// <summary>The group of all hosts of the link: ff02::1.</summary>
    private static IpAddress AllHosts => new(new Ipv6Address(0xff02_0000_0000_0000, 1));

    /// <summary>Asks who has an address.</summary>
    /// <param name="outbox">Takes the frame.</param>
    /// <param name="address">The address.</param>
    /// <param name="source">The address of who asks; unspecified for a probe that teaches nobody anything.</param>
    /// <param name="link">The host that is asked; null for all of them.</param>
    public static void Ask(ref Outbox outbox, IpAddress address, IpAddress source, MacAddress? link = null)
    {
        if (address.IsIpv4)
        {
            SendArp(ref outbox, Request(outbox.Mac, source.Ipv4, address.Ipv4), link ?? MacAddress.Broadcast);
            return;
        }

        IpAddress group = new(new Ipv6Address(0xff02_0000_0000_0000, 0x1_ff00_0000 | (address.Low & 0xff_ffff)));
        NeighborMessage question = new()
        {
            Type = NeighborMessage.Solicitation,
            Target = address.Ipv6,
            HasLink = !source.IsUnspecified,
            Link = outbox.Mac,
        };
        Send(ref outbox, in question, isAnswer: false, new Peer(link is null ? group : address, source, 0, 0, link ?? GroupMac(group)));
    }

    /// <summary>Answers a question for an address. One that came from no address is answered to all hosts (RFC 4861, 7.2.4).</summary>
    /// <param name="outbox">Takes the frame.</param>
    /// <param name="address">The address.</param>
    /// <param name="asker">Who asked.</param>
    /// <param name="link">His address on the link.</param>
    /// <param name="isRouter">Whether a router answers.</param>
    public static void Answer(ref Outbox outbox, IpAddress address, IpAddress asker, MacAddress link, bool isRouter = false)
    {
        if (address.IsIpv4)
        {
            ArpPacket reply = new()
            {
                Operation = ArpPacket.Reply,
                SenderMac = outbox.Mac,
                SenderAddress = address.Ipv4,
                TargetMac = link,
                TargetAddress = asker.Ipv4,
            };
            SendArp(ref outbox, in reply, link);
        }
        else if (asker.IsUnspecified)
        {
            NeighborMessage unasked = Advertise(address, outbox.Mac, isSolicited: false, isRouter);
            Send(ref outbox, in unasked, isAnswer: true, new Peer(AllHosts, address, 0, 0, GroupMac(AllHosts)));
        }
        else
        {
            NeighborMessage answer = Advertise(address, outbox.Mac, isSolicited: true, isRouter);
            Send(ref outbox, in answer, isAnswer: true, new Peer(asker, address, 0, 0, link));
        }
    }

    /// <summary>Tells all hosts where an address is (RFC 5227, 2.3; RFC 4861, 7.2.6).</summary>
    /// <param name="outbox">Takes the frame.</param>
    /// <param name="address">The address.</param>
    public static void Announce(ref Outbox outbox, IpAddress address)
    {
        if (address.IsIpv4)
        {
            SendArp(ref outbox, Request(outbox.Mac, address.Ipv4, address.Ipv4), MacAddress.Broadcast);
        }
        else
        {
            NeighborMessage unasked = Advertise(address, outbox.Mac, isSolicited: false, isRouter: false);
            Send(ref outbox, in unasked, isAnswer: false, new Peer(AllHosts, address, 0, 0, GroupMac(AllHosts)));
        }
    }

    /// <summary>The link-layer address of an IPv6 group: RFC 2464, 7.</summary>
    internal static MacAddress GroupMac(IpAddress group) => new(0x3333_0000_0000 | (group.Low & 0xffff_ffff));

    private static ArpPacket Request(MacAddress mac, uint sender, uint target)
        => new() { Operation = ArpPacket.Request, SenderMac = mac, SenderAddress = sender, TargetAddress = target };

    private static NeighborMessage Advertise(IpAddress address, MacAddress mac, bool isSolicited, bool isRouter) => new()
    {
        Type = NeighborMessage.Advertisement,
        Target = address.Ipv6,
        IsRouter = isRouter,
        Solicited = isSolicited,
        Override = true,
        HasLink = true,
        Link = mac,
    };

    /// <summary>Sends an ARP packet; a reply leaves the room that connections need.</summary>
    private static void SendArp(ref Outbox outbox, in ArpPacket packet, MacAddress destination)
    {
        if (TryBegin(ref outbox, ArpPacket.Size, packet.Operation == ArpPacket.Reply, out PacketBuffer buffer))
        {
            packet.Write(buffer.Frame);
            outbox.SendFrame(buffer, destination, EtherType.Arp);
        }
    }

    private static void Send(ref Outbox outbox, in NeighborMessage message, bool isAnswer, in Peer peer)
    {
        if (TryBegin(ref outbox, NeighborMessage.SizeMax, isAnswer, out PacketBuffer buffer))
        {
            buffer.Trim(message.Write(buffer.Frame));
            outbox.SendIcmpv6(buffer, in peer, Outbox.LinkHopLimit);
        }
    }

    private static bool TryBegin(ref Outbox outbox, int length, bool isAnswer, out PacketBuffer buffer)
        => isAnswer ? outbox.TryBeginForStranger(length, out buffer) : outbox.TryBegin(length, out buffer);
}
