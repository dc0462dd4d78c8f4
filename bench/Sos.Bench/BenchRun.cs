using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Sos.Bench.Contenders;
using Sos.Bench.Measuring;
using Sos.Bench.Report;
using Sos.Bench.Service;
using Sos.Bench.Workloads;

namespace Sos.Bench;

/// <summary>Runs the sections.</summary>
internal sealed class BenchRun(BenchOptions options, Placement placement)
{
    private const int TracePackets = 1 << 16;
    private const int CountedPackets = 256;
    private const int StandardBurst = 32;

    /// <summary>nft takes minutes to load more, and iptables to walk through more.</summary>
    private const int NftPrefixesMax = 100_000;

    private const int LinearRulesMax = 1_000;

    private static readonly int[] One = [1];
    private static readonly int[] AclBatches = [32, 256];

    private readonly List<(string Name, Action Run)> _sections = [];
    private readonly BenchProgress _progress = new(Console.Out);

    /// <summary>All that was measured.</summary>
    public List<Measurement> Measurements { get; } = [];

    /// <summary>The costs of the tables.</summary>
    public List<TableCost> Tables { get; } = [];

    /// <summary>Peers that could not run.</summary>
    public List<string> Missing { get; } = [];

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

    private void Plan()
    {
        foreach (int size in (int[])[10, 1_000, 100_000, 1_000_000])
        {
            Section($"prefixes-{size}", () => Prefixes(size, hostsOnly: false));
            Section($"hosts-{size}", () => Prefixes(size, hostsOnly: true));
        }

        foreach (int size in (int[])[100, 1_000, 10_000])
        {
            Section($"tuples-{size}", () => FiveTuples(size));
        }

        foreach (int length in (int[])[512, 1_500])
        {
            Section($"frames-{length}", () => Frames(length));
        }

        Section("cores", Cores);
        Section("macswap", Swap);
    }

    private void Section(string name, Action run) => _sections.Add((name, run));

    private void Prefixes(int size, bool hostsOnly)
    {
        _progress.Step($"making {size:N0} {(hostsOnly ? "addresses" : "prefixes")} and their table");
        using Workload workload = PrefixWorkload.Make(size, hostsOnly, TracePackets);
        using ImageContender image = new(workload, placement);
        List<(IContender Contender, int[] Bursts)> contenders = [(image, options.Bursts)];
        List<IDisposable> started = [];
        string map = hostsOnly ? "hash" : "lpm";
        string[] xdp = [BenchPaths.Peer("xdp_peer"), BenchPaths.Peer("filter.bpf.o"), map, workload.RulesPath, workload.TracePath];
        Start($"XDP {map}", One, () => new PeerProcess($"XDP {map}", workload, placement, xdp, map, options.PeerLimit, "harness"), contenders, started);
        if (size <= NftPrefixesMax)
        {
            string rules = workload.WriteText("rules.nft", workload.NftText);
            Start("nftables*", One, () => Netfilter("nftables*", "nft", rules, workload), contenders, started);
        }

        if (size <= LinearRulesMax && hostsOnly)
        {
            string rules = workload.WriteText("rules.iptables", workload.IptablesText);
            Start("iptables*", One, () => Netfilter("iptables*", "iptables", rules, workload), contenders, started);
        }

        Compare(workload, image, contenders);
        started.ForEach(peer => peer.Dispose());
    }

    private PeerProcess Netfilter(string name, string kind, string rules, Workload workload) => new(
        name, workload, placement, [BenchPaths.Peer("netfilter_peer"), kind, rules, workload.TracePath], "rules",
        options.PeerLimit)
    { JudgesByCount = true };

    private void FiveTuples(int size)
    {
        _progress.Step($"making {size:N0} rules and their table");
        using Workload workload = FiveTupleWorkload.Make(size, TracePackets);
        using ImageContender image = new(workload, placement);
        List<(IContender Contender, int[] Bursts)> contenders = [(image, options.Bursts)];
        List<IDisposable> started = [];
        string[] command =
        [
            BenchPaths.Peer("acl_peer"), "--no-huge", "-m", "2000", "--no-pci", "--no-telemetry", "--no-shconf", "--log-level=1",
            "--force-max-simd-bitwidth=512", "-l", $"{placement.Cpu}", "--", workload.RulesPath, workload.TracePath,
        ];
        foreach ((string name, string function) in ((string, string)[])[("rte_acl AVX2", "avx2"), ("rte_acl AVX-512", "avx512x32")])
        {
            // Both build the same tables: where one is too slow, so is the other.
            if (!Start(name, AclBatches, () => new PeerProcess(name, workload, placement, command, function, options.PeerLimit), contenders, started))
            {
                LeaveOut("rte_acl AVX-512 was left out, too: its tables are those of rte_acl AVX2");
                break;
            }
        }

        Compare(workload, image, contenders);
        started.ForEach(peer => peer.Dispose());
    }

