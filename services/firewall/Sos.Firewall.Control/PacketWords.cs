using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Net;
using System.Net.Sockets;
using Sos.Cores;
using Sos.Sdk.Wire;

namespace Sos.Firewall.Control;

/// <summary>Turns a packet that a person describes into a frame, and a frame into words.</summary>
internal static class PacketWords
{
    private const int EthernetSize = EthernetHeader.UntaggedSize;
    private const int HopLimit = 64;

    private static readonly string[] FlagNames = ["fin", "syn", "rst", "psh", "ack", "urg", "ecn", "cwr"];

    /// <summary>Makes the frame of a packet.</summary>
    /// <param name="words">Protocol, source and destination with their ports, and TCP's flags or the type of an ICMP message.</param>
    /// <exception cref="SosException">The words are no packet.</exception>
    public static byte[] Parse(IReadOnlyList<string> words)
    {
        if (words.Count is < 3 or > 4 || ReadProtocol(words[0]) is not { } protocol
            || !IPEndPoint.TryParse(words[1], out IPEndPoint? source) || !IPEndPoint.TryParse(words[2], out IPEndPoint? destination)
            || source.AddressFamily != destination.AddressFamily)
        {
            throw Refuse(words);
        }

        bool isIpv4 = source.AddressFamily == AddressFamily.InterNetwork;
        byte next = !isIpv4 && protocol == (byte)IpProtocol.Icmp ? (byte)IpProtocol.Icmpv6 : protocol;
        byte[] transport = MakeTransport(next, source, destination, words);
        return isIpv4 ? MakeIpv4(next, source, destination, transport) : MakeIpv6(next, source, destination, transport);
    }

    /// <summary>Describes a frame.</summary>
    public static string Describe(ReadOnlySpan<byte> frame)
    {
        if (FrameParser.Parse(frame, out ParsedFrame parsed) != MalformedReason.None || parsed.IpVersion == 0)
        {
            return $"a frame of {frame.Length} bytes";
        }

        bool isIpv4 = parsed.IpVersion == 4;
        ReadOnlySpan<byte> packet = frame[parsed.NetworkOffset..];
        IPAddress source = new(isIpv4 ? packet.Slice(12, 4) : packet.Slice(8, 16));
        IPAddress destination = new(isIpv4 ? packet.Slice(16, 4) : packet.Slice(24, 16));
        ReadOnlySpan<byte> transport = parsed.Fragment.IsLater ? [] : frame[parsed.TransportOffset..parsed.PacketEnd];
        int length = parsed.PacketEnd - parsed.NetworkOffset;
        return parsed.Protocol switch
        {
            IpProtocol.Tcp when transport.Length >= TcpHeader.SizeMin
                => $"tcp {End(source, transport, 0)} > {End(destination, transport, 2)} {Flags(transport[13])}, {length} bytes",
            IpProtocol.Udp when transport.Length >= UdpHeader.Size
                => $"udp {End(source, transport, 0)} > {End(destination, transport, 2)}, {length} bytes",
            IpProtocol.Icmp or IpProtocol.Icmpv6 when transport.Length >= 2
                => $"{(isIpv4 ? "icmp" : "icmpv6")} {source} > {destination} type {transport[0]} code {transport[1]}, {length} bytes",
            _ => $"protocol {(byte)parsed.Protocol} {source} > {destination}, {length} bytes",
        };
    }

    private static byte? ReadProtocol(string word) => word.ToLowerInvariant() switch
    {
        "tcp" => (byte)IpProtocol.Tcp,
        "udp" => (byte)IpProtocol.Udp,
        "icmp" or "icmpv6" => (byte)IpProtocol.Icmp,
        string other => byte.TryParse(other, CultureInfo.InvariantCulture, out byte number) ? number : null,
    };

