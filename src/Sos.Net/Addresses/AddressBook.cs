using System;
using System.Runtime.CompilerServices;
using Sos.Net.Wire;
using Sos.Sdk.Control;
using Sos.Sdk.Logging;
using Sos.Sdk.Packets;
using Sos.Sdk.Wire;

namespace Sos.Net;

/// <summary>
/// The endpoint's addresses: looks whether others have them before they are used (RFC 5227, RFC 4862), answers those who ask for them, and makes one of a
/// router's prefix. There is no list of neighbours: an answer goes back by the way that the question came.
/// </summary>
internal struct AddressBook
{
    private const int Ipv4Place = 0;
    private const int LinkPlace = 1;
    private const int GivenPlace = 2;
    private const int AutomaticPlace = 3;
    private const int Places = 4;

    /// <summary>Probes for an IPv4 address: RFC 5227, 1.1. Quarter seconds apart and not seconds: who needs a console needs it now.</summary>
    private const int ArpProbes = 3;

    private const ulong ArpProbeMs = 250;

    /// <summary>Probes for an IPv6 address, and the wait after the last: RFC 4862, 5.1.</summary>
    private const int NeighborProbes = 1;

    private const ulong NeighborProbeMs = 1000;

    /// <summary>Announcements of an address that is used from now on: RFC 5227, 2.3.</summary>
    private const int Announcements = 2;

    private const ulong AnnouncementMs = 2000;

    /// <summary>Milliseconds between two defences of an address: RFC 5227, 2.4 b.</summary>
    private const ulong DefenceMs = 10_000;

    /// <summary>Milliseconds after which an address that another host had is looked for again: RFC 5227, 2.1.1.</summary>
    private const ulong ConflictMs = 60_000;

    /// <summary>Questions for routers, and the time between: RFC 4861, 10.</summary>
    private const int RouterQuestions = 3;

    private const ulong RouterQuestionMs = 4000;

    /// <summary>Milliseconds to which a router may shorten an address's life, unless it is shorter already: RFC 4862, 5.5.3 e.</summary>
    private const ulong LifeLeastMs = 2 * 3600 * 1000;

    /// <summary>Milliseconds in which a router repeats its prefix: RFC 4861, 6.2.1. One that is not repeated gives way to another.</summary>
    private const ulong RepeatMs = 30 * 60_000;

    private const ulong LinkPrefix = 0xfe80_0000_0000_0000;

    /// <summary>The group of all routers of the link.</summary>
    private static IpAddress AllRouters => new(new Ipv6Address(0xff02_0000_0000_0000, 2));

    private readonly MacAddress _mac;
    private readonly bool _isAutomatic;
    private readonly Log _log;
    private Slots _addresses;
    private int _questions;
    private ulong _questionAt;

    /// <summary>Lists the addresses of the settings, none of them in use yet.</summary>
    public AddressBook(in EndpointSettings settings, Log log)
    {
        _mac = settings.Mac;
        _isAutomatic = settings.IsAutomatic;
        _log = log;
        _addresses[Ipv4Place].Address = settings.Ipv4;
        _addresses[GivenPlace].Address = settings.Ipv6;
        if (_isAutomatic)
        {
            _addresses[LinkPlace].Address = MakeAddress(LinkPrefix);
        }
    }

    /// <summary>Conflicts with other hosts.</summary>
    public ulong Conflicts { get; private set; }

    /// <summary>The IPv4 address, whether it is used or not; unspecified if there is none.</summary>
    public readonly IpAddress Ipv4 => _addresses[Ipv4Place].Address;

    /// <summary>Begins anew: a link has come up, and others may be there now.</summary>
    public void Begin(Instant now)
    {
        for (int i = 0; i < Places; i++)
        {
            if (!_addresses[i].Address.IsUnspecified)
            {
                Begin(ref _addresses[i], now);
            }
        }

        _questions = 0;
        _questionAt = _isAutomatic ? Math.Max(now.Ms, 1) : 0;
    }

    /// <summary>Whether an address is the endpoint's and in use.</summary>
    public readonly bool Has(IpAddress address) => Find(address) is var place && place >= 0 && _addresses[place].State == AddressState.Ready;

    /// <summary>Whether an address is the endpoint's, in use or not.</summary>
    public readonly bool Names(IpAddress address) => Find(address) >= 0;

    /// <summary>The state of an address.</summary>
    public readonly AddressState StateOf(IpAddress address) => Find(address) is var place && place >= 0 ? _addresses[place].State : AddressState.None;

