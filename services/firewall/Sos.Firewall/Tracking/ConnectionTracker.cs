using System;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Sos.Firewall.Connections;
using Sos.Firewall.Tables;
using Sos.Sdk.Memory;
using Sos.Sdk.Wire;

namespace Sos.Firewall.Tracking;

/// <summary>
/// Connection tracking as Linux has it (nf_conntrack), without translation, helpers and zones: says of each packet whether it is new, established, related,
/// invalid or untracked, and remembers flows. A packet of a flow changes it whatever the rules say; a flow begins once its first packet passed them.
/// </summary>
public struct ConnectionTracker
{
    private const byte IcmpTypeMax = 18; // NR_ICMP_TYPES: what is higher is a mystery

    private FlowTable _flows;
    private FlowSecret _secret;
    private MillisecondClock _clock;
    private Flow _begun;
    private FirstFragments _fragments;
    private bool _isLiberal;

    /// <summary>The flows.</summary>
    [UnscopedRef]
    public readonly ref readonly FlowTable Flows => ref _flows;

    /// <summary>The time.</summary>
    [UnscopedRef]
    public readonly ref readonly MillisecondClock Clock => ref _clock;

    /// <summary>Takes memory for flows.</summary>
    /// <param name="arena">The service's memory.</param>
    /// <param name="capacity">Flows at most.</param>
    /// <param name="secret">What puts them into buckets.</param>
    /// <param name="isLiberal">Whether TCP segments out of window are as good as others.</param>
    /// <returns>Whether there was enough.</returns>
    public bool TryMake(Arena arena, int capacity, FlowSecret secret, bool isLiberal)
    {
        _secret = secret;
        _isLiberal = isLiberal;
        return _flows.TryMake(arena, capacity);
    }

    /// <summary>Forgets all flows: what went on unseen may be in any state.</summary>
    public void Clear()
    {
        _flows.Clear();
        _fragments = default;
    }

    /// <summary>Tells the TSC's frequency.</summary>
    /// <inheritdoc cref="MillisecondClock.Begin"/>
    public void SetFrequency(ulong ticksPerMillisecond, ulong tsc) => _clock.Begin(ticksPerMillisecond, tsc);

    /// <summary>Goes on to a time, and forgets flows that expired, a few at a time.</summary>
    /// <param name="tsc">The TSC.</param>
    public void Advance(ulong tsc)
    {
        _clock.Advance(tsc);
        _flows.Sweep(in _clock);
    }

    /// <summary>Hashes a flow's ends, and asks for the memory of its bucket ahead.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly uint Hash(in FlowTuple tuple)
    {
        uint hash = _secret.Hash(in tuple);
        if (_flows.Capacity != 0)
        {
            _flows.PrefetchBucket(hash);
        }

        return hash;
    }

    /// <summary>Asks for the memory of a flow ahead.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void PrefetchFlow(uint hash)
    {
        if (_flows.Capacity != 0)
        {
            _flows.PrefetchFlow(hash);
        }
    }

    /// <summary>Tracks a packet. The next one may be tracked once this one's fate is known: see <see cref="Confirm"/>.</summary>
    /// <param name="read">The packet.</param>
    /// <param name="frame">Its frame.</param>
    /// <param name="isTrusted">Whether its checksum needs no check: the card has verified it, or Linux sends it.</param>
    /// <param name="packet">What is known of it.</param>
    public void Track(in ReadPacket read, ReadOnlySpan<byte> frame, bool isTrusted, out TrackedPacket packet)
    {
        packet = new TrackedPacket { State = ConnectionStates.Invalid };
        ref readonly ParsedFrame parsed = ref read.Parsed;
        if (parsed.Fragment.IsLater || IsTranslated(parsed.Protocol, parsed.IpVersion)
            || (!isTrusted && !parsed.Fragment.IsFragment && !PacketKeyReader.HasValidChecksum(frame, in parsed)))
        {
            return;
        }

        ReadOnlySpan<byte> transport = frame[parsed.TransportOffset..parsed.PacketEnd];
        if (parsed.Protocol is IpProtocol.Icmp or IpProtocol.Icmpv6 && IsMessage(in parsed, transport, ref packet))
        {
            return;
        }

        if (read.HasTuple)
        {
            TrackFlow(in read, transport, ref packet);
        }
    }

