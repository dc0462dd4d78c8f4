using System;
using System.Collections.Generic;
using System.Linq;
using Sos.Bench;
using Sos.Bench.Contenders;
using Sos.Bench.Measuring;
using Sos.RouterBench.Service;

namespace Sos.RouterBench;

/// <summary>Runs the sections.</summary>
internal sealed class RouterBenchRun(BenchOptions options, Placement placement)
{
    /// <summary>Routes of the Internet, for packets and cores.</summary>
    public const int Internet4 = 900_000;

    /// <inheritdoc cref="Internet4"/>
    public const int Internet6 = 200_000;

    private const int StandardBurst = 32;

    private static readonly int[] One = [1];

    private readonly List<(string Name, Action Run)> _sections = [];
    private readonly BenchProgress _progress = new(Console.Out);

    /// <summary>All that was measured.</summary>
    public List<Measurement> Measurements { get; } = [];

    /// <summary>The cost of each table.</summary>
    public List<RouteTableCost> Tables { get; } = [];

    /// <summary>Instructions of a lookup or packet.</summary>
    public SortedDictionary<string, double> Instructions { get; } = [];

    /// <summary>The peers' own words of their tables.</summary>
    public SortedDictionary<string, string> PeerTables { get; } = [];

    /// <summary>Peers that could not run.</summary>
    public List<string> Missing { get; } = [];

    /// <summary>How many times as much two cores do, in the time that each really ran, and by the clock.</summary>
    public (double Ran, double Raw)? TwoCores { get; private set; }

    /// <summary>Runs what is wanted.</summary>
    public void All()
    {
        Plan();
        List<(string Name, Action Run)> wanted = [.. _sections.Where(section => options.Wants(section.Name))];
        if (wanted.Count == 0)
        {
            throw new BenchException($"there is no section '{options.Only}': {string.Join(", ", _sections.Select(section => section.Name))}");
        }

        for (int i = 0; i < wanted.Count; i++)
        {
            _progress.Section(wanted[i].Name, i + 1, wanted.Count);
            wanted[i].Run();
        }
    }

    /// <summary>The name of a comparison of lookups.</summary>
    public static string LookupName(bool isIpv6, KeyKind kind)
    {
        string keys = kind switch
        {
            KeyKind.Uniform => "uniform",
            KeyKind.InRoutes => "in routes",
            _ => "by Zipf",
        };
        return $"{Family(isIpv6)} lookup, keys {keys}";
    }

    /// <summary>The name of a comparison of packets.</summary>
    public static string PacketName(bool isIpv6) => $"{Family(isIpv6)} packet";

    private static string Family(bool isIpv6) => isIpv6 ? "IPv6" : "IPv4";

    private void Plan()
    {
        foreach (bool isIpv6 in (bool[])[false, true])
        {
            string family = Family(isIpv6).ToLowerInvariant();
            int internet = isIpv6 ? Internet6 : Internet4;
            foreach (int size in (int[])[10, 1_000, 100_000, internet, 2_000_000])
            {
                _sections.Add(($"lookup-{family}-{size}", () => Lookups(isIpv6, size, size == internet)));
            }

            _sections.Add(($"packet-{family}", () => Packets(isIpv6, internet)));
        }

        _sections.Add(("cores", Cores));
    }

    private void Lookups(bool isIpv6, int size, bool allKinds)
    {
        _progress.Step($"making {size:N0} routes of {Family(isIpv6)}");
        RouteSet routes = new(isIpv6, size);
        foreach (KeyKind kind in allKinds ? (KeyKind[])[KeyKind.Uniform, KeyKind.Zipf, KeyKind.InRoutes] : [KeyKind.InRoutes])
        {
            string name = LookupName(isIpv6, kind);
            _progress.Step($"{name}: making keys, and the table");
            using RouteWorkload workload = new(routes, kind);
            using RouterImage image = new(workload, placement);
            List<(IContender Contender, int[] Bursts)> contenders = [(image.Lookups, [StandardBurst, RouterBenchArea.BurstMax])];
            List<IDisposable> started = [];

            // DPDK touches all the memory that it is given before it begins.
            string memory = size > Internet4 ? "4000" : size > 1_000 ? "3000" : "800";
            string[] command =
            [
                BenchPaths.Peer("fib_peer"), "--no-huge", "-m", memory, "--no-pci", "--no-telemetry", "--no-shconf", "--log-level=1",
                "--force-max-simd-bitwidth=512", "-l", $"{placement.Cpu}", "--", isIpv6 ? "ipv6" : "ipv4", workload.RoutesPath, workload.KeysPath,
            ];
            string peer = isIpv6 ? "rte_fib6 AVX-512" : "rte_fib AVX-512";
            Start(peer, [StandardBurst, RouterBenchArea.BurstMax], command, "lookup", null, workload, contenders, started);
            Compare(new Subject(name, size, 0), workload, contenders, RouterBenchArea.KeyCount);
            started.ForEach(item => item.Dispose());
            if (kind == KeyKind.InRoutes)
            {
                Count($"{name}, {size:N0} routes", image.CountInstructions(wholePackets: false, StandardBurst));
                Tables.Add(image.MeasureCost());
                Console.WriteLine($"   {Tables[^1]}");
            }
        }
    }

