using System;
using System.Buffers.Binary;
using System.IO;
using System.Linq;
using System.Text;
using Sos.Bench;
using Sos.RouterBench.Service;
using Sos.Sdk.Wire;

namespace Sos.RouterBench;

/// <summary>Routes, keys and packets as the contenders want them, and the hop of each.</summary>
internal sealed class RouteWorkload : IDisposable
{
    /// <summary>The port's address on the link that packets are sent to; of gateways the last byte is the hop.</summary>
    public const ulong RouterMac = 0x0200_0000_0001;

    private const int PeerRouteSize = 24; // struct peer_route

    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("sos-bench-router-");

    /// <summary>Makes keys of a kind, and packets to the first of them.</summary>
    public RouteWorkload(RouteSet routes, KeyKind kind)
    {
        Set = routes;
        Keys = routes.MakeKeys(kind, RouterBenchArea.KeyCount);
        Expected = [.. Keys.AsParallel().AsOrdered().Select(routes.Find)];
        RoutesPath = Write("routes", PeerRoutes());
        KeysPath = Write("keys", PeerKeys());
    }

    public RouteSet Set { get; }

    public UInt128[] Keys { get; }

    /// <summary>For each key its hop, 0 for none.</summary>
    public byte[] Expected { get; }

    public string RoutesPath { get; }

    public string KeysPath { get; }

    /// <summary>Where a peer writes its answers.</summary>
    public string VerdictsPath => PathOf("verdicts");

    /// <summary>A gateway's address.</summary>
    public static UInt128 Gateway(bool isIpv6, byte hop) => isIpv6 ? ((UInt128)0xfd00_00ff << 96) | hop : 0x0aff_0000u | hop;

    /// <summary>A gateway's address on its link.</summary>
    public static ulong GatewayMac(byte hop) => 0x02aa_0000_0000UL | hop;

    /// <summary>The packets: 64 bytes to each of the first keys.</summary>
    public byte[] MakeTrace()
    {
        byte[] trace = new byte[RouterBenchArea.TraceCount * RouterBenchArea.FrameBytes];
        for (int i = 0; i < RouterBenchArea.TraceCount; i++)
        {
            Span<byte> frame = trace.AsSpan(i * RouterBenchArea.FrameBytes, RouterBenchArea.FrameBytes);
            new MacAddress(RouterMac).Write(frame);
            new MacAddress(0x0200_0000_00fe).Write(frame[6..]);
            if (Set.IsIpv6)
            {
                WriteIpv6(frame, Keys[i]);
            }
            else
            {
                WriteIpv4(frame, (uint)Keys[i]);
            }
        }

        return trace;
    }

    /// <summary>Writes the trace for a peer.</summary>
    public string WriteTrace() => Write("trace", MakeTrace());

    /// <summary>Writes the script that gives Linux the routes, and neighbours behind r1.</summary>
    public string WriteSetup()
    {
        string family = Set.IsIpv6 ? "-6" : "-4";
        StringBuilder batch = new();
        for (int hop = 1; hop <= RouteSet.Hops; hop++)
        {
            batch.Append($"neigh add {Text(Gateway(Set.IsIpv6, (byte)hop))} lladdr 02:aa:00:00:00:{hop:x2} nud permanent dev r1\n");
        }

        foreach (BenchRoute route in Set.Routes)
        {
            batch.Append($"route add {Text(route.Prefix.Value)}/{route.Length} via {Text(Gateway(Set.IsIpv6, route.Hop))} dev r1\n");
        }

        string path = Write("batch", Encoding.ASCII.GetBytes(batch.ToString()));
        string script = $"""
            set -e
            sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.r0.rp_filter=0 net.ipv6.conf.all.forwarding=1
            sysctl -qw net.ipv6.route.max_size=2147483647 2>/dev/null || true
            ip address add 10.255.0.254/16 dev r1
            ip -6 address add fd00:ff::fffe/64 dev r1 nodad
            ip {family} -batch {path}
            """;
        return Write("setup", Encoding.ASCII.GetBytes(script));
    }

    /// <summary>Ends with a message if a contender's hops are not those of the routes.</summary>
    public void Check(string contender, ReadOnlySpan<byte> hops)
    {
        int first = hops.CommonPrefixLength(Expected);
        if (first != hops.Length)
        {
            throw new BenchException(
                $"{contender}: {Text(Keys[first])} goes to hop {hops[first]}, and not to {Expected[first]} as the longest prefix says; nothing is timed");
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _directory.Delete(recursive: true);

    private static void WriteIpv4(Span<byte> frame, uint destination)
    {
        BinaryPrimitives.WriteUInt16BigEndian(frame[12..], (ushort)EtherType.Ipv4);
        new Ipv4Header
        {
            HeaderLength = Ipv4Header.SizeMin,
            TotalLength = (ushort)(frame.Length - EthernetHeader.UntaggedSize),
            TimeToLive = 64,
            Protocol = IpProtocol.Udp,
            Source = 0x0afe_0001,
            Destination = destination,
        }.Write(frame[EthernetHeader.UntaggedSize..]);
    }

    private static void WriteIpv6(Span<byte> frame, UInt128 destination)
    {
        BinaryPrimitives.WriteUInt16BigEndian(frame[12..], (ushort)EtherType.Ipv6);
        new Ipv6Header
        {
            PayloadLength = (ushort)(frame.Length - EthernetHeader.UntaggedSize - Ipv6Header.Size),
            NextHeader = IpProtocol.Udp,
            HopLimit = 64,
            Source = new Ipv6Address(0xfd00_00fe_0000_0000, 1),
            Destination = new Ipv6Address((ulong)(destination >> 64), (ulong)destination),
        }.Write(frame[EthernetHeader.UntaggedSize..]);
    }

    private byte[] PeerRoutes()
    {
        byte[] bytes = new byte[Set.Routes.Count * PeerRouteSize];
        for (int i = 0; i < Set.Routes.Count; i++)
        {
            Span<byte> to = bytes.AsSpan(i * PeerRouteSize, PeerRouteSize);
            Bytes(Set.Routes[i].Prefix.Value).CopyTo(to);
            (to[16], to[17]) = ((byte)Set.Routes[i].Length, Set.Routes[i].Hop);
        }

        return bytes;
    }

    // Numbers of IPv4 as the machine has them, addresses of IPv6 as they are on the wire.
    private byte[] PeerKeys()
    {
        int size = Set.IsIpv6 ? 16 : sizeof(uint);
        byte[] bytes = new byte[Keys.Length * size];
        for (int i = 0; i < Keys.Length; i++)
        {
            if (Set.IsIpv6)
            {
                BinaryPrimitives.WriteUInt128BigEndian(bytes.AsSpan(i * size), Keys[i]);
            }
            else
            {
                BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(i * size), (uint)Keys[i]);
            }
        }

        return bytes;
    }

    private byte[] Bytes(UInt128 address)
    {
        byte[] bytes = new byte[16];
        BinaryPrimitives.WriteUInt128BigEndian(bytes, address);
        return Set.IsIpv6 ? bytes : bytes[12..];
    }

    private string Text(UInt128 address) => new System.Net.IPAddress(Bytes(address)).ToString();

    private string PathOf(string name) => Path.Combine(_directory.FullName, name);

    private string Write(string name, byte[] bytes)
    {
        string path = PathOf(name);
        File.WriteAllBytes(path, bytes);
        return path;
    }
}