    /// <summary>Starts a peer, or notes that it cannot run here.</summary>
    /// <returns>Whether others that build the same tables are worth a try.</returns>
    private bool Start(
        string name, int[] bursts, Func<PeerProcess> start, List<(IContender Contender, int[] Bursts)> contenders, List<IDisposable> started)
    {
        _progress.Step($"{name} gets ready, in at most {options.PeerLimit.TotalSeconds:N0} s");
        try
        {
            PeerProcess peer = start();
            contenders.Add((peer, bursts));
            started.Add(peer);
        }
        catch (PeerTooSlowException slow)
        {
            LeaveOut(slow.Message);
            return false;
        }
        catch (Exception wrong) when (wrong is BenchException or System.ComponentModel.Win32Exception)
        {
            LeaveOut($"{name} did not run: {wrong.Message.Trim()}");
        }

        return true;
    }

    private void LeaveOut(string reason)
    {
        Missing.Add(reason);
        _progress.Step(reason);
    }

    private void Compare(Workload workload, ImageContender image, IReadOnlyList<(IContender Contender, int[] Bursts)> contenders)
    {
        TableShape shape = TableShape.Of(workload.Table.Bytes);
        List<Measurement> measured = Comparison.Run(workload, contenders, options, _progress);
        Print(measured);
        Tables.Add(new TableCost(
            $"{workload.Kind}",
            workload.Size,
            shape.Bytes,
            (double)shape.Bytes / workload.Size,
            workload.CompileTime.TotalMilliseconds,
            image.SwapTime.TotalMicroseconds,
            image.CountInstructions(StandardBurst, CountedPackets)));
        Console.WriteLine($"   {Tables[^1]} {shape}");
    }

    /// <summary>How the cost depends on the length of frames, whose payload nobody reads.</summary>
    private void Frames(int length)
    {
        using Workload workload = PrefixWorkload.Make(100_000, hostsOnly: false, TracePackets, length);
        using ImageContender image = new(workload, placement);
        Print(Comparison.Run(workload, [(image, [StandardBurst])], options, _progress));
    }

    /// <summary>One instance on each of two cores, each with its own table and half of the packets.</summary>
    private void Cores()
    {
        if (Environment.ProcessorCount < 2)
        {
            Missing.Add("two cores: this machine has one");
            return;
        }

        using Workload workload = PrefixWorkload.Make(100_000, hostsOnly: false, TracePackets);
        using ImageContender first = new(workload, placement);
        using ImageContender second = new(workload, new Placement(placement.Cpu == 0 ? 1 : 0));
        const int packets = 1 << 19;
        List<double> alone = [];
        List<double> together = [];
        for (int round = 0; round < options.Rounds; round++)
        {
            alone.Add(first.Run(StandardBurst, packets));
            uint one = first.Begin(StandardBurst, packets);
            uint two = second.Begin(StandardBurst, packets);
            together.Add(Math.Max(first.Finish(one, packets), second.Finish(two, packets)));
        }

        Spread none = new(0, 0, 0);
        Spread oneCore = Spread.Of(alone);
        Spread twoCores = Spread.Of(together.Select(ns => ns / 2));
        Print(
        [
            new Measurement("Cores", 1, "SOS", StandardBurst, 64, oneCore, none, oneCore),
            new Measurement("Cores", 2, "SOS", StandardBurst, 64, twoCores, none, twoCores),
        ]);
    }

    /// <summary>Bursts that are moved with their MAC addresses swapped, and nothing else.</summary>
    private void Swap()
    {
        using ImageContender image = new(new Trace(1 << 10), placement);
        Dictionary<string, Func<double>> sides = new()
        {
            ["SOS, through the pool"] = () => image.Block(BenchMode.SwapThroughPool, StandardBurst, 1 << 20),
            ["SOS, ring to ring"] = () => image.Block(BenchMode.SwapThroughRings, StandardBurst, 1 << 20),
        };
        using TestpmdPeer? testpmd = File.Exists(TestpmdPeer.Program) ? new TestpmdPeer(placement, StandardBurst) : null;
        if (testpmd is null)
        {
            Missing.Add("testpmd did not run: install the package dpdk");
        }
        else
        {
            sides["testpmd"] = testpmd.Run;
        }

        Dictionary<string, List<double>> times = sides.ToDictionary(side => side.Key, _ => new List<double>());
        for (int round = 0; round < options.Rounds; round++)
        {
            foreach ((string name, Func<double> run) in sides)
            {
                times[name].Add(run());
            }
        }

        Spread none = new(0, 0, 0);
        Print([.. times.Select(side => (side.Key, Spread: Spread.Of(side.Value)))
            .Select(side => new Measurement("MacSwap", 0, side.Key, StandardBurst, 64, side.Spread, none, side.Spread))]);
    }

    private void Print(IReadOnlyList<Measurement> measured)
    {
        Measurements.AddRange(measured);
        foreach (Measurement item in measured)
        {
            Console.WriteLine($"   {item.Contender,-22} burst {item.Burst,3}  {item.Net.Median,8:F1} [{item.Net.Minimum:F1}-{item.Net.Maximum:F1}] ns"
                + $"  with harness {item.Total.Median,8:F1}  {item.MppsPerCore,6:F1} Mpps/core");
        }
    }
}
