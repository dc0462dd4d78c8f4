using System;
using System.Buffers.Binary;
using Sos.Net.Wire;
using Sos.Sdk.Packets;
using Sos.Sdk.Wire;

namespace Sos.Net.Tcp;

/// <summary>Sends what a connection has to send: data, acknowledgments, probes; and segments that belong to no connection.</summary>
internal static class TcpOutput
{
    /// <summary>Segments that a connection sends in one pass, so that others have their turn.</summary>
    private const int SegmentsMax = 16;

    /// <summary>Sends all that may be sent now.</summary>
    public static void Send(ref TcpConnection connection, ref Outbox outbox, Instant now)
    {
        if (connection.State == TcpState.Closed)
        {
            return;
        }

        RunTimers(ref connection, ref outbox, now);
        if (connection.State == TcpState.Closed)
        {
            return;
        }

        if (connection.HasStream)
        {
            SendStream(ref connection, ref outbox, now);
        }

        bool update = connection.IsOpenForData && connection.Receiver.WantsUpdate(connection.Sender.SegmentSize);
        if (connection.WantsAck || update)
        {
            SendSegment(ref connection, ref outbox, TcpFlags.Ack, connection.Sender.Newest, 0, now);
        }
    }

    /// <summary>Resets a connection: the peer is told, and nothing is kept.</summary>
    public static void Abort(ref TcpConnection connection, ref Outbox outbox, Instant now)
    {
        if (connection.State is not (TcpState.Closed or TcpState.TimeWait))
        {
            SendSegment(ref connection, ref outbox, TcpFlags.Rst | TcpFlags.Ack, connection.Sender.Newest, 0, now);
        }

        connection.State = TcpState.Closed;
    }

    /// <summary>Answers a segment that belongs to no connection with a reset (RFC 9293, 3.10.7.1).</summary>
    public static void Refuse(in TcpSegment segment, in Peer peer, ref Outbox outbox)
    {
        TcpHeader header = segment.IsAck
            ? new TcpHeader { Sequence = segment.Header.Acknowledgment, Flags = TcpFlags.Rst }
            : new TcpHeader { Acknowledgment = segment.End, Flags = TcpFlags.Rst | TcpFlags.Ack };
        SendBare(header, default, in peer, ref outbox);
    }

    /// <summary>Sends a segment without data that belongs to no connection.</summary>
    public static void SendBare(TcpHeader header, in TcpOptions options, in Peer peer, ref Outbox outbox)
    {
        if (outbox.TryBeginForStranger(TcpHeader.SizeMin + TcpOptions.SizeMax, out PacketBuffer buffer))
        {
            int length = TcpHeader.SizeMin + options.Write(buffer.Frame[TcpHeader.SizeMin..]);
            Seal(buffer, length, header with { HeaderLength = (byte)length }, in peer, ref outbox);
        }
    }

    private static void SendStream(ref TcpConnection connection, ref Outbox outbox, Instant now)
    {
        if (!connection.Sender.InFlight && connection.SentAt != 0 && now.Ms - connection.SentAt > connection.Timer.WaitMs)
        {
            connection.Sender.Restart();
        }

        int budget = SegmentsMax;
        for (; budget > 0 && outbox.HasRoom && connection.Sender.HasHole(out SequenceRange hole); budget--)
        {
            bool isEnd = hole.End == connection.Sender.Written + 1;
            SendSegment(
                ref connection, ref outbox, isEnd ? TcpFlags.Ack | TcpFlags.Fin : TcpFlags.Ack, hole.Start, hole.Length - (isEnd ? 1u : 0), now);
            connection.Sender.Filled(hole);
        }

        for (; budget > 0 && outbox.HasRoom && connection.Sender.CanSend(out uint length, out bool fin); budget--)
        {
            uint sequence = connection.Sender.Next;
            TcpFlags push = sequence + length == connection.Sender.Written && length != 0 ? TcpFlags.Psh : TcpFlags.None;
            SendSegment(ref connection, ref outbox, TcpFlags.Ack | push | (fin ? TcpFlags.Fin : TcpFlags.None), sequence, length, now);
            bool isNew = connection.Sender.Sent(length + (fin ? 1u : 0));
            if (isNew && connection.MeasuredAt == 0)
            {
                connection.MeasuredAt = Math.Max(now.Ms, 1);
                connection.MeasuredEnd = connection.Sender.Next;
            }
        }

        if (connection.RetransmitAt == 0 && (connection.Sender.InFlight || connection.Sender.IsBlocked))
        {
            connection.RetransmitAt = now.Ms + connection.Timer.WaitMs;
        }
    }

    private static void RunTimers(ref TcpConnection connection, ref Outbox outbox, Instant now)
    {
        bool isStalled = connection.FullAt != 0 && now.Ms - connection.FullAt >= TcpLimits.StallMs;
        if (isStalled || (connection.EndAt != 0 && now.Ms >= connection.EndAt))
        {
            Abort(ref connection, ref outbox, now);
            return;
        }

        if (connection.RetransmitAt != 0 && now.Ms >= connection.RetransmitAt)
        {
            TimeOut(ref connection, ref outbox, now);
        }
        else if (connection.State is TcpState.Established or TcpState.CloseWait && now.Ms >= connection.KeepAliveAt)
        {
            AskWhetherAlive(ref connection, ref outbox, now);
        }
    }

