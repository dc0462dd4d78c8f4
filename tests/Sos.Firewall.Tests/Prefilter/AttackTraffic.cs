using System;
using System.Collections.Generic;
using System.Linq;

namespace Sos.Firewall.Tests.Prefilter;

/// <summary>Kinds of hostile traffic that reach a host from the Internet.</summary>
internal enum Attack
{
    /// <summary>SYN to one port after the other.</summary>
    SynScan,

    /// <summary>FIN, NULL, Xmas and ACK scans.</summary>
    StealthScan,

    /// <summary>Small datagrams to one port after the other.</summary>
    UdpScan,

    /// <summary>SYN from invented sources to ports that some hosts serve.</summary>
    SynFlood,

    /// <summary>Datagrams from invented sources to any port.</summary>
    UdpFlood,

    /// <summary>ACK, SYN-ACK and RST that belong to nothing: floods, and answers to what others sent in this host's name.</summary>
    Stray,

    /// <summary>Answers of open servers to questions that were asked in this host's name.</summary>
    Amplification,

    /// <summary>Echo requests, and errors about packets that were never sent.</summary>
    Icmp,
}

/// <summary>A frame of the mix.</summary>
/// <param name="Kind">Its kind.</param>
/// <param name="Frame">The frame, well-formed, with right checksums.</param>
/// <param name="IsIpv4">Its family.</param>
/// <param name="Id">Its number: the IPv4 identification, or the IPv6 flow label.</param>
internal sealed record AttackFrame(Attack Kind, byte[] Frame, bool IsIpv4, int Id);

/// <summary>
/// Makes mixed attack traffic to one host, the same for the same seed: what a host with an address on the Internet receives on a bad day. Nothing in
/// it is chosen by what a prefilter can tell: open ports are attacked as closed ones are, and one frame in ten is IPv6.
/// </summary>
internal sealed class AttackTraffic(int seed)
{
    /// <summary>The addresses of the host that <c>sosd</c> would take for certain: those of IPv4.</summary>
    public static readonly string[] Hosts = ["10.9.0.2"];

    private const uint Host = 0x0a090002;
    private static readonly UInt128 Host6 = new(0xfd00_0009_0000_0000, 2);
    private static readonly ushort[] Served = [22, 80, 443, 25, 53, 3306, 8080, 3389, 23, 5060];

    // The source port of each service that amplifies, and the sizes of its answers.
    private static readonly (ushort Port, int Least, int Most)[] Amplifiers =
        [(53, 300, 1400), (123, 440, 440), (1900, 250, 350), (11211, 1000, 1400), (389, 1300, 1400), (161, 300, 1400), (19, 70, 1000), (17, 60, 500)];

    private static readonly (Attack Kind, int Weight)[] Mix =
    [
        (Attack.SynScan, 15), (Attack.StealthScan, 8), (Attack.UdpScan, 7), (Attack.SynFlood, 20), (Attack.UdpFlood, 12), (Attack.Stray, 13),
        (Attack.Amplification, 20), (Attack.Icmp, 5),
    ];

    private readonly Random _random = new(seed);
    private ushort _scanned;

    /// <summary>Makes frames with the numbers from 1 on.</summary>
    public List<AttackFrame> Make(int count) => [.. Enumerable.Range(1, count).Select(Next)];

    private AttackFrame Next(int id)
    {
        Attack kind = Pick();
        bool isIpv4 = _random.Next(10) != 0;
        (byte protocol, byte[] payload) = kind switch
        {
            Attack.SynScan => Tcp(Port(), Scanned(), 2),
            Attack.StealthScan => Tcp(Port(), Scanned(), Choose((byte)1, (byte)0, (byte)0x29, (byte)16)),
            Attack.UdpScan => Udp(Port(), Scanned(), _random.Next(2) * 8),
            Attack.SynFlood => Tcp(Port(), Choose(Served), 2),
            Attack.UdpFlood => Udp(Port(), Port(), _random.Next(1, 900)),
            Attack.Stray => Tcp(_random.Next(2) == 0 ? Choose(Served) : Port(), Port(), Choose((byte)16, (byte)18, (byte)4, (byte)20, (byte)24)),
            Attack.Amplification => Amplified(),
            _ => Icmp(isIpv4),
        };
        return new AttackFrame(kind, isIpv4 ? MakeIpv4(protocol, payload, (ushort)id) : MakeIpv6(protocol, payload, (uint)id), isIpv4, id);
    }

    private Attack Pick()
    {
        int left = _random.Next(Mix.Sum(entry => entry.Weight));
        return Mix.First(entry => (left -= entry.Weight) < 0).Kind;
    }

    private ushort Port() => (ushort)_random.Next(1024, 65536);

    // A scanner knows where to begin: each third port is one that something listens on somewhere.
    private ushort Scanned() => _random.Next(3) == 0 ? Choose(Served) : ++_scanned;

    private T Choose<T>(params T[] values) => values[_random.Next(values.Length)];

    private static (byte Protocol, byte[] Payload) Tcp(ushort source, ushort destination, byte flags)
        => (6, Packet.Tcp(source, destination, flags));

    private static (byte Protocol, byte[] Payload) Udp(ushort source, ushort destination, int data) => (17, Packet.Udp(source, destination, data));

    private (byte Protocol, byte[] Payload) Amplified()
    {
        (ushort port, int least, int most) = Choose(Amplifiers);
        return Udp(port, Port(), _random.Next(least, most + 1));
    }

    // An error carries the header, and eight bytes more, of a packet that this host never sent.
    private (byte Protocol, byte[] Payload) Icmp(bool isIpv4)
    {
        bool isEcho = _random.Next(3) != 0;
        byte[] sent = isIpv4
            ? Packet.Ipv4(Host, Source(), 17, Packet.Udp(Port(), Port()))
            : Packet.Ipv6(Host6, Source6(), 17, Packet.Udp(Port(), Port()));
        byte type = (isIpv4, isEcho) switch { (true, true) => 8, (true, false) => 3, (false, true) => 128, _ => 1 };
        byte[] message = [type, isEcho ? (byte)0 : (byte)3, 0, 0, (byte)_random.Next(256), (byte)_random.Next(256), 0, 1];
        return (isIpv4 ? (byte)1 : (byte)58, isEcho ? message : [.. message[..4], 0, 0, 0, 0, .. sent]);
    }

    // Addresses that a host could have: not multicast, loopback, this network, or the host's own.
    private uint Source()
    {
        while (true)
        {
            uint source = (uint)_random.NextInt64(0x0100_0000, 0xdfff_ffff);
            if (source >> 24 is not (10 or 127 or 169 or 172 or 192) && (source & 0xff) is not (0 or 255))
            {
                return source;
            }
        }
    }

    private UInt128 Source6() => new(0x2001_0db8_0000_0000UL | (uint)_random.Next(), (ulong)_random.NextInt64(1, long.MaxValue));

    private byte[] MakeIpv4(byte protocol, byte[] payload, ushort id)
    {
        uint source = Source();
        Packet.WriteChecksum(protocol, payload, source, Host);
        return Packet.Ethernet(0x0800, Packet.Ipv4(source, Host, protocol, payload, id));
    }

    private byte[] MakeIpv6(byte protocol, byte[] payload, uint id)
    {
        UInt128 source = Source6();
        Packet.WriteChecksum(protocol, payload, source, Host6);
        return Packet.Ethernet(0x86dd, Packet.Ipv6(source, Host6, protocol, payload, id));
    }
}