    private static byte[] MakeTransport(byte protocol, IPEndPoint source, IPEndPoint destination, IReadOnlyList<string> words)
    {
        string? last = words.ElementAtOrDefault(3);
        byte[] transport;
        switch ((IpProtocol)protocol)
        {
            case IpProtocol.Tcp:
                transport = new byte[TcpHeader.SizeMin];
                transport[12] = (TcpHeader.SizeMin / 4) << 4;
                transport[13] = ReadFlags(last ?? "syn", words);
                break;
            case IpProtocol.Udp when last is null:
                transport = new byte[UdpHeader.Size];
                transport[5] = UdpHeader.Size;
                break;
            case IpProtocol.Icmp or IpProtocol.Icmpv6:
                byte echo = (IpProtocol)protocol == IpProtocol.Icmp ? (byte)8 : (byte)128;
                return byte.TryParse(last ?? echo.ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture, out byte type)
                    ? [type, 0, 0, 0, 0, 0, 0, 0]
                    : throw Refuse(words);
            default:
                return last is null ? new byte[8] : throw Refuse(words);
        }

        BinaryPrimitives.WriteUInt16BigEndian(transport, (ushort)source.Port);
        BinaryPrimitives.WriteUInt16BigEndian(transport.AsSpan(2), (ushort)destination.Port);
        return transport;
    }

    private static byte ReadFlags(string text, IReadOnlyList<string> words)
    {
        byte flags = 0;
        foreach (string name in text.Split([',', '|'], StringSplitOptions.RemoveEmptyEntries).Where(name => name != "none"))
        {
            int bit = Array.IndexOf(FlagNames, name.ToLowerInvariant());
            flags |= bit >= 0 ? (byte)(1 << bit) : throw Refuse(words);
        }

        return flags;
    }

    private static byte[] MakeIpv4(byte protocol, IPEndPoint source, IPEndPoint destination, byte[] transport)
    {
        byte[] frame = new byte[EthernetSize + Ipv4Header.SizeMin + transport.Length];
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(12), (ushort)EtherType.Ipv4);
        Span<byte> packet = frame.AsSpan(EthernetSize);
        packet[0] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(packet[2..], (ushort)packet.Length);
        packet[8] = HopLimit;
        packet[9] = protocol;
        source.Address.TryWriteBytes(packet[12..], out _);
        destination.Address.TryWriteBytes(packet[16..], out _);
        transport.CopyTo(packet[Ipv4Header.SizeMin..]);
        uint sum = 0;
        for (int i = 0; i < Ipv4Header.SizeMin; i += 2)
        {
            sum += BinaryPrimitives.ReadUInt16BigEndian(packet[i..]);
        }

        sum = (sum & 0xffff) + (sum >> 16);
        BinaryPrimitives.WriteUInt16BigEndian(packet[10..], (ushort)~((sum & 0xffff) + (sum >> 16)));
        return frame;
    }

    private static byte[] MakeIpv6(byte protocol, IPEndPoint source, IPEndPoint destination, byte[] transport)
    {
        byte[] frame = new byte[EthernetSize + Ipv6Header.Size + transport.Length];
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(12), (ushort)EtherType.Ipv6);
        Span<byte> packet = frame.AsSpan(EthernetSize);
        packet[0] = 0x60;
        BinaryPrimitives.WriteUInt16BigEndian(packet[4..], (ushort)transport.Length);
        packet[6] = protocol;
        packet[7] = HopLimit;
        source.Address.TryWriteBytes(packet[8..], out _);
        destination.Address.TryWriteBytes(packet[24..], out _);
        transport.CopyTo(packet[Ipv6Header.Size..]);
        return frame;
    }

    private static IPEndPoint End(IPAddress address, ReadOnlySpan<byte> transport, int at)
        => new(address, BinaryPrimitives.ReadUInt16BigEndian(transport[at..]));

    private static string Flags(byte flags)
        => flags == 0 ? "none" : string.Join(',', FlagNames.Where((_, bit) => ((flags >> bit) & 1) != 0));

    private static SosException Refuse(IReadOnlyList<string> words) => new(
        SosError.Usage,
        $"\"{string.Join(' ', words)}\" is no packet: write PROTOCOL SOURCE DESTINATION [FLAGS or TYPE], as in \"tcp 192.0.2.7:40000 10.0.0.1:22 syn\", "
        + "\"udp [2001:db8::7]:53 [2001:db8::1]:4000\" or \"icmp 192.0.2.7 10.0.0.1 8\"");
}
