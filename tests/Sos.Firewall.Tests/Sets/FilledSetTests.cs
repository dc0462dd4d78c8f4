using System;
using System.Collections.Generic;
using System.Linq;
using Sos.Firewall.Rules;
using Sos.Sdk.Time;
using Xunit;

namespace Sos.Firewall.Tests.Sets;

/// <summary>Sets that packets fill, on the service's clock: one nanosecond is a tick of the harness's TSC.</summary>
public sealed class FilledSetTests : IDisposable
{
    private const ulong Second = 1_000_000_000;

    private readonly FirewallBench _bench = new(arenaSize: 32 << 20);
    private ulong _now = Tsc.Read() + Second;

    public void Dispose() => _bench.Dispose();

    [Fact]
    public void A_Rule_Sees_At_Once_What_It_Added()
    {
        Apply("set s { type ipv4_addr; size 8; flags dynamic; }", "udp dport 1 add @s { ip saddr } ip saddr @s accept\nip saddr @s accept");
        Assert.False(Passes(1, 2));
        Assert.True(Passes(1, 1));
        Assert.True(Passes(1, 2));
        Assert.False(Passes(2, 2));
    }

    [Fact]
    public void An_Element_Goes_After_The_Time_Of_Its_Set_Or_Its_Own()
    {
        Apply(
            "set s { type ipv4_addr; size 8; flags dynamic, timeout; timeout 10s; }",
            "udp dport 1 add @s { ip saddr }\nudp dport 2 add @s { ip saddr timeout 3s }\nip saddr @s accept");
        Assert.True(Passes(1, 1));
        Assert.True(Passes(2, 2));
        _now += (3 * Second) - 1;
        Assert.True(Passes(2, 3));
        _now += 1;
        Assert.False(Passes(2, 3));
        _now += (7 * Second) - 1;
        Assert.True(Passes(1, 3));
        _now += 1;
        Assert.False(Passes(1, 3));
        Assert.Equal(2u, _bench.Counter("sets.expired"));
        Assert.Equal(0u, _bench.Counter("sets.count"));
    }

    [Fact]
    public void Adding_Leaves_The_Time_And_Updating_Begins_It_Anew()
    {
        Apply(
            "set s { type ipv4_addr; size 8; flags dynamic, timeout; timeout 10s; }",
            "udp dport 1 add @s { ip saddr } accept\nudp dport 2 update @s { ip saddr } accept\nip saddr @s accept");
        Assert.True(Passes(1, 1));
        Assert.True(Passes(2, 2));
        _now += 9 * Second;
        Assert.True(Passes(1, 1));
        Assert.True(Passes(2, 2));
        _now += Second;
        Assert.False(Passes(1, 3));
        Assert.True(Passes(2, 3));
        _now += 9 * Second;
        Assert.False(Passes(2, 3));
    }

    [Fact]
    public void A_Full_Set_Ends_The_Rule_Until_An_Element_Goes()
    {
        Apply("set s { type ipv4_addr; size 3; flags dynamic, timeout; timeout 10s; }", "udp dport 2 delete @s { ip saddr }\nadd @s { ip saddr } accept");
        Assert.True(Passes(1, 1));
        Assert.True(Passes(2, 1));
        Assert.True(Passes(3, 1));
        Assert.False(Passes(4, 1));
        Assert.True(Passes(3, 1));
        Assert.Equal(1u, _bench.Counter("sets.full"));
        Assert.True(Passes(3, 2)); // goes, and comes again
        _now += 10 * Second;
        Assert.True(Passes(4, 1));
        Assert.Equal(1u, _bench.Counter("sets.full"));
    }

    [Theory]
    [InlineData("add @s { ip saddr limit rate over 2/hour burst 2 packets } drop")]
    [InlineData("meter m size 10 { ip saddr limit rate over 2/hour burst 2 packets } drop")]
    public void Each_Element_Has_A_Limit_Of_Its_Own(string rule)
    {
        Apply("set s { type ipv4_addr; size 8; flags dynamic; }", $"{rule}\naccept");
        for (uint source = 1; source <= 3; source++)
        {
            Assert.Equal([true, true, false, false], Enumerable.Range(0, 4).Select(_ => Passes(source, 1)));
        }

        _now += 1800 * Second;
        Assert.Equal([true, false], Enumerable.Range(0, 2).Select(_ => Passes(2, 1)));
    }