    /// <summary>Sends again what was not acknowledged (RFC 6298, 5), or probes a window that is closed (RFC 9293, 3.8.6.1).</summary>
    private static void TimeOut(ref TcpConnection connection, ref Outbox outbox, Instant now)
    {
        connection.RetransmitAt = 0;
        bool isProbe = connection.Sender.IsBlocked || (connection.Sender.Window == 0 && connection.Sender.InFlight);
        ulong silenceMs = now.Ms - connection.HeardAt;
        if (!connection.Sender.InFlight && !isProbe)
        {
            return;
        }

        // A closed window may stay closed for as long as the peer answers.
        if (connection.Timer.Timeouts >= TcpLimits.TimeoutsMax && (!isProbe || silenceMs > 2 * RetransmissionTimer.MostMs))
        {
            Abort(ref connection, ref outbox, now);
            return;
        }

        connection.MeasuredAt = 0;
        if (isProbe)
        {
            Probe(ref connection, ref outbox, now);
        }
        else
        {
            connection.Sender.TimeOut(connection.Timer.Timeouts == 0);
        }

        connection.Timer.BackOff();
        connection.RetransmitAt = now.Ms + connection.Timer.WaitMs;
    }

    private static void Probe(ref TcpConnection connection, ref Outbox outbox, Instant now)
    {
        uint start = connection.Sender.Unacknowledged;
        bool isEnd = start == connection.Sender.Written;
        SendSegment(ref connection, ref outbox, isEnd ? TcpFlags.Ack | TcpFlags.Fin : TcpFlags.Ack, start, isEnd ? 0u : 1u, now);
        connection.Sender.Probed();
    }

    /// <summary>Sends a segment before the window, which every peer answers (RFC 9293, 3.8.4).</summary>
    private static void AskWhetherAlive(ref TcpConnection connection, ref Outbox outbox, Instant now)
    {
        if (connection.KeepAlives == TcpLimits.KeepAliveMax)
        {
            Abort(ref connection, ref outbox, now);
            return;
        }

        connection.KeepAlives++;
        connection.KeepAliveAt = now.Ms + TcpLimits.KeepAliveStepMs;
        if (!connection.Sender.InFlight)
        {
            SendSegment(ref connection, ref outbox, TcpFlags.Ack, connection.Sender.Unacknowledged - 1, 0, now);
        }
    }

    private static void SendSegment(ref TcpConnection connection, ref Outbox outbox, TcpFlags flags, uint sequence, uint length, Instant now)
    {
        TcpOptions options = default;
        if (connection.HasTimestamps)
        {
            options.HasTimestamp = true;
            options.Timestamp = connection.Timestamp(now);
            options.TimestampEcho = connection.TimestampRecent;
        }

        if (connection.HasSack && length == 0)
        {
            connection.Receiver.AddBlocks(ref options);
        }

        if (!outbox.TryBegin(TcpHeader.SizeMin + TcpOptions.SizeMax + (int)length, out PacketBuffer buffer))
        {
            return; // as if it were lost: a timer sends it again
        }

        Span<byte> segment = buffer.Frame;
        int headerLength = TcpHeader.SizeMin + options.Write(segment[TcpHeader.SizeMin..]);
        connection.Sender.Read(sequence, segment.Slice(headerLength, (int)length));
        TcpHeader header = new()
        {
            HeaderLength = (byte)headerLength,
            Sequence = sequence,
            Acknowledgment = connection.Receiver.Next,
            Flags = flags,
            Window = (ushort)Math.Min(connection.Receiver.Advertise(connection.Sender.SegmentSize), ushort.MaxValue),
        };
        Seal(buffer, headerLength + (int)length, header, in connection.Peer, ref outbox);
        connection.WantsAck = false;
        connection.LastAcknowledged = connection.Receiver.Next;
        connection.SentAt = length != 0 ? now.Ms : connection.SentAt;
    }

    /// <summary>Puts ports and checksum into a segment whose data lies there already, and sends it.</summary>
    private static void Seal(PacketBuffer buffer, int length, TcpHeader header, in Peer peer, ref Outbox outbox)
    {
        buffer.Trim(length);
        Span<byte> segment = buffer.Frame;
        (header with { SourcePort = peer.LocalPort, DestinationPort = peer.RemotePort }).Write(segment);
        ushort sum = TransportSum.PseudoHeader(peer.Local, peer.Remote, IpProtocol.Tcp, length);
        BinaryPrimitives.WriteUInt16BigEndian(segment[16..], InternetChecksum.Compute(segment, sum));
        outbox.SendIp(buffer, in peer, IpProtocol.Tcp);
    }
}
