using System;
using System.Collections.Generic;
using System.Linq;
using System.Numerics;
using Sos.Firewall.Rules;
using Sos.Sdk.Time;
using Xunit;

namespace Sos.Firewall.Tests;

/// <summary>Rules with limits, on the service's clock: one nanosecond is a tick of the harness's TSC.</summary>
public class RateLimitTests
{
    private const ulong Second = 1_000_000_000;

    [Theory]
    [InlineData("rate 10/second", 10, 1, 5, false)]
    [InlineData("rate 7/minute burst 3 packets", 7, 60, 3, false)]
    [InlineData("rate over 3/second burst 1 packets", 3, 1, 1, true)]
    [InlineData("rate over 1000/hour burst 20 packets", 1000, 3600, 20, true)]
    public void Packets_Pass_As_A_Bucket_Of_Nanoseconds_Lets_Them(string limit, int rate, int seconds, int burst, bool isOver)
        => Compare(limit, (_, cost) => cost, seconds * (BigInteger)Second / rate, seconds * (BigInteger)Second / rate * burst, isOver);

    [Theory]
    [InlineData("rate 900 bytes/second", 900, 1, 0, false)]
    [InlineData("rate 1 kbytes/second burst 300 bytes", 1024, 1, 300, false)]
    [InlineData("rate over 700 bytes/minute burst 2 kbytes", 700, 60, 2048, true)]
    [InlineData("rate 3 bytes/second burst 1 kbytes", 3, 1, 1024, false)]
    public void Bytes_Pass_As_A_Bucket_Of_Nanoseconds_Lets_Them(string limit, int rate, int seconds, int burst, bool isOver)
        => Compare(limit, (length, cost) => cost * length / rate, seconds * (BigInteger)Second, seconds * (BigInteger)Second * (rate + burst) / rate, isOver);

    [Fact]
    public void Rules_Of_One_Named_Limit_Share_It()
    {
        using FirewallBench bench = new();
        bench.Apply("""
            table ip f { limit few { rate 1/hour burst 3 packets; }; chain c { type filter hook input priority 0; policy drop;
              udp dport 1 limit name "few" accept
              udp dport 2 limit name "few" accept
              udp dport 3 limit rate 1/hour burst 3 packets accept; }; }
            """);
        Assert.True(bench.Passes(Datagram(1)));
        Assert.True(bench.Passes(Datagram(2)));
        Assert.True(bench.Passes(Datagram(2)));
        Assert.False(bench.Passes(Datagram(1)));
        Assert.False(bench.Passes(Datagram(2)));
        Assert.True(bench.Passes(Datagram(3)));
    }

    [Fact]
    public void Rules_That_Are_Applied_Anew_Begin_With_Full_Buckets()
    {
        const string Rules = "table ip f { chain c { type filter hook input priority 0; policy drop; limit rate 1/hour burst 2 packets accept; }; }";
        using FirewallBench bench = new();
        for (int round = 0; round < 2; round++)
        {
            bench.Apply(Rules);
            Assert.Equal(2, bench.Filter(Enumerable.Repeat(Datagram(1), 5)).Count);
        }
    }

    [Fact]
    public void Packets_Of_All_Kinds_Take_In_The_Order_In_Which_They_Came()
    {
        using FirewallBench bench = new();
        bench.Apply("table inet f { chain c { type filter hook input priority 0; policy drop; limit rate 1/hour burst 4 packets accept; }; }");
        byte[][] frames = [.. Enumerable.Range(0, 8).Select(i => i % 2 == 0
            ? Packet.Ethernet(0x86dd, Packet.Ipv6(1, 2, 17, Packet.Udp(1, 2), (uint)i)) : Datagram((ushort)i))];
        Assert.Equal(frames[..4].Select(Convert.ToHexString), bench.Filter(frames).Select(Convert.ToHexString));
    }