    /// <summary>Lets the flow begin whose first packet was tracked last: the rules let it pass, or Linux sent it.</summary>
    /// <param name="isSent">Whether Linux sent it.</param>
    public void Confirm(bool isSent)
    {
        _begun.Status |= FlowStatus.Confirmed;
        _begun.Origin |= isSent ? FlowOrigin.Linux : FlowOrigin.None;
        uint number = _flows.Capacity == 0 ? FlowTable.None : _flows.Add(in _begun, in _clock);
        if (number != FlowTable.None)
        {
            _flows.MoveTo(number, QueueOf(in _begun));
        }
    }

    /// <summary>Returns the mark of a packet's flow; 0 where it has none yet.</summary>
    /// <param name="read">The packet, which is still to be tracked: its flow may be over then.</param>
    public readonly uint MarkOf(in ReadPacket read)
    {
        uint number = NumberOf(in read);
        return number == FlowTable.None || _clock.IsPast(_flows[number].Expiry) ? 0 : _flows[number].Mark;
    }

    /// <summary>Returns the mark of the flow that an error is about.</summary>
    /// <param name="read">The error, which was tracked as <see cref="ConnectionStates.Related"/> to it.</param>
    /// <param name="frame">Its frame.</param>
    public readonly uint MarkOfConcerned(in ReadPacket read, ReadOnlySpan<byte> frame)
    {
        uint number = NumberOfConcerned(in read, frame);
        return number == FlowTable.None ? 0 : _flows[number].Mark;
    }

    /// <summary>Marks the flow of the packet that was tracked last, or the one that it begins. A flow that it ended is gone, and its mark with it.</summary>
    /// <param name="read">The packet, and what the tracker knows of it.</param>
    /// <param name="frame">Its frame.</param>
    /// <param name="mark">The mark.</param>
    public void SetMark(in ReadPacket read, ReadOnlySpan<byte> frame, uint mark)
    {
        if (read.Knowledge.Begins)
        {
            _begun.Mark = mark;
            return;
        }

        uint number = read.Knowledge.State == ConnectionStates.Related ? NumberOfConcerned(in read, frame) : NumberOf(in read);
        if (number != FlowTable.None)
        {
            _flows[number].Mark = mark;
        }
    }

    private readonly uint NumberOf(in ReadPacket read)
        => read.HasTuple && _flows.Capacity != 0 ? _flows.Find(in read.Tuple, read.Hash) : FlowTable.None;

    private readonly uint NumberOfConcerned(in ReadPacket read, ReadOnlySpan<byte> frame)
    {
        const int HeaderSize = 8; // RFC 792; RFC 4443, 2.1
        ReadOnlySpan<byte> message = frame[read.Parsed.TransportOffset..read.Parsed.PacketEnd];
        return message.Length >= HeaderSize && _flows.Capacity != 0
            && TupleReader.TryReadQuoted(message[HeaderSize..], read.Parsed.IpVersion, out FlowTuple tuple, out _, out _)
            ? _flows.Find(in tuple, _secret.Hash(in tuple))
            : FlowTable.None;
    }

    /// <summary>Whether a fragment that has no transport header belongs to a packet whose first fragment passed.</summary>
    /// <param name="parsed">The fragment.</param>
    public readonly bool FollowsFirst(in ParsedFrame parsed) => _fragments.Passed(NameOf(in parsed), in _clock);

    /// <summary>Notes that a packet's first fragment passed.</summary>
    /// <param name="parsed">The fragment.</param>
    public void NoteFirst(in ParsedFrame parsed) => _fragments.Note(NameOf(in parsed), in _clock);

    // RFC 791, 2.3; RFC 8200, 4.5.
    private readonly ulong NameOf(in ParsedFrame parsed)
    {
        FlowTuple tuple = FlowTuple.MakeFragment(
            parsed.IpVersion, parsed.Protocol, new Address128(parsed.Source.High, parsed.Source.Low),
            new Address128(parsed.Destination.High, parsed.Destination.Low), parsed.Fragment.Identification);
        return _secret.Name(in tuple);
    }

