using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using Sos.Firewall;
using Sos.Router.Control.Linux;
using Sos.Router.Filter;
using Sos.Router.Routes;
using Sos.Router.Tables;
using Sos.Sdk.Memory;
using Sos.Sdk.Packets;
using Sos.Sdk.Wire;

namespace Sos.Router.Control.Trace;

/// <summary>
/// Follows a packet through the table as the core does, by the core's own checks and lookups, and changes nothing in it. Two things the core alone knows:
/// limits of how often it answers, and whether Linux is silent. The tracer takes it that Linux answers.
/// </summary>
internal sealed unsafe class PacketTracer
{
    private const int Ethernet = EthernetHeader.UntaggedSize;
    private const uint Ipv4MtuMin = 68; // RFC 791, 3.2

    private readonly RouterTable _table;
    private readonly FilterMemory _rules;
    private readonly TableReader _reader;
    private readonly IReadOnlyList<string> _names;
    private readonly List<TraceStep> _steps = [];
    private RouterState _state;
    private InterfaceSettings _settings;
    private ulong _up;
    private byte[] _frame = [];
    private bool _isIpv6;
    private int _from;

    /// <summary>Begins with a router's table.</summary>
    /// <param name="table">The table.</param>
    /// <param name="rules">Where the core has Linux's rules from; null for nowhere.</param>
    /// <param name="names">Names of the interfaces, by number.</param>
    public PacketTracer(in RouterTable table, FilterMemory rules, IReadOnlyList<string> names)
    {
        _table = table;
        _rules = rules;
        _reader = new TableReader(table);
        _names = names;
    }

    /// <summary>Follows a packet.</summary>
    /// <param name="from">The interface that it comes in by.</param>
    /// <param name="frame">Its frame, without a VLAN's tag.</param>
    public PacketTrace Follow(int from, byte[] frame)
    {
        _steps.Clear();
        _from = from;
        _frame = frame;
        _state = _table.Header->State;
        _settings = _table.Header->Interfaces[from];
        _up = ReadUp();
        PacketClass kind = PacketSorter.Sort(frame, in _settings, _state, out int length);
        _isIpv6 = frame.Length > Ethernet && (EtherType)BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(12)) == EtherType.Ipv6;
        _steps.Add(new TraceStep("in", DescribeIn()));
        switch (kind)
        {
            case PacketClass.Malformed:
                return End(TraceVerdict.Dropped, "it is malformed");
            case PacketClass.Martian:
                return DropUnlessJudged("nobody can have its source or its destination");
            case PacketClass.Linux:
                return End(TraceVerdict.Linux, WhyLinux());
        }

