using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using Sos.Firewall.Rules;
using Xunit;

namespace Sos.Firewall.Tests;

public class RulesetCompilerTests
{
    private const string InputChain =
        "table inet filter {\n chain input {\n  type filter hook input priority 0; policy accept;\n";

    [Theory]
    [InlineData("ct state established accept", "SOSFW010", "cannot match \"ct state\" here")]
    [InlineData("tcp dport 22 reject", "SOSFW004", "where it decides alone. Write \"drop\"")]
    [InlineData("limit rate 5/second accept", "SOSFW004", "\"limit\" is not supported")]
    [InlineData("log prefix \"x\" drop", "SOSFW004", "\"log\" is not supported")]
    [InlineData("meta mark 5 accept", "SOSFW005", "\"meta mark\"")]
    [InlineData("meta mark set 5", "SOSFW004", "changes no packet")]
    [InlineData("iif lo accept", "SOSFW005", "Write iifname")]
    [InlineData("ip ttl 5 drop", "SOSFW005", "\"ip ttl\"")]
    [InlineData("udp length 9 drop", "SOSFW005", "\"udp length\"")]
    [InlineData("ether saddr 00:11:22:33:44:55 drop", "SOSFW005", "\"ether saddr\"")]
    [InlineData("ip saddr vmap { 1.1.1.1 : drop }", "SOSFW004", "one rule for each element")]
    [InlineData("ip saddr . tcp dport != { 1.1.1.1 . 80 } accept", "SOSFW005", "\"!=\" is not supported for several fields together")]
    [InlineData("meta length > 1000 drop", "SOSFW005", "\"meta length\" here, since Linux may see another value")]
    [InlineData("meta iifgroup 5 accept", "SOSFW005", "\"meta iifgroup\"")]
    [InlineData("ip6 saddr & ::ffff == ::1 drop", "SOSFW005", "masks on IPv6 addresses")]
    [InlineData("quota 5 mbytes accept", "SOSFW004", "\"quota\"")]
    [InlineData("tcp option maxseg size 5 accept", "SOSFW005", "\"tcp option\"")]
    [InlineData("exthdr frag exists accept", "SOSFW005", "\"exthdr\"")]
    public void What_Cannot_Be_Honoured_Is_An_Error_That_Names_The_Rule(string rule, string id, string message)
    {
        CompileResult result = Compile($"{InputChain}  {rule}\n }}\n}}\n");
        RuleDiagnostic error = Assert.Single(result.Diagnostics, item => item.Severity == RuleSeverity.Error);
        Assert.Null(result.Table);
        Assert.Equal(id, error.Id);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.StartsWith("table inet filter, chain input, rule handle ", error.Place, StringComparison.Ordinal);
        Assert.NotNull(error.RuleText);
    }

