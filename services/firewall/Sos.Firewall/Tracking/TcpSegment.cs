using System;
using System.Buffers.Binary;
using Sos.Sdk.Wire;

namespace Sos.Firewall.Tracking;

/// <summary>A TCP segment as a tracker looks at it.</summary>
public readonly ref struct TcpSegment
{
    private const int OptionEnd = 0; // RFC 9293, 3.2
    private const int OptionNone = 1;
    private const int OptionWindowScale = 3; // RFC 7323, 2.2
    private const int OptionSackPermitted = 4; // RFC 2018, 2
    private const int OptionSack = 5; // RFC 2018, 3
    private const byte ScaleMax = 14; // RFC 7323, 2.3
    private const int SackBlock = 8;

    // The combinations of FIN, SYN, RST, ACK and URG that a sender can mean: SYN, SYN ACK, RST, RST ACK, FIN ACK, ACK; with URG where data may follow.
    private const TcpFlags Counting = TcpFlags.Fin | TcpFlags.Syn | TcpFlags.Rst | TcpFlags.Ack | TcpFlags.Urg;
    private const ulong Sensible =
        (1UL << (int)TcpFlags.Syn) | (1UL << (int)(TcpFlags.Syn | TcpFlags.Urg)) | (1UL << (int)(TcpFlags.Syn | TcpFlags.Ack))
        | (1UL << (int)TcpFlags.Rst) | (1UL << (int)(TcpFlags.Rst | TcpFlags.Ack))
        | (1UL << (int)(TcpFlags.Fin | TcpFlags.Ack)) | (1UL << (int)(TcpFlags.Fin | TcpFlags.Ack | TcpFlags.Urg))
        | (1UL << (int)TcpFlags.Ack) | (1UL << (int)(TcpFlags.Ack | TcpFlags.Urg));

    private readonly ReadOnlySpan<byte> _options;

    /// <summary>Reads a segment.</summary>
    /// <param name="bytes">The header, whose length was checked, and all that belongs to the segment.</param>
    public TcpSegment(ReadOnlySpan<byte> bytes)
    {
        int header = (bytes[12] >> 4) * 4;
        _options = bytes[TcpHeader.SizeMin..header];
        Sequence = BinaryPrimitives.ReadUInt32BigEndian(bytes[4..]);
        Acknowledged = BinaryPrimitives.ReadUInt32BigEndian(bytes[8..]);
        Flags = (TcpFlags)bytes[13];
        Window = BinaryPrimitives.ReadUInt16BigEndian(bytes[14..]);
        End = Sequence + (uint)(bytes.Length - header) + (Has(TcpFlags.Syn) ? 1u : 0) + (Has(TcpFlags.Fin) ? 1u : 0);
        Kind = Has(TcpFlags.Rst) ? TcpSegmentKind.Reset
            : Has(TcpFlags.Syn) ? Has(TcpFlags.Ack) ? TcpSegmentKind.SynAck : TcpSegmentKind.Syn
            : Has(TcpFlags.Fin) ? TcpSegmentKind.Fin
            : Has(TcpFlags.Ack) ? TcpSegmentKind.Ack : TcpSegmentKind.None;
    }

    /// <summary>Its sequence number.</summary>
    public uint Sequence { get; }

    /// <summary>The sequence number behind it: data, SYN and FIN count.</summary>
    public uint End { get; }

    /// <summary>Its acknowledgment number.</summary>
    public uint Acknowledged { get; }

    /// <summary>Its window, not scaled.</summary>
    public ushort Window { get; }

    /// <summary>Its control bits.</summary>
    public TcpFlags Flags { get; }

    /// <summary>Its kind.</summary>
    public TcpSegmentKind Kind { get; }

    /// <summary>Whether its control bits make sense together.</summary>
    public bool IsSensible => ((Sensible >> (int)(Flags & Counting)) & 1) != 0;

    /// <summary>Whether it has a control bit.</summary>
    public bool Has(TcpFlags flag) => (Flags & flag) != 0;

    /// <summary>Reads what a SYN offers into the side that sent it.</summary>
    public void ReadOffers(ref TcpSide side)
    {
        if (_options.IsEmpty)
        {
            return;
        }

        side.Scale = 0;
        side.Flags &= TcpSideFlags.Liberal;
        ReadOnlySpan<byte> rest = _options;
        while (TryTake(ref rest, out int kind, out ReadOnlySpan<byte> value))
        {
            if (kind == OptionSackPermitted && value.IsEmpty)
            {
                side.Flags |= TcpSideFlags.SackPermitted;
            }
            else if (kind == OptionWindowScale && value.Length == 1)
            {
                side.Scale = Math.Min(value[0], ScaleMax);
                side.Flags |= TcpSideFlags.WindowScale;
            }
        }
    }

    /// <summary>Returns the highest sequence number that it acknowledges, selectively or not.</summary>
    public uint FindHighestAcknowledged()
    {
        uint highest = Acknowledged;
        ReadOnlySpan<byte> rest = _options;
        while (TryTake(ref rest, out int kind, out ReadOnlySpan<byte> value))
        {
            if (kind != OptionSack || value.IsEmpty || value.Length % SackBlock != 0)
            {
                continue;
            }

            for (int at = SackBlock / 2; at < value.Length; at += SackBlock)
            {
                uint edge = BinaryPrimitives.ReadUInt32BigEndian(value[at..]);
                highest = IsAfter(edge, highest) ? edge : highest;
            }

            break;
        }

        return highest;
    }

    /// <summary>Whether a sequence number lies before another (RFC 9293, 3.4: modulo 2^32).</summary>
    public static bool IsBefore(uint sequence, uint other) => (int)(sequence - other) < 0;

    /// <summary>Whether a sequence number lies behind another.</summary>
    public static bool IsAfter(uint sequence, uint other) => IsBefore(other, sequence);

    private static bool TryTake(ref ReadOnlySpan<byte> rest, out int kind, out ReadOnlySpan<byte> value)
    {
        value = default;
        kind = OptionEnd;
        while (!rest.IsEmpty && rest[0] == OptionNone)
        {
            rest = rest[1..];
        }

        if (rest.Length < 2 || rest[0] == OptionEnd || rest[1] < 2 || rest[1] > rest.Length)
        {
            return false;
        }

        kind = rest[0];
        value = rest[2..rest[1]];
        rest = rest[rest[1]..];
        return true;
    }
}
