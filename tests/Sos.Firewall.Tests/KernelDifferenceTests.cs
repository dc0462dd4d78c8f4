using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Linq;
using Sos.Firewall.Rules;
using Sos.Sdk.Wire;
using Xunit;
using Xunit.Abstractions;

namespace Sos.Firewall.Tests;

/// <summary>
/// The firewall against the kernel's own nftables: the same rules, the same frames, frame by frame and counter by counter.
/// </summary>
public class KernelDifferenceTests(ITestOutputHelper output)
{
    private const int Rulesets = 50;
    private const int RuleLists = 15;
    private const int PacketsPerRuleset = 500;
    private const int SentRulesets = 30;
    private const int SentPackets = 300;
    private const int ArenaSize = 32 << 20;

    [Fact]
    public void Service_And_Kernel_Agree_On_Random_Rules_And_Packets()
    {
        using KernelNamespace kernel = new();
        bool withLater = BreaksOnLaterFragments(kernel);
        if (!withLater)
        {
            output.WriteLine("This kernel reads transport headers out of later IPv4 fragments: they are left out of the "
                + "comparison.");
        }

        for (int seed = 1000; seed < 1000 + Rulesets; seed++)
        {
            // Linux puts IPv4 fragments together before its input hook, and only there; so fragments are compared at prerouting.
            bool atInput = seed % 2 == 0;
            string hook = atInput ? "input" : "prerouting";
            Random random = new(seed);
            string rules = new RandomRuleset(random, hook, KernelNamespace.Device).Make();
            List<TestFrame> frames = new RandomPackets(random, withFragments: !atInput, withLater).Make(PacketsPerRuleset);
            Compare(kernel, rules, frames, hook, seed);
        }
    }

    [Fact]
    public void Service_And_Kernel_Agree_On_Long_Lists_Of_Rules()
    {
        using KernelNamespace kernel = new();
        bool withLater = BreaksOnLaterFragments(kernel);
        for (int seed = 5000; seed < 5000 + RuleLists; seed++)
        {
            Random random = new(seed);
            string rules = new RandomRuleList(random, "prerouting").Make();
            List<TestFrame> frames = new RandomPackets(random, withFragments: true, withLater).Make(PacketsPerRuleset);
            Compare(kernel, rules, frames, "prerouting", seed);
        }
    }

    [Fact]
    public void Service_And_Kernel_Agree_On_What_Linux_Sends()
    {
        using KernelNamespace kernel = new();
        using RawSender sender = new(kernel);
        int dropped = 0;
        for (int seed = 7000; seed < 7000 + SentRulesets; seed++)
        {
            string hook = seed % 2 == 0 ? "output" : "postrouting";
            Random random = new(seed);
            string rules = TurnRules(new RandomRuleset(random, hook, KernelNamespace.Device).Make());
            List<TestFrame> frames =
            [
                .. new RandomPackets(random, withFragments: false).Make(SentPackets).Where(frame => IsWellFormed(frame.Frame))
                    .Select(frame => frame with { Frame = Turn(frame.Frame) }),
            ];
            dropped += CompareSent(kernel, sender, rules, frames, seed);
        }

        Assert.InRange(dropped, SentRulesets * SentPackets / 10, SentRulesets * SentPackets * 9 / 10);
    }

