using System;
using System.Buffers.Binary;
using Sos.Net.Tcp;
using Sos.Net.Wire;
using Sos.Sdk.Logging;
using Sos.Sdk.Memory;
using Sos.Sdk.Packets;
using Sos.Sdk.Time;
using Sos.Sdk.Wire;

namespace Sos.Net;

/// <summary>
/// A TCP/IP endpoint on a card that it shares: has addresses of its own, answers for them, and runs a session on each TCP connection. It opens no connection
/// itself. All memory is taken at the start; nothing is kept of a stranger.
/// </summary>
/// <typeparam name="TSession">The sessions.</typeparam>
/// <typeparam name="TContext">What they share.</typeparam>
public struct Endpoint<TSession, TContext>
    where TSession : unmanaged, ISession<TContext>
    where TContext : unmanaged
{
    /// <summary>Resets a second for segments that belong to nothing (RFC 1812, 4.3.2.8, by analogy).</summary>
    private const uint ResetsPerSecond = 100;

    private EndpointSettings _settings;
    private AddressBook _addresses;
    private TcpHost<TSession, TContext> _tcp;
    private IcmpResponder _icmp;
    private Outbox _outbox;
    private TokenBucket _resets;
    private bool _isLinkUp;

    /// <summary>Frames that were for the endpoint and broke a rule, or came from whom it does not answer.</summary>
    public ulong Refused { get; private set; }

    /// <summary>Connections in any state.</summary>
    public readonly int Connections => _tcp.Used;

    /// <summary>Connections that were opened.</summary>
    public readonly ulong Opened => _tcp.Opened;

    /// <summary>Connections that had to make room, or found none.</summary>
    public readonly ulong Crowded => _tcp.Crowded;

    /// <summary>SYNs that were answered with a cookie, since all half-open places were used.</summary>
    public readonly ulong Cookies => _tcp.Cookies;

    /// <summary>Addresses that another host claimed.</summary>
    public readonly ulong Conflicts => _addresses.Conflicts;

    /// <summary>Frames that were not sent for want of a buffer.</summary>
    public readonly ulong Lost => _outbox.Lost;

    /// <summary>Takes memory.</summary>
    /// <param name="arena">Where connections are kept.</param>
    /// <param name="pool">Where frames to be sent are taken from.</param>
    /// <param name="settings">The settings.</param>
    /// <param name="log">Where it is told what became of an address.</param>
    /// <param name="now">The TSC.</param>
    /// <returns>Whether the arena had room.</returns>
    public bool TryInitialize(Arena arena, PacketPool pool, in EndpointSettings settings, Log log, ulong now)
    {
        Trap.Unless(settings.TscKhz != 0, TrapCode.BadArgument);
        _settings = settings;
        _addresses = new AddressBook(in settings, log);
        _icmp = new IcmpResponder(settings.TscKhz, now);
        _outbox = new Outbox(pool, settings.Mac);
        _resets = new TokenBucket(Math.Max(settings.TscKhz * 1000 / ResetsPerSecond, 1), ResetsPerSecond / 5, now);
        return _tcp.TryInitialize(arena, in settings);
    }

    /// <summary>The state of an address.</summary>
    public readonly AddressState StateOf(IpAddress address) => _addresses.StateOf(address);

    /// <summary>Says whose a received frame is. VLAN tags are Linux's.</summary>
    public readonly FrameOwner OwnerOf(ReadOnlySpan<byte> frame)
    {
        if (frame.Length < EthernetHeader.UntaggedSize + Ipv4Header.SizeMin)
        {
            return FrameOwner.Host;
        }

        if (_settings.HasOwnMac && MacAddress.Read(frame) == _settings.Mac)
        {
            return FrameOwner.Endpoint;
        }

        ReadOnlySpan<byte> packet = frame[EthernetHeader.UntaggedSize..];
        return (EtherType)BinaryPrimitives.ReadUInt16BigEndian(frame[12..]) switch
        {
            EtherType.Ipv4 => IsIpv4(BinaryPrimitives.ReadUInt32BigEndian(packet[16..])) ? FrameOwner.Endpoint : FrameOwner.Host,
            EtherType.Ipv6 when packet.Length >= Ipv6Header.Size => OwnerOfIpv6(packet),
            EtherType.Arp when packet.Length >= ArpPacket.Size => OwnerOfArp(packet),
            _ => FrameOwner.Host,
        };
    }

    /// <summary>Takes a frame that is the endpoint's, or both's.</summary>
    public void Take(ref TContext context, ReadOnlySpan<byte> frame, ulong tsc)
    {
        Instant now = Instant.At(tsc, _settings.TscKhz);
        if (EthernetHeader.Parse(frame, out EthernetHeader ethernet) != MalformedReason.None
            || ethernet.TagCount != 0
            || ethernet.Source.IsGroup
            || !TakePacket(ref context, frame[ethernet.Length..], in ethernet, now))
        {
            Refused++;
        }
    }

    /// <summary>Runs what is due, and gives the frames that are to be sent.</summary>
    /// <param name="context">What the sessions share.</param>
    /// <param name="isLinkUp">Whether the card can send.</param>
    /// <param name="burst">Takes the frames; it is empty.</param>
    /// <param name="tsc">The TSC.</param>
    public void Poll(ref TContext context, bool isLinkUp, ref Burst burst, ulong tsc)
    {
        Instant now = Instant.At(tsc, _settings.TscKhz);
        if (isLinkUp && !_isLinkUp)
        {
            _addresses.Begin(now);
        }

        _isLinkUp = isLinkUp;
        if (isLinkUp)
        {
            _addresses.Poll(ref _outbox, now);
        }

        _tcp.Poll(ref context, ref _outbox, now);
        _outbox.TakeAll(ref burst);
    }

    /// <summary>Ends all connections, since their endpoint goes: peers are told by a reset, and need not wait until they believe it.</summary>
    /// <param name="context">What the sessions share.</param>
    /// <param name="burst">Takes the frames; it is empty.</param>
    /// <param name="tsc">The TSC.</param>
    public void End(ref TContext context, ref Burst burst, ulong tsc)
    {
        _tcp.EndAll(ref context, ref _outbox, Instant.At(tsc, _settings.TscKhz));
        _outbox.TakeAll(ref burst);
    }

    private readonly bool IsIpv4(uint address) => !_settings.Ipv4.IsUnspecified && _settings.Ipv4.Ipv4 == address;

    private readonly FrameOwner OwnerOfArp(ReadOnlySpan<byte> packet)
    {
        uint sender = BinaryPrimitives.ReadUInt32BigEndian(packet[14..]);
        uint target = BinaryPrimitives.ReadUInt32BigEndian(packet[24..]);
        return IsIpv4(sender) ? FrameOwner.Both : IsIpv4(target) ? FrameOwner.Endpoint : FrameOwner.Host;
    }

    private readonly FrameOwner OwnerOfIpv6(ReadOnlySpan<byte> packet)
    {
        Ipv6Address destination = Ipv6Address.Read(packet[24..]);
        if (!destination.IsMulticast)
        {
            return _addresses.Names(new IpAddress(destination)) ? FrameOwner.Endpoint : FrameOwner.Host;
        }

        // A group may be Linux's as well: of 2^24 addresses each has a chance.
        bool isTold = packet[6] == (byte)IpProtocol.Icmpv6 && destination is { High: 0xff02_0000_0000_0000, Low: 1 };
        return isTold || _addresses.IsInGroup(destination) ? FrameOwner.Both : FrameOwner.Host;
    }

    private bool TakePacket(ref TContext context, ReadOnlySpan<byte> packet, in EthernetHeader ethernet, Instant now)
    {
        switch (ethernet.Type)
        {
            case EtherType.Arp:
                bool isArp = ArpPacket.Parse(packet, out ArpPacket arp) == MalformedReason.None;
                if (isArp)
                {
                    _addresses.TakeArp(in arp, ref _outbox, now);
                }

                return isArp;
            case EtherType.Ipv4:
                return TakeIpv4(ref context, packet, in ethernet, now);
            case EtherType.Ipv6:
                return TakeIpv6(ref context, packet, in ethernet, now);
            default:
                return false;
        }
    }

    private bool TakeIpv4(ref TContext context, ReadOnlySpan<byte> packet, in EthernetHeader ethernet, Instant now)
    {
        // Nobody sends to one host by broadcast (RFC 1122, 3.3.6), and a segment in fragments is not for an endpoint that tells its segment size.
        if (Ipv4Header.Parse(packet, out Ipv4Header header) != MalformedReason.None || header.Fragment.IsFragment || ethernet.Destination.IsGroup)
        {
            return false;
        }

        Peer peer = new(IpAddress.FromIpv4(header.Source), IpAddress.FromIpv4(header.Destination), 0, 0, ethernet.Source);
        packet = packet[..header.TotalLength];
        ReadOnlySpan<byte> payload = packet[header.HeaderLength..];
        if (header.Protocol == IpProtocol.Icmp)
        {
            return InternetChecksum.IsValid(payload) && TakeIcmp(payload, in peer, now);
        }

        if (!IsAnswered(in peer))
        {
            return false;
        }

        switch (header.Protocol)
        {
            case IpProtocol.Tcp:
                return TakeTcp(ref context, payload, in peer, now);
            case IpProtocol.Udp:
                return TakeUdp(packet, payload, in peer, now);
            default:
                _icmp.Refuse(packet, in peer, isPort: false, 0, ref _outbox, now);
                return false;
        }
    }

    private bool TakeIpv6(ref TContext context, ReadOnlySpan<byte> packet, in EthernetHeader ethernet, Instant now)
    {
        if (Ipv6Header.Parse(packet, out Ipv6Header header) != MalformedReason.None)
        {
            return false;
        }

        packet = packet[..(Ipv6Header.Size + header.PayloadLength)];
        ReadOnlySpan<byte> payload = packet[Ipv6Header.Size..];
        if (Ipv6ExtensionChain.Parse(payload, header.NextHeader, out Ipv6ExtensionChain chain) != MalformedReason.None || chain.Fragment.IsFragment)
        {
            return false;
        }

        payload = payload[chain.Length..];
        Peer peer = new(new IpAddress(header.Source), new IpAddress(header.Destination), 0, 0, ethernet.Source);
        if (chain.Protocol == IpProtocol.Icmpv6 && IsIcmpv6Valid(payload, in peer) && payload.Length >= IcmpHeader.Size)
        {
            if (payload[0] is NeighborMessage.Solicitation or NeighborMessage.Advertisement or RouterAdvertisement.Type)
            {
                return header.HopLimit == Outbox.LinkHopLimit && TakeLinkMessage(payload, in peer, now);
            }

            return !ethernet.Destination.IsGroup && TakeIcmp(payload, in peer, now);
        }

        if (ethernet.Destination.IsGroup || !IsAnswered(in peer))
        {
            return false;
        }

        switch (chain.Protocol)
        {
            case IpProtocol.Tcp:
                return TakeTcp(ref context, payload, in peer, now);
            case IpProtocol.Udp:
                return TakeUdp(packet, payload, in peer, now);
            case IpProtocol.Icmpv6 or IpProtocol.NoNextHeader:
                return false;
            default:
                uint offset = chain.Count == 0 ? 6u : (uint)Ipv6Header.Size;
                _icmp.Refuse(packet, in peer, isPort: false, offset, ref _outbox, now);
                return false;
        }
    }

    /// <summary>Whether a packet is for an address in use, and of a host that may have sent it.</summary>
    private readonly bool IsForUs(in Peer peer) => peer.Remote.IsHost && peer.Remote != peer.Local && _addresses.Has(peer.Local);

    /// <summary>Whether the endpoint answers a packet at all.</summary>
    private readonly bool IsAnswered(in Peer peer) => IsForUs(in peer) && _settings.Sources.Contains(peer.Remote);

    private static bool IsIcmpv6Valid(ReadOnlySpan<byte> message, in Peer peer)
        => InternetChecksum.IsValid(message, TransportSum.PseudoHeader(peer.Remote, peer.Local, IpProtocol.Icmpv6, message.Length));

    private bool TakeLinkMessage(ReadOnlySpan<byte> message, in Peer peer, Instant now)
    {
        if (message[0] == RouterAdvertisement.Type)
        {
            bool isRouter = peer.Remote.High >> 54 == 0xfe80 >> 6 && RouterAdvertisement.TryParse(message, out RouterAdvertisement router)
                && TakeRouter(in router, now);
            return isRouter;
        }

        // A question from no address has no link-layer address, and goes to the group (RFC 4861, 7.1.1).
        if (!NeighborMessage.TryParse(message, out NeighborMessage neighbor)
            || peer.Remote.Ipv6.IsMulticast
            || (peer.Remote.IsUnspecified && (neighbor.HasLink || !peer.Local.Ipv6.IsMulticast)))
        {
            return false;
        }

        _addresses.TakeNeighbor(in neighbor, in peer, ref _outbox, now);
        return true;
    }

    private bool TakeRouter(in RouterAdvertisement router, Instant now)
    {
        _addresses.TakeRouter(in router, now);
        return true;
    }

    private bool TakeTcp(ref TContext context, ReadOnlySpan<byte> payload, in Peer peer, Instant now)
    {
        if (!TcpSegment.TryParse(payload, peer.Remote, peer.Local, out TcpSegment segment))
        {
            return false;
        }

        Peer flow = peer with { RemotePort = segment.Header.SourcePort, LocalPort = segment.Header.DestinationPort };
        if (_tcp.Take(ref context, in segment, in flow, ref _outbox, now))
        {
            return true;
        }

        if (!segment.IsRst && _resets.TryTake(1, now.Tsc))
        {
            TcpOutput.Refuse(in segment, in flow, ref _outbox);
        }

        return false;
    }

    private bool TakeUdp(ReadOnlySpan<byte> packet, ReadOnlySpan<byte> payload, in Peer peer, Instant now)
    {
        if (UdpHeader.Parse(payload, out UdpHeader header) == MalformedReason.None && header.DestinationPort != 0)
        {
            _icmp.Refuse(packet, in peer, isPort: true, 0, ref _outbox, now);
        }

        return false; // nothing is served by UDP
    }

    private bool TakeIcmp(ReadOnlySpan<byte> message, in Peer peer, Instant now)
    {
        if (message.Length < IcmpHeader.Size || !IsForUs(in peer))
        {
            return false;
        }

        bool isIpv4 = peer.Remote.IsIpv4;
        if (message[0] == (isIpv4 ? IcmpHeader.EchoRequest : Icmpv6Header.EchoRequest) && message[1] == 0)
        {
            bool isAnswered = _settings.Sources.Contains(peer.Remote);
            if (isAnswered)
            {
                _icmp.TakeEcho(message, in peer, ref _outbox, now);
            }

            return isAnswered;
        }

        // Any router on the way may say so, whether it is on the list or not: the segment's number proves that it saw it.
        if (IcmpResponder.TryReadTooBig(message, isIpv4, out Peer flow, out uint sequence, out uint packetSize))
        {
            _tcp.TakeTooBig(in flow, sequence, packetSize);
            return true;
        }

        return false;
    }
}
