using System;
using Sos.Firewall.Connections;
using Sos.Firewall.Tables;

namespace Sos.Firewall.Tracking;

/// <summary>
/// Judges packets by rules that ask for connections: first by the chains before connection tracking, then the packet is tracked, then by all others. A flow
/// begins where they let its first packet pass.
/// </summary>
public static class StatefulRules
{
    /// <summary>Returns the verdict on an arriving packet, or on one that Linux sends.</summary>
    /// <param name="table">A valid table of such rules; where only packets that Linux sends are judged by it, it need not ask for connections.</param>
    /// <param name="read">The packet; the tracker notes there what it knows.</param>
    /// <param name="frame">Its frame.</param>
    /// <param name="origin">Whose packet it is.</param>
    /// <param name="key">What rules see of it.</param>
    /// <param name="tracker">The connections.</param>
    /// <param name="counters">Where rules with counters add it up.</param>
    /// <param name="samplers">Keeps limits, and notes the lines that rules log.</param>
    /// <typeparam name="TReading">How much is read of packets for rules.</typeparam>
    internal static Verdict Judge<TReading>(
        in FirewallTable table, ref ReadPacket read, ReadOnlySpan<byte> frame, PacketOrigin origin, ref PacketKey key, ref ConnectionTracker tracker,
        in RuleCounters counters, ref Samplers samplers)
        where TReading : struct, IPacketReading
    {
        if (read.Parsed.Fragment.IsLater && (!TReading.IsFull || origin == PacketOrigin.Linux || table.Mode == TableMode.Stateful)
            && tracker.FollowsFirst(in read.Parsed))
        {
            return Verdict.Pass;
        }

        bool isSent = origin == PacketOrigin.Linux;
        byte families = isSent ? BaseChain.Sent(key.Families) : key.Families;
        if (table.Mode == TableMode.Stateful)
        {
            key.Set(Field.Connection, ConnectionStates.Invalid); // as Linux calls what it has not looked up yet
            key.Families = BaseChain.BeforeTracking(families);
            Verdict before = RuleEvaluator.EvaluateStateful(in table, ref key, in counters, ref samplers);
            read.Knowledge.State = key.Value(Field.Connection);
            if (before != Verdict.Pass)
            {
                return before;
            }

            Track<TReading>(ref read, frame, origin != PacketOrigin.Unchecked, ref key, ref tracker);
        }

        key.Families = families;
        Verdict verdict = RuleEvaluator.EvaluateStateful(in table, ref key, in counters, ref samplers);
        if (TReading.IsFull && key.Has(Field.ConnectionMark) && key.Value(Field.ConnectionMark) != read.Mark)
        {
            tracker.SetMark(in read, frame, key.Value(Field.ConnectionMark)); // It stays, whatever becomes of the packet.
        }

        if (verdict == Verdict.Pass)
        {
            NotePassed(in read, isSent, ref tracker);
        }

        return verdict;
    }

    private static void Track<TReading>(
        ref ReadPacket read, ReadOnlySpan<byte> frame, bool isTrusted, ref PacketKey key, ref ConnectionTracker tracker)
        where TReading : struct, IPacketReading
    {
        if (read.Knowledge.State != ConnectionStates.Untracked)
        {
            uint mark = TReading.IsFull ? tracker.MarkOf(in read) : 0; // asked first, since the packet may end its flow
            tracker.Track(in read, frame, isTrusted, out TrackedPacket packet);
            packet.ShowIn(ref key);
            read.Knowledge = packet;
            if (TReading.IsFull && packet.HasFlow)
            {
                read.Mark = packet.Begins ? 0 : packet.State == ConnectionStates.Related ? tracker.MarkOfConcerned(in read, frame) : mark;
                key.Set(Field.ConnectionMark, read.Mark);
            }
        }
    }

    /// <summary>Remembers a packet that passed: the flow that it begins, and the fragments that follow it.</summary>
    /// <param name="read">The packet.</param>
    /// <param name="isSent">Whether Linux sends it.</param>
    /// <param name="tracker">The connections.</param>
    private static void NotePassed(in ReadPacket read, bool isSent, ref ConnectionTracker tracker)
    {
        if (read.Knowledge.Begins)
        {
            tracker.Confirm(isSent);
        }

        if (read.Parsed.Fragment.IsFragment && !read.Parsed.Fragment.IsLater)
        {
            tracker.NoteFirst(in read.Parsed);
        }
    }
}
