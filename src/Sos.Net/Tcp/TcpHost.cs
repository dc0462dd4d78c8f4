using System;
using Sos.Net.Wire;
using Sos.Sdk.Memory;

namespace Sos.Net.Tcp;

/// <summary>The TCP of an endpoint: listens at some ports, and runs a session on each connection.</summary>
/// <typeparam name="TSession">The sessions.</typeparam>
/// <typeparam name="TContext">What they share.</typeparam>
internal struct TcpHost<TSession, TContext>
    where TSession : unmanaged, ISession<TContext>
    where TContext : unmanaged
{
    /// <summary>Bytes of the options that a segment with time stamps has.</summary>
    private const uint TimestampSize = 12;

    /// <summary>Bytes of a connection's buffers: what is to be sent, and what is to be read.</summary>
    private const int BuffersSize = TcpLimits.SendBufferSize + TcpLimits.ReceiveBufferSize;

    private MemoryBlock<TcpConnection> _connections;
    private MemoryBlock<TSession> _sessions;
    private MemoryBlock<byte> _buffers;
    private HalfOpenTable _halfOpen;
    private SegmentSizes _sizes;
    private PortSet _ports;
    private int _used;
    private int _turn; // the place that came first in the last pass

    /// <summary>Connections in any state.</summary>
    public readonly int Used => _used;

    /// <summary>SYNs that were answered with a cookie.</summary>
    public readonly ulong Cookies => _halfOpen.Cookies;

    /// <summary>Connections that were opened.</summary>
    public ulong Opened { get; private set; }

    /// <summary>Connections that had to make room, and that found none.</summary>
    public ulong Crowded { get; private set; }

    /// <summary>Takes memory.</summary>
    /// <returns>Whether the arena had room.</returns>
    public bool TryInitialize(Arena arena, in EndpointSettings settings)
    {
        _ports = settings.Ports;
        _sizes = new SegmentSizes(settings.Mtu);
        if (!arena.TryAllocate(TcpLimits.ConnectionsMax, out _connections)
            || !arena.TryAllocate(TcpLimits.ConnectionsMax, out _sessions)
            || !arena.TryAllocate(TcpLimits.ConnectionsMax * BuffersSize, out _buffers)
            || !arena.TryAllocate(TcpLimits.HalfOpenMax, out MemoryBlock<HalfOpen> halfOpen))
        {
            return false;
        }

        _halfOpen = new HalfOpenTable(halfOpen, settings.Secret);
        return true;
    }

    /// <summary>Takes a segment of a host that may talk to the endpoint.</summary>
    /// <returns>Whether it belongs to anything here; else it may be refused.</returns>
    public bool Take(ref TContext context, in TcpSegment segment, in Peer peer, ref Outbox outbox, Instant now)
    {
        int place = Find(in peer);
        if (place >= 0 && !IsReused(in _connections[place], in segment))
        {
            ref TcpConnection connection = ref _connections[place];
            if (TcpInput.Take(ref connection, in segment, now))
            {
                connection.Peer = peer; // the way back may be another now
            }

            return true;
        }

        if (!_ports.Contains(peer.LocalPort))
        {
            return false;
        }

        if (segment.IsRst)
        {
            _halfOpen.TakeReset(in segment, in peer);
            return true;
        }

        if (segment.IsSyn && !segment.IsAck && !segment.IsFin)
        {
            if (place >= 0)
            {
                Release(ref context, place, now);
            }

            _halfOpen.TakeSyn(in segment, in peer, ref outbox, _sizes, now);
            return true;
        }

        if (!segment.IsAck || segment.IsSyn)
        {
            return false;
        }

        HandshakeStep step = _halfOpen.Complete(in segment, in peer, now, out Handshake handshake);
        return step == HandshakeStep.Waiting || (step == HandshakeStep.Complete && TryOpen(ref context, in handshake, in segment, now));
    }

    /// <summary>Sends smaller segments to a peer, if a router's message is about something that is on its way there (RFC 5927, 7.2).</summary>
    /// <param name="peer">The flow.</param>
    /// <param name="sequence">The number of the segment that was too large.</param>
    /// <param name="packetSize">Bytes of a packet that get through.</param>
    public void TakeTooBig(in Peer peer, uint sequence, uint packetSize)
    {
        int place = Find(in peer);
        if (place < 0)
        {
            return;
        }

        ref TcpConnection connection = ref _connections[place];
        uint size = SegmentSizes.ForPacket(peer.Remote, packetSize) - (connection.HasTimestamps ? TimestampSize : 0);
        if (connection.HasStream
            && sequence - connection.Sender.Unacknowledged < connection.Sender.Newest - connection.Sender.Unacknowledged
            && size < connection.Sender.SegmentSize)
        {
            connection.Sender.Shrink(size);
        }
    }

    /// <summary>
    /// Runs sessions and timers, and sends. Each connection comes first in its turn, so that no place takes all that sessions share and the room for frames.
    /// </summary>
    public void Poll(ref TContext context, ref Outbox outbox, Instant now)
    {
        _halfOpen.RunTimers(ref outbox, now, _sizes);
        _turn = NextUsed(_turn);
        for (int n = 0; _used != 0 && n < _connections.Length; n++)
        {
            int i = (_turn + n) % TcpLimits.ConnectionsMax;
            ref TcpConnection connection = ref _connections[i];
            if (!connection.IsUsed)
            {
                continue;
            }

            if (connection.HasSession)
            {
                RunSession(ref context, ref connection, ref _sessions[i], now);
            }
            else
            {
                // What still comes is of no use to anybody.
                connection.Receiver.Consume((int)connection.Receiver.Readable);
            }

            TcpOutput.Send(ref connection, ref outbox, now);
            if (connection.State == TcpState.Closed)
            {
                Release(ref context, i, now);
            }
        }
    }

    /// <summary>Resets all connections.</summary>
    public void EndAll(ref TContext context, ref Outbox outbox, Instant now)
    {
        for (int i = 0; _used != 0 && i < _connections.Length; i++)
        {
            if (_connections[i].IsUsed)
            {
                TcpOutput.Abort(ref _connections[i], ref outbox, now);
                Release(ref context, i, now);
            }
        }
    }

    /// <summary>Whether a SYN may open the flow of a connection that waits for old segments to die (RFC 6191).</summary>
    private static bool IsReused(in TcpConnection connection, in TcpSegment segment)
        => connection.State == TcpState.TimeWait && segment.IsSyn && !segment.IsAck && !segment.IsRst
            && SequenceRange.Before(connection.Receiver.Next, segment.Header.Sequence);

    private static void RunSession(ref TContext context, ref TcpConnection connection, ref TSession session, Instant now)
    {
        ReadOnlySpan<byte> received = connection.Receiver.Peek();
        while (!received.IsEmpty && !session.IsOver)
        {
            int taken = session.Receive(ref context, received, now);
            connection.Receiver.Consume(taken);
            received = taken == received.Length ? connection.Receiver.Peek() : default;
        }

        if (connection.State == TcpState.CloseWait && connection.Receiver.Readable == 0 && !session.IsOver)
        {
            session.PeerEnded(ref context, now);
        }

        while (connection.CanWrite && connection.Sender.Room > 0)
        {
            int given = session.Send(ref context, connection.Sender.WriteSpace(), now);
            if (given == 0)
            {
                break;
            }

            connection.Sender.Commit(given);
        }

        if (connection.CanWrite && connection.Sender.Room == 0 && connection.FullAt == 0)
        {
            connection.FullAt = Math.Max(now.Ms, 1);
        }

        if (session.IsOver)
        {
            session.Close(ref context, now);
            session = default;
            connection.HasSession = false;
            connection.Finish(now);
        }
    }

    private bool TryOpen(ref TContext context, in Handshake handshake, in TcpSegment segment, Instant now)
    {
        int place = FindPlace(ref context, handshake.Peer.Remote, now);
        if (place < 0)
        {
            Crowded++;
            return false;
        }

        MemoryBlock<byte> buffer = BufferOf(place);
        uint segmentSize = Math.Min(handshake.SegmentSize, _sizes.For(handshake.Peer.Remote));
        segmentSize = Math.Max(segmentSize - (handshake.HasTimestamps ? TimestampSize : 0), TcpLimits.SegmentSizeLeast - TimestampSize);
        ref TcpConnection connection = ref _connections[place];
        connection = new TcpConnection
        {
            State = TcpState.Established,
            Peer = handshake.Peer,
            Sender = new TcpSender(new SequenceRing(buffer.Slice(0, TcpLimits.SendBufferSize)), handshake.Sequence + 1, handshake.WindowShift, segmentSize),
            Receiver = new TcpReceiver(
                new SequenceRing(buffer.Slice(TcpLimits.SendBufferSize, TcpLimits.ReceiveBufferSize)), handshake.PeerSequence + 1),
            HasTimestamps = handshake.HasTimestamps,
            HasSack = handshake.HasSack,
            TimestampOffset = _halfOpen.TimestampOffset(in handshake.Peer),
            TimestampRecent = handshake.TimestampRecent,
            TimestampRecentAt = now.Ms,
            LastAcknowledged = handshake.PeerSequence + 1,
            IsUsed = true,
            HasSession = true,
        };
        connection.Sender.Begin(in segment);
        connection.OpenedAt = now.Ms;
        connection.Heard(now);
        _used++;
        Opened++;
        _sessions[place] = default;
        _sessions[place].Open(ref context, in connection.Peer, now);
        _ = TcpInput.Take(ref connection, in segment, now);
        return true;
    }

    /// <summary>Finds a place: a free one, that of a connection that only waits, or that of a stranger who has to go.</summary>
    private int FindPlace(ref TContext context, IpAddress source, Instant now)
    {
        int waiting = -1;
        for (int i = 0; i < _connections.Length; i++)
        {
            ref TcpConnection connection = ref _connections[i];
            if (!connection.IsUsed)
            {
                return i;
            }

            if (connection.State == TcpState.TimeWait)
            {
                waiting = waiting < 0 || connection.EndAt < _connections[waiting].EndAt ? i : waiting;
            }
        }

        int place = waiting >= 0 ? waiting : FindStranger(source, now);
        if (place >= 0)
        {
            Crowded += waiting >= 0 ? 0u : 1u;
            Release(ref context, place, now);
        }

        return place;
    }

    /// <summary>
    /// Finds the stranger who has to go for a new connection: one of the source that has most, of these the oldest. A source that has many gives a place to one
    /// that has fewer at once. Else a connection that has had its time gives its place to its own source, or to one that has fewer; never to one that has more.
    /// </summary>
    private readonly int FindStranger(IpAddress source, Instant now)
    {
        int own = CountStrangers(source);
        int found = -1;
        int weightMost = 0;
        for (int i = 0; i < _connections.Length; i++)
        {
            ref TcpConnection connection = ref _connections[i];
            if (!IsStranger(i))
            {
                continue;
            }

            IpAddress remote = connection.Peer.Remote;
            int crowd = CountStrangers(remote);
            bool isOld = now.Ms - connection.OpenedAt > TcpLimits.StrangerMs;
            bool mayGo = (crowd > TcpLimits.PerSourceMax && crowd > own + 1) || (isOld && (crowd > own || remote.IsSameSource(source)));

            // Of hosts that share a source, the one that has most.
            int weight = (crowd * TcpLimits.ConnectionsMax * 2) + CountStrangersAt(remote);
            bool isBetter = weight > weightMost || (weight == weightMost && connection.OpenedAt < _connections[found].OpenedAt);
            if (mayGo && isBetter)
            {
                found = i;
                weightMost = weight;
            }
        }

        return found;
    }

    /// <summary>Whether a connection is that of a peer who has not proven who it is, or only ends.</summary>
    private readonly bool IsStranger(int place)
        => _connections[place].IsUsed
            && _connections[place].State != TcpState.TimeWait
            && (!_connections[place].HasSession || !_sessions[place].IsTrusted);

    private readonly int CountStrangers(IpAddress source)
    {
        int count = 0;
        for (int i = 0; i < _connections.Length; i++)
        {
            count += IsStranger(i) && _connections[i].Peer.Remote.IsSameSource(source) ? 1 : 0;
        }

        return count;
    }

    private readonly int CountStrangersAt(IpAddress address)
    {
        int count = 0;
        for (int i = 0; i < _connections.Length; i++)
        {
            count += IsStranger(i) && _connections[i].Peer.Remote == address ? 1 : 0;
        }

        return count;
    }

    private void Release(ref TContext context, int place, Instant now)
    {
        ref TcpConnection connection = ref _connections[place];
        if (connection.HasSession)
        {
            _sessions[place].Close(ref context, now);
        }

        connection.HasSession = false;
        connection.IsUsed = false;
        connection.State = TcpState.Closed;
        _used--;

        // Passwords, and what was decrypted, do not stay in memory.
        _sessions[place] = default;
        BufferOf(place).Span.Clear();
    }

    private readonly MemoryBlock<byte> BufferOf(int place) => _buffers.Slice(place * BuffersSize, BuffersSize);

    /// <summary>Finds the used place that follows another; that one itself if there is no other.</summary>
    private readonly int NextUsed(int place)
    {
        for (int n = 1; _used != 0 && n < _connections.Length; n++)
        {
            int next = (place + n) % TcpLimits.ConnectionsMax;
            if (_connections[next].IsUsed)
            {
                return next;
            }
        }

        return place;
    }

    private readonly int Find(in Peer peer)
    {
        for (int i = 0; _used != 0 && i < _connections.Length; i++)
        {
            if (_connections[i].State != TcpState.Closed && _connections[i].Peer.IsSameFlow(in peer))
            {
                return i;
            }
        }

        return -1;
    }
}
