using System;
using System.Collections.Generic;
using System.Linq;

namespace Sos.Net.Tests;

/// <summary>One direction of a cable that loses, doubles and delays frames, as a seed says; with different delays they overtake one another.</summary>
internal sealed class LossyLink(Random random, double loss, double duplicates, ulong delayMaxMs)
{
    private readonly PriorityQueue<byte[], (ulong At, int Number)> _frames = new();
    private int _number;

    public void Send(IEnumerable<byte[]> frames, ulong now)
    {
        foreach (byte[] frame in frames.SelectMany(frame => random.NextDouble() < duplicates ? new[] { frame, frame } : [frame]))
        {
            if (random.NextDouble() >= loss)
            {
                _frames.Enqueue(frame, (now + 1 + (ulong)random.NextInt64((long)delayMaxMs + 1), _number++));
            }
        }
    }

    public IEnumerable<byte[]> Receive(ulong now)
    {
        while (_frames.TryPeek(out _, out (ulong At, int Number) place) && place.At <= now)
        {
            yield return _frames.Dequeue();
        }
    }
}