    [Fact]
    public void Looking_An_Element_Up_Takes_Out_Of_Its_Limit_And_One_Added_Without_Has_None()
    {
        Apply(
            "set s { type ipv4_addr; size 8; flags dynamic; }",
            "udp dport 1 add @s { ip saddr limit rate 1/hour burst 3 packets } accept\nudp dport 2 add @s { ip saddr } accept\nip saddr @s accept");
        Assert.True(Passes(1, 1));
        Assert.Equal([true, true, false], Enumerable.Range(0, 3).Select(_ => Passes(1, 3)));
        Assert.True(Passes(2, 2));
        Assert.DoesNotContain(false, Enumerable.Range(0, 10).Select(_ => Passes(2, 3)));
    }

    [Fact]
    public void Packets_That_Knock_In_Order_Open_A_Port()
    {
        Apply(
            "set a { type ipv4_addr; flags dynamic, timeout; size 65536; }\nset b { type ipv4_addr; flags dynamic, timeout; size 65536; }",
            """
            ip saddr @b udp dport 22 accept
            udp dport 7000 add @a { ip saddr timeout 1s }
            ip saddr != @a return
            udp dport 8000 add @b { ip saddr timeout 1m }
            """);
        Assert.False(Passes(1, 22));
        Assert.False(Passes(1, 8000));
        Assert.False(Passes(1, 22));
        Assert.False(Passes(1, 7000));
        Assert.False(Passes(1, 8000));
        Assert.True(Passes(1, 22));
        Assert.False(Passes(2, 22));
        _now += 59 * Second;
        Assert.True(Passes(1, 22));
        _now += Second;
        Assert.False(Passes(1, 22));
    }

    [Fact]
    public void What_Packets_Filled_Outlives_Other_Rules_Where_The_Set_Is_Declared_The_Same()
    {
        const string First = "set first { type ipv4_addr; size 1000; flags dynamic; }\n";
        const string Kept = "set kept { type ipv4_addr . inet_service; size 500; flags dynamic, timeout; timeout 20s; }\n";
        const string Rules = "udp dport 1 add @kept { ip saddr . udp sport }\nip saddr . udp sport @kept accept";
        Apply(First + Kept, $"add @first {{ ip saddr }}\n{Rules}");
        uint[] sources = [.. Enumerable.Range(1, 300).Select(i => (uint)i)];
        Assert.DoesNotContain(false, sources.Select(source => Passes(source, 1)));
        _now += 10 * Second;

        // Another rule, and the first set is gone: the kept one moves.
        Apply($"{Kept}set late {{ type ipv4_addr; size 2000; flags dynamic; }}", $"udp dport 9 add @late {{ ip saddr }}\nudp dport 7 drop\n{Rules}");
        Assert.DoesNotContain(false, sources.Select(source => Passes(source, 2)));
        Assert.DoesNotContain(true, sources.Select(source => Passes(source + 1000, 2)));
        Assert.Equal(300u, _bench.Counter("sets.count"));
        Assert.DoesNotContain(true, sources.Select(source => Passes(source + 1000, 9)));
        Assert.DoesNotContain(false, sources.Select(source => Passes(source, 2)));
        _now += 10 * Second;
        Assert.DoesNotContain(true, sources.Select(source => Passes(source, 2)));

        Assert.True(Passes(1, 1));
        Apply(Kept.Replace("20s", "21s", StringComparison.Ordinal), Rules);
        Assert.False(Passes(1, 2));
    }

    [Fact]
    public void Elements_Of_The_Rules_Come_And_Go_With_Them()
    {
        const string Rules = "udp dport 1 add @s { ip saddr }\nudp dport 2 delete @s { ip saddr }\nip saddr @s accept";
        static string Set(string elements)
            => $"set s {{ type ipv4_addr; size 8; flags dynamic, timeout; timeout 1h; elements = {{ {elements} }}; }}";
        Apply(Set("10.0.0.1, 10.0.0.2 timeout 100s, 10.0.0.3 timeout 200s expires 50s"), Rules);
        Assert.True(Passes(9, 1));
        Assert.Equal([true, true, true, false, true], Pass(1, 2, 3, 4, 9));
        _now += 52 * Second;
        Assert.Equal([true, true, false, false, true], Pass(1, 2, 3, 4, 9));
        _now += 50 * Second;
        Assert.Equal([true, false, false, false, true], Pass(1, 2, 3, 4, 9));

        Apply(Set("10.0.0.4"), Rules);
        Assert.Equal([false, false, false, true, true], Pass(1, 2, 3, 4, 9));
        Assert.False(Passes(4, 2));
        Apply(Set("10.0.0.4"), Rules);
        Assert.Equal([false, false, false, true, true], Pass(1, 2, 3, 4, 9));
        _now += (3600 - 102) * Second;
        Assert.Equal([true, false], Pass(4, 9));
    }

