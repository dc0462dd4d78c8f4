using System;
using System.Runtime.CompilerServices;
using Sos.Firewall.Capture;
using Sos.Firewall.Connections;
using Sos.Firewall.Tables;
using Sos.Firewall.Tracking;
using Sos.Sdk.Packets;
using Sos.Sdk.Wire;

namespace Sos.Firewall;

/// <content>The way of what Linux sends, and the lines that rules of both ways write.</content>
public partial struct Firewall<TNic, THost>
{
    /// <summary>Tracks what Linux sends, which no rule judges.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void TrackSent(ReadOnlySpan<PacketBuffer> buffers)
    {
        _tracked.Read(buffers, in _tracker);
        for (int i = 0; i < buffers.Length; i++)
        {
            ref ReadPacket read = ref _tracked[i];
            if (read.Reason != MalformedReason.None || read.Parsed.IpVersion == 0)
            {
                continue;
            }

            _tracker.Track(in read, buffers[i].Frame, isTrusted: true, out TrackedPacket packet);
            if (packet.Begins)
            {
                _tracker.Confirm(isSent: true);
            }
        }
    }

    /// <summary>Decides on what Linux sends, packet by packet, and leaves in the burst what may go.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void FilterSent()
    {
        if (_reader.IsNeeded)
        {
            FilterSent<FullReading>();
        }
        else
        {
            FilterSent<PlainReading>();
        }
    }

    private void FilterSent<TReading>()
        where TReading : struct, IPacketReading
    {
        ref readonly FirewallTable table = ref _tables.Current;
        Span<PacketBuffer> buffers = _received.Buffers;
        Span<PacketBuffer> passing = _scratch.Passing;
        Span<PacketBuffer> dropped = _scratch.Dropped;
        int passingCount = 0;
        TellTime();
        _tracked.Read(buffers, in _tracker);
        for (int i = 0; i < buffers.Length; i++)
        {
            PacketBuffer buffer = buffers[i];
            CaptureVerdict verdict = JudgeSent<TReading>(in table, buffer.Frame, ref _tracked[i]);
            passing[passingCount & (Burst.Capacity - 1)] = buffer;
            dropped[(i - passingCount) & (Burst.Capacity - 1)] = buffer;
            passingCount += verdict == CaptureVerdict.Passed ? 1 : 0;
            if (verdict != CaptureVerdict.Passed && _capture.IsOn(_now) && _capture.TryBegin(verdict, _now))
            {
                _capture.Take(
                    buffer.Frame,
                    new CaptureSlot { Time = _now, Generation = _tables.Generation, Verdict = verdict, States = _tracked[i].Knowledge.ToBits() });
            }
        }

        if (passingCount != buffers.Length)
        {
            int droppedCount = buffers.Length - passingCount;
            _counters.OutputDropped.Add(droppedCount);
            _pool.Free(dropped[..droppedCount]);
            _received.Clear();
            _received.Add(passing[..passingCount]);
        }
    }

    /// <summary>
    /// Decides on a packet that Linux sends. No such chain sees what is no IP, nor what a DHCP client sends before it has an address. Malformed frames are sent
    /// past Linux's own rules, by programs that make them.
    /// </summary>
    private CaptureVerdict JudgeSent<TReading>(in FirewallTable table, ReadOnlySpan<byte> frame, ref ReadPacket read)
        where TReading : struct, IPacketReading
    {
        read.Knowledge = new TrackedPacket { State = ConnectionStates.Invalid };
        if (read.Reason != MalformedReason.None || read.Parsed.IpVersion == 0)
        {
            return CaptureVerdict.Passed;
        }

        _key.Clear();
        PacketKeyReader.Read(frame, in read.Parsed, ref _key);
        if (TReading.IsFull)
        {
            _reader.Read(frame, in read.Parsed, isSent: true, ref _key);
        }

        Verdict verdict = StatefulRules.Judge<TReading>(
            in table, ref read, frame, PacketOrigin.Linux, ref _key, ref _tracker, in _ruleCounters, ref _samplers);
        WriteLines(in table, frame, isSent: true);
        if (verdict != Verdict.Pass && !_settings.DhcpByRules && DhcpReply.IsQuestion(in read.Parsed))
        {
            _counters.DhcpPassed.Increment();
            verdict = Verdict.Pass;
        }

        return verdict switch
        {
            Verdict.Pass => CaptureVerdict.Passed,
            Verdict.DropByPolicy => CaptureVerdict.SentDroppedByPolicy,
            _ => CaptureVerdict.SentDroppedByRule,
        };
    }

    /// <summary>Writes the lines that rules asked for on the packet's way.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void WriteLines(in FirewallTable table, ReadOnlySpan<byte> frame, bool isSent)
    {
        if (_samplers.LineCount != 0)
        {
            WriteNoted(in table, frame, isSent);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void WriteNoted(in FirewallTable table, ReadOnlySpan<byte> frame, bool isSent)
    {
        Span<uint> sets = stackalloc uint[FirewallHeader.LinesMax];
        int asked = _samplers.LineCount;
        int count = _samplers.TakeLines(sets);
        int written = 0;
        for (int i = 0; i < count; i++)
        {
            written += _log.TryWrite(in table, sets[i], frame, isSent, _now) ? 1 : 0;
        }

        _log.Lose(asked - count);
        _counters.Logged.Add(written);
        _counters.LogLost.Add(asked - written);
    }
}
