using System;
using static Sos.Firewall.Tracking.TcpSegment;

namespace Sos.Firewall.Tracking;

/// <summary>The consequence of a segment for its connection.</summary>
public enum TcpFinding
{
    /// <summary>The segment belongs to it.</summary>
    Belongs,

    /// <summary>The segment belongs to it, and ends it at once.</summary>
    Ends,

    /// <summary>The segment is invalid: as if it belonged to none.</summary>
    Invalid,

    /// <summary>The connection was over, and the segment begins another with the same ends.</summary>
    Reopens,
}

/// <summary>
/// Follows a TCP connection from the middle as nf_conntrack does (nf_conntrack_tcp_packet): by <see cref="TcpTransitions"/>, held to
/// <see cref="TcpWindow"/>, with its exceptions for ends that know better than who stands between them.
/// </summary>
public static class TcpTracker
{
    private const byte RetransmissionsMax = 3; // nf_conntrack_tcp_max_retrans

    /// <summary>Begins a connection by a segment of none: a SYN, or an ACK in the middle of one (nf_conntrack_tcp_loose).</summary>
    /// <param name="flow">The flow, in no state yet.</param>
    /// <param name="segment">The segment; <see cref="Follow"/> is to see it next.</param>
    /// <returns>False where the segment can begin none.</returns>
    public static bool TryBegin(ref Flow flow, in TcpSegment segment)
    {
        TcpState next = TcpTransitions.Next(FlowDirection.Original, segment.Kind, TcpState.None);
        if (!segment.IsSensible || next == TcpTransitions.Invalid)
        {
            return false;
        }

        flow.Tcp = default;
        flow.State = TcpState.None;
        flow.Tcp.LastKind = TcpSegmentKind.None;
        ref TcpSide side = ref flow.Tcp.Original;
        side.End = side.MaxEnd = segment.End;
        side.MaxWindow = Math.Max(segment.Window, 1u);
        if (next == TcpState.SynSent)
        {
            segment.ReadOffers(ref side);
            return true;
        }

        // How windows are scaled was said before anybody listened.
        side.MaxEnd += side.MaxWindow;
        side.Flags = TcpSideFlags.SackPermitted | TcpSideFlags.Liberal;
        flow.Tcp.Reply.Flags = side.Flags;
        return true;
    }

    /// <summary>Follows a connection by one segment.</summary>
    /// <param name="flow">The connection.</param>
    /// <param name="direction">The segment's direction.</param>
    /// <param name="segment">The segment.</param>
    /// <param name="isLiberal">Whether segments out of window belong to it.</param>
    /// <param name="now">The time.</param>
    public static TcpFinding Follow(ref Flow flow, FlowDirection direction, in TcpSegment segment, bool isLiberal, uint now)
    {
        if (!segment.IsSensible)
        {
            return TcpFinding.Invalid;
        }

        TcpState before = flow.State;
        TcpState next = TcpTransitions.Next(direction, segment.Kind, before);
        bool isChecked = true;
        switch (next)
        {
            case TcpTransitions.Invalid:
                return TcpFinding.Invalid;
            case TcpState.SynSent when before >= TcpState.TimeWait && IsOver(in flow, direction):
                return TcpFinding.Reopens;
            case TcpTransitions.Ignored:
            case TcpState.SynSent when before >= TcpState.TimeWait:
                if (!AnswersIgnored(in flow.Tcp, direction, in segment))
                {
                    Ignore(ref flow, direction, in segment);
                    return TcpFinding.Belongs;
                }

                ComeInStep(ref flow.Tcp, direction);
                (before, next) = (TcpState.SynSent, TcpState.SynReceived);
                break;
            case TcpState.TimeWait when IsChallenge(in flow, direction, in segment):
                flow.Tcp.LastFlags &= ~TcpSideFlags.ExpectsChallenge;
                return TcpFinding.Belongs;
            case TcpState.SynSent2:
                flow.Tcp.LastFlags |= TcpSideFlags.SimultaneousOpen;
                break;
            case TcpState.SynReceived when direction == FlowDirection.Reply && segment.Kind == TcpSegmentKind.Ack
                && (flow.Tcp.LastFlags & TcpSideFlags.SimultaneousOpen) != 0:
                next = TcpState.Established;
                break;
            case TcpState.Close when segment.Kind == TcpSegmentKind.Reset:
                if (!TryReset(in flow, direction, in segment, ref next, out isChecked))
                {
                    return TcpFinding.Invalid;
                }

                break;
        }

        if (isChecked)
        {
            switch (TcpWindow.Judge(ref flow, direction, in segment, isLiberal))
            {
                case WindowFinding.Ignored:
                    return TcpFinding.Belongs;
                case WindowFinding.Outside:
                    NoteOutside(ref flow, direction, segment.Kind, now);
                    return TcpFinding.Invalid;
            }
        }

        return Settle(ref flow, direction, segment.Kind, before, next, now);
    }

