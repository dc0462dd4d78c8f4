using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json;
using Sos.Firewall.Rules;
using Xunit;

namespace Sos.Firewall.Tests;

/// <summary>The compiled rules on the service against an interpreter of the same rules.</summary>
public class OracleDifferenceTests
{
    private const int Rulesets = 60;
    private const int PacketsPerRuleset = 500;

    [Fact]
    public void Service_And_Interpreter_Agree_On_Random_Rules_And_Packets()
    {
        int passed = 0;
        int total = 0;
        for (int seed = 0; seed < Rulesets; seed++)
        {
            Random random = new(seed);
            string rules = seed % 3 == 0
                ? new RandomRuleList(random, "input").Make()
                : new RandomRuleset(random, "input", FirewallBench.PortName).Make();
            List<TestFrame> frames = new RandomPackets(random, withFragments: true).Make(PacketsPerRuleset);
            CompiledTable table = FirewallBench.Compile(rules, out LoadedRuleset loaded);
            using JsonDocument json = JsonDocument.Parse(loaded.Json);
            NftOracle oracle = new(json.RootElement, FirewallBench.PortName);

            using FirewallBench bench = new();
            Assert.True(bench.Harness.LoadTable(table.Bytes));
            List<byte[]> actual = bench.Filter(frames.Select(frame => frame.Frame));
            List<byte[]> expected = [.. frames.Where(frame => oracle.Passes(frame.Frame)).Select(frame => frame.Frame)];

            Assert.True(
                expected.Select(Convert.ToHexString).SequenceEqual(actual.Select(Convert.ToHexString)),
                $"seed {seed}: {expected.Count} frames should pass, {actual.Count} did\n{rules}");
            passed += actual.Count;
            total += frames.Count;
        }

        // Rules that pass all or nothing would prove little.
        Assert.InRange(passed, total / 10, total * 9 / 10);
    }
}
