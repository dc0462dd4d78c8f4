using System;
using System.Linq;
using System.Runtime.InteropServices;
using Sos.Firewall.Connections;
using Sos.Firewall.Rules;
using Sos.Firewall.Rules.Prefilter;
using Sos.Firewall.Tables;
using Sos.Sdk.Control;
using Sos.Sdk.Statistics;
using Sos.Sdk.Wire;
using Xunit;

namespace Sos.Firewall.Tests.Prefilter;

/// <summary>A packet's way as it is explained ends as the packet does.</summary>
public class PrefilterTraceTests
{
    private const int Rulesets = 40;
    private const int Packets = 100;

    [Fact]
    public void The_Way_That_Is_Explained_Ends_As_The_Table_Decides()
    {
        int dropped = 0;
        int passed = 0;
        for (int seed = 500; seed < 500 + Rulesets; seed++)
        {
            Random random = new(seed);
            string rules = new RandomHostRules(random, FirewallBench.PortName).Make();
            RulesetListing listing;
            try
            {
                listing = PrefilterBench.List(rules);
            }
            catch (RulesetLoadException)
            {
                continue; // Random statements do not always go together.
            }

            PrefilterOptions options = listing.AddTo(ConnectionTests.Recording([], 1) with { PortNames = [FirewallBench.PortName] });
            PrefilterResult result = PrefilterCompiler.Compile(listing.Json, options);
            foreach (TestFrame test in new RandomPackets(random, withFragments: false).Make(Packets))
            {
                PacketKey key = default;
                if (FrameParser.Parse(test.Frame, out ParsedFrame parsed) != MalformedReason.None)
                {
                    continue;
                }

                PacketKeyReader.Read(test.Frame, in parsed, ref key);
                bool isStranger = random.Next(2) == 0;
                key.Set(Field.Connection, !isStranger ? ConnectionStates.All
                    : RecordsPassed(result.Table) ? ConnectionStates.OfFirst(in key) : ConnectionStates.Unanswered);
                PrefilterTrace trace = PrefilterCompiler.Explain(listing.Json, options, in key);
                bool isDropped = IsDropped(result.Table, in key);
                Assert.True(
                    trace.IsDropped == isDropped,
                    $"seed {seed}: the table {(isDropped ? "drops" : "passes")} {Convert.ToHexString(test.Frame)}\n{Text(trace)}\n{rules}");
                dropped += isDropped ? 1 : 0;
                passed += isDropped ? 0 : 1;
            }
        }

        Assert.True(dropped > 0 && passed > 0, "all or nothing would prove little");
    }

    [Fact]
    public void The_Way_Names_Rules_Doubts_And_What_Decides()
    {
        RulesetListing listing = PrefilterBench.List("""
            table inet f {
              chain web { tcp dport 80 accept; }
              chain i {
                type filter hook input priority 0; policy drop;
                ct state established accept
                jump web
                meta mark 3 accept
              }
            }
            """);
        PacketKey key = default;
        byte[] frame = Packet.Ethernet(0x0800, Packet.Ipv4(0x0a000001, 0x0a090002, 6, Packet.Tcp(5555, 9999)));
        Assert.Equal(MalformedReason.None, FrameParser.Parse(frame, out ParsedFrame parsed));
        PacketKeyReader.Read(frame, in parsed, ref key);
        key.Set(Field.Connection, ConnectionStates.Unanswered);
        PrefilterTrace trace = PrefilterCompiler.Explain(listing.Json, listing.AddTo(ConnectionTests.Recording([], 1)), in key);
        Assert.False(trace.IsDropped);
        Assert.Equal(["jump web", "meta mark 0x00000003 accept"], trace.Steps.Select(step => step.Text));
        Assert.Equal([true, false], trace.Steps.Select(step => step.IsSure));
        Assert.Contains("meta mark", trace.Reason, StringComparison.Ordinal);
        key.Set(Field.Connection, ConnectionStates.All);
        trace = PrefilterCompiler.Explain(listing.Json, listing.AddTo(ConnectionTests.Recording([], 1)), in key);
        Assert.Equal("the packet may belong to a connection", Assert.Single(trace.Steps).Doubt);
    }

    private static string Text(PrefilterTrace trace)
        => string.Join('\n', trace.Steps.Select(step => $"{step.Depth} {step.Chain}: {step.Text}: {step.IsSure} {step.Outcome} {step.Doubt}"))
            + $"\n{trace.Reason}";

    private static unsafe bool RecordsPassed(CompiledTable compiled)
    {
        fixed (byte* start = compiled.Bytes.ToArray())
        {
            Assert.True(FirewallTable.TryOpen(start, (ulong)compiled.Bytes.Length, out FirewallTable table));
            return table.RecordsPassed;
        }
    }

    private static unsafe bool IsDropped(CompiledTable compiled, in PacketKey key)
    {
        byte[] bytes = compiled.Bytes.ToArray();
        fixed (byte* start = bytes)
        {
            Assert.True(FirewallTable.TryOpen(start, (ulong)bytes.Length, out FirewallTable table));
            Samplers samplers = default;
            return RuleEvaluator.Evaluate(in table, in key, Counters.Value, ref samplers) != Verdict.Pass; // A sample would be dropped.
        }
    }

    /// <summary>Counters that nobody reads.</summary>
    private static class Counters
    {
        public static readonly RuleCounters Value = Make();

        private static unsafe RuleCounters Make()
        {
            ulong size = StatisticsLayout.TotalSize;
            byte* memory = (byte*)NativeMemory.AlignedAlloc((nuint)size, 64);
            new Span<byte>(memory, (int)size).Clear();
            Assert.True(CounterRegistry.TryCreate(memory, size, out CounterRegistry registry));
            return new RuleCounters(registry);
        }
    }
}