    private static int CompareSent(KernelNamespace kernel, RawSender sender, string rules, List<TestFrame> frames, int seed)
    {
        CompiledTable table = FirewallBench.Compile(rules, out _, KernelNamespace.Device);
        using FirewallBench bench = new();
        Assert.True(bench.Harness.LoadTable(table.Bytes));
        HashSet<string> passedHere = [.. bench.Send(frames.Select(frame => frame.Frame)).Select(Convert.ToHexString)];
        kernel.Load(rules, "postrouting", "output");
        foreach (TestFrame frame in frames)
        {
            sender.Send(frame.Frame);
            _ = kernel.TakeSent();
        }

        (HashSet<(bool, int)> sent, HashSet<(bool, int)> passedThere) = kernel.Observe(frames.Count);
        Assert.True(sent.Count == frames.Count, $"seed {seed}: of {frames.Count} frames {sent.Count} reached the kernel's rules\n{rules}");
        List<string> differences =
        [
            .. frames.Where(frame => passedHere.Contains(Convert.ToHexString(frame.Frame)) != passedThere.Contains((frame.IsIpv4, frame.Id)))
                .Select(frame => $"frame {frame.Id}, kernel {passedThere.Contains((frame.IsIpv4, frame.Id))}: {Convert.ToHexString(frame.Frame)}"),
        ];
        Assert.True(differences.Count == 0, $"seed {seed}:\n{string.Join('\n', differences)}\n{rules}");
        Dictionary<string, ulong> counted = kernel.Counters();
        foreach ((string place, ulong packets) in bench.RuleCounters(table))
        {
            Assert.True(counted[place] == packets, $"seed {seed}: {place} counted {packets}, in the kernel {counted[place]}\n{rules}");
        }

        Assert.Equal((ulong)(frames.Count - passedHere.Count), bench.Counter("firewall.output_dropped"));
        return frames.Count - passedHere.Count;
    }

    private static bool IsWellFormed(byte[] frame) => FrameParser.Parse(frame, out _) == MalformedReason.None;

    // The other way round: what came from the network goes there.
    private static string TurnRules(string rules) => rules
        .Replace("hook prerouting", "hook output", StringComparison.Ordinal)
        .Replace("iifname", "oifname", StringComparison.Ordinal)
        .Replace("saddr", "there", StringComparison.Ordinal)
        .Replace("daddr", "saddr", StringComparison.Ordinal)
        .Replace("there", "daddr", StringComparison.Ordinal);

    private static byte[] Turn(byte[] frame)
    {
        (int at, int size) = frame[12] == 8 ? (26, 4) : (22, 16);
        return [.. frame[..at], .. frame[(at + size)..(at + (2 * size))], .. frame[at..(at + size)], .. frame[(at + (2 * size))..]];
    }

    [Fact]
    public void Service_And_Kernel_Agree_On_Headers_Lengths_And_Several_Fields_Together()
    {
        using KernelNamespace kernel = new();
        for (int seed = 7000; seed < 7000 + Rulesets; seed++)
        {
            bool atInput = seed % 2 == 0;
            string hook = atInput ? "input" : "prerouting";
            Random random = new(seed);
            RandomHeaders headers = new(random);
            string rules = headers.MakeRules(hook);
            Compare(kernel, rules, headers.MakeFrames(PacketsPerRuleset, withFragments: !atInput), hook, seed);
        }
    }

    [Fact]
    public void Service_And_Kernel_Agree_On_Limits()
    {
        using KernelNamespace kernel = new();
        for (int seed = 8000; seed < 8000 + Rulesets; seed++)
        {
            bool atInput = seed % 2 == 0;
            string hook = atInput ? "input" : "prerouting";
            Random random = new(seed);
            string rules = new RandomLimits(random).MakeRules(hook);
            List<TestFrame> frames = new RandomPackets(random, withFragments: !atInput, withLaterFragments: false).Make(PacketsPerRuleset);
            Compare(kernel, rules, frames, hook, seed);
        }
    }

    [Fact]
    public void Service_And_Kernel_Agree_On_Sets_That_Packets_Fill()
    {
        using KernelNamespace kernel = new();
        for (int seed = 9000; seed < 9000 + Rulesets; seed++)
        {
            bool atInput = seed % 2 == 0;
            string hook = atInput ? "input" : "prerouting";
            Random random = new(seed);
            string rules = new RandomSets(random).MakeRules(hook);
            List<TestFrame> frames = new RandomPackets(random, withFragments: !atInput, withLaterFragments: false).Make(PacketsPerRuleset);
            Compare(kernel, rules, frames, hook, seed);
        }
    }

