using System;
using Sos.Net.Wire;

namespace Sos.Net.Tcp;

/// <summary>The terms on which both sides agree as a connection opens.</summary>
internal struct Handshake
{
    public Peer Peer;

    /// <summary>The peer's first sequence number, of its SYN.</summary>
    public uint PeerSequence;

    /// <summary>Ours.</summary>
    public uint Sequence;

    /// <summary>Bytes that the peer takes in a segment, options included.</summary>
    public uint SegmentSize;

    /// <summary>By how much the peer's windows are shifted.</summary>
    public byte WindowShift;

    public bool HasWindowScale;
    public bool HasTimestamps;
    public bool HasSack;

    /// <summary>The peer's clock.</summary>
    public uint TimestampRecent;

    /// <summary>Reads what a SYN offers.</summary>
    public static Handshake FromSyn(in TcpSegment segment, in Peer peer)
    {
        uint least = peer.Remote.IsIpv4 ? TcpLimits.SegmentSizeDefaultIpv4 : TcpLimits.SegmentSizeDefaultIpv6;
        return new Handshake
        {
            Peer = peer,
            PeerSequence = segment.Header.Sequence,
            SegmentSize = segment.Options.SegmentSizeMax == 0 ? least : Math.Max(segment.Options.SegmentSizeMax, TcpLimits.SegmentSizeLeast),
            WindowShift = segment.Options.WindowShift,
            HasWindowScale = segment.Options.HasWindowScale,
            HasTimestamps = segment.Options.HasTimestamp,
            HasSack = segment.Options.SackPermitted,
            TimestampRecent = segment.Options.Timestamp,
        };
    }
}

/// <summary>How an acknowledgment stands to a handshake.</summary>
internal enum HandshakeStep : byte
{
    /// <summary>There is no handshake that it could belong to.</summary>
    None = 0,

    /// <summary>The handshake goes on without it.</summary>
    Waiting,

    /// <summary>The handshake is complete.</summary>
    Complete,
}

/// <summary>A connection of which the peer has not answered yet.</summary>
internal struct HalfOpen
{
    public Handshake Handshake;

    /// <summary>Answers sent; 0: the place is free.</summary>
    public int Answers;

    /// <summary>When the next is sent.</summary>
    public ulong AnswerAt;
}
