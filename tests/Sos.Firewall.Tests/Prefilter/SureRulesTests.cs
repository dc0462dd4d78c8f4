using System;
using System.Collections.Generic;
using System.IO;
using Sos.Firewall.Rules.Prefilter;
using Xunit;

namespace Sos.Firewall.Tests.Prefilter;

/// <summary>A follower of rules has nft compare those alone that are new, and knows as much of the others as if all had been.</summary>
public class SureRulesTests
{
    private const string Rules = """
        table inet f {
          set s { type ipv4_addr; elements = { 10.0.0.1 } }
          chain i {
            type filter hook input priority 0;
            ip saddr @s drop
            ip6 nexthdr 6 tcp dport 22 accept
            tcp dport { 22, 80 } counter accept
            limit rate 5/second log
          }
        }
        """;

    [Fact]
    public void Only_New_Rules_Are_Compared()
    {
        SureRules before = new();
        IReadOnlySet<string> first = List(Rules, before);
        Assert.Equal(4, before.Compared);
        Assert.Equal(first, List(Rules, before));
        Assert.Equal(0, before.Compared);
        string more = Rules.Replace("limit rate", "udp dport 53 accept\n    limit rate", StringComparison.Ordinal);
        Assert.Equal(List(more, new SureRules()), List(more, before));
        Assert.InRange(before.Compared, 1, 2); // the new one, and the one that has its number no more
    }

    [Fact]
    public void An_Element_More_Is_No_Other_Rule()
    {
        SureRules before = new();
        IReadOnlySet<string> first = List(Rules, before);
        Assert.Equal(first, List(Rules.Replace("10.0.0.1", "10.0.0.1, 10.0.0.2", StringComparison.Ordinal), before));
        Assert.Equal(0, before.Compared);
    }

    [Fact]
    public void A_Rule_With_Its_Number_And_Another_Text_Is_Compared_Again()
    {
        SureRules before = new();
        List(Rules, before);
        string other = Rules.Replace("{ 22, 80 }", "{ 22, 443 }", StringComparison.Ordinal);
        Assert.Equal(List(other, new SureRules()), List(other, before));
        Assert.Equal(1, before.Compared);
    }

    [Fact]
    public void Where_The_Comparison_Fails_No_New_Rule_Is_Sure()
    {
        SureRules before = new();
        Dictionary<string, string> programs = new() { ["ip f 1"] = "[ a ]", ["ip f 2"] = "[ b ]" };
        Assert.Equal(["ip f 1"], before.Find(programs, programs, _ => new HashSet<string> { "ip f 1" }));
        programs.Add("ip f 3", "[ c ]");
        Assert.Equal(["ip f 1"], before.Find(programs, programs, _ => null));
        Assert.Equal(["ip f 1", "ip f 3"], before.Find(programs, programs, open => open));
        Assert.Equal(1, before.Compared);
    }

    private static IReadOnlySet<string> List(string rules, SureRules before)
    {
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllText(path, rules);
            return RulesetLister.ListFile(path, before).Sure;
        }
        finally
        {
            File.Delete(path);
        }
    }
}
