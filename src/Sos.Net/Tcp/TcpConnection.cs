using System;
using Sos.Net.Wire;

namespace Sos.Net.Tcp;

/// <summary>A connection: its two streams, its timers, and the way to the peer.</summary>
internal struct TcpConnection
{
    public TcpState State;
    public Peer Peer;
    public TcpSender Sender;
    public TcpReceiver Receiver;
    public RetransmissionTimer Timer;

    /// <summary>Whether both sides send time stamps.</summary>
    public bool HasTimestamps;

    /// <summary>Whether the peer takes selective acknowledgments.</summary>
    public bool HasSack;

    /// <summary>The number that is added to the clock for this connection's time stamps (RFC 7323, 5.4).</summary>
    public uint TimestampOffset;

    /// <summary>The peer's time stamp to echo: TS.Recent.</summary>
    public uint TimestampRecent;

    /// <summary>When it was taken.</summary>
    public ulong TimestampRecentAt;

    /// <summary>The number that was acknowledged last.</summary>
    public uint LastAcknowledged;

    /// <summary>Whether the peer waits for an acknowledgment.</summary>
    public bool WantsAck;

    /// <summary>Whether the place is taken: also by a connection that has just closed, until it is released.</summary>
    public bool IsUsed;

    /// <summary>Whether a session runs on the connection, which is told of its end.</summary>
    public bool HasSession;

    /// <summary>When an acknowledgment must be there, or the closed window is probed; 0: no such time.</summary>
    public ulong RetransmitAt;

    /// <summary>When the connection ends whatever comes; 0: no such time.</summary>
    public ulong EndAt;

    /// <summary>Since when what waits to be sent has no room, and nothing of it was acknowledged; 0: it has room.</summary>
    public ulong FullAt;

    /// <summary>When the connection opened.</summary>
    public ulong OpenedAt;

    /// <summary>When the peer was heard last.</summary>
    public ulong HeardAt;

    /// <summary>When the peer is asked whether it lives.</summary>
    public ulong KeepAliveAt;

    /// <summary>Questions without an answer.</summary>
    public int KeepAlives;

    /// <summary>When something was sent last.</summary>
    public ulong SentAt;

    /// <summary>The segment whose round trip is measured, where there are no time stamps; at 0 there is none.</summary>
    public uint MeasuredEnd;

    /// <summary>When it was sent; 0: none is measured.</summary>
    public ulong MeasuredAt;

    /// <summary>The second in which challenges are counted.</summary>
    public ulong ChallengeSecond;

    /// <summary>Challenges in it.</summary>
    public int Challenges;

    /// <summary>Whether the peer's data is still wanted by its session.</summary>
    public readonly bool IsOpenForData => State is TcpState.Established or TcpState.FinWait1 or TcpState.FinWait2;

    /// <summary>Whether our stream can still grow.</summary>
    public readonly bool CanWrite => State is TcpState.Established or TcpState.CloseWait;

    /// <summary>Whether something may still be sent for the first time or again.</summary>
    public readonly bool HasStream => State is not (TcpState.Closed or TcpState.TimeWait or TcpState.FinWait2);

    /// <summary>Our clock as the peer sees it; never 0, which would say that there is none.</summary>
    public readonly uint Timestamp(Instant now) => (uint)now.Ms + TimestampOffset;

    /// <summary>Ends our stream behind what was written.</summary>
    public void Finish(Instant now)
    {
        if (!CanWrite)
        {
            return;
        }

        Sender.Finish();
        State = State == TcpState.Established ? TcpState.FinWait1 : TcpState.LastAck;
        EndAt = now.Ms + TcpLimits.LingerMs;
    }

    /// <summary>Notes that the peer was heard.</summary>
    public void Heard(Instant now)
    {
        HeardAt = now.Ms;
        KeepAlives = 0;
        KeepAliveAt = now.Ms + TcpLimits.KeepAliveMs;
    }

    /// <summary>Starts the last wait.</summary>
    public void EnterTimeWait(Instant now)
    {
        State = TcpState.TimeWait;
        RetransmitAt = 0;
        EndAt = now.Ms + TcpLimits.TimeWaitMs;
    }

    /// <summary>Whether one more challenge may be sent now.</summary>
    public bool TryChallenge(Instant now)
    {
        ulong second = now.Ms / 1000;
        if (second != ChallengeSecond)
        {
            ChallengeSecond = second;
            Challenges = 0;
        }

        return Challenges++ < TcpLimits.ChallengesPerSecond;
    }

    /// <summary>Takes a round trip, from the time stamps or from the segment that is measured (RFC 6298, 3: never one that was sent twice).</summary>
    public void Measure(in TcpSegment segment, uint newly, Instant now)
    {
        if (HasTimestamps)
        {
            uint trip = Timestamp(now) - segment.Options.TimestampEcho;
            if (segment.Options.HasTimestamp && trip <= RetransmissionTimer.MostMs)
            {
                Timer.Sample(trip);
            }
        }
        else if (MeasuredAt != 0 && newly != 0 && !SequenceRange.Before(segment.Header.Acknowledgment, MeasuredEnd))
        {
            Timer.Sample((uint)Math.Min(now.Ms - MeasuredAt, RetransmissionTimer.MostMs));
            MeasuredAt = 0;
        }
    }
}
