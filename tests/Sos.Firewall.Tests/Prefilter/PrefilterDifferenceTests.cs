using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json;
using Sos.Firewall.Rules.Prefilter;
using Xunit;
using Xunit.Abstractions;

namespace Sos.Firewall.Tests.Prefilter;

/// <summary>A prefilter against an interpreter that follows every evaluation, and against Linux itself: it never drops what they would pass.</summary>
public class PrefilterDifferenceTests(ITestOutputHelper output)
{
    private const int Rulesets = 80;
    private const int PacketsPerRuleset = 400;

    [Fact]
    public void A_Prefilter_Drops_Only_What_Every_Evaluation_Drops()
    {
        int provable = 0;
        int dropped = 0;
        for (int seed = 0; seed < Rulesets; seed++)
        {
            Random random = new(seed);
            string rules = new RandomLiveRules(random, "input", FirewallBench.PortName).Make(withEffects: seed % 2 == 0);
            List<byte[]> frames = [.. new RandomPackets(random, withFragments: true).Make(PacketsPerRuleset).Select(frame => frame.Frame)];
            RulesetListing listing = PrefilterBench.List(rules);
            PrefilterResult prefilter = PrefilterCompiler.Compile(listing.Json, listing.AddTo(PrefilterBench.Host));
            Assert.Empty(prefilter.Notes);
            HashSet<string> droppedHere = PrefilterBench.Dropped(prefilter, frames);
            using JsonDocument json = JsonDocument.Parse(listing.Json);
            ThreeValuedOracle oracle = new(json.RootElement, FirewallBench.PortName);
            foreach (byte[] frame in frames.Where(IsReadable))
            {
                bool mustDrop = oracle.MustDrop(frame);
                bool isDropped = droppedHere.Contains(Convert.ToHexString(frame));
                Assert.True(mustDrop || !isDropped, $"seed {seed}: {Convert.ToHexString(frame)} may pass, and was dropped\n{rules}");
                provable += mustDrop ? 1 : 0;
                dropped += isDropped ? 1 : 0;
            }

            Assert.DoesNotContain(frames, frame => !IsReadable(frame) && droppedHere.Contains(Convert.ToHexString(frame)));
        }

        output.WriteLine($"{dropped} of {provable} packets that every evaluation drops were dropped on the core");
        Assert.InRange(dropped, provable / 2, provable);
    }

    [Fact]
    public void A_Prefilter_Drops_Nothing_That_Linux_Delivers()
    {
        int dropped = 0;
        using KernelNamespace kernel = new();
        for (int seed = 3000; seed < 3000 + (Rulesets / 2); seed++)
        {
            Random random = new(seed);
            string rules = new RandomLiveRules(random, "input", KernelNamespace.Device).Make(withEffects: seed % 2 == 0);
            List<TestFrame> frames = new RandomPackets(random, withFragments: false).Make(PacketsPerRuleset);
            PrefilterResult prefilter = PrefilterBench.Compile(rules, PrefilterBench.Host with { PortNames = [KernelNamespace.Device] });
            HashSet<string> droppedHere = PrefilterBench.Dropped(prefilter, [.. frames.Select(frame => frame.Frame)]);
            kernel.Load(rules, "input");
            frames.ForEach(frame => kernel.Inject(frame.Frame));
            (_, HashSet<(bool, int)> passedThere) = kernel.Observe(frames.Count(frame => IsReadable(frame.Frame)));
            List<string> wrong = [.. frames.Where(frame => passedThere.Contains((frame.IsIpv4, frame.Id)))
                .Select(frame => Convert.ToHexString(frame.Frame)).Where(droppedHere.Contains)];
            Assert.True(wrong.Count == 0, $"seed {seed}: Linux delivers\n{string.Join('\n', wrong)}\n{rules}");
            dropped += droppedHere.Count;
        }

        output.WriteLine($"{dropped} packets were dropped on the core");
        Assert.True(dropped > 0, "a prefilter that drops nothing would prove nothing");
    }

    /// <summary>Whether Linux's IP layer takes a frame of these tests.</summary>
    private static bool IsReadable(byte[] frame)
        => (frame[12] == 8 ? NftOracle.View.Ipv4(frame[14..]) : NftOracle.View.Ipv6(frame[14..])) is not null;
}
