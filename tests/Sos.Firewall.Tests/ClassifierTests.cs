using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;
using Sos.Firewall.Rules;
using Sos.Firewall.Tables;
using Sos.Sdk.Memory;
using Xunit;

namespace Sos.Firewall.Tests;

/// <summary>The rules that become a classifier, and that its two ways of asking it agree with a plain search.</summary>
public unsafe class ClassifierTests
{
    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 1)]
    [InlineData(300, 1)]
    public void Rules_Of_Addresses_And_Ports_Become_A_Classifier(int rules, int classifiers)
    {
        CompiledTable table = Compile(Enumerable.Range(1, rules).Select(i => $"ip saddr 10.0.{i / 200}.{i % 200} udp dport {i} drop"));
        fixed (byte* bytes = table.Bytes)
        {
            Assert.True(FirewallTable.TryOpen(bytes, (ulong)table.Bytes.Length, out FirewallTable open));
            Assert.Equal(classifiers, Count(open.Sets, SetKind.Classifier));
            Assert.Equal(classifiers, open.Stages.Length);
        }
    }

    [Theory]
    [InlineData("ip saddr { 10.0.0.1, 10.0.1.0/24, 10.0.9.3-10.0.9.7 } drop", 3)]
    [InlineData("ip saddr { 10.0.0.1, 10.0.1.0/24 } tcp dport { 22, 80, 443 } accept", 6)]
    [InlineData("meta l4proto { tcp, udp } th dport { 53, 853 } counter", 4)]
    [InlineData("ip saddr != { 10.0.0.1, 10.0.0.9 } udp dport 53 drop", 1)]
    public void A_Small_Set_Is_So_Many_Rules_Of_One_Classifier(string rule, int rules)
    {
        CompiledTable table = Compile([rule]);
        fixed (byte* bytes = table.Bytes)
        {
            Assert.True(FirewallTable.TryOpen(bytes, (ulong)table.Bytes.Length, out FirewallTable open));
            Assert.Equal(1, open.Stages.Length);
            Assert.Equal(rules, open.Classifier(in open.Sets[open.Sets.Length - 1]).Entries.Length);
        }
    }

    [Fact]
    public void Single_And_Burst_Search_Agree_With_A_Plain_Search()
    {
        Random random = new(7);
        List<(uint Source, int Length, uint First, uint Last)> rules = [];
        for (int i = 0; i < 2500; i++)
        {
            int length = random.Next(8) == 0 ? 0 : random.Next(8, 33);
            uint source = length == 0 ? 0 : (uint)random.NextInt64(1L << 32) & (uint.MaxValue << (32 - length));
            uint first = (uint)random.Next(65536);
            rules.Add((source, length, first, random.Next(3) == 0 ? (uint)random.Next((int)first, 65536) : first));
        }

        CompiledTable table = Compile(rules.Select(rule
            => $"ip saddr {new System.Net.IPAddress(System.Buffers.Binary.BinaryPrimitives.ReverseEndianness(rule.Source))}/{rule.Length} "
                + $"tcp dport {rule.First}-{rule.Last} drop"));
        fixed (byte* bytes = table.Bytes)
        {
            Assert.True(FirewallTable.TryOpen(bytes, (ulong)table.Bytes.Length, out FirewallTable open));
            Classifier classifier = open.Classifier(in open.Sets[0]);
            FlowKey[] keys = new FlowKey[64];
            uint[] found = new uint[64];
            int hits = 0;
            for (int round = 0; round < 50; round++)
            {
                for (int i = 0; i < keys.Length; i++)
                {
                    (uint source, int length, uint first, uint last) = rules[random.Next(rules.Count)];
                    uint host = length == 32 ? 0 : (uint)random.NextInt64(1L << (32 - length));
                    uint meta = random.Next(9) == 0 ? 17u : 6u;
                    keys[i] = new FlowKey
                    {
                        Source = source | host,
                        Ports = (uint)random.Next((int)first, (int)last + 1),
                        Meta = meta | FlowKey.HasIpv4 | FlowKey.HasProtocol | FlowKey.HasSourcePort | FlowKey.HasDestinationPort,
                    };
                }

                classifier.Find(keys, found, new uint[64]);
                for (int i = 0; i < keys.Length; i++)
                {
                    FlowKey key = keys[i];
                    int expected = (byte)key.Meta != 6 ? -1 : rules.FindIndex(rule
                        => (rule.Length == 0 || (key.Source ^ rule.Source) >> (32 - rule.Length) == 0)
                            && key.Ports >= rule.First && key.Ports <= rule.Last);
                    Assert.Equal((uint)expected, found[i]);
                    Assert.Equal((uint)expected, classifier.Find(in key, 0));
                    hits += expected >= 0 ? 1 : 0;
                }
            }

            Assert.InRange(hits, 1000, 3199);
        }
    }

    [Fact]
    public void Wrong_Positions_Stay_Within_The_Classifier()
    {
        Random random = new(11);
        ClassifierNode[] nodes = new ClassifierNode[40];
        ClassifierBlock[] blocks = new ClassifierBlock[5];
        uint[] entries = [3, 4, 9];
        FlowKey[] keys = new FlowKey[64];
        for (int round = 0; round < 2000; round++)
        {
            random.NextBytes(System.Runtime.InteropServices.MemoryMarshal.AsBytes(nodes.AsSpan()));
            random.NextBytes(System.Runtime.InteropServices.MemoryMarshal.AsBytes(blocks.AsSpan()));
            random.NextBytes(System.Runtime.InteropServices.MemoryMarshal.AsBytes(keys.AsSpan()));
            Classifier classifier = new(nodes, blocks, entries, (uint)random.Next());
            uint[] found = new uint[64];
            classifier.Find(keys, found, new uint[64]);
            Assert.All(found, rule => Assert.True(rule is Classifier.None or < 3));
            Assert.True(classifier.Find(in keys[0], 1) is Classifier.None or 1 or 2);
        }
    }

    private static CompiledTable Compile(IEnumerable<string> rules)
    {
        StringBuilder text = new("table ip t { chain c { type filter hook input priority 0;\n");
        foreach (string rule in rules)
        {
            text.AppendLine(rule);
        }

        return FirewallBench.Compile(text.Append("}\n}\n").ToString(), out _);
    }

    private static int Count(MemoryBlock<SetDescriptor> sets, SetKind kind)
    {
        int count = 0;
        for (int i = 0; i < sets.Length; i++)
        {
            count += sets[i].Kind == kind ? 1 : 0;
        }

        return count;
    }
}
