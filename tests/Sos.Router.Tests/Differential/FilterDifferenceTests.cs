using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text;
using Xunit;
using Xunit.Abstractions;

namespace Sos.Router.Tests.Differential;

/// <summary>Random rulesets, and the same packets through Linux, which judges by them, and through the core, which does as far as it can.</summary>
public sealed class FilterDifferenceTests(ITestOutputHelper output)
{
    private const int RulesetsOfASequence = 6;
    private const int PacketsOfARuleset = 160;

    // Each with the family of its packets, and whether it is about what they carry: nft refuses rules that contradict themselves.
    private static readonly (string Text, int Family, bool IsTransport)[] Matches =
    [
        ("iifname \"p0\"", 0, false), ("iifname { \"p0\", \"p1\" }", 0, false), ("iifname != \"p2\"", 0, false), ("oifname \"p1\"", 0, false),
        ("oifname \"p*\"", 0, false), ("oifname != { \"p0\", \"p9\" }", 0, false), ("iif p1", 0, false), ("oif p0", 0, false),
        ("ip saddr 10.0.0.0/16", 4, false), ("ip saddr != 10.0.1.0/24", 4, false), ("ip daddr 20.1.2.0/24", 4, false),
        ("ip daddr { 20.1.2.3, 20.200.0.0/16, 10.0.2.2 }", 4, false), ("ip saddr @near", 4, false), ("meta nfproto ipv4", 4, false),
        ("ip frag-off & 0x1fff != 0", 4, false), ("ip6 saddr fd00::/16", 6, false), ("ip6 daddr 2001:db8::/32", 6, false), ("ip6 daddr @far", 6, false),
        ("meta protocol ip6", 6, false), ("meta l4proto udp", 0, true), ("meta l4proto { tcp, udp }", 0, true), ("ip protocol icmp", 4, true),
        ("udp dport 1-30000", 0, true), ("tcp flags syn", 0, true), ("th sport > 20000", 0, true), ("icmp type { echo-request, 30 }", 4, true),
        ("icmpv6 type != echo-request", 6, true),
    ];

    // What the core does not know: packets that may meet it are Linux's.
    private static readonly (string Text, int Family, bool IsTransport)[] Unknown =
    [
        ("ip dscp cs1", 4, false), ("meta mark 7", 0, false), ("meta length > 600", 0, false), ("ip ttl 64", 4, false), ("ip6 hoplimit 64", 6, false),
        ("fib daddr type unicast", 0, false),
    ];

    // What Linux alone does.
    private static readonly string[] Unfollowed = ["log", "meta mark set 5", "log counter drop"];

    private static int Sequences => int.Parse(Environment.GetEnvironmentVariable("SOS_ROUTER_SEQUENCES") ?? "2", CultureInfo.InvariantCulture);

    [Fact]
    public void TheCoreFiltersAsLinuxDoes()
    {
        SortedDictionary<string, int> seen = new(StringComparer.Ordinal);
        for (int seed = 1; seed <= Sequences; seed++)
        {
            NetworkPlace.OnThreadOfItsOwn(() => RunSequence(seed, seen));
            output.WriteLine($"sequence {seed}: {string.Join(", ", seen.Select(pair => $"{pair.Value} {pair.Key}"))}");
        }

        Assert.All((string[])["forwarded", "dropped", "linux"], kind => Assert.True(seen.GetValueOrDefault(kind) > 10, kind));
    }

    [Theory]
    [InlineData("chain f { type filter hook forward priority 0; ct state established accept; }")]
    [InlineData("chain g { ct state invalid drop; } chain f { type filter hook forward priority 0; iifname vmap { \"p0\" : jump g }; }")]
    [InlineData("chain n { type nat hook postrouting priority 100; oifname \"p0\" masquerade; }")]
    [InlineData("chain i { type filter hook ingress device p0 priority 0; udp dport 9 drop; }")]
    [InlineData("chain f { type filter hook forward priority 0; ip saddr 10.0.0.0/8 tcp flags syn ct count over 5 drop; }")]
    public void WhatNeedsConnectionsOrADevicesOwnChainIsLinuxs(string chains) => NetworkPlace.OnThreadOfItsOwn(() =>
    {
        using RouterPair routers = new();
        Assert.False(routers.SetRules(Rulesets.Table(chains)));
        Assert.True(routers.SetRules(Rulesets.Table("chain f { type filter hook forward priority 0; udp dport 9 drop; } "
            + "chain i { type filter hook input priority 0; ct state invalid drop; }")));
    });

