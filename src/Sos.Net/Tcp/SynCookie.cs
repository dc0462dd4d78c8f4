namespace Sos.Net.Tcp;

/// <summary>
/// A first sequence number that holds what a SYN offered and proves that we sent it, so that nothing has to be kept of a stranger (RFC 4987, 3.6).
/// </summary>
/// <remarks>
/// 24 bits of a keyed hash over flow, the peer's number and the minute; 2 bits for the segment size, 4 for the window's shift (15: none), one each for
/// selective acknowledgments and time stamps. Guessing one takes some eight million acknowledgments; what is gained by it is a connection that is not trusted.
/// </remarks>
internal readonly struct SynCookie(KeyedHash hash)
{
    /// <summary>Milliseconds, as a power of two, for which a cookie is made: 65 s. It is taken for as long again.</summary>
    private const int EpochShift = 16;

    private const uint OptionBits = 0xff;
    private const uint NoScale = 15;

    /// <summary>Milliseconds for which a cookie may be answered at most.</summary>
    public const ulong LifeMs = 2UL << EpochShift;

    /// <summary>Makes the first sequence number for a SYN's answer.</summary>
    public uint Make(in Handshake offer, Instant now)
    {
        uint options = (SizeIndex(offer.SegmentSize) << 6)
            | ((offer.HasWindowScale ? offer.WindowShift : NoScale) << 2)
            | (offer.HasSack ? 2u : 0)
            | (offer.HasTimestamps ? 1u : 0);
        return (Proof(in offer, options, now.Ms >> EpochShift) & ~OptionBits) | options;
    }

    /// <summary>Reads an acknowledged cookie.</summary>
    /// <param name="handshake">Flow and both sequence numbers are given; the rest is filled in.</param>
    /// <param name="now">The time.</param>
    /// <returns>Whether we made it, not long ago.</returns>
    public bool TryRead(ref Handshake handshake, Instant now)
    {
        uint options = handshake.Sequence & OptionBits;
        ulong epoch = now.Ms >> EpochShift;
        uint proof = handshake.Sequence & ~OptionBits;
        bool isNow = (Proof(in handshake, options, epoch) & ~OptionBits) == proof;
        bool wasBefore = (Proof(in handshake, options, epoch - 1) & ~OptionBits) == proof;
        uint shift = (options >> 2) & 15;
        handshake.SegmentSize = SizeOf(options >> 6);
        handshake.HasWindowScale = shift != NoScale;
        handshake.WindowShift = shift == NoScale ? (byte)0 : (byte)shift;
        handshake.HasSack = (options & 2) != 0;
        handshake.HasTimestamps = (options & 1) != 0;
        return isNow || wasBefore;
    }

    private uint Proof(in Handshake handshake, uint options, ulong epoch)
        => (uint)(hash.Of(handshake.Peer.Hash(hash), handshake.PeerSequence | ((ulong)options << 32), epoch) >> 32);

    // The sizes that peers have: IPv4's least, IPv6's least, Ethernet's with IPv6.
    private static uint SizeIndex(uint size) => size switch
    {
        >= 1440 => 3,
        >= 1220 => 2,
        >= 536 => 1,
        _ => 0,
    };

    private static uint SizeOf(uint index) => index switch
    {
        3 => 1440,
        2 => 1220,
        1 => 536,
        _ => TcpLimits.SegmentSizeLeast,
    };
}
