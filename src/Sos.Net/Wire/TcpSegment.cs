using System;
using Sos.Sdk.Wire;

namespace Sos.Net.Wire;

/// <summary>A TCP segment whose header, options and checksum were found right.</summary>
public readonly ref struct TcpSegment
{
    private TcpSegment(TcpHeader header, TcpOptions options, ReadOnlySpan<byte> payload)
    {
        Header = header;
        Options = options;
        Payload = payload;
    }

    /// <summary>The header.</summary>
    public TcpHeader Header { get; }

    /// <summary>The options.</summary>
    public TcpOptions Options { get; }

    /// <summary>The data.</summary>
    public ReadOnlySpan<byte> Payload { get; }

    /// <summary>Whether there is an acknowledgment.</summary>
    public bool IsAck => (Header.Flags & TcpFlags.Ack) != 0;

    /// <summary>Whether it opens a connection.</summary>
    public bool IsSyn => (Header.Flags & TcpFlags.Syn) != 0;

    /// <summary>Whether it is a reset.</summary>
    public bool IsRst => (Header.Flags & TcpFlags.Rst) != 0;

    /// <summary>Whether it ends the sender's stream.</summary>
    public bool IsFin => (Header.Flags & TcpFlags.Fin) != 0;

    /// <summary>Sequence numbers that it takes: data, and one each for SYN and FIN.</summary>
    public uint Length => (uint)Payload.Length + (IsSyn ? 1u : 0) + (IsFin ? 1u : 0);

    /// <summary>The sequence number behind it.</summary>
    public uint End => Header.Sequence + Length;

    /// <summary>Checks a segment.</summary>
    /// <param name="bytes">What the IP packet carries, all of it.</param>
    /// <param name="source">Where it comes from.</param>
    /// <param name="destination">Where it goes.</param>
    /// <param name="segment">The segment.</param>
    /// <returns>False when a length, an option or the checksum is wrong, or a port is 0.</returns>
    public static bool TryParse(ReadOnlySpan<byte> bytes, IpAddress source, IpAddress destination, out TcpSegment segment)
    {
        segment = default;
        if (TcpHeader.Parse(bytes, out TcpHeader header) != MalformedReason.None
            || header.SourcePort == 0
            || header.DestinationPort == 0
            || !InternetChecksum.IsValid(bytes, TransportSum.PseudoHeader(source, destination, IpProtocol.Tcp, bytes.Length))
            || !TcpOptions.TryParse(bytes[TcpHeader.SizeMin..header.HeaderLength], out TcpOptions options))
        {
            return false;
        }

        segment = new TcpSegment(header, options, bytes[header.HeaderLength..]);
        return true;
    }
}
