using System;
using System.Diagnostics;
using System.Linq;
using Sos.Firewall.Control.Following;
using Sos.Firewall.Rules.Prefilter;
using Sos.Firewall.Tests.Prefilter;
using Xunit;

namespace Sos.Firewall.Tests.Control;

/// <summary>The followed ruleset of a network namespace is the one that nft lists there, whatever changed, and however.</summary>
public sealed class LiveRulesTests
{
    private const string Rules = """
        table inet f {
          set ban { type ipv4_addr; flags interval; }
          set plain { type ipv4_addr; }
          set six { type ipv6_addr; flags interval; }
          set ports { type inet_service; flags interval; }
          set aging { type ipv4_addr; flags timeout; }
          set both { type ipv4_addr . inet_service; }
          map way { type inet_service : verdict; }
          set filled { type ipv4_addr; flags dynamic,timeout; timeout 1h; }
          chain i {
            type filter hook input priority 0; policy accept;
            ip saddr @ban drop
            ip saddr @plain tcp dport @ports drop
            ip6 saddr @six drop
            ip saddr @aging drop
            ip saddr . tcp dport @both drop
            ip saddr 192.0.2.0/24 tcp dport vmap @way
            tcp dport 9999 add @filled { ip saddr } drop
          }
        }
        """;

    [Fact]
    public void Random_Changes_Are_Followed_As_They_Are_Listed() => InNamespace(() =>
    {
        Assert.True(Nft(Rules));
        using LiveRules live = new();
        int seed = Environment.TickCount;
        Random random = new(seed);
        for (int i = 0; i < 60; i++)
        {
            string changes = string.Join('\n', Enumerable.Range(0, random.Next(1, 4)).Select(_ => RandomChange(random)));
            Nft(changes); // nft may refuse it: then nothing has changed
            AssertAsListed(live, $"seed {seed}, change {i}: {changes}");
        }
    });

    [Fact]
    public void Elements_Alone_Need_No_Listing() => InNamespace(() =>
    {
        Assert.True(Nft(Rules));
        using LiveRules live = new();
        live.Read();
        Assert.Equal(1, live.Listings);
        foreach (string change in (string[])[
            "add element inet f ban { 10.0.0.0/8, 11.0.0.0-11.0.0.5 }", "delete element inet f ban { 10.0.0.0/8 }", "add element inet f plain { 10.1.1.1 }",
            "add element inet f six { 2001:db8::/32, ffff::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff }", "add element inet f ports { 1-1023, 65535 }",
            "flush set inet f ports", "flush set inet f ban"])
        {
            Assert.True(Nft(change), change);
            AssertAsListed(live, change);
            Assert.Equal(1, live.Listings);
        }

        Assert.True(Nft("add rule inet f i udp dport 53 drop"));
        int setsRead = live.SetsRead;
        AssertAsListed(live, "a rule more");
        Assert.Equal((2, setsRead), (live.Listings, live.SetsRead));
        Assert.True(Nft("delete rule inet f i handle 999999\n") is false);
        Assert.True(Nft("flush chain inet f i\ndelete set inet f ban\nadd set inet f ban { type ipv4_addr; }\nadd rule inet f i ip saddr @ban drop"));
        AssertAsListed(live, "a set by the same name");
        Assert.Equal((3, setsRead + 1), (live.Listings, live.SetsRead));
    });

    [Fact]
    public void A_Set_Of_Another_Table_Or_Namespace_Is_Another() => InNamespace(() =>
    {
        Assert.True(Nft(Rules));
        using LiveRules live = new();
        live.Read();
        InNamespace(() =>
        {
            Assert.Empty(live.Read().Elements);
            Assert.True(Nft(Rules + "\nadd element inet f ban { 10.7.0.0/16 }"));
            AssertAsListed(live, "the other namespace");
        });
        AssertAsListed(live, "the first namespace again");
        string other = Rules.Replace("inet f", "ip f", StringComparison.Ordinal).Replace("ip6 saddr @six drop", string.Empty, StringComparison.Ordinal);
        Assert.True(Nft("delete table inet f\n" + other));
        AssertAsListed(live, "another table");
    });

    private static void AssertAsListed(LiveRules live, string what)
    {
        PrefilterResult followed = Compile(live.Read());
        PrefilterResult listed = Compile(RulesetLister.ListLive());
        Assert.True(followed.Table.Bytes.SequenceEqual(listed.Table.Bytes), what);
        Assert.Equal(listed.Table.ElementCount, followed.Table.ElementCount);
        Assert.Empty(followed.Notes);
    }

    private static PrefilterResult Compile(RulesetListing listing) => PrefilterCompiler.Compile(listing.Json, listing.AddTo(PrefilterBench.Host));

    private static string RandomChange(Random random)
    {
        string verb = random.Next(3) == 0 ? "delete" : "add";
        string address = $"10.{random.Next(3)}.{random.Next(3)}.{random.Next(3)}";
        string prefix = $"10.{random.Next(4)}.{random.Next(4) * 64}.0/{random.Next(18, 25)}";
        string port = $"{random.Next(1, 40)}";
        return random.Next(14) switch
        {
            0 or 1 or 2 => $"{verb} element inet f ban {{ {(random.Next(2) == 0 ? address : prefix)} }}",
            3 or 4 => $"{verb} element inet f plain {{ {address} }}",
            5 => $"{verb} element inet f six {{ 2001:db8:{random.Next(3)}::/{random.Next(46, 49)} }}",
            6 => $"{verb} element inet f ports {{ {port}-{random.Next(40, 60)} }}",
            7 => $"{verb} element inet f aging {{ {address}{(verb == "add" ? " timeout 1h" : string.Empty)} }}",
            8 => $"{verb} element inet f both {{ {address} . {port} }}",
            9 => $"{verb} element inet f way {{ {port}{(verb == "add" ? " : drop" : string.Empty)} }}",
            10 => $"add element inet f filled {{ {address} }}",
            11 => $"add rule inet f i tcp dport {port} drop",
            12 => $"flush set inet f {(random.Next(2) == 0 ? "ban" : "plain")}",
            _ => "insert rule inet f i ip saddr @ban counter",
        };
    }

    private static void InNamespace(Action work)
    {
        using KernelNamespace place = new();
        place.Enter(work);
    }

    private static bool Nft(string commands)
    {
        using Process nft = Process.Start(new ProcessStartInfo("nft", ["-f", "-"]) { RedirectStandardInput = true, RedirectStandardError = true })!;
        nft.StandardInput.Write(commands + "\n");
        nft.StandardInput.Close();
        nft.StandardError.ReadToEnd();
        nft.WaitForExit();
        return nft.ExitCode == 0;
    }
}
