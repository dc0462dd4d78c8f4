using System;
using Sos.Sdk.Wire;
using static Sos.Firewall.Tracking.TcpSegment;

namespace Sos.Firewall.Tracking;

/// <summary>The finding of a segment's numbers.</summary>
public enum WindowFinding
{
    /// <summary>The segment is in its window.</summary>
    Within,

    /// <summary>The segment belongs to the connection, and changes nothing of it: it came late, or a bit too early.</summary>
    Ignored,

    /// <summary>The segment is far outside.</summary>
    Outside,
}

/// <summary>
/// Holds the sequence and acknowledgment numbers of segments against what both ends of a connection said before, from the middle, where nobody knows what
/// arrived ("Real Stateful TCP Packet Filtering in IP Filter", van Rooij). With nf_conntrack's boundaries:
/// <list type="number">
/// <item>data begins at most where the other end allows it to,</item>
/// <item>data ends at least where the other end's window began,</item>
/// <item>nothing is acknowledged that was not sent,</item>
/// <item>an acknowledgment is at most <see cref="AckWindowMin"/>, or the sender's window, late.</item>
/// </list>
/// </summary>
public static class TcpWindow
{
    /// <summary>How late an acknowledgment may come at least, in bytes.</summary>
    public const uint AckWindowMin = 66_000;

    /// <summary>Judges a segment, and notes what it says.</summary>
    /// <param name="flow">The connection, in the state before the segment.</param>
    /// <param name="direction">The segment's direction.</param>
    /// <param name="segment">The segment.</param>
    /// <param name="isLiberal">Whether segments outside count as within.</param>
    public static WindowFinding Judge(ref Flow flow, FlowDirection direction, in TcpSegment segment, bool isLiberal)
    {
        ref TcpSide sender = ref flow.Tcp.Side(direction);
        ref TcpSide receiver = ref flow.Tcp.Side(direction ^ FlowDirection.Reply);
        uint highest = (receiver.Flags & TcpSideFlags.SackPermitted) != 0 ? segment.FindHighestAcknowledged() : segment.Acknowledged;
        if (MeetSender(ref sender, ref receiver, flow.State, direction, in segment, highest))
        {
            return WindowFinding.Within;
        }

        uint acknowledged = segment.Acknowledged;
        if (!segment.Has(TcpFlags.Ack) || (segment.Has(TcpFlags.Rst) && acknowledged == 0))
        {
            acknowledged = highest = receiver.End; // as if it acknowledged all
        }

        (uint sequence, uint end) = (segment.Sequence, segment.End);
        if (segment.Has(TcpFlags.Rst) && sequence == 0 && flow.State == TcpState.SynSent)
        {
            sequence = end = sender.End; // the answer of an end that nobody listens at (RFC 9293, 3.10.7.1)
        }

        WindowFinding finding = Compare(ref sender, in receiver, sequence, end, highest);
        if (finding != WindowFinding.Within)
        {
            return isLiberal || (sender.Flags & TcpSideFlags.Liberal) != 0 ? WindowFinding.Within : finding;
        }

        uint window = segment.Has(TcpFlags.Syn) ? segment.Window : (uint)segment.Window << sender.Scale;
        NoteSender(ref sender, in segment, end, acknowledged, window + (highest - acknowledged));
        NoteReceiver(ref receiver, in sender, end, acknowledged, highest, window);
        if (segment.Kind == TcpSegmentKind.Ack)
        {
            NoteRetransmission(ref flow.Tcp, direction, in segment, sequence, acknowledged, end);
        }

        return WindowFinding.Within;
    }

    /// <summary>Begins the sender's side by its first segment, or anew by a SYN beyond the one before.</summary>
    /// <returns>Whether it is the SYN of an end that did not see the other's: nothing more can be said of it.</returns>
    private static bool MeetSender(
        ref TcpSide sender, ref TcpSide receiver, TcpState state, FlowDirection direction, in TcpSegment segment, uint highest)
    {
        bool isSyn = segment.Has(TcpFlags.Syn);
        if (sender.MaxWindow == 0)
        {
            if (!isSyn)
            {
                MeetInTheMiddle(ref sender, ref receiver, in segment, highest);
                return false;
            }

            Open(ref sender, ref receiver, direction, in segment);
            return !segment.Has(TcpFlags.Ack);
        }

        if (!isSyn || !IsAfter(segment.End, sender.End) || state is not (TcpState.SynSent or TcpState.SynReceived))
        {
            return false;
        }

        Open(ref sender, ref receiver, direction, in segment);
        return direction == FlowDirection.Reply && !segment.Has(TcpFlags.Ack);
    }

