namespace Sos.Net.Tcp;

/// <summary>The limits of connections, each with its reason.</summary>
public static class TcpLimits
{
    /// <summary>Connections at most: a few people, a few programs, and as many that are just closing.</summary>
    public const int ConnectionsMax = 16;

    /// <summary>Strangers' connections that one source keeps when there are too many: of more, one makes room at once for a source that has fewer.</summary>
    public const int PerSourceMax = 4;

    /// <summary>Milliseconds that a stranger's connection has before it may have to make room for another.</summary>
    public const ulong StrangerMs = 5000;

    /// <summary>Connections that are half open at most; when there are as many, SYN cookies take their place.</summary>
    public const int HalfOpenMax = 32;

    /// <summary>Bytes that wait to be sent or acknowledged, a power of two: a screenful many times over, and 10 Mbit/s at 25 ms.</summary>
    public const int SendBufferSize = 32 << 10;

    /// <summary>Bytes that wait to be read, a power of two: people type, and keys are small.</summary>
    public const int ReceiveBufferSize = 16 << 10;

    /// <summary>Bytes of data in a segment that every IPv4 host takes: RFC 9293, 3.7.1.</summary>
    public const uint SegmentSizeDefaultIpv4 = 536;

    /// <summary>The same for IPv6.</summary>
    public const uint SegmentSizeDefaultIpv6 = 1220;

    /// <summary>Bytes of data in a segment at least, whatever a peer or a router says: what it costs to send one is not worth less.</summary>
    public const uint SegmentSizeLeast = 48;

    /// <summary>
    /// Time-outs of one segment after which the peer is given up: with a wait of 250 ms that is 2 minutes, as long as silence is borne
    /// (<see cref="KeepAliveMs"/>); RFC 9293, 3.8.3 wants 100 s.
    /// </summary>
    public const int TimeoutsMax = 9;

    /// <summary>Answers to a SYN that are sent when no acknowledgment comes: 1, 2, 4 and 8 s.</summary>
    public const int SynAnswersMax = 4;

    /// <summary>Milliseconds in which old segments die: a minute, as Linux takes it.</summary>
    public const ulong TimeWaitMs = 60_000;

    /// <summary>Milliseconds that a peer has for its end after ours, and for taking what was written before.</summary>
    public const ulong LingerMs = 60_000;

    /// <summary>
    /// Milliseconds after which a peer that acknowledges nothing of a full buffer is given up, though it answers: half an hour, as a visitor has without a key.
    /// </summary>
    public const ulong StallMs = 30 * 60_000;

    /// <summary>Milliseconds without a word after which the peer is asked whether it lives: slots are few.</summary>
    public const ulong KeepAliveMs = 60_000;

    /// <summary>Milliseconds from one such question to the next.</summary>
    public const ulong KeepAliveStepMs = 15_000;

    /// <summary>Questions without an answer after which the peer is given up.</summary>
    public const int KeepAliveMax = 4;

    /// <summary>Challenge acknowledgments a second and connection (RFC 5961, 7): by connection, so that others learn nothing of them.</summary>
    public const int ChallengesPerSecond = 10;

    /// <summary>Bytes of a frame's headers before TCP's options: Ethernet, IPv6, TCP.</summary>
    internal const int HeadersMax = 14 + 40 + 20;
}
