using System;
using System.Buffers.Binary;
using Sos.Cores;
using Sos.Router.Routes;
using Sos.Sdk.Wire;

namespace Sos.Router.Control.Trace;

/// <summary>A packet whose way through the router is asked for.</summary>
internal sealed record TracedPacket
{
    /// <summary>Bytes from its IP header on that a packet has at most.</summary>
    public const int SizeMax = ushort.MaxValue;

    private const int Ethernet = EthernetHeader.UntaggedSize;
    private const int TransportSize = 8; // of UDP and of an echo; enough of all others

    /// <summary>Where it goes.</summary>
    public required RouteAddress Destination { get; init; }

    /// <summary>Where it comes from, of the same family.</summary>
    public required RouteAddress Source { get; init; }

    /// <summary>The protocol that it carries.</summary>
    public IpProtocol Protocol { get; init; } = IpProtocol.Udp;

    /// <summary>The port that it comes from, of a protocol that has ports.</summary>
    public ushort SourcePort { get; init; }

    /// <summary>The port that it goes to.</summary>
    public ushort DestinationPort { get; init; }

    /// <summary>Its bytes from the IP header on; at least those of its headers.</summary>
    public int Size { get; init; }

    /// <summary>Its TTL or hop limit.</summary>
    public byte HopLimit { get; init; } = 64;

    /// <summary>Whether IPv4 must not cut it.</summary>
    public bool DoNotFragment { get; init; }

    /// <summary>Reads a protocol as people write it.</summary>
    /// <exception cref="SosException">There is none of that name.</exception>
    public static IpProtocol ReadProtocol(string text, bool isIpv6) => text.ToLowerInvariant() switch
    {
        "udp" => IpProtocol.Udp,
        "tcp" => IpProtocol.Tcp,
        "icmp" or "icmpv6" => isIpv6 ? IpProtocol.Icmpv6 : IpProtocol.Icmp,
        string other when byte.TryParse(other, out byte number) => (IpProtocol)number,
        _ => throw new SosException(SosError.Usage, $"\"{text}\" is no protocol: give udp, tcp, icmp or a number of 0 to 255"),
    };

    /// <summary>Makes its frame, as it comes in at an interface.</summary>
    /// <param name="mac">The interface's address on the link.</param>
    public byte[] ToFrame(ulong mac)
    {
        int header = Destination.IsIpv6 ? Ipv6Header.Size : Ipv4Header.SizeMin;
        int transport = Protocol == IpProtocol.Tcp ? TcpHeader.SizeMin : TransportSize;
        int size = Math.Clamp(Size, header + transport, SizeMax);
        byte[] frame = new byte[Ethernet + size];
        new MacAddress(mac).Write(frame);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(12), (ushort)(Destination.IsIpv6 ? EtherType.Ipv6 : EtherType.Ipv4));
        WriteTransport(frame.AsSpan(Ethernet + header));
        if (Destination.IsIpv6)
        {
            new Ipv6Header
            {
                PayloadLength = (ushort)(size - header),
                NextHeader = Protocol,
                HopLimit = HopLimit,
                Source = ToIpv6(Source),
                Destination = ToIpv6(Destination),
            }.Write(frame.AsSpan(Ethernet));
        }
        else
        {
            new Ipv4Header
            {
                HeaderLength = Ipv4Header.SizeMin,
                TotalLength = (ushort)size,
                DoNotFragment = DoNotFragment,
                TimeToLive = HopLimit,
                Protocol = Protocol,
                Source = (uint)Source.Value,
                Destination = (uint)Destination.Value,
            }.Write(frame.AsSpan(Ethernet));
        }

        return frame;
    }

    private static Ipv6Address ToIpv6(RouteAddress address) => new((ulong)(address.Value >> 64), (ulong)address.Value);

    private void WriteTransport(Span<byte> bytes)
    {
        const byte echo4 = 8;
        const byte echo6 = 128;
        const byte syn = 2;
        switch (Protocol)
        {
            case IpProtocol.Icmp:
                bytes[0] = echo4;
                return;
            case IpProtocol.Icmpv6:
                bytes[0] = echo6;
                return;
            case IpProtocol.Tcp:
                bytes[12] = (TcpHeader.SizeMin / 4) << 4;
                bytes[13] = syn;
                break;
            case IpProtocol.Udp:
                BinaryPrimitives.WriteUInt16BigEndian(bytes[4..], (ushort)bytes.Length);
                break;
        }

        BinaryPrimitives.WriteUInt16BigEndian(bytes, SourcePort);
        BinaryPrimitives.WriteUInt16BigEndian(bytes[2..], DestinationPort);
    }
}