    /// <summary>
    /// Notes that a segment of a connection came as a fragment: how far it reaches is not known, so that neither what acknowledges it nor what comes next
    /// is held to windows.
    /// </summary>
    /// <param name="tcp">The connection.</param>
    public static void NoteFragment(ref TcpFlow tcp)
    {
        tcp.Original.Flags |= TcpSideFlags.Liberal;
        tcp.Reply.Flags |= TcpSideFlags.Liberal;
    }

    /// <summary>Whether an end closed the connection in order, or the one that opens it now reset it.</summary>
    private static bool IsOver(in Flow flow, FlowDirection direction)
        => ((flow.Tcp.Original.Flags | flow.Tcp.Reply.Flags) & TcpSideFlags.ClosedFirst) != 0
            || (flow.Tcp.LastDirection == direction && flow.Tcp.LastKind == TcpSegmentKind.Reset);

    /// <summary>Whether a SYN with ACK answers a SYN that was ignored: then both ends are in step, and only the tracker is not.</summary>
    private static bool AnswersIgnored(in TcpFlow tcp, FlowDirection direction, in TcpSegment segment)
        => segment.Kind == TcpSegmentKind.SynAck && tcp.LastKind == TcpSegmentKind.Syn && tcp.LastDirection != direction
            && segment.Acknowledged == tcp.LastEnd;

    private static void ComeInStep(ref TcpFlow tcp, FlowDirection direction)
    {
        tcp.LastFlags &= ~TcpSideFlags.ExpectsChallenge;
        ref TcpSide asking = ref tcp.Side(tcp.LastDirection);
        asking.End = asking.MaxEnd = tcp.LastEnd;
        asking.MaxWindow = Math.Max(tcp.LastWindow, 1u);
        asking.Scale = tcp.LastScale;
        asking.Flags = tcp.LastFlags;
        ref TcpSide answering = ref tcp.Side(direction);
        answering = new TcpSide { Flags = answering.Flags & TcpSideFlags.Liberal };
    }

    /// <summary>Notes a segment that may be right though the state says otherwise, so that its answer can be understood.</summary>
    private static void Ignore(ref Flow flow, FlowDirection direction, in TcpSegment segment)
    {
        ref TcpFlow tcp = ref flow.Tcp;
        tcp.LastKind = segment.Kind;
        tcp.LastDirection = direction;
        tcp.LastSequence = segment.Sequence;
        tcp.LastEnd = segment.End;
        tcp.LastWindow = segment.Window;
        if (segment.Kind == TcpSegmentKind.Syn && direction == FlowDirection.Original)
        {
            TcpSide offers = default;
            segment.ReadOffers(ref offers);
            tcp.LastFlags = offers.Flags;
            tcp.LastScale = offers.Scale;
            if (flow.State == TcpState.LastAck)
            {
                tcp.LastFlags |= TcpSideFlags.ExpectsChallenge;
            }
        }

        if (flow.State == TcpState.SynSent && segment.Kind == TcpSegmentKind.Ack && direction == FlowDirection.Reply)
        {
            tcp.LastAcknowledged = segment.Acknowledged;
        }
    }

    /// <summary>Whether an ACK answers a SYN that was ignored, and does not acknowledge the last FIN (RFC 5961, 4.2).</summary>
    private static bool IsChallenge(in Flow flow, FlowDirection direction, in TcpSegment segment)
        => flow.State == TcpState.LastAck && segment.Kind == TcpSegmentKind.Ack && flow.Tcp.LastDirection != direction
            && flow.Tcp.LastKind == TcpSegmentKind.Syn && (flow.Tcp.LastFlags & TcpSideFlags.ExpectsChallenge) != 0;

