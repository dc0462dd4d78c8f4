using Sos.Net.Wire;
using Sos.Sdk.Wire;

namespace Sos.Net.Tcp;

/// <summary>Takes the segments of a connection (RFC 9293, 3.10.7.4, with RFC 5961 against those who guess and RFC 7323 against the old).</summary>
internal static class TcpInput
{
    /// <summary>Days after which a peer's time stamp says nothing any more: RFC 7323, 5.5.</summary>
    private const ulong TimestampLifeMs = 24UL * 24 * 3600 * 1000;

    /// <summary>Takes a segment.</summary>
    /// <param name="connection">The connection, in any state but Closed.</param>
    /// <param name="segment">A segment of its flow.</param>
    /// <param name="now">The time.</param>
    /// <returns>Whether it is the peer's beyond doubt: its numbers are right.</returns>
    public static bool Take(ref TcpConnection connection, in TcpSegment segment, Instant now)
    {
        if (IsOld(in connection, in segment, now))
        {
            connection.WantsAck |= !segment.IsRst && connection.TryChallenge(now);
            return false;
        }

        if (!connection.Receiver.IsAcceptable(segment.Header.Sequence, segment.Length))
        {
            // An answer to a question whether we live comes here as well: it lies one before the window.
            connection.WantsAck |= !segment.IsRst && connection.TryChallenge(now);
            return false;
        }

        if (segment.IsRst)
        {
            TakeReset(ref connection, in segment, now);
            return false;
        }

        if (segment.IsSyn)
        {
            connection.WantsAck |= connection.TryChallenge(now);
            return false;
        }

        if (!segment.IsAck)
        {
            return false;
        }

        if (!connection.Sender.IsPlausible(segment.Header.Acknowledgment))
        {
            connection.WantsAck |= connection.TryChallenge(now);
            return false;
        }

        connection.Heard(now);
        TakeTimestamp(ref connection, in segment, now);
        TakeAcknowledgment(ref connection, in segment, now);
        TakeData(ref connection, in segment, now);
        return true;
    }

    /// <summary>Whether a segment's time stamp is older than what came before it (PAWS: RFC 7323, 5.3), or is missing.</summary>
    private static bool IsOld(in TcpConnection connection, in TcpSegment segment, Instant now)
        => connection.HasTimestamps
            && !segment.IsRst
            && (!segment.Options.HasTimestamp
                || (SequenceRange.Before(segment.Options.Timestamp, connection.TimestampRecent)
                    && now.Ms - connection.TimestampRecentAt < TimestampLifeMs));

    /// <summary>Resets the connection if the reset's number is exactly the expected one (RFC 5961, 3.2); else the peer is asked.</summary>
    private static void TakeReset(ref TcpConnection connection, in TcpSegment segment, Instant now)
    {
        if (connection.State == TcpState.TimeWait)
        {
            return; // RFC 1337: it would end the wait for the old too early
        }

        if (segment.Header.Sequence == connection.Receiver.Next)
        {
            connection.State = TcpState.Closed;
        }
        else
        {
            connection.WantsAck |= connection.TryChallenge(now);
        }
    }

    private static void TakeTimestamp(ref TcpConnection connection, in TcpSegment segment, Instant now)
    {
        if (connection.HasTimestamps && !SequenceRange.Before(connection.LastAcknowledged, segment.Header.Sequence))
        {
            connection.TimestampRecent = segment.Options.Timestamp;
            connection.TimestampRecentAt = now.Ms;
        }
    }

    private static void TakeAcknowledgment(ref TcpConnection connection, in TcpSegment segment, Instant now)
    {
        bool wasClosed = connection.Sender.Window == 0;
        uint newly = connection.Sender.Acknowledge(in segment);
        bool opens = wasClosed && connection.Sender.Window != 0;
        if (newly != 0)
        {
            connection.Measure(in segment, newly, now);
            connection.FullAt = 0;
        }

        // Probes of a window that was closed tell of no loss: what is sent into it now has all its tries.
        if (newly != 0 || opens)
        {
            connection.Timer.Answered();
            connection.RetransmitAt = connection.Sender.InFlight ? now.Ms + connection.Timer.WaitMs : 0;
        }

        if (!connection.Sender.FinAcknowledged)
        {
            return;
        }

        switch (connection.State)
        {
            case TcpState.FinWait1:
                connection.State = TcpState.FinWait2;
                connection.RetransmitAt = 0;
                connection.EndAt = now.Ms + TcpLimits.LingerMs;
                break;
            case TcpState.Closing:
                connection.EnterTimeWait(now);
                break;
            case TcpState.LastAck:
                connection.State = TcpState.Closed;
                break;
        }
    }

    private static void TakeData(ref TcpConnection connection, in TcpSegment segment, Instant now)
    {
        if (connection.State == TcpState.Closed || segment.Length == 0)
        {
            return;
        }

        connection.WantsAck = true;
        if (connection.State == TcpState.TimeWait)
        {
            connection.EndAt = now.Ms + TcpLimits.TimeWaitMs; // the peer's end again: our acknowledgment was lost
            return;
        }

        if (!connection.IsOpenForData)
        {
            return;
        }

        bool ended = connection.Receiver.HasEnded;
        _ = connection.Receiver.Take(segment.Header.Sequence, segment.Payload, (segment.Header.Flags & TcpFlags.Fin) != 0);
        if (ended || !connection.Receiver.HasEnded)
        {
            return;
        }

        switch (connection.State)
        {
            case TcpState.Established:
                connection.State = TcpState.CloseWait;
                break;
            case TcpState.FinWait1:
                connection.State = TcpState.Closing;
                break;
            case TcpState.FinWait2:
                connection.EnterTimeWait(now);
                break;
        }
    }
}
