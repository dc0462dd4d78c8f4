using System;
using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using Sos.Net.Wire;
using Sos.Router.Filter;
using Sos.Router.StandIn;
using Sos.Router.Tables;
using Sos.Sdk.Memory;
using Sos.Sdk.Packets;
using Sos.Sdk.Ports;
using Sos.Sdk.Services;
using Sos.Sdk.Statistics;
using Sos.Sdk.Time;
using Sos.Sdk.Wire;

namespace Sos.Router;

/// <summary>Decides on each packet of a burst, step by step for all of them, so that their memory reads overlap.</summary>
/// <typeparam name="TNic">A card's port.</typeparam>
/// <typeparam name="THost">A host port.</typeparam>
public unsafe struct Forwarder<TNic, THost>
    where TNic : unmanaged, IPort
    where THost : unmanaged, IPort
{
    private const int Ethernet = EthernetHeader.UntaggedSize;

    private const uint Ipv4MtuMin = 68; // RFC 791, 3.2
    private const uint Ipv4MtuMax = 65535;

    // Above every next hop's number.
    private const uint ToLinux = 1u << 30;
    private const uint DropReversePath = 1u << 31;

    private readonly RouterTable _table;
    private readonly PacketPool _pool;
    private readonly RouterCounters _counters;
    private ErrorLimit _limit;
    private readonly LinuxStandIn* _standIn;
    private readonly ForwardFilter* _filter;
    private ForwarderScratch _scratch;
    private RouterState _state;
    private InterfaceSettings _settings;
    private int _from;
    private ulong _up;
    private int _taggedCount;
    private ulong _now;
    private ushort _identification;

    /// <summary>Begins with no packet.</summary>
    /// <param name="setup">The service's setup.</param>
    /// <param name="table">The routes' memory.</param>
    /// <param name="pool">The buffers of all ports.</param>
    /// <param name="counters">What it counts.</param>
    /// <param name="standIn">The part of Linux that the core plays when Linux is silent.</param>
    /// <param name="filter">Linux's rules for forwarded packets.</param>
    public Forwarder(
        ref ServiceSetup setup, in RouterTable table, PacketPool pool, RouterCounters counters, LinuxStandIn* standIn, ForwardFilter* filter)
    {
        _standIn = standIn;
        _filter = filter;
        _table = table;
        _pool = pool;
        _counters = counters;
        _now = Tsc.Read();
        _identification = (ushort)_now;
        _limit = new ErrorLimit(setup.Clock.TicksFromNanoseconds(1_000_000_000), _now);
    }

    /// <summary>Looks at what holds for all packets of a pass.</summary>
    public void BeginPass(ref RouterPorts<TNic, THost> ports, ulong now)
    {
        _now = now;
        _state = (RouterState)MemoryOrdering.LoadAcquire(ref *(uint*)&_table.Header->State);
        _standIn->BeginPass(_state, now);
        _filter->BeginPass();
        _up = ports.BeginPass();
    }

    /// <summary>Looks at what Linux sends, if it matters.</summary>
    public void LookAtSent(ref Burst sent)
    {
        if (_standIn->Listens)
        {
            foreach (PacketBuffer buffer in sent.Buffers)
            {
                LookAtSent(buffer);
            }
        }
    }

    /// <summary>Sends what the core says on the links by itself.</summary>
    public void EndPass(ref RouterPorts<TNic, THost> ports) => _standIn->Send(ref ports);

    /// <summary>Forwards a burst, drops, or gives to Linux. All its buffers are passed on or freed.</summary>
    /// <param name="ports">The ports.</param>
    /// <param name="port">The one that it came by.</param>
    /// <param name="received">The burst.</param>
    public void Process(ref RouterPorts<TNic, THost> ports, int port, ref Burst received)
    {
        _taggedCount = 0;
        Process(ref ports, port, received.Buffers);
        if (_taggedCount > 0)
        {
            ProcessTagged(ref ports);
        }
    }

    /// <summary>Treats what came in by one interface.</summary>
    private void Process(ref RouterPorts<TNic, THost> ports, int from, ReadOnlySpan<PacketBuffer> received)
    {
        _from = from;
        _settings = _table.Header->Interfaces[from];
        int count4 = 0;
        int count6 = 0;
        foreach (PacketBuffer buffer in received)
        {
            switch (PacketSorter.Sort(buffer.Frame, in _settings, _state, out int length))
            {
                case PacketClass.Ipv4:
                    buffer.Trim(Ethernet + length); // what follows is padding
                    _scratch.Destinations4[count4] = BinaryPrimitives.ReadUInt32BigEndian(buffer.Frame[(Ethernet + 16)..]);
                    _scratch.Sources4[count4] = BinaryPrimitives.ReadUInt32BigEndian(buffer.Frame[(Ethernet + 12)..]);
                    _scratch.Packets4[count4++] = buffer;
                    break;
                case PacketClass.Ipv6:
                    buffer.Trim(Ethernet + length);
                    _scratch.Destinations6[count6] = Ipv6Address.Read(buffer.Frame[(Ethernet + 24)..]);
                    _scratch.Packets6[count6++] = buffer;
                    break;
                case PacketClass.Malformed:
                    Drop(buffer, _counters.Malformed);
                    break;
                case PacketClass.Martian:
                    DropUnlessJudged(ref ports, buffer, _counters.Martian);
                    break;
                default:
                    if (!TrySetAside(ref ports, buffer))
                    {
                        GiveToLinux(ref ports, buffer);
                    }

                    break;
            }
        }

        if (count4 > 0)
        {
            Process4(ref ports, count4);
        }

        if (count6 > 0)
        {
            Process6(ref ports, count6);
        }
    }

    // Frames of VLANs wait until those without a tag are through: all packets that are treated together came in by one interface.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool TrySetAside(ref RouterPorts<TNic, THost> ports, PacketBuffer buffer)
    {
        if (_from >= RouterHeader.PortsMax || !ports.TryTakeTag(_from, buffer, out int number))
        {
            return false;
        }

        _scratch.Tagged[_taggedCount] = buffer;
        _scratch.TaggedFrom[_taggedCount++] = (byte)number;
        return true;
    }

    // VLAN by VLAN, the frames of each in the order in which they came.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void ProcessTagged(ref RouterPorts<TNic, THost> ports)
    {
        Span<PacketBuffer> waiting = _scratch.Tagged;
        Span<byte> numbers = _scratch.TaggedFrom;
        int count = _taggedCount;
        while (count > 0)
        {
            int number = numbers[0];
            int same = 0;
            int others = 0;
            for (int i = 0; i < count; i++)
            {
                if (numbers[i] == number)
                {
                    _scratch.TaggedOfOne[same++] = waiting[i];
                }
                else
                {
                    waiting[others] = waiting[i];
                    numbers[others++] = numbers[i];
                }
            }

            count = others;
            Process(ref ports, number, _scratch.TaggedOfOne[..same]);
        }
    }

    private void Process4(ref RouterPorts<TNic, THost> ports, int count)
    {
        Span<uint> hops = _scratch.Hops[..count];
        Ipv4Routes.Lookup(in _table, _scratch.Destinations4[..count], hops);
        PrefetchHops(hops);
        if ((_settings.Flags & (InterfaceFlags.ReversePathStrict | InterfaceFlags.ReversePathLoose)) != 0)
        {
            Ipv4Routes.Lookup(in _table, _scratch.Sources4[..count], _scratch.SourceHops);
            for (int i = 0; i < hops.Length; i++)
            {
                bool passes = SourceCheck.PassesReversePath(in _table, _settings.Flags, _from, _scratch.SourceHops[i], out bool byLinux);
                hops[i] = passes ? hops[i] : byLinux ? ToLinux : DropReversePath;
            }
        }

        for (int i = 0; i < hops.Length; i++)
        {
            PacketBuffer buffer = _scratch.Packets4[i];
            uint hop = hops[i];
            if (hop == DropReversePath)
            {
                DropUnlessJudged(ref ports, buffer, _counters.ReversePath);
                continue;
            }

            if (hop == ToLinux || SourceCheck.IsOwn(in _table, _scratch.Sources4[i]))
            {
                ports.GiveToLinux(_from, buffer);
                continue;
            }

            ulong action = NextHopResolver.ReadAction(in _table, hop);
            if (NextHop.KindOf(action) == NextHopKind.Group)
            {
                uint hash = FlowHash.Ipv4(buffer.Frame, (_state & RouterState.HashPorts4) != 0, (_state & RouterState.HashSymmetric) != 0);
                action = NextHopResolver.Choose(in _table, action, hash, _up, out hop);
            }

            action = Reach(action, hop, new Ipv6Address(0, _scratch.Destinations4[i]), false);
            if (NextHop.KindOf(action) == NextHopKind.Forward)
            {
                Forward4(ref ports, buffer, action, hop);
            }
            else
            {
                Refuse(ref ports, buffer, NextHop.KindOf(action));
            }
        }
    }

    private void Process6(ref RouterPorts<TNic, THost> ports, int count)
    {
        Span<uint> hops = _scratch.Hops[..count];
        Ipv6Routes.Lookup(in _table, _scratch.Destinations6[..count], hops, _scratch.Spare);
        PrefetchHops(hops);
        for (int i = 0; i < hops.Length; i++)
        {
            PacketBuffer buffer = _scratch.Packets6[i];
            uint hop = hops[i];
            ulong action = NextHopResolver.ReadAction(in _table, hop);
            if (NextHop.KindOf(action) == NextHopKind.Group)
            {
                uint hash = FlowHash.Ipv6(buffer.Frame, (_state & RouterState.HashPorts6) != 0, (_state & RouterState.HashSymmetric) != 0);
                action = NextHopResolver.Choose(in _table, action, hash, _up, out hop);
            }

            action = Reach(action, hop, _scratch.Destinations6[i], true);
            if (NextHop.KindOf(action) == NextHopKind.Forward)
            {
                Forward6(ref ports, buffer, action, hop);
            }
            else
            {
                Refuse(ref ports, buffer, NextHop.KindOf(action));
            }
        }
    }

    /// <summary>Finds the neighbour that packets of a next hop go to; as long as Linux is silent, as the core itself knows it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ulong Reach(ulong action, uint hop, Ipv6Address destination, bool isIpv6)
    {
        bool isConnected = NextHop.KindOf(action) == NextHopKind.Connected;
        if (isConnected)
        {
            action = NextHopResolver.FindNeighbour(in _table, destination, isIpv6, NextHop.InterfaceOf(action));
        }

        return _standIn->IsSilent ? ReachWithoutLinux(action, hop, destination, isIpv6, isConnected) : action;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private ulong ReachWithoutLinux(ulong action, uint hop, Ipv6Address destination, bool isIpv6, bool isConnected)
    {
        if (isConnected)
        {
            return _standIn->Reach(action, destination, isIpv6, NextHop.InterfaceOf(action));
        }

        Gateway gateway = hop < _table.NextHopCount ? _table.Gateways[hop] : default;
        return (gateway.Place & Gateway.Known) == 0 || NextHop.KindOf(action) is not (NextHopKind.Forward or NextHopKind.Linux)
            ? action
            : _standIn->Reach(action, new Ipv6Address(gateway.High, gateway.Low), (gateway.Place & 0x100) != 0, (int)(gateway.Place & 0xff));
    }

    private void Forward4(ref RouterPorts<TNic, THost> ports, PacketBuffer buffer, ulong action, uint hop)
    {
        int to = NextHop.InterfaceOf(action);
        Span<byte> packet = buffer.Frame[Ethernet..];
        if (!CanLeave(to))
        {
            ports.GiveToLinux(_from, buffer);
            return;
        }

        if (packet[8] <= 1)
        {
            _counters.Expired.Increment();
            Answer4(ref ports, buffer, RouterError.Expired, 0);
            return;
        }

        int mtu = (int)Math.Clamp(_table.NextHops[hop].Mtu, Ipv4MtuMin, Ipv4MtuMax);
        bool mustNotCut = (packet[6] & 0x40) != 0;
        if (packet.Length > mtu && mustNotCut)
        {
            _counters.TooBig.Increment();
            Answer4(ref ports, buffer, RouterError.TooBig, (uint)mtu);
            return;
        }

        if ((_state & RouterState.Filter4) != 0 && !IsAccepted(ref ports, buffer, to))
        {
            return;
        }

        // RFC 1624: the TTL is the high byte of its word. 0xffff is never written, as Linux does not.
        packet[8]--;
        uint checksum = BinaryPrimitives.ReadUInt16BigEndian(packet[10..]) + 0x100u;
        BinaryPrimitives.WriteUInt16BigEndian(packet[10..], (ushort)(checksum + (checksum >= 0xffff ? 1u : 0)));
        WriteEthernet(buffer.Frame, action, to);
        CountUse(hop);
        if (packet.Length > mtu)
        {
            ports.CountForwarded(_from, to);
            Cut(ref ports, buffer, to, mtu);
        }
        else
        {
            ports.Forward(_from, to, buffer);
        }
    }

    private void Forward6(ref RouterPorts<TNic, THost> ports, PacketBuffer buffer, ulong action, uint hop)
    {
        int to = NextHop.InterfaceOf(action);
        Span<byte> packet = buffer.Frame[Ethernet..];
        if (!CanLeave(to))
        {
            ports.GiveToLinux(_from, buffer);
            return;
        }

        if (packet[7] <= 1)
        {
            _counters.Expired.Increment();
            Answer6(ref ports, buffer, RouterError.Expired, 0);
            return;
        }

        uint mtu = _table.NextHops[hop].Mtu;
        if (packet.Length > mtu)
        {
            _counters.TooBig.Increment();
            Answer6(ref ports, buffer, RouterError.TooBig, mtu);
            return;
        }

        if ((_state & RouterState.Filter6) != 0 && !IsAccepted(ref ports, buffer, to))
        {
            return;
        }

        packet[7]--;
        WriteEthernet(buffer.Frame, action, to);
        CountUse(hop);
        ports.Forward(_from, to, buffer);
    }

    // What would leave where it came in may need a redirect: that is Linux's, as long as it answers. So is what has no way out.
    private readonly bool CanLeave(int to) => (to != _from || _standIn->IsSilent) && IsUp(to);

    private readonly bool IsUp(int number) => number < RouterHeader.InterfacesMax && (_up >> number & 1) != 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly void CountUse(uint hop)
    {
        _table.NextHopsUsed[hop] = 1;
        _table.NextHopPackets[hop]++;
    }

    private readonly void WriteEthernet(Span<byte> frame, ulong action, int to)
    {
        new MacAddress(NextHop.MacOf(action)).Write(frame);
        new MacAddress(_table.Header->Interfaces[to].Mac).Write(frame[6..]);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private readonly void Cut(ref RouterPorts<TNic, THost> ports, PacketBuffer buffer, int to, int mtu)
    {
        ReadOnlySpan<byte> frame = buffer.Frame;
        int count = Fragmenter.CountFor(frame.Length - Ethernet, mtu);
        if (_pool.FreeCount < count)
        {
            Drop(buffer, _counters.NoBuffer);
            return;
        }

        _counters.Fragmented.Increment();
        for (int i = 0; i < count; i++)
        {
            if (_pool.TryAllocate(out PacketBuffer fragment))
            {
                Fragmenter.Write(frame, fragment, i, mtu);
                _counters.Fragments.Increment();
                ports.Send(to, fragment);
            }
        }

        _pool.Free(buffer);
    }

    /// <summary>Treats what is not to be forwarded: by route, or since Linux must see it.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Refuse(ref RouterPorts<TNic, THost> ports, PacketBuffer buffer, NextHopKind kind)
    {
        switch (kind)
        {
            case NextHopKind.NoRoute:
                _counters.NoRoute.Increment();
                Answer(ref ports, buffer, RouterError.NoRoute);
                break;
            case NextHopKind.Unreachable:
                _counters.Unreachable.Increment();
                Answer(ref ports, buffer, RouterError.Unreachable);
                break;
            case NextHopKind.Prohibited:
                _counters.Prohibited.Increment();
                Answer(ref ports, buffer, RouterError.Prohibited);
                break;
            case NextHopKind.Blackhole:
                DropUnlessJudged(ref ports, buffer, _counters.Blackhole);
                break;
            default:
                GiveToLinux(ref ports, buffer);
                break;
        }
    }

    /// <summary>Whether Linux's rules let a packet pass that is about to be forwarded. If not, it is gone: dropped, or Linux's to judge.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool IsAccepted(ref RouterPorts<TNic, THost> ports, PacketBuffer buffer, int to)
    {
        switch (_filter->Judge(_from, to, buffer.Frame))
        {
            case ForwardVerdict.Forward:
                return true;
            case ForwardVerdict.Drop:
                Drop(buffer, _counters.Filtered);
                return false;
            default:
                ports.GiveToLinux(_from, buffer);
                return false;
        }
    }

    // What is dropped where it is routed has met rules before, which may do something about it.
    private void DropUnlessJudged(ref RouterPorts<TNic, THost> ports, PacketBuffer buffer, Counter reason)
    {
        if ((_state & (RouterState.Filter4 | RouterState.Filter6)) != 0 && _filter->HasPrerouting)
        {
            ports.GiveToLinux(_from, buffer);
            return;
        }

        Drop(buffer, reason);
    }

    // What Linux says on a VLAN is as telling as what it says on the link itself.
    private readonly void LookAtSent(PacketBuffer buffer)
    {
        bool isTagged = FrameTag.Read(buffer.Frame) != 0;
        if (isTagged)
        {
            FrameTag.TakeOff(buffer);
        }

        _standIn->LookAtSent(buffer.Frame);
        if (isTagged)
        {
            FrameTag.PutBack(buffer);
        }
    }

    // What is asked of Linux may stay without an answer.
    private void GiveToLinux(ref RouterPorts<TNic, THost> ports, PacketBuffer buffer)
    {
        if (LinkMessage.IsLikely(buffer.Frame))
        {
            _standIn->LookAtReceived(_from, buffer.Frame);
        }

        ports.GiveToLinux(_from, buffer);
    }

    private void Answer(ref RouterPorts<TNic, THost> ports, PacketBuffer buffer, IcmpErrorCode error)
    {
        if (buffer.Frame[Ethernet] >> 4 == 4)
        {
            Answer4(ref ports, buffer, error, 0);
        }
        else
        {
            Answer6(ref ports, buffer, error, 0);
        }
    }

    /// <summary>Answers with an error, from the address that Linux would use on the way back; where that way is not plain, Linux answers.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Answer4(ref RouterPorts<TNic, THost> ports, PacketBuffer buffer, IcmpErrorCode error, uint mtu)
    {
        Span<byte> packet = buffer.Frame[Ethernet..];
        uint sender = BinaryPrimitives.ReadUInt32BigEndian(packet[12..]);
        if ((_state & RouterState.Filter4) != 0)
        {
            ports.GiveToLinux(_from, buffer); // Its rules judge the packet, and the error that it sends.
            return;
        }

        if (!IcmpError.MayAnswer4(packet))
        {
            _pool.Free(buffer);
            return;
        }

        uint hop = Ipv4Routes.Lookup(in _table, sender);
        ulong action = FindWayBack(hop, new Ipv6Address(0, sender), false);
        uint source = hop < _table.NextHopCount ? _table.NextHops[hop].Source4 : 0;
        if (NextHop.KindOf(action) != NextHopKind.Forward || !IsUp(NextHop.InterfaceOf(action)) || source == 0)
        {
            ports.GiveToLinux(_from, buffer);
            return;
        }

        if (IsHeldBack(error, sender) || !IcmpError.TryMake4(buffer, error, source, mtu, _identification++))
        {
            _pool.Free(buffer);
            return;
        }

        SendAnswer(ref ports, buffer, action, EtherType.Ipv4);
    }

    /// <inheritdoc cref="Answer4"/>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Answer6(ref RouterPorts<TNic, THost> ports, PacketBuffer buffer, IcmpErrorCode error, uint mtu)
    {
        Span<byte> packet = buffer.Frame[Ethernet..];
        Ipv6Address sender = Ipv6Address.Read(packet[8..]);
        if ((_state & RouterState.Filter6) != 0)
        {
            ports.GiveToLinux(_from, buffer);
            return;
        }

        // As for Linux: of a later fragment, and of what cannot be followed to its end, it is not known that it is an error.
        MalformedReason reason = Ipv6ExtensionChain.Parse(packet[Ipv6Header.Size..], (IpProtocol)packet[6], out Ipv6ExtensionChain chain);
        bool mayAnswer = reason != MalformedReason.None || chain.Fragment.IsLater
            || IcmpError.MayAnswer6(packet, chain.Protocol, Ipv6Header.Size + chain.Length);
        if (!mayAnswer)
        {
            _pool.Free(buffer);
            return;
        }

        uint hop = Ipv6Routes.Lookup(in _table, sender);
        ulong action = FindWayBack(hop, sender, true);
        Ipv6Address source = hop < _table.NextHopCount ? new Ipv6Address(_table.NextHops[hop].Source6High, _table.NextHops[hop].Source6Low) : default;

        // Whether it comes from the address of the way in or of the way out depends on Linux's version.
        if (NextHop.KindOf(action) != NextHopKind.Forward || NextHop.InterfaceOf(action) != _from || !IsUp(_from) || source == default)
        {
            ports.GiveToLinux(_from, buffer);
            return;
        }

        if (IsHeldBack(error, sender.High ^ sender.Low) || !IcmpError.TryMake6(buffer, error, source, mtu))
        {
            _pool.Free(buffer);
            return;
        }

        SendAnswer(ref ports, buffer, action, EtherType.Ipv6);
    }

    private ulong FindWayBack(uint hop, Ipv6Address sender, bool isIpv6)
        => Reach(NextHopResolver.ReadAction(in _table, hop), hop, sender, isIpv6);

    private bool IsHeldBack(IcmpErrorCode error, ulong destination)
    {
        bool isHeldBack = RouterError.IsLimited(error) && !_limit.TryTake(destination, _now);
        if (isHeldBack)
        {
            _counters.ErrorsLimited.Increment();
        }

        return isHeldBack;
    }

    private readonly void SendAnswer(ref RouterPorts<TNic, THost> ports, PacketBuffer buffer, ulong action, EtherType type)
    {
        int to = NextHop.InterfaceOf(action);
        WriteEthernet(buffer.Frame, action, to);
        BinaryPrimitives.WriteUInt16BigEndian(buffer.Frame[12..], (ushort)type);
        _counters.ErrorsSent.Increment();
        ports.Send(to, buffer);
    }

    private readonly void PrefetchHops(ReadOnlySpan<uint> hops)
    {
        if (Sse.IsSupported)
        {
            foreach (uint hop in hops)
            {
                Sse.Prefetch0(_table.NextHops + (hop & (RouterCapacity.NextHopsMax - 1)));
            }
        }
    }

    private readonly void Drop(PacketBuffer buffer, Counter reason)
    {
        reason.Increment();
        _pool.Free(buffer);
    }
}