    private static void Open(ref TcpSide sender, ref TcpSide receiver, FlowDirection direction, in TcpSegment segment)
    {
        sender.End = sender.MaxEnd = segment.End;
        sender.MaxWindow = Math.Max(segment.Window, 1u);
        segment.ReadOffers(ref sender);

        // RFC 7323, 2.2: windows are scaled if both ends offer it.
        if (direction == FlowDirection.Reply && (sender.Flags & receiver.Flags & TcpSideFlags.WindowScale) == 0)
        {
            sender.Scale = 0;
            receiver.Scale = 0;
        }
    }

    private static void MeetInTheMiddle(ref TcpSide sender, ref TcpSide receiver, in TcpSegment segment, uint highest)
    {
        sender.End = segment.End;
        sender.MaxWindow = Math.Max((uint)segment.Window << sender.Scale, 1);
        sender.MaxEnd = segment.End + sender.MaxWindow;
        if (receiver.MaxWindow == 0)
        {
            receiver.End = receiver.MaxEnd = highest; // nothing of it was seen: it sent what is acknowledged here
        }
        else if (highest == receiver.End + 1)
        {
            receiver.End++; // the answer to a keep-alive, which may carry a byte (RFC 9293, 3.8.4)
        }
    }

    private static WindowFinding Compare(ref TcpSide sender, in TcpSide receiver, uint sequence, uint end, uint highest)
    {
        bool isAckNotTooHigh = IsBefore(highest, receiver.End + 1);
        bool isAckNotTooLow = IsAfter(highest, receiver.End - Math.Max(sender.MaxWindow, AckWindowMin) - 1);
        bool isEndNotTooLow = IsAfter(end, sender.End - receiver.MaxWindow - 1);
        if (!IsBefore(sequence, sender.MaxEnd + 1))
        {
            uint excess = end - sender.MaxEnd + 1;
            if (receiver.MaxWindow == 0 || !isEndNotTooLow || !isAckNotTooLow || excess > receiver.MaxWindow || !isAckNotTooHigh)
            {
                return WindowFinding.Outside;
            }

            // More than the other end allows, and yet it may take it: then its acknowledgment must not look wrong.
            sender.End = end;
            sender.Flags |= TcpSideFlags.Unacknowledged;
            return WindowFinding.Ignored;
        }

        if (!isAckNotTooHigh)
        {
            return WindowFinding.Outside;
        }

        return (receiver.MaxWindow == 0 || isEndNotTooLow) && isAckNotTooLow ? WindowFinding.Within : WindowFinding.Ignored;
    }

    private static void NoteSender(ref TcpSide sender, in TcpSegment segment, uint end, uint acknowledged, uint window)
    {
        sender.MaxWindow = Math.Max(sender.MaxWindow, window);
        if (IsAfter(end, sender.End))
        {
            sender.End = end;
            sender.Flags |= TcpSideFlags.Unacknowledged;
        }

        if (!segment.Has(TcpFlags.Ack))
        {
            return;
        }

        if ((sender.Flags & TcpSideFlags.HasAcknowledged) == 0 || IsAfter(acknowledged, sender.MaxAcknowledged))
        {
            sender.MaxAcknowledged = acknowledged;
            sender.Flags |= TcpSideFlags.HasAcknowledged;
        }
    }

    private static void NoteReceiver(ref TcpSide receiver, in TcpSide sender, uint end, uint acknowledged, uint highest, uint window)
    {
        if (receiver.MaxWindow != 0 && IsAfter(end, sender.MaxEnd))
        {
            receiver.MaxWindow += end - sender.MaxEnd;
        }

        if (IsAfter(highest + window, receiver.MaxEnd - 1))
        {
            receiver.MaxEnd = highest + window + (window == 0 ? 1u : 0);
        }

        if (acknowledged == receiver.End)
        {
            receiver.Flags &= ~TcpSideFlags.Unacknowledged;
        }
    }

    private static void NoteRetransmission(
        ref TcpFlow tcp, FlowDirection direction, in TcpSegment segment, uint sequence, uint acknowledged, uint end)
    {
        if (tcp.LastDirection == direction && tcp.LastSequence == sequence && tcp.LastAcknowledged == acknowledged && tcp.LastEnd == end
            && tcp.LastWindow == segment.Window)
        {
            tcp.Retransmissions = (byte)Math.Min(tcp.Retransmissions + 1, byte.MaxValue);
            return;
        }

        tcp.LastDirection = direction;
        tcp.LastSequence = sequence;
        tcp.LastAcknowledged = acknowledged;
        tcp.LastEnd = end;
        tcp.LastWindow = segment.Window;
        tcp.Retransmissions = 0;
    }
}