    [Theory]
    [InlineData("ip dscp & 56 == 32 drop", "SOSFW005", "does not look at")]
    [InlineData("meta l4proto . th dport { 0-5 . 0-65535, 6 . 1 } ip saddr . ip daddr { 10.0.0.0/8 . 10.0.0.1 } udp dport 1 drop", null, "")]
    [InlineData("meta iifgroup 5 accept", "SOSFW005", "\"meta iifgroup\"")]
    public void Where_The_Core_Decides_Alone_It_Still_Cannot_Honour_All(string rule, string? id, string message)
    {
        CompileResult result = RulesetCompiler.Compile(
            FirewallBench.Load($"{InputChain}  {rule}\n }}\n}}\n").Json, new CompileOptions { PortNames = [FirewallBench.PortName], DecidesAlone = true });
        RuleDiagnostic? error = result.Diagnostics.SingleOrDefault(item => item.Severity == RuleSeverity.Error);
        Assert.Equal(id, error?.Id);
        Assert.Contains(message, error?.Message ?? string.Empty, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("iiftype ether", true)]
    [InlineData("iiftype != loopback", true)]
    [InlineData("iiftype loopback", false)]
    [InlineData("iifgroup 7", true)]
    [InlineData("iifgroup { 1, 2 }", false)]
    [InlineData("iifgroup > 6", true)]
    public void Type_And_Group_Of_The_Port_Are_Decided_When_Compiling(string match, bool matches)
    {
        LoadedRuleset loaded = FirewallBench.Load($"{InputChain}  meta {match} drop\n }}\n}}\n");
        CompileResult result = RulesetCompiler.Compile(
            loaded.Json, new CompileOptions { PortNames = [FirewallBench.PortName], DecidesAlone = true, PortGroup = 7 });
        Assert.Equal(!matches, result.Diagnostics.Any(item => item.Id == "SOSFW012"));
        using FirewallBench bench = new();
        Assert.True(bench.Harness.LoadTable(result.Table!.Bytes));
        Assert.Equal(!matches, bench.Passes(ToFrame(1)));
    }

    [Fact]
    public void A_Rule_Of_Several_Rows_Counts_Once()
    {
        const string Rules = """
            table ip f { chain c { type filter hook input priority 0;
              ip saddr . udp dport { 10.0.0.1 . 1-5, 10.0.0.2 . 2, 10.0.0.0/28 . 9 } counter comment "rows"; }; }
            """;
        CompiledTable table = FirewallBench.Compile(Rules, out _);
        using FirewallBench bench = new();
        Assert.True(bench.Harness.LoadTable(table.Bytes));
        Assert.Equal(2, bench.Filter([ToFrame(0x0a000001), ToFrame(0x0a000002)]).Count);
        Assert.Single(table.Counters);
        Assert.Equal(2ul, bench.Counter("rule_counter0.packets"));
    }

    [Fact]
    public void A_Diagnostic_Reads_Like_This()
    {
        CompileResult result = Compile($"{InputChain}  tcp dport 22 reject\n }}\n}}\n");
        Assert.Equal(
            "table inet filter, chain input, rule handle 2: error SOSFW004: \"reject\" is not supported here: the core answers where it decides alone. "
                + "Write \"drop\"\n    tcp dport 22 reject",
            result.Diagnostics.Single().ToString());
    }

    [Theory]
    [InlineData("table inet f { chain c { type filter hook output priority 0; policy drop; }; }", "SOSFW003")]
    [InlineData("table ip f { chain c { type nat hook prerouting priority 0; tcp dport 80 dnat to 10.0.0.1; }; }", "SOSFW003")]
    [InlineData("table bridge f { chain c { type filter hook input priority 0; tcp dport 80 drop; }; }", "SOSFW002")]
    [InlineData("table arp f { chain c { type filter hook input priority 0; policy drop; }; }", "SOSFW002")]
    public void Chains_That_The_Firewall_Does_Not_Have_Are_Errors(string rules, string id)
    {
        CompileResult result = Compile(rules);
        Assert.Null(result.Table);
        Assert.Contains(result.Diagnostics, item => item.Id == id && item.Place.Contains("chain c", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("set s { type ipv4_addr; flags timeout; elements = { 1.2.3.4 timeout 1h }; }")]
    [InlineData("set s { type ipv4_addr; counter; elements = { 1.2.3.4 }; }")]
    public void Sets_That_Change_By_Themselves_Are_Errors(string set)
    {
        CompileResult result = Compile($"table ip f {{ {set}; chain c {{ type filter hook input priority 0; ip saddr @s "
            + $"drop; }}; }}");
        Assert.Equal("SOSFW007", Assert.Single(result.Diagnostics).Id);
    }

    [Fact]
    public void A_Rule_That_Nft_Lists_Incompletely_Is_An_Error()
    {
        CompileResult result = Compile("table ip6 f { chain c { type filter hook input priority 0; ip6 nexthdr 6 tcp "
            + "dport 22 accept; }; }");
        Assert.Null(result.Table);
        Assert.Equal("SOSFW013", Assert.Single(result.Diagnostics).Id);
    }

    [Fact]
    public void Errors_Of_Nft_Come_With_File_And_Line()
    {
        RulesetLoadException error = Assert.Throws<RulesetLoadException>(
            () => FirewallBench.Load("table inet f {\n chain c {\n  tcp dport nonsense drop\n }\n}\n"));
        Assert.Contains(":3:", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Empty_Chains_Elsewhere_Do_No_Harm()
    {
        CompileResult result = Compile("table inet f { chain o { type filter hook output priority 0; policy accept; }; }");
        Assert.NotNull(result.Table);
        Assert.Empty(result.Diagnostics);
    }

    [Fact]
    public void A_Dormant_Table_Is_An_Error()
    {
        CompileResult result = Compile(
            "table inet g { flags dormant; chain i { type filter hook input priority 0; policy drop; tcp dport 1 drop; }; }");
        Assert.Null(result.Table);
        Assert.Equal("SOSFW014", Assert.Single(result.Diagnostics).Id);
    }

    [Fact]
    public void Interfaces_Need_A_Name_And_Others_Never_Match()
    {
        LoadedRuleset loaded = FirewallBench.Load($"{InputChain}  iifname \"lo\" accept\n }}\n}}\n");
        Assert.Equal("SOSFW011", Assert.Single(RulesetCompiler.Compile(loaded.Json, new CompileOptions()).Diagnostics).Id);
        CompileResult result = RulesetCompiler.Compile(loaded.Json, new CompileOptions { PortNames = ["eth0"] });
        Assert.NotNull(result.Table);
        Assert.Equal("SOSFW012", Assert.Single(result.Diagnostics).Id);
    }

    [Fact]
    public void Where_The_Port_Is_Open_Rules_Of_Any_Interface_Are_Read_In_Full()
    {
        CompileOptions open = new() { IsPortOpen = true, TracksConnections = true };
        CompileResult result = Compile(
            $"{InputChain}  iifname \"wan0\" tcp dport 22 accept\n  iif \"eth7\" drop\n  iifname vmap {{ \"a\" : accept, \"b\" : drop }}\n"
            + "  tcp dport 80 accept\n }\n}\n", open);
        Assert.NotNull(result.Table);
        Assert.Equal(3, result.OpenRuleCount);
        RuleDiagnostic note = Assert.Single(result.Diagnostics);
        Assert.Equal((RuleSeverity.Note, "SOSFW011"), (note.Severity, note.Id));
        Assert.StartsWith("3 rules ask", note.Message, StringComparison.Ordinal);

        CompileResult refused = Compile($"{InputChain}  iifname \"wan0\" ip saddr 10.0.0.1 quota 5 mbytes accept\n }}\n}}\n", open);
        Assert.Null(refused.Table);
        Assert.Equal("SOSFW004", Assert.Single(refused.Diagnostics, item => item.Severity == RuleSeverity.Error).Id);
    }

    [Fact]
    public void Rules_May_Name_Interfaces_By_Number_That_This_Machine_Lacks()
    {
        CompileOptions named = new() { PortNames = ["eth7"], TracksConnections = true };
        CompileResult result = Compile($"{InputChain}  iif \"eth7\" accept\n  iif \"sosnone0\" drop\n }}\n}}\n", named);
        Assert.NotNull(result.Table);
        Assert.Equal("SOSFW012", Assert.Single(result.Diagnostics).Id);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("{\"nftables\":[{\"rule\":{}}]}")]
    [InlineData("{\"nftables\":[{\"chain\":[]}]}")]
    public void What_Is_No_Listing_Is_An_Error(string json)
    {
        CompileResult result = RulesetCompiler.Compile(Encoding.UTF8.GetBytes(json), new CompileOptions());
        Assert.Null(result.Table);
        Assert.Equal("SOSFW001", Assert.Single(result.Diagnostics).Id);
    }

    [Theory]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("\"op\"")]
    [InlineData("{}")]
    public void A_Match_That_Is_None_Is_An_Error(string match)
    {
        string json = $$$"""
            {"nftables":[{"table":{"family":"ip","name":"f","handle":1}},
            {"chain":{"family":"ip","table":"f","name":"c","handle":3,"type":"filter","hook":"input","prio":0,"policy":"accept"}},
            {"rule":{"family":"ip","table":"f","chain":"c","handle":4,"expr":[{"match":{{{match}}}},{"drop":null}]}}]}
            """;
        CompileResult result = RulesetCompiler.Compile(Encoding.UTF8.GetBytes(json), new CompileOptions());
        Assert.Equal("SOSFW005", Assert.Single(result.Diagnostics).Id);
    }

    [Fact]
    public void A_Set_That_The_Kernel_Listed_Twice_In_Part_Is_An_Error()
    {
        const string Json = """
            {"nftables":[{"table":{"family":"ip","name":"f","handle":1}},
            {"set":{"family":"ip","name":"s","table":"f","type":"ipv4_addr","handle":2,"elem":["1.2.3.4","1.2.3.4"]}},
            {"chain":{"family":"ip","table":"f","name":"c","handle":3,"type":"filter","hook":"input","prio":0,"policy":"accept"}},
            {"rule":{"family":"ip","table":"f","chain":"c","handle":4,"expr":[{"match":{"op":"==","left":
            {"payload":{"protocol":"ip","field":"saddr"}},"right":"@s"}},{"drop":null}]}}]}
            """;
        CompileResult result = RulesetCompiler.Compile(Encoding.UTF8.GetBytes(Json), new CompileOptions());
        Assert.Equal("SOSFW007", Assert.Single(result.Diagnostics).Id);
    }

    [Fact]
    public void A_Million_Addresses_Compile_And_Are_Found()
    {
        Random random = new(1);
        HashSet<uint> blocked = [];
        while (blocked.Count < 1_000_000)
        {
            blocked.Add((uint)random.NextInt64(0x01000000, 0xdf000000));
        }

        // As nft lists it; nft itself takes longer for so many than the compiler.
        string json = $$$"""
            {"nftables":[{"table":{"family":"ip","name":"f","handle":1}},
            {"set":{"family":"ip","name":"s","table":"f","type":"ipv4_addr","handle":2,"flags":["interval"],"elem":[
            {{{string.Join(',', blocked.Select(address => $"\"{Dotted(address)}\""))}}}]}},
            {"chain":{"family":"ip","table":"f","name":"c","handle":3,"type":"filter","hook":"input","prio":0,"policy":"accept"}},
            {"rule":{"family":"ip","table":"f","chain":"c","handle":4,"expr":[{"match":{"op":"==","left":
            {"payload":{"protocol":"ip","field":"saddr"}},"right":"@s"}},{"drop":null}]}}]}
            """;
        CompileResult result = RulesetCompiler.Compile(Encoding.UTF8.GetBytes(json), new CompileOptions());
        Assert.True(result.Table is not null, string.Join('\n', result.Diagnostics));
        Assert.InRange(result.Table!.Bytes.Length, 1, 48 << 20);
        using FirewallBench bench = new(tableSlotSize: 48 << 20);
        Assert.True(bench.Harness.LoadTable(result.Table.Bytes));
        IEnumerable<uint> others = Enumerable.Range(0, 400).Select(_ => (uint)random.NextInt64(0x01000000, 0xdf000000));
        List<uint> samples = [.. blocked.Take(400), .. others];
        int expected = samples.Count(address => !blocked.Contains(address));
        Assert.Equal(expected, bench.Filter(samples.Select(ToFrame)).Count);
    }

    private static byte[] ToFrame(uint source) => Packet.Ethernet(0x0800, Packet.Ipv4(source, 1, 17, Packet.Udp(1, 2)));

    private static string Dotted(uint address)
        => $"{address >> 24}.{(address >> 16) & 255}.{(address >> 8) & 255}.{address & 255}";

    private static CompileResult Compile(string rules) => Compile(rules, new CompileOptions { PortNames = [FirewallBench.PortName] });

    private static CompileResult Compile(string rules, CompileOptions options)
    {
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllText(path, rules);
            return RulesetLoader.CompileFile(path, options);
        }
        finally
        {
            File.Delete(path);
        }
    }
}