    private void Packets(bool isIpv6, int size)
    {
        _progress.Step($"making {size:N0} routes of {Family(isIpv6)}, and packets");
        using RouteWorkload workload = new(new RouteSet(isIpv6, size), KeyKind.InRoutes);
        using RouterImage image = new(workload, placement);
        List<(IContender Contender, int[] Bursts)> contenders = [(image.Packets, options.Bursts)];
        List<IDisposable> started = [];
        string family = isIpv6 ? "ipv6" : "ipv4";
        string setup = workload.WriteSetup();
        string trace = workload.WriteTrace();
        string[] CommandOf(string kind) => [BenchPaths.Peer("route_peer"), BenchPaths.Peer("route.bpf.o"), kind, family, setup, trace];
        Start("XDP fib", One, CommandOf("xdp"), "forward", "harness", workload, contenders, started);
        Start("Linux*", One, CommandOf("linux"), "linux", null, workload, contenders, started);
        Compare(new Subject(PacketName(isIpv6), size, RouterBenchArea.FrameBytes), workload, contenders, RouterBenchArea.TraceCount);
        started.ForEach(item => item.Dispose());
        Count(PacketName(isIpv6), image.CountInstructions(wholePackets: true, StandardBurst));
    }

    /// <summary>One instance on each of two cores, each with its own table and queue.</summary>
    private void Cores()
    {
        if (Environment.ProcessorCount < 2)
        {
            LeaveOut("two cores: this machine has one");
            return;
        }

        const int packets = 1 << 19;
        _progress.Step("making two tables");
        using RouteWorkload workload = new(new RouteSet(false, Internet4), KeyKind.InRoutes);
        using RouterImage first = new(workload, placement);
        using RouterImage second = new(workload, new Placement(placement.Cpu == 0 ? 1 : 0));
        List<double> alone = [];
        List<double> together = [];
        List<double> ranAlone = [];
        List<double> ranTogether = [];
        for (int round = 0; round < options.Rounds; round++)
        {
            _progress.Step($"round {round + 1} of {options.Rounds}");
            double before = first.RunTime;
            alone.Add(first.Finish(first.Begin(StandardBurst, packets), packets));
            ranAlone.Add((first.RunTime - before) / packets);
            before = first.RunTime + second.RunTime;
            uint one = first.Begin(StandardBurst, packets);
            uint two = second.Begin(StandardBurst, packets);
            together.Add(Math.Max(first.Finish(one, packets), second.Finish(two, packets)));
            ranTogether.Add((first.RunTime + second.RunTime - before) / (2 * packets));
        }

        TwoCores = (2 * Spread.Of(ranAlone).Median / Spread.Of(ranTogether).Median, 2 * Spread.Of(alone).Median / Spread.Of(together).Median);
        Spread none = new(0, 0, 0);
        Spread oneCore = Spread.Of(alone);
        Spread twoCores = Spread.Of(together.Select(ns => ns / 2));
        Print(
        [
            new Measurement("Cores", 1, "SOS", StandardBurst, RouterBenchArea.FrameBytes, oneCore, none, oneCore),
            new Measurement("Cores", 2, "SOS", StandardBurst, RouterBenchArea.FrameBytes, twoCores, none, twoCores),
        ]);
    }

    private void Compare(Subject subject, RouteWorkload workload, IReadOnlyList<(IContender Contender, int[] Bursts)> contenders, int count)
    {
        foreach (IContender contender in contenders.Select(pair => pair.Contender))
        {
            _progress.Step($"{contender.Name}: comparing next hops");
            byte[] hops = contender.Judge();
            workload.Check(contender.Name, hops.Length == count ? hops : throw new BenchException($"{contender.Name}: {hops.Length} answers, not {count}"));
        }

        Print(Comparison.Run(subject, contenders, options, _progress));
    }

    private void Start(
        string name, int[] bursts, string[] command, string function, string? harness, RouteWorkload workload,
        List<(IContender Contender, int[] Bursts)> contenders, List<IDisposable> started)
    {
        _progress.Step($"{name} gets ready, in at most {options.PeerLimit.TotalSeconds:N0} s");
        try
        {
            PeerProcess peer = new(name, workload.VerdictsPath, placement, command, function, options.PeerLimit, harness);
            contenders.Add((peer, bursts));
            started.Add(peer);
            string greeting = string.Join(", ", peer.Greeting.Split('\n', StringSplitOptions.RemoveEmptyEntries));
            if (greeting.Length > 0)
            {
                PeerTables[$"{name}, {workload.Set.Routes.Count:N0} routes"] = greeting;
                _progress.Step($"{name}: {greeting}");
            }
        }
        catch (Exception wrong) when (wrong is BenchException or System.ComponentModel.Win32Exception)
        {
            LeaveOut($"{name} did not run: {wrong.Message.Trim()}");
        }
    }

    private void Count(string what, double? instructions)
    {
        if (instructions is { } number)
        {
            Instructions[what] = number;
            Console.WriteLine($"   {what}: {number:F0} instructions, bursts of {StandardBurst}");
        }
    }

    private void LeaveOut(string reason)
    {
        Missing.Add(reason);
        _progress.Step(reason);
    }

    private void Print(IReadOnlyList<Measurement> measured)
    {
        Measurements.AddRange(measured);
        foreach (Measurement item in measured)
        {
            Console.WriteLine($"   {item.Contender,-22} burst {item.Burst,3}  {item.Net.Median,8:F1} [{item.Net.Minimum:F1}-{item.Net.Maximum:F1}] ns"
                + $"  with harness {item.Total.Median,8:F1}  {item.MppsPerCore,6:F1} M/s and core");
        }
    }
}
