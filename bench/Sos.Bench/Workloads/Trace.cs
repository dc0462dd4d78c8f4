using System;
using System.Buffers.Binary;
using Sos.Bench.Service;
using Sos.Sdk.Wire;

namespace Sos.Bench.Workloads;

/// <summary>The headers of packets, one behind the other, 64 bytes each.</summary>
internal sealed class Trace
{
    private const int IpOffset = 14;
    private const int TransportOffset = IpOffset + Ipv4Header.SizeMin;

    /// <summary>Makes an empty trace.</summary>
    /// <param name="count">Packets, a power of two.</param>
    /// <param name="frameLength">Length that the headers claim, in bytes.</param>
    public Trace(int count, int frameLength = BenchMailbox.FrameBytes)
    {
        Bytes = new byte[count * BenchMailbox.FrameBytes];
        FrameLength = frameLength;
    }

    /// <summary>The headers.</summary>
    public byte[] Bytes { get; }

    /// <summary>Bytes of each whole frame.</summary>
    public int FrameLength { get; }

    /// <summary>Packets.</summary>
    public int Count => Bytes.Length / BenchMailbox.FrameBytes;

    /// <summary>Writes a packet of TCP, UDP, or a protocol without ports that rules can match.</summary>
    public void Set(int index, uint source, uint destination, byte protocol, ushort sourcePort, ushort destinationPort)
    {
        Span<byte> frame = Bytes.AsSpan(index * BenchMailbox.FrameBytes, BenchMailbox.FrameBytes);
        frame.Clear();
        ReadOnlySpan<byte> addresses = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
        addresses.CopyTo(frame);
        BinaryPrimitives.WriteUInt16BigEndian(frame[12..], (ushort)EtherType.Ipv4);
        new Ipv4Header
        {
            HeaderLength = Ipv4Header.SizeMin,
            TotalLength = (ushort)(FrameLength - IpOffset),
            TimeToLive = 64,
            Protocol = (IpProtocol)protocol,
            Source = source,
            Destination = destination,
        }.Write(frame[IpOffset..]);
        Span<byte> transport = frame[TransportOffset..];
        if (protocol == (byte)IpProtocol.Tcp)
        {
            new TcpHeader { SourcePort = sourcePort, DestinationPort = destinationPort, HeaderLength = 20, Flags = TcpFlags.Ack }.Write(transport);
        }
        else
        {
            ushort length = (ushort)(FrameLength - TransportOffset);
            new UdpHeader { SourcePort = sourcePort, DestinationPort = destinationPort, Length = length }.Write(transport);
        }
    }
}