    /// <summary>As nft_quota does since Linux 6.17, and in stable kernels since then: a packet that fits in exactly is within.</summary>
    [Theory]
    [InlineData("quota 100 bytes", new[] { 40, 60, 1 }, new[] { true, true, false })]
    [InlineData("quota 100 bytes", new[] { 40, 61, 30 }, new[] { true, false, false })]
    [InlineData("quota over 100 bytes", new[] { 40, 60, 30, 50 }, new[] { false, false, true, true })]
    [InlineData("quota over 0 bytes", new[] { 28, 28 }, new[] { true, true })]
    [InlineData("quota 1 kbytes used 1000 bytes", new[] { 30, 30 }, new[] { false, false })]
    [InlineData("quota 100 bytes used 60 bytes", new[] { 40, 28 }, new[] { true, false })]
    [InlineData("quota name \"volume\"", new[] { 200, 28 }, new[] { true, false })]
    public void Bytes_Pass_Until_A_Quota_Is_Used(string quota, int[] lengths, bool[] passes)
    {
        using FirewallBench bench = new();
        bench.Apply($$"""
            table ip f { quota volume { 200 bytes; }; chain c { type filter hook input priority 0; policy drop;
              {{quota}} accept; }; }
            """);
        Assert.Equal(passes, lengths.Select(length => bench.Passes(Datagram(1, Math.Max(0, length - 28)))));
    }

    [Fact]
    public void More_Limits_Than_There_Is_Room_For_Are_An_Error()
    {
        string rules = string.Concat(Enumerable.Range(0, 257).Select(i => $"udp dport {i} limit rate {i + 1}/second drop\n"));
        LoadedRuleset loaded = FirewallBench.Load($"table ip f {{ chain c {{ type filter hook input priority 0;\n{rules} }}\n }}\n");
        CompileResult result = RulesetCompiler.Compile(loaded.Json, new CompileOptions { DecidesAlone = true });
        Assert.Equal("SOSFW008", Assert.Single(result.Diagnostics).Id);
    }

    [Theory]
    [InlineData("limit rate 5/second tcp dport vmap { 22 : drop }", "SOSFW004")]
    [InlineData("counter ip saddr . tcp dport { 10.0.0.1 . 22, 10.0.0.2 . 23 } drop", "SOSFW005")]
    public void Rows_That_Would_Take_Twice_Are_Errors(string rule, string id)
    {
        LoadedRuleset loaded = FirewallBench.Load($"table ip f {{ chain c {{ type filter hook input priority 0;\n{rule}\n }}\n }}\n");
        CompileResult result = RulesetCompiler.Compile(loaded.Json, new CompileOptions { DecidesAlone = true, TracksConnections = true });
        Assert.Equal(id, Assert.Single(result.Diagnostics).Id);
    }

    [Theory]
    [InlineData("limit rate 5/second", "limit")]
    [InlineData("quota 5 bytes", "quota")]
    public void What_Takes_Before_A_Verdict_Map_Is_Refused_With_A_Way_Round(string statement, string kind)
    {
        string rule = $"{statement} tcp dport vmap {{ 22 : drop }}";
        LoadedRuleset loaded = FirewallBench.Load($"table ip f {{ chain c {{ type filter hook input priority 0; {rule}; }}; }}\n");
        CompileResult result = RulesetCompiler.Compile(loaded.Json, new CompileOptions { DecidesAlone = true, TracksConnections = true });
        Assert.Contains($"let a rule with the {kind} jump to a chain with the map", Assert.Single(result.Diagnostics).Message, StringComparison.Ordinal);
    }

    private static byte[] Datagram(ushort port, int data = 0) => Packet.Ethernet(0x0800, Packet.Ipv4(0x0a000001, 1, 17, Packet.Udp(1, port, data)));

    /// <summary>Sends packets at random times, and compares with a bucket of exact numbers.</summary>
    private static void Compare(string limit, Func<int, BigInteger, BigInteger> costOf, BigInteger unit, BigInteger size, bool isOver)
    {
        Random random = new(limit.Length);
        using FirewallBench bench = new();
        bench.Apply($"table ip f {{ chain c {{ type filter hook input priority 0; policy drop; limit {limit} accept; }}; }}");
        ulong now = Tsc.Read() + Second;
        bench.Harness.PollAt(now);
        BigInteger tokens = size;
        ulong last = now;
        HashSet<bool> seen = [];
        for (int i = 0; i < 400; i++)
        {
            now += (ulong)(costOf(300, unit) * random.Next(1500) / 1000);
            int data = random.Next(600);
            int length = 28 + data;
            tokens = BigInteger.Min(size, tokens + (now - last));
            last = now;
            BigInteger cost = costOf(length, unit);
            bool isWithin = cost <= tokens;
            tokens -= isWithin ? cost : 0;
            Assert.True(bench.Nic.Send(Datagram(1, data)));
            bench.Harness.PollAt(now);
            bool passes = bench.Host.ReceiveAll().Count == 1;
            Assert.True(passes == (isWithin != isOver), $"{limit}: packet {i} of {length} bytes, {tokens} left");
            seen.Add(passes);
        }

        Assert.Equal(2, seen.Count); // some pass, some do not
    }
}