    private static void RunSequence(int seed, SortedDictionary<string, int> seen)
    {
        Random random = new(seed);
        using RouterPair routers = new();
        PacketMaker maker = new(random);
        for (int ruleset = 0; ruleset < RulesetsOfASequence; ruleset++)
        {
            string rules = MakeRules(random, ruleset % 2 == 0);
            Assert.True(routers.SetRules(rules), rules);
            List<string> differences = routers.Compare(maker, random, PacketsOfARuleset);
            Assert.True(differences.Count == 0, $"seed {seed}: {differences.Count} packets differ, the first:\n{differences.FirstOrDefault()}\n{rules}");
        }

        foreach ((string kind, int count) in routers.Seen)
        {
            seen[kind] = seen.GetValueOrDefault(kind) + count;
        }
    }

    private static string MakeRules(Random random, bool isKnown)
    {
        StringBuilder text = new("table inet t {\n set near { type ipv4_addr; flags interval; elements = { 10.0.0.0/25, 10.0.2.2-10.0.2.30 } }\n"
            + " set far { type ipv6_addr; elements = { 2001:db8:1:2::3, 2600::1 } }\n");
        for (int sub = 1; sub >= 0; sub--)
        {
            string rules = Rules(random, isKnown, sub == 0 ? ["jump sub1", "goto sub1", "return"] : ["return"]);
            text.Append(CultureInfo.InvariantCulture, $" chain sub{sub} {{\n{rules} }}\n");
        }

        int number = 0;
        foreach ((string hook, int priority) in ((string, int)[])[("forward", 0), ("forward", random.Next(-5, 5)), ("prerouting", -150), ("postrouting", 10)])
        {
            number++;
            if (hook == "forward" || random.Next(3) == 0)
            {
                string policy = hook == "forward" && random.Next(3) == 0 ? "drop" : "accept";
                text.Append(CultureInfo.InvariantCulture, $" chain {hook}{number} {{\n type filter hook {hook} priority {priority}; policy {policy};\n")
                    .Append(hook == "prerouting" ? "  iifname \"p9\" accept\n" : "  oifname \"p9\" accept\n") // what shows that all before it came through
                    .Append(Rules(
                        random, isKnown, ["jump sub0", "goto sub1", "counter accept", "counter drop", hook == "forward" && !isKnown ? "reject" : "accept"]))
                    .Append(" }\n");
            }
        }

        return text.Append("}\n").ToString();
    }

    private static string Rules(Random random, bool isKnown, string[] more)
    {
        StringBuilder text = new();
        for (int rule = random.Next(1, 7); rule > 0; rule--)
        {
            text.Append("  ");
            int family = 0;
            bool hasTransport = false;
            for (int match = random.Next(1, 5); match > 0; match--)
            {
                (string Text, int Family, bool IsTransport) next = !isKnown && random.Next(6) == 0 ? Pick(random, Unknown) : Pick(random, Matches);
                bool fits = (family == 0 || next.Family == 0 || family == next.Family) && !(hasTransport && next.IsTransport);
                if (fits)
                {
                    text.Append(next.Text).Append(' ');
                    family = next.Family == 0 ? family : next.Family;
                    hasTransport |= next.IsTransport;
                }
            }

            string[] verdicts = ["accept", "drop", .. more];
            text.Append(!isKnown && random.Next(8) == 0 ? Pick(random, Unfollowed) : Pick(random, verdicts)).Append('\n');
        }

        return text.ToString();
    }

    private static T Pick<T>(Random random, T[] from) => from[random.Next(from.Length)];
}
