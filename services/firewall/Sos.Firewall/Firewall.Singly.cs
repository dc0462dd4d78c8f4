using System;
using System.Runtime.CompilerServices;
using Sos.Firewall.Connections;
using Sos.Firewall.Tables;
using Sos.Firewall.Tracking;
using Sos.Sdk.Packets;

namespace Sos.Firewall;

/// <content>The way of packets that are judged one by one.</content>
public partial struct Firewall<TNic, THost>
{
    /// <summary>Decides on the received burst packet by packet: each may change what the next one meets, or rules look at more than stages know.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void FilterSingly<TReading>(in FirewallTable table, ReadOnlySpan<PacketBuffer> buffers)
        where TReading : struct, IPacketReading
    {
        Span<uint> positions = _scratch.Positions[..buffers.Length];
        _tracked.Read(buffers, in _tracker);
        int countedCount = 0;
        for (int i = 0; i < positions.Length; i++)
        {
            positions[i] = JudgeSingly<TReading>(in table, buffers[i], ref _tracked[i]);
            countedCount += positions[i] == Outcome.DropCounted ? 1 : 0;
        }

        End(in table, buffers, positions, countedCount);
    }

    private uint JudgeSingly<TReading>(in FirewallTable table, PacketBuffer buffer, ref ReadPacket read)
        where TReading : struct, IPacketReading
    {
        ReadOnlySpan<byte> frame = buffer.Frame;
        read.Knowledge = new TrackedPacket { State = ConnectionStates.Invalid };
        _key.Clear();
        FramePolicy policy = Classify(frame, read.Reason, in read.Parsed, ref _key);
        if (policy != FramePolicy.Evaluate)
        {
            return policy == FramePolicy.Accept ? Outcome.Pass : Outcome.DropCounted;
        }

        if (TReading.IsFull)
        {
            _reader.Read(frame, in read.Parsed, isSent: false, ref _key);
        }

        PacketOrigin origin = (buffer.Header.Flags & PacketFlags.ChecksumValid) != 0 ? PacketOrigin.Checked : PacketOrigin.Unchecked;
        Verdict verdict = StatefulRules.Judge<TReading>(in table, ref read, frame, origin, ref _key, ref _tracker, in _ruleCounters, ref _samplers);
        WriteLines(in table, frame, isSent: false);
        if (verdict != Verdict.Pass && !_settings.DhcpByRules && DhcpReply.Is(frame, in read.Parsed))
        {
            _counters.DhcpPassed.Increment();
            verdict = Verdict.Pass;
        }

        if (verdict == Verdict.Rejected)
        {
            _answerer.Answer(buffer, in read.Parsed, _nic.Mac, _key.Rejection, in _counters, _now);
            verdict = Verdict.DropByRule;
        }

        return verdict switch
        {
            Verdict.Pass => Outcome.Pass,
            Verdict.DropByRule => Outcome.DropByRule,
            _ => Outcome.DropByPolicy,
        };
    }
}