        _frame = frame[..(Ethernet + length)];
        return !_isIpv6 && CheckSource() is { } end ? end : FollowRoute();
    }

    private static RouteAddress ToAddress(Ipv6Address address, bool isIpv6) => new(((UInt128)address.High << 64) | address.Low, isIpv6);

    private static string Text(Ipv6Address address, bool isIpv6) => RouteBits.Text(ToAddress(address, isIpv6));

    private ulong ReadUp()
    {
        VlanInterfaces interfaces = new(in _table);
        ulong up = 0;
        for (int port = 0; port < _reader.PortCount; port++)
        {
            up |= interfaces.UpOf(port);
        }

        return up;
    }

    private bool IsUp(int number) => number < RouterHeader.InterfacesMax && (_up >> number & 1) != 0;

    private string NameOf(int number) => number < _names.Count ? _names[number] : $"interface {number}";

    private string DescribeIn()
    {
        string filter = (_settings.Flags & InterfaceFlags.ReversePathStrict) != 0 ? "strict"
            : (_settings.Flags & InterfaceFlags.ReversePathLoose) != 0 ? "loose" : "off";
        bool forwards = (_settings.Flags & (_isIpv6 ? InterfaceFlags.Forwards6 : InterfaceFlags.Forwards4)) != 0;
        string family = _isIpv6 ? "IPv6" : "IPv4";
        return $"{NameOf(_from)}: {(forwards ? "forwards" : "does not forward")} {family}{(_isIpv6 ? "" : $", rp_filter {filter}")}";
    }

    private string WhyLinux()
    {
        (RouterState state, InterfaceFlags flag, string family) = _isIpv6
            ? (RouterState.Ipv6, InterfaceFlags.Forwards6, "IPv6")
            : (RouterState.Ipv4, InterfaceFlags.Forwards4, "IPv4");
        return (_state & state) == 0 ? $"{family} is left to Linux: the follower's log and 'sosctl router check' say why"
            : (_settings.Flags & flag) == 0 ? $"{NameOf(_from)} does not forward {family} ('sysctl net.{family.ToLowerInvariant()}.conf')"
            : _isIpv6 ? "its addresses are of the link, of a group or mapped, or it has hop-by-hop options"
            : "it goes to a group or to all, or has options";
    }

    private PacketTrace? CheckSource()
    {
        uint source = BinaryPrimitives.ReadUInt32BigEndian(_frame.AsSpan(Ethernet + 12));
        if ((_settings.Flags & (InterfaceFlags.ReversePathStrict | InterfaceFlags.ReversePathLoose)) != 0)
        {
            uint hop = Ipv4Routes.Lookup(in _table, source);
            if (!SourceCheck.PassesReversePath(in _table, _settings.Flags, _from, hop, out bool byLinux))
            {
                _steps.Add(new TraceStep("source", $"the way back is {Describe(hop)}"));
                return byLinux ? End(TraceVerdict.Linux, "the way back to its source is Linux's") : DropUnlessJudged("rp_filter: its source is elsewhere");
            }
        }

        if (SourceCheck.IsOwn(in _table, source))
        {
            return End(TraceVerdict.Linux, "its source is an address of this machine");
        }

        _steps.Add(new TraceStep("source", "accepted"));
        return null;
    }

    private PacketTrace FollowRoute()
    {
        Ipv6Address destination = ReadAddress(isSource: false);
        uint hop = Lookup(destination);
        ulong action = NextHopResolver.ReadAction(in _table, hop);
        _steps.Add(new TraceStep("next hop", $"{hop}: {Describe(hop)}"));
        if (NextHop.KindOf(action) == NextHopKind.Group)
        {
            action = NextHopResolver.Choose(in _table, action, HashFlow(), _up, out hop);
            _steps.Add(new TraceStep("member", $"{hop}: {Describe(hop)}"));
        }

        PacketTrace way = End(TraceVerdict.Linux, string.Empty) with { NextHop = hop, Gateway = GatewayOf(hop) };
        NextHopKind routed = NextHop.KindOf(action);
        if (routed is NextHopKind.Forward or NextHopKind.Connected || way.Gateway is not null)
        {
            way = way with { Out = NextHop.InterfaceOf(action), Mtu = _table.NextHops[hop].Mtu };
        }

        action = Reach(action, destination);
        if (NextHop.KindOf(action) == NextHopKind.Forward)
        {
            _steps.Add(new TraceStep("neighbour", $"{HopText.MacText(NextHop.MacOf(action))} on {NameOf(NextHop.InterfaceOf(action))}"));
            return Forward(way with { Mac = NextHop.MacOf(action) }, hop);
        }

        return NextHop.KindOf(action) switch
        {
            NextHopKind.NoRoute => Answer(way, RouterError.NoRoute, "no route leads there"),
            NextHopKind.Unreachable => Answer(way, RouterError.Unreachable, "its route says unreachable"),
            NextHopKind.Prohibited => Answer(way, RouterError.Prohibited, "its route says prohibited"),
            NextHopKind.Blackhole => Take(way, DropUnlessJudged("its route is a blackhole")),
            _ when routed == NextHopKind.Connected => Take(way, End(TraceVerdict.Linux, $"{Text(destination, _isIpv6)} has no known place on its link yet")),
            _ when way.Gateway is { } gateway
                => Take(way, End(TraceVerdict.Linux, $"the next router, {RouteBits.Text(gateway)}, has no known place on its link yet")),
            _ => Take(way, End(TraceVerdict.Linux, "its route is Linux's: an own address, a broadcast, or a device that is no interface of the router")),
        };
    }

    private PacketTrace Forward(PacketTrace way, uint hop)
    {
        int to = way.Out!.Value;
        ReadOnlySpan<byte> packet = _frame.AsSpan(Ethernet);
        if (to == _from || !IsUp(to))
        {
            return Take(way, End(
                TraceVerdict.Linux, to == _from ? "it would leave by the interface that it came in by: Linux may send a redirect" : $"{NameOf(to)} is down"));
        }

        if (packet[_isIpv6 ? 7 : 8] <= 1)
        {
            return Answer(way, RouterError.Expired, "its hops have come to their end");
        }

        uint mtu = _isIpv6 ? _table.NextHops[hop].Mtu : Math.Clamp(_table.NextHops[hop].Mtu, Ipv4MtuMin, ushort.MaxValue);
        bool isTooBig = packet.Length > mtu;
        if (isTooBig && (_isIpv6 || (packet[6] & 0x40) != 0))
        {
            return Answer(way, RouterError.TooBig, $"it has {packet.Length} bytes, and the way takes {mtu}");
        }

        if ((_state & (_isIpv6 ? RouterState.Filter6 : RouterState.Filter4)) != 0)
        {
            ForwardVerdict verdict = Judge(to);
            way = way with { Filter = verdict == ForwardVerdict.Forward ? "accept" : verdict == ForwardVerdict.Drop ? "drop" : "linux" };
            _steps.Add(new TraceStep("filter", way.Filter));
            if (verdict != ForwardVerdict.Forward)
            {
                return Take(way, verdict == ForwardVerdict.Drop
                    ? End(TraceVerdict.Dropped, "Linux's rules drop it")
                    : End(TraceVerdict.Linux, "a rule that only Linux can carry out may meet it: 'sosctl router check' names such rules"));
            }
        }

        return Take(way, End(TraceVerdict.Forwarded, isTooBig ? $"it leaves by {NameOf(to)}, in fragments" : $"it leaves by {NameOf(to)}"));
    }

    private PacketTrace Answer(PacketTrace way, IcmpErrorCode error, string reason)
    {
        if ((_state & (_isIpv6 ? RouterState.Filter6 : RouterState.Filter4)) != 0)
        {
            return Take(way, End(TraceVerdict.Linux, $"{reason}; Linux's rules judge the answer too"));
        }

        if (!MayAnswer())
        {
            return Take(way, End(TraceVerdict.Dropped, $"{reason}; it may not be answered with an error"));
        }

        Ipv6Address sender = ReadAddress(isSource: true);
        uint hop = Lookup(sender);
        ulong back = Reach(NextHopResolver.ReadAction(in _table, hop), sender);
        bool hasSource = hop < _table.NextHopCount && (_isIpv6
            ? (_table.NextHops[hop].Source6High | _table.NextHops[hop].Source6Low) != 0
            : _table.NextHops[hop].Source4 != 0);
        bool isPlain = NextHop.KindOf(back) == NextHopKind.Forward && IsUp(NextHop.InterfaceOf(back)) && hasSource
            && (!_isIpv6 || NextHop.InterfaceOf(back) == _from);
        _steps.Add(new TraceStep("way back", Describe(hop)));
        (byte type, byte code) = _isIpv6 ? (error.Type6, error.Code6) : (error.Type4, error.Code4);
        return Take(way, isPlain
            ? End(TraceVerdict.Answered, $"{reason}: {(_isIpv6 ? "ICMPv6" : "ICMP")} type {type} code {code}")
            : End(TraceVerdict.Linux, $"{reason}; the way back is not plain, and Linux answers"));
    }

    private bool MayAnswer()
    {
        ReadOnlySpan<byte> packet = _frame.AsSpan(Ethernet);
        if (!_isIpv6)
        {
            return IcmpError.MayAnswer4(packet);
        }

        MalformedReason reason = Ipv6ExtensionChain.Parse(packet[Ipv6Header.Size..], (IpProtocol)packet[6], out Ipv6ExtensionChain chain);
        return reason != MalformedReason.None || chain.Fragment.IsLater
            || IcmpError.MayAnswer6(packet, chain.Protocol, Ipv6Header.Size + chain.Length);
    }

    private ForwardVerdict Judge(int to)
    {
        PacketKey key = default;
        Samplers samplers = default;
        return TryOpenRules(out FilterTable rules)
            ? ForwardFilter.Judge(in rules, _from, to, _frame, ref key, default, ref samplers)
            : ForwardVerdict.Linux;
    }

    private bool TryOpenRules(out FilterTable rules)
    {
        rules = default;
        return !_rules.IsNull && MemoryOrdering.LoadAcquire(ref _rules.Header->Active) != 0
            && FilterTable.TryOpen(_rules.SlotOf(_rules.Header->Answered), FilterMemory.SlotSize, out rules);
    }

    private PacketTrace DropUnlessJudged(string reason)
    {
        bool isJudged = (_state & (RouterState.Filter4 | RouterState.Filter6)) != 0 && (!TryOpenRules(out FilterTable rules) || rules.HasPrerouting);
        return isJudged ? End(TraceVerdict.Linux, $"{reason}; Linux's rules may judge it before") : End(TraceVerdict.Dropped, reason);
    }

    private Ipv6Address ReadAddress(bool isSource)
    {
        ReadOnlySpan<byte> packet = _frame.AsSpan(Ethernet);
        return _isIpv6
            ? Ipv6Address.Read(packet[(isSource ? 8 : 24)..])
            : new Ipv6Address(0, BinaryPrimitives.ReadUInt32BigEndian(packet[(isSource ? 12 : 16)..]));
    }

    private uint Lookup(Ipv6Address address) => _isIpv6 ? Ipv6Routes.Lookup(in _table, address) : Ipv4Routes.Lookup(in _table, (uint)address.Low);

    private uint HashFlow()
    {
        bool isSymmetric = (_state & RouterState.HashSymmetric) != 0;
        return _isIpv6
            ? FlowHash.Ipv6(_frame, (_state & RouterState.HashPorts6) != 0, isSymmetric)
            : FlowHash.Ipv4(_frame, (_state & RouterState.HashPorts4) != 0, isSymmetric);
    }

    // Without the core's mark that the neighbour is in use.
    private ulong Reach(ulong action, Ipv6Address address)
        => NextHop.KindOf(action) != NextHopKind.Connected ? action
            : _reader.FindNeighbour(NextHop.InterfaceOf(action), ToAddress(address, _isIpv6)) is { } mac
                ? NextHop.ToAction(NextHopKind.Forward, NextHop.InterfaceOf(action), mac)
                : NextHop.ToAction(NextHopKind.Linux, NextHop.InterfaceOf(action));

    private RouteAddress? GatewayOf(uint hop)
    {
        Gateway gateway = hop < _table.NextHopCount ? _table.Gateways[hop] : default;
        return (gateway.Place & Gateway.Known) == 0 ? null : ToAddress(new Ipv6Address(gateway.High, gateway.Low), (gateway.Place & 0x100) != 0);
    }

    private string Describe(uint hop)
    {
        string way = HopText.Describe(_reader.ReadHop(hop), _names);
        return GatewayOf(hop) is { } gateway ? $"{way} via {RouteBits.Text(gateway)}" : way;
    }

    private PacketTrace End(TraceVerdict verdict, string reason) => new() { Verdict = verdict, Reason = reason, Steps = [.. _steps] };

    private static PacketTrace Take(PacketTrace way, PacketTrace end) => way with { Verdict = end.Verdict, Reason = end.Reason, Steps = end.Steps };
}