    /// <summary>Judges a reset, with which an attacker could end connections of others.</summary>
    /// <param name="flow">The connection.</param>
    /// <param name="direction">The reset's direction.</param>
    /// <param name="segment">The reset.</param>
    /// <param name="next">The state that it leads to: that before it, where its number is not the very next one.</param>
    /// <param name="isChecked">Whether its window is to be judged as well.</param>
    /// <returns>False where it is invalid.</returns>
    private static bool TryReset(in Flow flow, FlowDirection direction, in TcpSegment segment, ref TcpState next, out bool isChecked)
    {
        ref readonly TcpFlow tcp = ref flow.Tcp;
        ref readonly TcpSide receiver = ref (direction == FlowDirection.Original ? ref tcp.Reply : ref tcp.Original);
        isChecked = false;
        if (flow.State is TcpState.FinWait or TcpState.CloseWait or TcpState.LastAck or TcpState.TimeWait or TcpState.Close)
        {
            return true; // The connection is closing, and its ends may have begun another.
        }

        isChecked = true;
        bool isEstablished = flow.State == TcpState.Established && (flow.Status & FlowStatus.Assured) != 0;
        if ((receiver.Flags & TcpSideFlags.HasAcknowledged) != 0 && tcp.LastKind != TcpSegmentKind.Syn)
        {
            if (segment.Sequence == 0 && !isEstablished)
            {
                return true; // the answer to a SYN that was ignored
            }

            if (IsBefore(segment.Sequence, receiver.MaxAcknowledged))
            {
                return false;
            }

            bool isExact = segment.Sequence == receiver.MaxAcknowledged
                || (tcp.LastKind == TcpSegmentKind.Ack && tcp.LastDirection == direction && segment.Sequence == tcp.LastEnd);
            if (!isEstablished || isExact)
            {
                return true;
            }

            next = flow.State; // The receiver will ask whether that is meant (RFC 5961, 3.2).
        }

        // The answer to a SYN or ACK that was ignored may acknowledge what nobody here knows.
        bool hasReply = (flow.Status & FlowStatus.SeenReply) != 0;
        bool isAssured = (flow.Status & FlowStatus.Assured) != 0;
        bool answersIgnored = ((hasReply && tcp.LastKind == TcpSegmentKind.Syn) || (!isAssured && tcp.LastKind == TcpSegmentKind.Ack))
            && tcp.LastDirection != direction && segment.Acknowledged == tcp.LastEnd;
        bool answersChallenge = flow.State == TcpState.SynSent && tcp.LastKind == TcpSegmentKind.Ack && tcp.LastDirection == FlowDirection.Reply
            && segment.Sequence == tcp.LastAcknowledged;
        isChecked = !answersIgnored && !answersChallenge;
        return true;
    }

    /// <summary>Shortens the time of a connection that both ends close out of window: they are in step, and only the tracker is not.</summary>
    private static void NoteOutside(ref Flow flow, FlowDirection direction, TcpSegmentKind kind, uint now)
    {
        if ((flow.Status & FlowStatus.Assured) == 0 || kind is not (TcpSegmentKind.Reset or TcpSegmentKind.Fin))
        {
            return;
        }

        ref TcpFlow tcp = ref flow.Tcp;
        if (tcp.LastDirection == direction || tcp.LastKind is not (TcpSegmentKind.Fin or TcpSegmentKind.Reset))
        {
            tcp.LastKind = kind;
            tcp.LastDirection = direction;
            return;
        }

        uint left = flow.Expiry - now;
        if (left >= FlowTimeouts.ShortenedFrom && left > FlowTimeouts.Unacknowledged)
        {
            flow.Expiry = now + FlowTimeouts.Unacknowledged;
        }
    }

    /// <summary>Brings a connection into its next state, and says how long it lives from now on.</summary>
    private static TcpFinding Settle(ref Flow flow, FlowDirection direction, TcpSegmentKind kind, TcpState before, TcpState next, uint now)
    {
        ref TcpFlow tcp = ref flow.Tcp;
        tcp.LastKind = kind;
        tcp.LastDirection = direction;
        flow.State = next;
        if (before != next && next == TcpState.FinWait)
        {
            tcp.Side(direction).Flags |= TcpSideFlags.ClosedFirst;
        }

        uint timeout = TimeoutOf(in tcp, kind, next);
        if ((flow.Status & FlowStatus.SeenReply) == 0)
        {
            if (kind == TcpSegmentKind.Reset)
            {
                return TcpFinding.Ends;
            }

            if (kind == TcpSegmentKind.Syn && before == TcpState.SynSent)
            {
                return TcpFinding.Belongs; // A SYN that is sent again and again keeps no flow alive.
            }

            timeout = next == TcpState.Established ? Math.Min(timeout, FlowTimeouts.Unacknowledged) : timeout;
        }
        else if (before is TcpState.SynReceived or TcpState.Established && next == TcpState.Established)
        {
            flow.Status |= FlowStatus.Assured;
        }

        flow.Expiry = now + timeout;
        return TcpFinding.Belongs;
    }

    private static uint TimeoutOf(in TcpFlow tcp, TcpSegmentKind kind, TcpState state)
    {
        uint timeout = FlowTimeouts.Of(state);
        if (tcp.Retransmissions >= RetransmissionsMax && timeout > FlowTimeouts.Retransmitting)
        {
            return FlowTimeouts.Retransmitting;
        }

        if (kind == TcpSegmentKind.Reset)
        {
            return FlowTimeouts.Reset;
        }

        bool isUnacknowledged = ((tcp.Original.Flags | tcp.Reply.Flags) & TcpSideFlags.Unacknowledged) != 0;
        if (isUnacknowledged && timeout > FlowTimeouts.Unacknowledged)
        {
            return FlowTimeouts.Unacknowledged;
        }

        return tcp.LastWindow == 0 ? Math.Min(timeout, FlowTimeouts.Retransmitting) : timeout;
    }
}