    /// <summary>Whether an IPv6 group is one in which an address of the endpoint is asked for (RFC 4291, 2.7.1).</summary>
    public readonly bool IsInGroup(Ipv6Address group)
    {
        if (group.High != 0xff02_0000_0000_0000 || group.Low >> 24 != 0x0000_0001_ff)
        {
            return false;
        }

        for (int i = LinkPlace; i < Places; i++)
        {
            if (_addresses[i].State != AddressState.None && ((_addresses[i].Address.Low ^ group.Low) & 0xff_ffff) == 0)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Sends what is due.</summary>
    public void Poll(ref Outbox outbox, Instant now)
    {
        for (int i = 0; i < Places; i++)
        {
            ref LocalAddress address = ref _addresses[i];
            if (address.ValidUntil != 0 && now.Ms >= address.ValidUntil)
            {
                address = default;
                _log.Write(LogSeverity.Warning, "endpoint: an address that a router gave is no longer valid"u8);
            }
            else if (address.NextAt != 0 && now.Ms >= address.NextAt)
            {
                Step(ref address, ref outbox, now);
            }
        }

        if (_questionAt != 0 && now.Ms >= _questionAt)
        {
            AskRouters(ref outbox, now);
        }
    }

    /// <summary>Takes an ARP packet: answers a question, or sees that another host has an address of ours.</summary>
    public void TakeArp(in ArpPacket packet, ref Outbox outbox, Instant now)
    {
        ref LocalAddress address = ref _addresses[Ipv4Place];
        if (address.State == AddressState.None)
        {
            return;
        }

        bool isOther = packet.SenderMac != _mac;
        bool isClaim = packet.SenderAddress == address.Address.Ipv4;
        bool isProbe = packet.Operation == ArpPacket.Request && packet.SenderAddress == 0 && packet.TargetAddress == address.Address.Ipv4;
        if (isOther && (isClaim || (isProbe && address.State == AddressState.Tentative)))
        {
            Contest(ref address, ref outbox, now);
        }
        else if (address.State == AddressState.Ready
            && packet.Operation == ArpPacket.Request
            && packet.TargetAddress == address.Address.Ipv4
            && !packet.SenderMac.IsGroup)
        {
            LinkMessages.Answer(ref outbox, address.Address, IpAddress.FromIpv4(packet.SenderAddress), packet.SenderMac);
        }
    }

    /// <summary>Takes a solicitation or an advertisement that came with the right hop limit.</summary>
    public void TakeNeighbor(in NeighborMessage message, in Peer peer, ref Outbox outbox, Instant now)
    {
        int place = Find(new IpAddress(message.Target));
        if (place < 0)
        {
            return;
        }

        ref LocalAddress address = ref _addresses[place];
        if (message.Type == NeighborMessage.Advertisement)
        {
            if (!message.HasLink || message.Link != _mac)
            {
                Contest(ref address, ref outbox, now);
            }

            return;
        }

        if (peer.Remote.IsUnspecified)
        {
            // Somebody else looks whether the address is free. Our own question may come back from a switch.
            if (address.State == AddressState.Tentative && peer.Link != _mac)
            {
                Contest(ref address, ref outbox, now);
            }
            else if (address.State == AddressState.Ready && peer.Link != _mac)
            {
                LinkMessages.Answer(ref outbox, address.Address, asker: default, link: default);
            }
        }
        else if (address.State == AddressState.Ready)
        {
            LinkMessages.Answer(ref outbox, address.Address, peer.Remote, message.HasLink && !message.Link.IsGroup ? message.Link : peer.Link);
        }
    }

    /// <summary>Takes a router's message that came with the right hop limit: makes an address of its prefix, or changes its life.</summary>
    public void TakeRouter(in RouterAdvertisement message, Instant now)
    {
        if (!_isAutomatic)
        {
            return;
        }

        _questionAt = 0;
        if (!message.HasPrefix)
        {
            return;
        }

        ref LocalAddress address = ref _addresses[AutomaticPlace];
        bool isForEver = message.ValidSeconds == uint.MaxValue;
        ulong until = isForEver ? 0 : now.Ms + (message.ValidSeconds * 1000UL);
        bool isSame = address.Address.High == message.Prefix;
        if (address.State != AddressState.None && !isSame && message.ValidSeconds != 0 && now.Ms - address.ToldAt > RepeatMs)
        {
            address = default;
            _log.Write(LogSeverity.Warning, "endpoint: a router gives another prefix, the address of the one before is given up"u8);
        }

        if (address.State == AddressState.None)
        {
            if (message.ValidSeconds != 0)
            {
                address.Address = MakeAddress(message.Prefix);
                address.ValidUntil = until;
                address.ToldAt = now.Ms;
                Begin(ref address, now);
            }
        }
        else if (isSame)
        {
            address.ToldAt = message.ValidSeconds != 0 ? now.Ms : address.ToldAt;
            ulong rest = address.ValidUntil == 0 ? ulong.MaxValue : address.ValidUntil - Math.Min(now.Ms, address.ValidUntil);
            ulong offered = message.ValidSeconds * 1000UL;
            if (isForEver || offered > LifeLeastMs || offered > rest)
            {
                address.ValidUntil = until;
            }
            else if (rest > LifeLeastMs)
            {
                address.ValidUntil = now.Ms + LifeLeastMs;
            }
        }
    }

    private static void Begin(ref LocalAddress address, Instant now)
    {
        address.State = AddressState.Tentative;
        address.Sent = 0;
        address.NextAt = Math.Max(now.Ms, 1);
    }

    private void Step(ref LocalAddress address, ref Outbox outbox, Instant now)
    {
        bool isIpv4 = address.Address.IsIpv4;
        if (address.State == AddressState.Conflict)
        {
            Begin(ref address, now);
        }

        if (address.State == AddressState.Tentative)
        {
            if (address.Sent < (isIpv4 ? ArpProbes : NeighborProbes))
            {
                address.Sent++;
                address.NextAt = now.Ms + (isIpv4 ? ArpProbeMs : NeighborProbeMs);
                LinkMessages.Ask(ref outbox, address.Address, source: default);
                return;
            }

            address.State = AddressState.Ready;
            address.Sent = 0;
            address.IsConflictTold = false;
            _log.Write(
                LogSeverity.Notice,
                isIpv4 ? "endpoint: its IPv4 address is in use"u8 : "endpoint: an IPv6 address is in use, its last 64 bits are"u8,
                isIpv4 ? address.Address.Ipv4 : address.Address.Low);
        }

        LinkMessages.Announce(ref outbox, address.Address);
        address.Sent++;
        address.NextAt = address.Sent < Announcements ? now.Ms + AnnouncementMs : 0;
    }

    /// <summary>Gives an address up for a minute that was not used yet, and defends one that is, though not more often than it may (RFC 5227, 2.4 b).</summary>
    private void Contest(ref LocalAddress address, ref Outbox outbox, Instant now)
    {
        if (address.State == AddressState.Tentative)
        {
            address.State = AddressState.Conflict;
            address.NextAt = now.Ms + ConflictMs;
            Conflicts++;
            TellConflict(ref address);
        }
        else if (address.State == AddressState.Ready && (address.DefendedAt == 0 || now.Ms - address.DefendedAt >= DefenceMs))
        {
            address.DefendedAt = Math.Max(now.Ms, 1);
            Conflicts++;
            LinkMessages.Announce(ref outbox, address.Address);
            _log.Write(
                LogSeverity.Warning,
                "endpoint: another host claims its address"u8,
                address.Address.IsIpv4 ? address.Address.Ipv4 : address.Address.Low);
        }
    }

    /// <summary>Tells once that another host has an address, however often it is looked for until it is free.</summary>
    private readonly void TellConflict(ref LocalAddress address)
    {
        if (!address.IsConflictTold)
        {
            address.IsConflictTold = true;
            _log.Write(
                LogSeverity.Error,
                "endpoint: another host has its address, tried again each minute: give it one that is free"u8,
                address.Address.IsIpv4 ? address.Address.Ipv4 : address.Address.Low);
        }
    }

    private void AskRouters(ref Outbox outbox, Instant now)
    {
        // From the address of the link if it is ready; else from none, without a link-layer address (RFC 4861, 4.1).
        if (outbox.TryBegin(8, out PacketBuffer buffer))
        {
            buffer.Frame.Clear();
            buffer.Frame[0] = RouterAdvertisement.SolicitationType;
            IpAddress source = _addresses[LinkPlace].State == AddressState.Ready ? _addresses[LinkPlace].Address : default;
            outbox.SendIcmpv6(buffer, new Peer(AllRouters, source, 0, 0, LinkMessages.GroupMac(AllRouters)), Outbox.LinkHopLimit);
        }

        _questions++;
        _questionAt = _questions < RouterQuestions ? now.Ms + RouterQuestionMs : 0;
    }

    /// <summary>
    /// Makes an address of a prefix (RFC 7217): the same one each time, and not the one that Linux makes of the same link-layer address.
    /// </summary>
    private readonly IpAddress MakeAddress(ulong prefix)
    {
        ulong identifier = new KeyedHash(0x534f_5320_656e_6470, 0x6f69_6e74_2069_6964).Of(prefix, _mac.Value, 0);

        // Neither a router's anycast address nor one of the reserved (RFC 5453).
        return new IpAddress(new Ipv6Address(prefix, identifier >> 32 is 0 or 0xfdff_ffff ? identifier ^ (1UL << 48) : identifier));
    }

    private readonly int Find(IpAddress address)
    {
        for (int i = 0; i < Places; i++)
        {
            if (_addresses[i].State != AddressState.None && _addresses[i].Address == address)
            {
                return i;
            }
        }

        return -1;
    }

    [InlineArray(Places)]
    private struct Slots
    {
        private LocalAddress _first;
    }
}
