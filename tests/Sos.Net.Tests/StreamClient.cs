using System;
using System.Collections.Generic;
using Sos.Net.Wire;
using Sos.Sdk.Wire;

namespace Sos.Net.Tests;

/// <summary>
/// A client that sends a stream, takes what comes back, and ends. It is plain on purpose: it takes data in order alone, and sends all again that was not
/// acknowledged when a while has passed.
/// </summary>
internal sealed class StreamClient(byte[] stream, TcpOptions offer, int segmentSize)
{
    private const ulong WaitMs = 300;
    private const uint First = 0xffff_f000; // numbers wrap on the way

    private readonly List<byte> _received = [];
    private uint _acknowledged = First;
    private uint _expected;
    private uint _window;
    private uint _peerClock;
    private ulong _sendAt;
    private bool _isOpen;
    private bool _answer;

    public IReadOnlyList<byte> Received => _received;

    /// <summary>Whether the peer has ended its stream.</summary>
    public bool PeerEnded { get; private set; }

    /// <summary>Whether all of ours, the end included, was acknowledged.</summary>
    public bool IsDone => _acknowledged == First + 1 + (uint)stream.Length + 1;

    public bool WasReset { get; private set; }

    public void Take(byte[] frame)
    {
        if (frame[23] != (byte)IpProtocol.Tcp)
        {
            return;
        }

        Sent segment = Sent.Read(frame);
        _window = segment.Header.Window;
        WasReset |= segment.Has(TcpFlags.Rst) && segment.Header.Sequence == _expected;
        _peerClock = segment.Options.Timestamp;
        if (segment.Has(TcpFlags.Syn))
        {
            _answer = _isOpen;
            _expected = _isOpen ? _expected : segment.Header.Sequence + 1;
            _acknowledged = _isOpen ? _acknowledged : First + 1;
            _isOpen = true;
            _sendAt = 0;
            return;
        }

        if (SequenceRange.Before(_acknowledged, segment.Header.Acknowledgment))
        {
            _acknowledged = segment.Header.Acknowledgment;
            _sendAt = 0;
        }

        if (segment.Header.Sequence == _expected && !PeerEnded)
        {
            _received.AddRange(segment.Payload);
            _expected += (uint)segment.Payload.Length;
            PeerEnded = segment.Has(TcpFlags.Fin);
            _expected += PeerEnded ? 1u : 0;
        }

        _answer |= segment.Payload.Length > 0 || segment.Has(TcpFlags.Fin);
    }

    public IEnumerable<byte[]> Send(ulong now)
    {
        List<byte[]> frames = [];
        if (now >= _sendAt)
        {
            _sendAt = now + WaitMs;
            if (!_isOpen)
            {
                frames.Add(Frames.Tcp(Header(TcpFlags.Syn, First), default, offer with { Timestamp = (uint)now }));
            }
            else
            {
                SendStream(frames, now);
            }
        }

        if (_answer && frames.Count == 0)
        {
            frames.Add(Segment(TcpFlags.Ack, _acknowledged, default, now));
        }

        _answer = false;
        return frames;
    }

    private void SendStream(List<byte[]> frames, ulong now)
    {
        int start = (int)(_acknowledged - First - 1);
        int limit = (int)Math.Min(stream.Length, start + Math.Min(_window == 0 ? 1 : _window, 8u * (uint)segmentSize));
        for (int at = start; at < limit; at += segmentSize)
        {
            int length = Math.Min(segmentSize, limit - at);
            TcpFlags fin = at + length == stream.Length ? TcpFlags.Fin : TcpFlags.None;
            frames.Add(Segment(TcpFlags.Ack | fin, First + 1 + (uint)at, stream.AsSpan(at, length), now));
        }

        if (start == stream.Length)
        {
            frames.Add(Segment(TcpFlags.Ack | TcpFlags.Fin, First + 1 + (uint)start, default, now));
        }
        else if (frames.Count == 0)
        {
            frames.Add(Segment(TcpFlags.Ack, _acknowledged, default, now));
        }
    }

    private byte[] Segment(TcpFlags flags, uint sequence, ReadOnlySpan<byte> payload, ulong now)
    {
        TcpOptions options = default;
        options.HasTimestamp = offer.HasTimestamp;
        options.Timestamp = (uint)now;
        options.TimestampEcho = _peerClock;
        return Frames.Tcp(Header(flags, sequence), payload, options);
    }

    private TcpHeader Header(TcpFlags flags, uint sequence) => new()
    {
        SourcePort = 40000,
        DestinationPort = 23,
        Sequence = sequence,
        Acknowledgment = flags == TcpFlags.Syn ? 0 : _expected,
        Flags = flags,
        Window = 20_000,
    };
}