    /// <summary>Whether ICMP of one IP version is in a packet of the other.</summary>
    private static bool IsTranslated(IpProtocol protocol, int version)
        => (protocol == IpProtocol.Icmp && version == 6) || (protocol == IpProtocol.Icmpv6 && version == 4);

    /// <summary>Judges messages of ICMP that are no queries: errors, which are about another flow, and neighbour discovery.</summary>
    /// <returns>Whether it was one, or one that nobody knows.</returns>
    private readonly bool IsMessage(in ParsedFrame parsed, ReadOnlySpan<byte> message, ref TrackedPacket packet)
    {
        byte type = parsed.IcmpType;
        if (parsed.IpVersion == 4)
        {
            bool isError = type is 3 or 4 or 5 or 11 or 12; // RFC 792; RFC 1812, 5.2.7
            if (isError)
            {
                TrackError(in parsed, message, ref packet);
            }

            return isError || type > IcmpTypeMax;
        }

        if (type is >= 130 and <= 136 or 143)
        {
            packet.State = ConnectionStates.Untracked; // RFC 2710, RFC 3810, RFC 4861: it keeps the link itself going
            return true;
        }

        if (type >= 128)
        {
            return false;
        }

        TrackError(in parsed, message, ref packet);
        return true;
    }

    /// <summary>Finds the flow that an error is about: it quotes a packet of it, and goes to the end that sent that packet.</summary>
    private readonly void TrackError(in ParsedFrame parsed, ReadOnlySpan<byte> message, ref TrackedPacket packet)
    {
        const int HeaderSize = 8; // RFC 792; RFC 4443, 2.1
        if (message.Length < HeaderSize
            || !TupleReader.TryReadQuoted(message[HeaderSize..], parsed.IpVersion, out FlowTuple tuple, out bool isFromSecond, out Address128 sender)
            || sender.High != parsed.Destination.High || sender.Low != parsed.Destination.Low || _flows.Capacity == 0)
        {
            return;
        }

        uint number = _flows.Find(in tuple, _secret.Hash(in tuple));
        if (number == FlowTable.None || _clock.IsPast(_flows[number].Expiry))
        {
            return;
        }

        // It goes the way that answers to the quoted packet go.
        ref readonly Flow flow = ref _flows[number];
        packet.State = ConnectionStates.Related;
        packet.HasFlow = true;
        packet.Direction = DirectionOf(in flow, isFromSecond) ^ FlowDirection.Reply;
        packet.Status = flow.Status;
    }

    private void TrackFlow(in ReadPacket read, ReadOnlySpan<byte> transport, ref TrackedPacket packet)
    {
        uint number = _flows.Capacity == 0 ? FlowTable.None : _flows.Find(in read.Tuple, read.Hash);
        if (number != FlowTable.None && !_flows.RemoveExpired(number, in _clock) && !TryFollow(number, in read, transport, ref packet))
        {
            return;
        }

        if (!packet.HasFlow)
        {
            Begin(in read, transport, ref packet);
        }
    }

    /// <summary>Follows a flow by one of its packets.</summary>
    /// <returns>False where the packet is invalid; true also where the flow was over, so that it is gone and the packet begins another.</returns>
    private bool TryFollow(uint number, in ReadPacket read, ReadOnlySpan<byte> transport, ref TrackedPacket packet)
    {
        ref Flow flow = ref _flows[number];
        FlowDirection direction = DirectionOf(in flow, read.IsFromSecond);
        bool isReply = direction == FlowDirection.Reply;
        TcpFinding finding = TcpFinding.Belongs;
        if (read.Parsed.Protocol == IpProtocol.Tcp)
        {
            finding = TcpTracker.Follow(ref flow, direction, new TcpSegment(transport), _isLiberal, _clock.Now);
        }
        else
        {
            FollowDatagram(ref flow);
        }

        switch (finding)
        {
            case TcpFinding.Invalid:
                return false;
            case TcpFinding.Reopens:
                _flows.Remove(number);
                return true;
        }

        packet.HasFlow = true;
        packet.Direction = direction;
        packet.State = isReply || (flow.Status & FlowStatus.SeenReply) != 0 ? ConnectionStates.Established : ConnectionStates.New;
        flow.Status |= isReply ? FlowStatus.SeenReply : FlowStatus.None;
        packet.Status = flow.Status;
        if (read.Parsed is { Protocol: IpProtocol.Tcp, Fragment.IsFragment: true })
        {
            TcpTracker.NoteFragment(ref flow.Tcp);
        }

        if (finding == TcpFinding.Ends)
        {
            _flows.Remove(number);
        }
        else if (flow.Queue != QueueOf(in flow))
        {
            _flows.MoveTo(number, QueueOf(in flow));
        }

        return true;
    }

