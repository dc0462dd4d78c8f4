using System;
using Sos.Net.Wire;
using Sos.Sdk.Wire;
using Xunit;

namespace Sos.Net.Tests;

/// <summary>A TCP segment that the endpoint sent, taken apart.</summary>
internal sealed record Sent(TcpHeader Header, TcpOptions Options, byte[] Payload)
{
    public bool Has(TcpFlags flags) => (Header.Flags & flags) == flags;

    public bool IsAckOf(uint number) => Has(TcpFlags.Ack) && Header.Acknowledgment == number;

    /// <summary>Reads a frame, and checks that all of it is right: lengths, checksums, addresses.</summary>
    public static Sent Read(byte[] frame)
    {
        Assert.Equal(MalformedReason.None, FrameParser.Parse(frame, out ParsedFrame parsed));
        Assert.Equal(IpProtocol.Tcp, parsed.Protocol);
        bool isIpv4 = parsed.IpVersion == 4;
        IpAddress source = isIpv4 ? IpAddress.FromIpv4(parsed.SourceIpv4) : new IpAddress(parsed.Source);
        IpAddress destination = isIpv4 ? IpAddress.FromIpv4(parsed.DestinationIpv4) : new IpAddress(parsed.Destination);
        Assert.True(TcpSegment.TryParse(frame.AsSpan(parsed.TransportOffset..parsed.PacketEnd), source, destination, out TcpSegment segment));
        Assert.Equal(Frames.Destination(isIpv4), source);
        return new Sent(segment.Header, segment.Options, segment.Payload.ToArray());
    }
}
