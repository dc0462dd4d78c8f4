using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.Linq;
using System.Text;
using System.Threading;
using Sos.Cores.Network;
using Sos.Router.Control;
using Sos.Router.Control.Linux;
using Sos.Router.Routes;
using Sos.Router.Tables;
using Sos.Sdk.Testing;
using Sos.Sdk.Time;
using Sos.Sdk.Wire;
using Xunit;

namespace Sos.Router.Tests.Differential;

/// <summary>A frame that left a router.</summary>
/// <param name="Port">The port that it left by.</param>
/// <param name="Frame">The frame.</param>
internal sealed record Sent(int Port, byte[] Frame)
{
    public override string ToString() => $"p{Port} {Convert.ToHexString(Frame)}";
}

/// <summary>
/// Two routers by one network of Linux's: Linux itself, with cables p0, p1, p2 to far ends in a second namespace, and the service's code between ports in
/// memory, by the table that the follower writes. Each packet goes to both. A fourth cable brings a packet back that goes behind all others.
/// </summary>
internal sealed class RouterPair : IDisposable
{
    private const ulong RouterMac = 0x0200_0000_0100;
    private const ulong FenceMac = 0x0200_0000_9999;
    private const int FencePort = 9;
    private const ulong SecondTicks = 1_000_000_000;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);
    private static int _made;

    private readonly string _router = $"sos-rt{Environment.ProcessId}-{Interlocked.Increment(ref _made)}";
    private readonly string _far;
    private readonly RouterHarness _core;
    private readonly ServiceHarness<RouterService> _harness;
    private readonly RouterTable _table;
    private readonly NetworkNamespace _place;
    private readonly LinuxNetwork _network;
    private readonly RouteFollower _follower;
    private readonly PacketSocket[] _ends;
    private readonly PacketSocket _fence;
    private readonly List<string> _history = [];
    private ulong _now;
    private ushort _number;

    /// <summary>Makes both; this thread is in the router's namespace until it is disposed of.</summary>
    public unsafe RouterPair()
    {
        _far = $"{_router}-far";
        MakeNamespaces();
        using (NetworkNamespace? far = NetworkNamespace.TryEnter(NetworkPlace.Inode(_far)))
        {
            using LinuxNetwork network = new();
            Dictionary<string, int> devices = network.Links().ToDictionary(link => link.Name, link => link.Index);
            _ends = [.. Enumerable.Range(0, NetworkChanges.Ports).Select(port => new PacketSocket(devices[$"q{port}"]))];
            _fence = new PacketSocket(devices[$"q{FencePort}"]);
        }

        _core = new RouterHarness([.. Enumerable.Range(0, NetworkChanges.Ports).Select(port => $"p{port}")], hasRules: true);
        (_harness, _table) = (_core.Service, _core.Table);
        _now = Tsc.Read();
        _place = NetworkNamespace.TryEnter(NetworkPlace.Inode(_router))!;
        _network = new LinuxNetwork();
        _follower = new RouteFollower(in _table, DeviceNames, new FollowerOptions(), _history.Add, _core.Rules) { Verifies = false };
    }

    /// <summary>Packets by what the core did with them.</summary>
    public SortedDictionary<string, int> Seen { get; } = new(StringComparer.Ordinal);

    private static IReadOnlyList<IReadOnlyList<string>> DeviceNames
        => [.. Enumerable.Range(0, NetworkChanges.Ports).Select(port => (IReadOnlyList<string>)[$"p{port}"])];

    /// <summary>Changes Linux's network, and lets the follower follow.</summary>
    public void Change(IReadOnlyList<string> lines)
    {
        _history.AddRange(lines);
        bool IsSetting(string line) => line.Contains('=', StringComparison.Ordinal);
        if (lines.Any(line => !IsSetting(line)))
        {
            NetworkPlace.Run("ip", $"-n {_router} -force -batch -", string.Join('\n', lines.Where(line => !IsSetting(line))) + "\n");
        }

        if (lines.Any(IsSetting))
        {
            NetworkPlace.Run("ip", $"netns exec {_router} sysctl -qw {string.Join(' ', lines.Where(IsSetting))}");
        }

        Settle();
    }

    /// <summary>Gives Linux rules in place of all it has, and waits until the core judges by them, or is known not to.</summary>
    /// <param name="rules">The rules, as 'nft -f' takes them.</param>
    /// <returns>Whether the core judges by them.</returns>
    public unsafe bool SetRules(string rules)
    {
        string errors = NetworkPlace.Run("ip", $"netns exec {_router} sh -c \"nft -f - 2>&1\"", $"flush ruleset\n{rules}\n");
        Assert.True(errors.Length == 0, $"{errors}\n{rules}");
        _history.Clear();
        _history.Add(rules);
        long start = Stopwatch.GetTimestamp();
        while (true)
        {
            Settle();
            if ((_table.Header->State & (RouterState.Filter4 | RouterState.Filter6)) != 0)
            {
                return true;
            }

            if (_history.Exists(line => line.Contains("cannot be honoured", StringComparison.Ordinal)))
            {
                return false;
            }

            Assert.True(Stopwatch.GetElapsedTime(start) < TimeSpan.FromMinutes(1), $"the core's rules do not come\n{Explain()}");
            Thread.Sleep(5);
        }
    }

    /// <summary>Sends packets through both, and compares. What differs is tried again while Linux may still be at work on a change.</summary>
    /// <returns>What differs for good; empty for nothing.</returns>
    public List<string> Compare(PacketMaker maker, Random random, int count)
    {
        LinuxLink[] up = [.. _network.Links().Where(link => link is { IsUp: true, Name: ['p', < '9'] })];
        if (up.Length == 0)
        {
            return [];
        }

        List<(ushort Number, int Port, byte[] Frame)> packets = [];
        for (int i = 0; i < count; i++)
        {
            LinuxLink link = up[random.Next(up.Length)];
            int port = link.Name[1] - '0';
            byte[] frame = maker.Make(++_number, RouterMac + (ulong)port, port);
            if (frame.Length <= link.Mtu + EthernetHeader.UntaggedSize)
            {
                packets.Add((_number, port, frame)); // A cable takes no more.
            }
        }

        Dictionary<ushort, List<Sent>> linux = ThroughLinux(packets);
        List<string> differences = [];
        foreach ((ushort number, int port, byte[] frame) in packets)
        {
            List<Sent>? core = ThroughCore(port, frame);
            string? difference = Difference(frame, core, linux.GetValueOrDefault(number) ?? []);
            for (long start = Stopwatch.GetTimestamp(); difference is not null && Stopwatch.GetElapsedTime(start) < Patience;)
            {
                Thread.Sleep(50);
                Settle();
                linux = ThroughLinux([(number, port, frame)]);
                core = ThroughCore(port, frame);
                difference = Difference(frame, core, linux.GetValueOrDefault(number) ?? []);
            }

            if (difference is not null)
            {
                differences.Add($"{new Sent(port, frame)}\n{difference}\n{Explain()}");
            }

            string kind = core is null ? "linux" : core.Count == 0 ? "dropped" : core.Count > 1 ? "cut" : core[0].Port == port ? "answered" : "forwarded";
            Seen[kind] = Seen.GetValueOrDefault(kind) + 1;
        }

        return differences;
    }

    /// <summary>Compares the table with the kernel's answers.</summary>
    public IReadOnlyList<RouteDifference> Verify(Random random)
    {
        using RouteVerifier verifier = new(new TableReader(_table), DeviceNames);
        return verifier.Verify(50, random);
    }

    public void Dispose()
    {
        _follower.Dispose();
        _network.Dispose();
        _place.Dispose();
        _core.Dispose();
        _fence.Dispose();
        Array.ForEach(_ends, end => end.Dispose());
        NetworkPlace.Run("ip", $"netns del {_router}");
        NetworkPlace.Run("ip", $"netns del {_far}");
    }

    private void MakeNamespaces()
    {
        StringBuilder batch = new();
        foreach (int port in Enumerable.Range(0, NetworkChanges.Ports).Append(FencePort))
        {
            batch.Append(CultureInfo.InvariantCulture, $"link add p{port} netns {_router} address 02:00:00:00:01:0{port}")
                .Append(CultureInfo.InvariantCulture, $" type veth peer name q{port} netns {_far}\n");
        }

        NetworkPlace.Run("ip", $"netns add {_router}");
        NetworkPlace.Run("ip", $"netns add {_far}");
        NetworkPlace.Run("ip", $"netns exec {_router} sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.all.keep_addr_on_down=1");
        NetworkPlace.Run("ip", $"netns exec {_far} sysctl -qw net.ipv6.conf.default.disable_ipv6=1");
        NetworkPlace.Run("ip", "-batch -", batch.ToString());
        NetworkPlace.Run("ip", $"-n {_far} -force -batch -", "link set q0 up\nlink set q1 up\nlink set q2 up\nlink set q9 up\n");

        // Errors are not held back by number, neither here nor there: see ThroughCore.
        foreach (string setting in (string[])
        [
            "net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0",
            "net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.p9.send_redirects=0",
            "net.ipv4.conf.p0.rp_filter=0 net.ipv4.conf.p1.rp_filter=0 net.ipv4.conf.p2.rp_filter=0 net.ipv4.conf.p9.rp_filter=0",
            "net.ipv4.icmp_msgs_per_sec=1000000 net.ipv4.icmp_msgs_burst=1000000",
        ])
        {
            NetworkPlace.Run("ip", $"netns exec {_router} sysctl -qw {setting}");
        }

        IEnumerable<string> lines = Enumerable.Range(0, NetworkChanges.Ports).SelectMany(NetworkChanges.PortLines).Concat(
        [
            "link set lo up", "link set p9 up", "address add 10.0.9.1/24 dev p9", "neigh replace 10.0.9.2 lladdr 02:00:00:00:99:99 nud permanent dev p9",
            "route add 198.51.100.1/32 via 10.0.9.2", "route add 0.0.0.0/0 via 10.0.1.2", "route add 20.1.0.0/16 via 10.0.2.2",
            "route add ::/0 via fd00:1::2", "route add 2001:db8::/32 via fd00:2::3 metric 1024",
        ]);
        NetworkPlace.Run("ip", $"-n {_router} -force -batch -", string.Join('\n', lines) + "\n");
    }

    private void Settle()
    {
        do
        {
            _follower.Turn(TimeSpan.FromMilliseconds(1));
            Pass();
        }
        while (!_follower.IsSettled);
    }

    // Each pass is a second later than the one before: the core's limit of errors holds none back.
    private void Pass()
    {
        _now += SecondTicks;
        _harness.PollAt(_now);
    }

    /// <returns>Null when Linux is to have it.</returns>
    private List<Sent>? ThroughCore(int port, byte[] frame)
    {
        Assert.True(_harness.Nic($"p{port}").Send(frame));
        Pass();
        List<Sent> sent = [];
        bool isLinuxs = false;
        for (int to = 0; to < NetworkChanges.Ports; to++)
        {
            sent.AddRange(_harness.Nic($"p{to}").ReceiveAll().Select(frameOut => new Sent(to, frameOut)));
            isLinuxs |= _harness.Host($"p{to}").ReceiveAll().Count > 0;
        }

        return isLinuxs ? null : sent;
    }

    private Dictionary<ushort, List<Sent>> ThroughLinux(IReadOnlyList<(ushort Number, int Port, byte[] Frame)> packets)
    {
        foreach ((ushort _, int port, byte[] frame) in packets)
        {
            _ends[port].Send(frame);
        }

        PassFence();
        Dictionary<ushort, List<Sent>> sent = packets.ToDictionary(packet => packet.Number, _ => new List<Sent>());
        for (int port = 0; port < _ends.Length; port++)
        {
            foreach (byte[] frame in _ends[port].Take())
            {
                if (PacketMaker.NumberOf(frame) is { } number && sent.TryGetValue(number, out List<Sent>? of))
                {
                    of.Add(new Sent(port, frame));
                }
            }
        }

        return sent;
    }

    private void PassFence()
    {
        byte[] frame = Frames.Udp4(RouterMac + FencePort, FenceMac, 0x0a000907, 0xc6336401, identification: ++_number);
        Assert.True(_fence.Send(frame));
        long start = Stopwatch.GetTimestamp();
        while (!_fence.Take().Any(back => MacAddress.Read(back).Value == FenceMac && PacketMaker.NumberOf(back) == _number))
        {
            Assert.True(Stopwatch.GetElapsedTime(start) < TimeSpan.FromSeconds(30), $"Linux forwards nothing any more\n{Explain()}");
            Thread.Yield();
        }
    }

    private string? Difference(byte[] frame, List<Sent>? core, List<Sent> linux)
    {
        if (core is null || Same(core, linux) || IsMemberOfGroup(frame, core))
        {
            return null;
        }

        static string Text(List<Sent> sent) => sent.Count == 0 ? "nothing" : string.Join("\n      ", sent);
        return $"core: {Text(core)}\nLinux {Text(linux)}";
    }

    private static bool Same(List<Sent> core, List<Sent> linux)
        => core.Count == linux.Count && core.OrderBy(sent => sent.Port).Zip(linux.OrderBy(sent => sent.Port)).All(
            pair => pair.First.Port == pair.Second.Port
                && PacketMaker.Comparable(pair.First.Frame).AsSpan().SequenceEqual(PacketMaker.Comparable(pair.Second.Frame)));

    /// <summary>Of several ways each router takes one by a hash of its own: it is enough that it is one of them, or too narrow.</summary>
    private bool IsMemberOfGroup(byte[] frame, List<Sent> core)
    {
        RouteAddress destination = frame[12] == 8
            ? LinuxRoute.ReadAddress(frame.AsSpan(30, 4))
            : LinuxRoute.ReadAddress(frame.AsSpan(38, 16));
        if (_network.Match(destination, out _) is not { Hops.Count: > 1 } route)
        {
            return false;
        }

        Dictionary<int, string> names = _network.Links().ToDictionary(link => link.Index, link => link.Name);
        IReadOnlyList<LinuxNeighbour> neighbours = _network.Neighbours();
        IEnumerable<(string Port, ulong? Mac)> members = route.Hops.Select(hop => (names[hop.Interface], neighbours.FirstOrDefault(
            neighbour => neighbour.Interface == hop.Interface && neighbour.Address == (hop.Gateway ?? destination))?.Mac));
        return core.Count > 0 && core.All(sent => PacketMaker.IsTooBig(sent.Frame) || members.Contains(($"p{sent.Port}", MacAddress.Read(sent.Frame).Value)));
    }

    private string Explain()
    {
        StringBuilder text = new();
        text.Append("  changes:\n    ").AppendJoin("\n    ", _history).Append('\n');
        foreach (string what in (string[])["-br address", "route", "-6 route", "nexthop", "rule", "neigh"])
        {
            text.Append(CultureInfo.InvariantCulture, $"  ip {what}\n{NetworkPlace.Run("ip", $"-n {_router} {what}")}");
        }

        return text.ToString();
    }
}