    private readonly void FollowDatagram(ref Flow flow)
    {
        bool isAnswered = (flow.Status & FlowStatus.SeenReply) != 0;
        uint timeout = FlowTimeouts.Other;
        switch (flow.Tuple.Protocol)
        {
            case IpProtocol.Udp or IpProtocol.UdpLite:
                bool isStream = isAnswered && !IsBeforeStream(in flow);
                timeout = isStream ? FlowTimeouts.DatagramStream : FlowTimeouts.Datagram;
                flow.Status |= isStream ? FlowStatus.Assured : FlowStatus.None;
                break;
            case IpProtocol.Icmp or IpProtocol.Icmpv6:
                timeout = FlowTimeouts.Icmp;
                break;
            case FlowTimeouts.GreProtocol:
                timeout = isAnswered ? FlowTimeouts.GreStream : FlowTimeouts.Gre;
                flow.Status |= isAnswered ? FlowStatus.Assured : FlowStatus.None;
                break;
        }

        flow.Expiry = _clock.Now + timeout;
    }

    private readonly bool IsBeforeStream(in Flow flow) => (int)(_clock.Now - flow.StreamFrom) <= 0;

    /// <summary>Makes the flow that a packet begins, in case it passes.</summary>
    private void Begin(in ReadPacket read, ReadOnlySpan<byte> transport, ref TrackedPacket packet)
    {
        _begun = default;
        _begun.Tuple = read.Tuple;
        _begun.Hash = read.Hash;
        _begun.Origin = read.IsFromSecond ? FlowOrigin.SecondEnd : FlowOrigin.None;
        switch (read.Parsed.Protocol)
        {
            case IpProtocol.Tcp:
                TcpSegment segment = new(transport);
                if (!TcpTracker.TryBegin(ref _begun, in segment)
                    || TcpTracker.Follow(ref _begun, FlowDirection.Original, in segment, _isLiberal, _clock.Now) != TcpFinding.Belongs)
                {
                    return;
                }

                break;
            case IpProtocol.Icmp or IpProtocol.Icmpv6 when read.IsFromSecond:
                return; // an answer that nobody asked for
            default:
                _begun.StreamFrom = _clock.Now + FlowTimeouts.StreamAfter;
                FollowDatagram(ref _begun);
                break;
        }

        packet.State = ConnectionStates.New;
        packet.HasFlow = true;
        packet.Begins = true;
    }

    private static FlowDirection DirectionOf(in Flow flow, bool isFromSecond)
        => isFromSecond == ((flow.Origin & FlowOrigin.SecondEnd) != 0) ? FlowDirection.Original : FlowDirection.Reply;

    /// <summary>The queue in which a flow stands by what is known of it. A handshake is not answered before the end that asked goes on with it.</summary>
    private static FlowQueue QueueOf(in Flow flow)
    {
        bool isHandshake = flow.Tuple.Protocol == IpProtocol.Tcp && flow.State is TcpState.SynSent or TcpState.SynReceived or TcpState.SynSent2;
        if ((flow.Status & FlowStatus.SeenReply) == 0 || isHandshake)
        {
            return (flow.Origin & FlowOrigin.Linux) != 0 ? FlowQueue.Passing : FlowQueue.Unanswered;
        }

        return flow.State is TcpState.TimeWait or TcpState.Close || (flow.Status & FlowStatus.Assured) == 0 ? FlowQueue.Passing : FlowQueue.Kept;
    }
}