    [Fact]
    public void A_Set_That_Only_Loses_Elements_Takes_Memory_For_Those_That_It_Has()
    {
        CompiledTable table = FirewallBench.Compile(
            Rules("set s { type ipv6_addr; flags timeout; elements = { fd00::1 timeout 1h, fd00::2 }; }", "ip6 saddr @s accept"), out _);
        Assert.InRange(table.SetMemory, 1, 1024);
        Assert.True(_bench.Harness.LoadTable(table.Bytes));
        byte[] From(uint source) => Packet.Ethernet(0x86dd, Packet.Ipv6(new UInt128(0xfd00_0000_0000_0000, source), 1, 17, Packet.Udp(1, 2)));
        Assert.Equal([true, true, false], new uint[] { 1, 2, 3 }.Select(source => PassesFrame(From(source))));
        _now += 3601 * Second;
        Assert.Equal([false, true, false], new uint[] { 1, 2, 3 }.Select(source => PassesFrame(From(source))));
    }

    [Fact]
    public void A_Set_Without_Memory_Is_Told_Of_And_Is_As_Full()
    {
        using FirewallBench small = new();
        small.Apply(Rules("set s { type ipv4_addr; size 1000000; flags dynamic; }", "add @s { ip saddr } accept"));
        Assert.Equal(1u, small.Counter("sets.without_memory"));
        Assert.False(small.Passes(Datagram(1, 1)));
        small.Apply(Rules("set s { type ipv4_addr; size 10; flags dynamic; }", "add @s { ip saddr } accept"));
        Assert.Equal(0u, small.Counter("sets.without_memory"));
        Assert.True(small.Passes(Datagram(1, 1)));
    }

    [Theory]
    [InlineData("", 0)]
    [InlineData("set-memory=2", 0)]
    [InlineData("set-memory=0", 1)]
    [InlineData("set-memory=x", 1)]
    public void The_Memory_Is_A_Parameter(string parameters, int exitCode)
    {
        using FirewallBench bench = new(parameters, arenaSize: 16 << 20);
        Assert.Equal(exitCode, bench.ExitCode);
    }

    /// <summary>Packets of many sources at many times, against a dictionary.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Elements_Are_Those_Of_A_Dictionary_With_Times(int seed)
    {
        const int Size = 100;
        Apply(
            $"set s {{ type ipv4_addr; size {Size}; flags dynamic, timeout; timeout 40s; }}",
            """
            udp dport 1 add @s { ip saddr } accept
            udp dport 2 update @s { ip saddr timeout 20s } accept
            udp dport 3 delete @s { ip saddr } accept
            udp dport 4 ip saddr @s accept
            udp dport 5 ip saddr != @s accept
            """);
        Random random = new(seed);
        Dictionary<uint, ulong> model = [];
        HashSet<(int, bool)> seen = [];
        for (int i = 0; i < 6000; i++)
        {
            _now += (ulong)random.NextInt64((long)Second);
            foreach (uint gone in model.Where(pair => pair.Value <= _now).Select(pair => pair.Key).ToList())
            {
                model.Remove(gone);
            }

            uint source = (uint)random.Next(300);
            int port = random.Next(100) < 70 ? 1 : random.Next(2, 6);
            bool isThere = model.ContainsKey(source);
            bool expected = port switch
            {
                1 or 2 => isThere || model.Count < Size,
                3 => true,
                4 => isThere,
                _ => !isThere,
            };
            if (port is 1 && expected && !isThere)
            {
                model[source] = _now + (40 * Second);
            }
            else if (port is 2 && expected)
            {
                model[source] = _now + (20 * Second);
            }
            else if (port is 3)
            {
                model.Remove(source);
            }

            bool passes = Passes(source, (ushort)port);
            Assert.True(passes == expected || (port <= 2 && !passes && model.Count >= Size - 40), $"seed {seed}, packet {i}, port {port}, {model.Count} there");
            if (passes != expected)
            {
                model.Remove(source); // a few whose time was over had not been met yet
            }

            seen.Add((port, passes));
        }

        Assert.Superset(new HashSet<(int, bool)> { (1, true), (2, true), (3, true), (4, true), (4, false), (5, true), (5, false) }, seen);
    }

