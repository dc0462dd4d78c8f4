using System;
using System.Linq;
using System.Text;
using System.Text.RegularExpressions;

namespace Sos.Firewall.Tests.Prefilter;

/// <summary>Random rules as <see cref="RandomRuleset"/> makes them, with what people have on their hosts beside: states, limits, marks, logs.</summary>
internal sealed class RandomLiveRules(Random random, string hook, string portName)
{
    private static readonly Regex Rule = new(
        @"^    (?!type )(?<matches>.*?)(?<end>(counter( name ""named"")? )?(accept|drop|return|continue|(jump|goto) c\d))$");

    private static readonly string[] Matches =
    [
        "ct state established,related", "ct state new", "ct state invalid", "ct state { established, related }", "ct state != established",
        "ct state new,untracked,invalid", "ct state established,related,new,invalid,untracked", "meta mark 1", "meta length > 60",
        "fib daddr type local", "ct status assured", "ct direction original", "iif lo", "meta pkttype host", "meta mark != 7",
    ];

    private static readonly string[] Statements =
    [
        "limit rate 5/second", "limit rate over 3/second burst 2 packets", "log prefix \"x\"", "meta mark set 1", "quota over 2 kbytes",
        "ct mark set 3", "meta mark set mark", "meta mark set meta l4proto map { udp : 0x1, icmp : 0x2 }", "meta mark set ct mark",
    ];

    /// <summary>Makes a ruleset.</summary>
    /// <param name="withEffects">Whether statements may have effects.</param>
    public string Make(bool withEffects)
    {
        StringBuilder text = new();
        foreach (string line in new RandomRuleset(random, hook, portName).Make().ReplaceLineEndings("\n").Split('\n'))
        {
            Match rule = Rule.Match(line);
            text.Append(rule.Success && random.Next(3) == 0 ? $"    {Extend(rule, withEffects)}" : line).Append('\n');
        }

        return text.ToString();
    }

    private string Extend(Match rule, bool withEffects)
    {
        string end = rule.Groups["end"].Value;
        string[] parts = [Pick(Matches), rule.Groups["matches"].Value.Trim()];
        string matches = string.Join(' ', (random.Next(2) == 0 ? parts : [.. parts.Reverse()]).Where(part => part.Length > 0));
        return random.Next(8) switch
        {
            0 when withEffects => $"{matches} {Pick(Statements)} {end}",
            1 when withEffects => $"{Pick(Statements)} {matches} {end}",
            2 => $"{matches} ct state vmap {{ invalid : drop, established : accept, new : {Pick("drop", "continue", "return")} }}",
            3 => $"{Pick(Matches)} tcp dport vmap {{ 22 : accept, 80 : drop, 443-1023 : {Pick("drop", "return", "accept")} }}",
            4 => $"{Pick(Matches)} meta l4proto . th dport vmap {{ tcp . 22 : accept, udp . 53 : drop, tcp . 80-443 : drop }}",
            5 => $"{matches} meta l4proto vmap {{ tcp : continue, udp : {Pick("drop", "accept", "continue")} }} {end}",
            6 => $"{matches} meta mark set {Pick("meta l4proto map { tcp : 0x1, udp : 0x2 }", "meta l4proto map { udp : 0x1 }")} {end}",
            _ => $"{matches} {end}",
        };
    }

    private string Pick(params string[] choices) => choices[random.Next(choices.Length)];
}
