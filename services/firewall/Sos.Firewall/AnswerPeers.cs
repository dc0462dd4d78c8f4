using System;
using System.Runtime.CompilerServices;
using Sos.Sdk.Time;

namespace Sos.Firewall;

/// <summary>
/// Limits how often each peer is answered, as Linux does (inet_peer_xrlim_allow), so that the answers to one peer do not use up those to all others.
/// It knows a few peers; one that it forgot, or that takes another's place, begins anew, which only lets more pass.
/// </summary>
public struct AnswerPeers
{
    private const int Places = 256;
    private const uint Burst = 6; // XRLIM_BURST_FACTOR

    private Peers _peers;
    private ulong _ticksPerAnswer;

    /// <summary>Forgets all peers.</summary>
    /// <param name="ticksPerAnswer">TSC ticks for each answer to a peer.</param>
    public void Begin(ulong ticksPerAnswer)
    {
        _ticksPerAnswer = Math.Max(ticksPerAnswer, 1);
        ((Span<Peer>)_peers).Clear();
    }

    /// <summary>Takes an answer to a peer.</summary>
    /// <param name="name">The peer's name, which is never 0.</param>
    /// <param name="now">The TSC.</param>
    /// <returns>Whether Linux might answer it.</returns>
    public bool TryTake(ulong name, ulong now)
    {
        ref Peer peer = ref _peers[(int)((name >> 32) % Places)];
        if (peer.Name != name)
        {
            peer.Name = name;
            peer.Bucket = new TokenBucket(_ticksPerAnswer, Burst, now);
        }

        return peer.Bucket.TryTake(1, now);
    }

    [InlineArray(Places)]
    private struct Peers
    {
        private Peer _first;
    }

    private struct Peer
    {
        public ulong Name;
        public TokenBucket Bucket;
    }
}