    [Theory]
    [InlineData("set s { type ipv4_addr; flags interval, timeout; elements = { 10.0.0.0/8 timeout 1h }; }", "ip saddr @s drop", "SOSFW007")]
    [InlineData("set s { type ipv4_addr; size 9; flags dynamic; }", "add @s { ip saddr ct count over 3 } drop", "SOSFW004")]
    [InlineData("set s { type ipv4_addr; size 9; flags dynamic; }", "add @s { ip saddr quota over 3 bytes } drop", "SOSFW004")]
    [InlineData("set s { type ipv4_addr; size 9; flags dynamic; timeout 1500ms; }", "add @s { ip saddr } drop", "SOSFW013")]
    [InlineData("set s { type ipv4_addr; size 9; flags dynamic, timeout; }", "add @s { ip saddr timeout 1500ms } drop", "SOSFW013")]
    [InlineData("set s { type ipv4_addr; size 9000000; flags dynamic; }", "add @s { ip saddr } drop", "SOSFW008")]
    [InlineData("set s { type ipv4_addr; size 9; flags dynamic; }", "add @s { ip saddr } udp dport vmap { 1 : drop }", "SOSFW004")]
    [InlineData("map s { type ipv4_addr : inet_service; size 9; flags dynamic; }", "add @s { ip saddr : udp dport } drop", "SOSFW001")]
    [InlineData("set s { type dscp; size 9; flags timeout; elements = { 3 timeout 1h }; }", "ip dscp @s drop", "SOSFW007")]
    [InlineData(
        "set s { type ipv4_addr; size 9; flags dynamic; }", "add @s { ip saddr limit rate 3/hour } drop\nadd @s { ip saddr limit rate 4/hour } drop",
        "SOSFW007")]
    [InlineData(
        "set s { type ipv4_addr; size 9; flags dynamic; limit rate 3/hour; }", "ip saddr @s ip saddr . udp dport { 10.0.0.1 . 1, 10.0.0.2 . 2 } drop",
        "SOSFW005")]
    public void What_Cannot_Be_Honoured_Is_An_Error_That_Names_It(string set, string rule, string id)
    {
        LoadedRuleset loaded = FirewallBench.Load(Rules(set, rule));
        CompileResult result = RulesetCompiler.Compile(loaded.Json, new CompileOptions { DecidesAlone = true, TracksConnections = true });
        List<RuleDiagnostic> errors = [.. loaded.Diagnostics.Concat(result.Diagnostics).Where(item => item.Severity == RuleSeverity.Error)];
        Assert.NotEmpty(errors);
        Assert.All(errors, error => Assert.Equal(id, error.Id));
    }

    [Fact]
    public void Counters_Of_Elements_Are_A_Note()
    {
        LoadedRuleset loaded = FirewallBench.Load(Rules("set s { type ipv4_addr; size 9; flags dynamic; }", "update @s { ip saddr counter } drop"));
        CompileResult result = RulesetCompiler.Compile(loaded.Json, new CompileOptions { DecidesAlone = true });
        Assert.NotNull(result.Table);
        Assert.Equal("note SOSFW018: these sets count by element in nftables, and the core does not: s.", Assert.Single(result.Diagnostics).ToString()[..81]);
    }

    [Fact]
    public void A_Set_That_Counts_And_That_Nothing_Fills_Is_As_Any_Other()
    {
        LoadedRuleset loaded = FirewallBench.Load(Rules("set s { type ipv4_addr; flags interval; counter; elements = { 10.0.0.0/30 } }", "ip saddr @s accept"));
        CompileResult result = RulesetCompiler.Compile(loaded.Json, new CompileOptions { DecidesAlone = true });
        Assert.NotNull(result.Table);
        Assert.Equal(0, result.Table.SetMemory);
        Assert.Equal(RuleDiagnosticIds.ElementCounters, Assert.Single(result.Diagnostics).Id);
    }

    private static string Rules(string sets, string rules)
        => $"table inet t {{\n{sets}\nchain c {{\ntype filter hook input priority 0; policy drop;\n{rules}\n}}\n}}\n";

    private static byte[] Datagram(uint source, ushort port) => Packet.Ethernet(0x0800, Packet.Ipv4(0x0a000000 + source, 1, 17, Packet.Udp(1, port)));

    private void Apply(string sets, string rules)
    {
        ulong request = _bench.Harness.RequestTable(FirewallBench.Compile(Rules(sets, rules), out _).Bytes);
        _bench.Harness.PollAt(_now);
        unsafe
        {
            Assert.Equal(request, _bench.Harness.Control->TableActive);
        }
    }

    private bool[] Pass(params uint[] sources) => [.. sources.Select(source => Passes(source, 3))];

    private bool Passes(uint source, ushort port) => PassesFrame(Datagram(source, port));

    private bool PassesFrame(byte[] frame)
    {
        Assert.True(_bench.Nic.Send(frame));
        _bench.Harness.PollAt(_now);
        return _bench.Host.ReceiveAll().Count == 1;
    }
}
