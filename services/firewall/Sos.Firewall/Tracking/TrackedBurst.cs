using System;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Sos.Sdk.Packets;
using Sos.Sdk.Wire;

namespace Sos.Firewall.Tracking;

/// <summary>The packets of a burst as a tracker needs them. All are read first, so that the memory reads of their flows overlap.</summary>
public struct TrackedBurst
{
    private Packets _packets;

    /// <summary>One of the packets.</summary>
    [UnscopedRef]
    public ref ReadPacket this[int index] => ref _packets[index];

    /// <summary>Reads the headers of a burst, and asks for the memory of its flows.</summary>
    /// <param name="buffers">The burst.</param>
    /// <param name="tracker">The tracker that will see the packets.</param>
    public void Read(ReadOnlySpan<PacketBuffer> buffers, in ConnectionTracker tracker)
    {
        Span<ReadPacket> packets = ((Span<ReadPacket>)_packets)[..buffers.Length];
        for (int i = 0; i < packets.Length; i++)
        {
            ref ReadPacket packet = ref packets[i];
            ReadOnlySpan<byte> frame = buffers[i].Frame;
            packet.Reason = FrameParser.Parse(frame, out packet.Parsed);
            packet.HasTuple = packet.Reason == MalformedReason.None
                && TupleReader.TryRead(frame, in packet.Parsed, out packet.Tuple, out packet.IsFromSecond);
            packet.Hash = packet.HasTuple ? tracker.Hash(in packet.Tuple) : 0;
        }

        for (int i = 0; i < packets.Length; i++)
        {
            if (packets[i].HasTuple)
            {
                tracker.PrefetchFlow(packets[i].Hash);
            }
        }
    }

    [InlineArray(Burst.Capacity)]
    private struct Packets
    {
        private ReadPacket _first;
    }
}