    [Fact]
    public void Service_And_Kernel_Agree_On_Whole_Packets_Marks_And_Quotas()
    {
        using KernelNamespace kernel = new();
        kernel.SetAddress(RandomWholePackets.Own);
        for (int seed = 9000; seed < 9000 + Rulesets; seed++)
        {
            bool atInput = seed % 2 == 0;
            string hook = atInput ? "input" : "prerouting";
            RandomWholePackets whole = new(new Random(seed));
            string rules = whole.MakeRules(hook);
            Compare(kernel, rules, whole.MakeFrames(PacketsPerRuleset, withFragments: !atInput), hook, seed, areChanged: true);
        }
    }

    private static byte[] AddressOfCard()
    {
        using FirewallBench bench = new();
        return bench.NicMac;
    }

    /// <summary>The number by which an observer knows a frame.</summary>
    private static string NumberOf(byte[] frame) => frame[12] == 8
        ? $"4 {BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(18))}" : $"6 {BinaryPrimitives.ReadUInt32BigEndian(frame.AsSpan(14)) & 0xf_ffff}";

    /// <summary>
    /// Whether a match on a transport header fails for a fragment that has none, as nft_payload_eval says. Some kernels read the
    /// fragment's data as if it were the header; the firewall does not follow them.
    /// </summary>
    private static bool BreaksOnLaterFragments(KernelNamespace kernel)
    {
        const int Id = 7;
        kernel.Load(
            """
            table ip probe {
              chain c {
                type filter hook prerouting priority 0;
                th dport 0-65535 drop
              }
            }
            """,
            "prerouting");
        kernel.Inject(Packet.Ethernet(0x0800, Packet.Ipv4(0x0a000001, 0x0a090002, 6, new byte[40], Id, 0x0002)));
        (HashSet<(bool, int)> arrived, HashSet<(bool, int)> passed) = kernel.Observe(1);
        Assert.Contains((true, Id), arrived);
        return passed.Contains((true, Id));
    }

    private static void Compare(KernelNamespace kernel, string rules, List<TestFrame> frames, string hook, int seed, bool areChanged = false)
    {
        Assert.True(!areChanged || RandomWholePackets.Own.AsSpan().SequenceEqual(AddressOfCard()));
        Func<byte[], string> nameOf = areChanged ? NumberOf : Convert.ToHexString;
        CompiledTable table = FirewallBench.Compile(rules, out _, KernelNamespace.Device);
        using FirewallBench bench = new(arenaSize: ArenaSize);
        Assert.True(bench.Harness.LoadTable(table.Bytes));
        HashSet<string> passedHere = [.. bench.Filter(frames.Select(frame => frame.Frame)).Select(nameOf)];
        int wellFormed = frames.Count - (int)bench.Counter("firewall.dropped_malformed");

        kernel.Load(rules, hook);
        frames.ForEach(frame => kernel.Inject(frame.Frame));
        (HashSet<(bool, int)> arrived, HashSet<(bool, int)> passedThere) = kernel.Observe(wellFormed);

        List<string> differences = [];
        foreach (TestFrame frame in frames)
        {
            bool here = passedHere.Contains(nameOf(frame.Frame));
            bool there = passedThere.Contains((frame.IsIpv4, frame.Id));
            if (here != there)
            {
                differences.Add($"frame {frame.Id}: firewall {here}, kernel {there}: {Convert.ToHexString(frame.Frame)}");
            }
        }

        Assert.True(arrived.Count == wellFormed, $"seed {seed}: {wellFormed} well-formed frames, {arrived.Count} reached "
            + "the kernel's rules");
        Assert.True(differences.Count == 0, $"seed {seed}, {hook}:\n{string.Join('\n', differences)}\n{rules}");
        Dictionary<string, ulong> counted = kernel.Counters();
        foreach ((string place, ulong packets) in bench.RuleCounters(table))
        {
            Assert.True(counted[place] == packets, $"seed {seed}: {place} counted {packets}, in the kernel "
                + $"{counted[place]}\n{rules}");
        }
    }
}
