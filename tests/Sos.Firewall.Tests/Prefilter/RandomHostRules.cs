using System;
using System.Linq;
using System.Text;
using System.Text.RegularExpressions;

namespace Sos.Firewall.Tests.Prefilter;

/// <summary>
/// Random rules as <see cref="RandomLiveRules"/> makes them, made of what whole hosts have: sets that packets fill, logs, rejects, limits of many
/// kinds, chains that send, translate or do not track, and often a stateful beginning.
/// </summary>
internal sealed class RandomHostRules(Random random, string portName)
{
    private static readonly Regex Table = new(@"^table (?<family>\w+) t\d \{$");
    private static readonly Regex Base = new(@"^    type filter hook");
    private static readonly Regex Verdict = new(@"^(?<matches>    .*?)(?<end>accept|drop)$");

    private static readonly string[] Statements =
    [
        "log prefix \"x\"", "log group 5", "limit rate 10/second log", "limit rate 3/minute burst 2 packets log prefix \"y\"", "limit rate over 4/second",
        "counter", "limit rate 2/second", "meta mark set 7", "ct count over 2", "quota over 1 kbytes", "limit name \"shared\"",
        "limit name \"logging\" log", "ct mark set 3", "meta mark set ct mark", "meta mark set meta l4proto map { tcp : 0x1, udp : 0x7 }",
        "counter name meta l4proto map { tcp : \"hits\", icmp : \"hits\" }", "counter name meta l4proto map { udp : \"hits\" }",
    ];

    private static readonly string[] Matches =
    [
        "ip ttl 64", "meta length 40-60", "tcp option maxseg exists", "ct state invalid", "ct state established,related", "ct state new",
        "ct direction reply", "ct status seen-reply", "ct mark 0", "meta pkttype host", "fib daddr type local", "meta mark 7", "@th,0,16 443",
        "ct mark 3", "ct mark != 3", "ct status dnat", "ct status != assured", "ct direction original", "iifgroup 0", "iifgroup 2", "meta iiftype ether",
        "meta iiftype loopback", "ct state new,untracked", "ct state invalid limit rate 5/second", "ip saddr @aging", "ip saddr != @aging",
    ];

    private static readonly string[] Beginnings =
    [
        "ct state established,related accept", "ct state vmap { established : accept, related : accept, invalid : drop }", "ct state invalid drop",
        "ct state established accept; ct state related accept", "ct state != new accept", "ct state { established, related } counter accept",
        "tcp flags & (fin|syn|rst|ack) != syn ct state new drop", "meta l4proto tcp ct state established accept", "iifname \"lo\" accept",
    ];

    private static readonly string[] Beside =
    [
        "table ip nat0 { chain pre { type nat hook prerouting priority -100; tcp dport 1024 redirect to :80; }; }",
        "table ip nat1 { chain post { type nat hook postrouting priority 100; masquerade; }; }",
        "table inet out0 { chain o { type filter hook output priority 0; udp sport 53 drop; }; }",
        "table inet out2 { chain o { type filter hook output priority 0; policy drop; ct state established,related accept; udp dport 53 reject; }; }",
        "table inet out3 { chain o { type filter hook output priority 0; tcp sport 80 drop; ct mark set 3; }; }",
        "table inet out1 { chain o { type filter hook output priority 0; ct state established accept; tcp dport 80 counter accept; }; }",
        "table inet raw0 { chain r { type filter hook prerouting priority -300; udp dport 53 notrack; tcp dport 8080 notrack; }; }",
        "table inet raw1 { chain r { type filter hook prerouting priority -300; tcp flags & (fin|syn) == fin|syn drop; ip saddr 10.0.0.3 drop; }; }",
        "table netdev n0 { chain i { type filter hook ingress device \"PORT\" priority 0; udp dport 443 drop; ip saddr 10.2.0.0/16 drop; }; }",
        "table inet dscp0 { chain d { type filter hook prerouting priority -150; ip dscp set cs1; ip ttl set 60; }; }",
        "table inet mark0 { chain m { type filter hook prerouting priority -150; tcp dport 443 meta mark set 7; ct mark set 3; }; }",
        "table inet help0 { ct helper ftp { type \"ftp\" protocol tcp; }; "
            + "chain h { type filter hook prerouting priority -10; tcp dport 8080 ct helper set \"ftp\"; }; }",
    ];

    /// <summary>Makes a ruleset.</summary>
    public string Make()
    {
        StringBuilder text = new();
        string family = "inet";
        foreach (string line in new RandomLiveRules(random, "input", portName).Make(withEffects: true).Split('\n'))
        {
            Match verdict = Verdict.Match(line);
            text.Append(verdict.Success && !Base.IsMatch(line) && random.Next(4) == 0 ? Extend(verdict, family) : line).Append('\n');
            if (Table.Match(line) is { Success: true } table)
            {
                family = table.Groups["family"].Value;
                text.Append("  limit shared { rate 3/second; }\n  limit logging { rate 2/second; }\n  counter hits { }\n");
                text.Append(family == "ip6" ? string.Empty : "  set dyn { type ipv4_addr; size 512; flags dynamic,timeout; timeout 1m; }\n"
                    + "  set aging { type ipv4_addr; flags timeout; elements = { 10.0.0.1 timeout 1h, 10.0.0.2 timeout 3s } }\n");
            }
            else if (Base.IsMatch(line) && random.Next(2) == 0)
            {
                text.Append($"    {Pick(Beginnings)}\n");
            }
        }

        foreach (string beside in Beside.Where(_ => random.Next(Beside.Length) == 0))
        {
            text.Append(beside.Replace("PORT", portName, StringComparison.Ordinal)).Append('\n');
        }

        return text.ToString();
    }

    private string Extend(Match rule, string family)
    {
        string matches = rule.Groups["matches"].Value;
        string end = rule.Groups["end"].Value;
        return random.Next(8) switch
        {
            0 when family != "ip6" => $"{matches} {Pick("add @dyn { ip saddr }", "update @dyn { ip saddr limit rate over 3/second }", "ip saddr @dyn")} {end}",
            1 => $"{matches} {Pick("reject", "reject", "limit rate 4/second reject")}",
            6 => $"{matches} meta l4proto tcp reject with tcp reset",
            7 when family != "ip6" => $"    ip dscp set cs2\n{matches} ip dscp set cs1 {end}",
            2 or 3 => $"{matches} {Pick(Statements)} {end}",
            4 => $"{matches} {Match(family)} {end}",
            _ => $"    {Pick(Statements)}\n{matches} {end}",
        };
    }

    // Fields of IPv4 are no match of tables of the other family.
    private string Match(string family) => Pick([.. Matches.Where(match => family != "ip6" || !match.StartsWith("ip ", StringComparison.Ordinal))]);

    private string Pick(params string[] choices) => choices[random.Next(choices.Length)];
}
