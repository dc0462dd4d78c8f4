using Sos.Net.Wire;
using Sos.Sdk.Memory;
using Sos.Sdk.Wire;

namespace Sos.Net.Tcp;

/// <summary>
/// Opens connections: answers SYNs, and again when the answer may be lost, until the peer acknowledges. When all places are used, cookies take their
/// place, and nothing is kept.
/// </summary>
internal struct HalfOpenTable
{
    private readonly MemoryBlock<HalfOpen> _places;
    private readonly KeyedHash _hash;
    private ulong _cookiesUntil;
    private int _used;

    /// <summary>Makes an empty table.</summary>
    public HalfOpenTable(MemoryBlock<HalfOpen> places, KeyedHash hash)
    {
        _places = places;
        _hash = hash;
    }

    /// <summary>SYNs that were answered with a cookie.</summary>
    public ulong Cookies { get; private set; }

    /// <summary>Answers a SYN.</summary>
    public void TakeSyn(in TcpSegment segment, in Peer peer, ref Outbox outbox, SegmentSizes sizes, Instant now)
    {
        Handshake offer = Handshake.FromSyn(in segment, in peer);
        int place = Find(in peer);
        if (place >= 0 && _places[place].Handshake.PeerSequence == offer.PeerSequence)
        {
            // The same SYN again: the same answer, by the way that it came now.
            _places[place].Handshake.Peer = peer;
            Answer(in _places[place].Handshake, ref outbox, sizes, now);
            return;
        }

        place = place >= 0 ? place : FindFree();
        if (place < 0)
        {
            offer.Sequence = new SynCookie(_hash).Make(in offer, now);
            _cookiesUntil = now.Ms + SynCookie.LifeMs;
            Cookies++;
        }
        else
        {
            // RFC 6528, 3: a clock of 4 microseconds, and a number for the flow.
            offer.Sequence = (uint)(now.Ms * 250) + (uint)peer.Hash(_hash);
            _used += _places[place].Answers == 0 ? 1 : 0;
            _places[place] = new HalfOpen { Handshake = offer, Answers = 1, AnswerAt = now.Ms + RetransmissionTimer.InitialMs };
        }

        Answer(in offer, ref outbox, sizes, now);
    }

    /// <summary>Looks whether an acknowledgment completes a handshake. One that is kept is forgotten with that.</summary>
    /// <param name="segment">An acknowledgment that belongs to no connection.</param>
    /// <param name="peer">Its flow.</param>
    /// <param name="now">The time.</param>
    /// <param name="handshake">What was agreed on, if it is complete.</param>
    public HandshakeStep Complete(in TcpSegment segment, in Peer peer, Instant now, out Handshake handshake)
    {
        handshake = default;
        uint sequence = segment.Header.Acknowledgment - 1;
        int place = Find(in peer);
        if (place < 0)
        {
            return now.Ms < _cookiesUntil ? CompleteCookie(in segment, in peer, now, out handshake) : HandshakeStep.None;
        }

        handshake = _places[place].Handshake;
        handshake.Peer = peer;
        if (handshake.Sequence != sequence)
        {
            return HandshakeStep.None;
        }

        // What comes first may be later data: the bare acknowledgment was lost or overtaken.
        if (segment.Header.Sequence - (handshake.PeerSequence + 1) >= TcpLimits.ReceiveBufferSize
            || segment.Options.HasTimestamp != handshake.HasTimestamps)
        {
            return HandshakeStep.Waiting;
        }

        Free(place);
        return HandshakeStep.Complete;
    }

    /// <summary>Forgets a handshake that the peer resets; its number must be the expected one.</summary>
    public void TakeReset(in TcpSegment segment, in Peer peer)
    {
        int place = Find(in peer);
        if (place >= 0 && segment.Header.Sequence == _places[place].Handshake.PeerSequence + 1)
        {
            Free(place);
        }
    }

    /// <summary>Answers again what was not acknowledged, and gives up in the end.</summary>
    public void RunTimers(ref Outbox outbox, Instant now, SegmentSizes sizes)
    {
        if (_used == 0)
        {
            return;
        }

        for (int i = 0; i < _places.Length; i++)
        {
            ref HalfOpen place = ref _places[i];
            if (place.Answers == 0 || now.Ms < place.AnswerAt)
            {
                continue;
            }

            if (place.Answers == TcpLimits.SynAnswersMax)
            {
                Free(i);
                continue;
            }

            place.AnswerAt = now.Ms + ((ulong)RetransmissionTimer.InitialMs << place.Answers);
            place.Answers++;
            Answer(in place.Handshake, ref outbox, sizes, now);
        }
    }

    /// <summary>Returns the number that is added to the clock for a flow's time stamps: the same for its SYN's answer and for the connection.</summary>
    public readonly uint TimestampOffset(in Peer peer) => (uint)(peer.Hash(_hash) >> 32);

    /// <summary>
    /// Reads a cookie. What has none is let fall: it may be later data of a peer whose first segment is still on its way, which a reset would end.
    /// </summary>
    private readonly HandshakeStep CompleteCookie(in TcpSegment segment, in Peer peer, Instant now, out Handshake handshake)
    {
        handshake = new Handshake
        {
            Peer = peer,
            Sequence = segment.Header.Acknowledgment - 1,
            PeerSequence = segment.Header.Sequence - 1,
            TimestampRecent = segment.Options.Timestamp,
        };
        bool isOurs = new SynCookie(_hash).TryRead(ref handshake, now) && segment.Options.HasTimestamp == handshake.HasTimestamps;
        return isOurs ? HandshakeStep.Complete : HandshakeStep.Waiting;
    }

    private readonly void Answer(in Handshake handshake, ref Outbox outbox, SegmentSizes sizes, Instant now)
    {
        TcpOptions options = new()
        {
            SegmentSizeMax = (ushort)sizes.For(handshake.Peer.Remote),
            SackPermitted = handshake.HasSack,
            HasWindowScale = handshake.HasWindowScale,
            HasTimestamp = handshake.HasTimestamps,
            Timestamp = (uint)now.Ms + TimestampOffset(in handshake.Peer),
            TimestampEcho = handshake.TimestampRecent,
        };
        TcpHeader header = new()
        {
            Sequence = handshake.Sequence,
            Acknowledgment = handshake.PeerSequence + 1,
            Flags = TcpFlags.Syn | TcpFlags.Ack,
            Window = TcpLimits.ReceiveBufferSize,
        };
        TcpOutput.SendBare(header, in options, in handshake.Peer, ref outbox);
    }

    private readonly int Find(in Peer peer)
    {
        for (int i = 0; _used != 0 && i < _places.Length; i++)
        {
            if (_places[i].Answers != 0 && _places[i].Handshake.Peer.IsSameFlow(in peer))
            {
                return i;
            }
        }

        return -1;
    }

    private readonly int FindFree()
    {
        for (int i = 0; _used != _places.Length && i < _places.Length; i++)
        {
            if (_places[i].Answers == 0)
            {
                return i;
            }
        }

        return -1;
    }

    private void Free(int place)
    {
        _places[place].Answers = 0;
        _used--;
    }
}
