using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;
using Sos.Firewall.Rules;
using Xunit;

namespace Sos.Firewall.Tests;

/// <summary>Broken tables and broken listings, made from good ones by changing bytes.</summary>
public class MutationTests
{
    private const string Rules = """
        table inet f {
         set s4 {
          type ipv4_addr
          flags interval
          elements = { 10.0.0.0/9, 10.200.0.1-10.200.3.9, 1.2.3.4 }
         }
         set s6 {
          type ipv6_addr
          flags interval
          elements = { fd00::/16, ::1 }
         }
         set seen {
          type ipv4_addr . inet_service
          size 16
          flags dynamic,timeout
          timeout 5s
          elements = { 10.0.0.1 . 22 timeout 9s }
         }
         limit shared {
          rate over 9 kbytes/second burst 3 kbytes
         }
         chain sub {
          tcp dport { 22, 80-90 } counter return
          tcp flags & (fin|syn) < syn drop
          ip saddr . th dport @seen update @seen { ip saddr . th sport timeout 3s limit rate over 3/minute } drop
          limit rate 4/minute burst 2 packets drop
          udp dport 53 reject with icmpx no-route
          tcp flags syn log prefix "syn: " level info flags tcp options drop
         }
         chain input {
          type filter hook input priority 0; policy drop;
          ip saddr @s4 jump sub
          ip6 saddr @s6 goto sub
          ip6 daddr fd00:9::/64 accept
          ip ttl < 5 limit name "shared" drop
          meta nfproto . meta l4proto { ipv4 . tcp, ipv6 . udp } ip dscp 1-9 return
          icmp type echo-request accept
         }
         chain output {
          type filter hook output priority 0; policy drop;
          oifname "eth0" ip daddr @s4 counter accept
         }
        }
        """;

    private static readonly CompileOptions Options = new() { PortNames = ["eth0"], TracksConnections = true, DecidesAlone = true, Sent = SentFrames.Judged };

    /// <summary>A table answers what it rejects, or judges what Linux sends: not both.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_Changed_Table_Is_Refused_Or_Evaluates_Within_Its_Bounds(bool answers)
    {
        string rules = answers
            ? WithLargeSet().Replace("hook output priority 0; policy drop", "hook prerouting priority 0; policy accept", StringComparison.Ordinal)
                .Replace("oifname", "iifname", StringComparison.Ordinal)
            : WithLargeSet().Replace("reject with icmpx no-route", "drop", StringComparison.Ordinal);
        byte[] good = [.. FirewallBench.Compile(rules, out _).Bytes];
        Random random = new(1);
        List<byte[]> frames = [.. new RandomPackets(random, withFragments: true).Make(64).Select(frame => frame.Frame)];
        List<int> interesting = [.. Enumerable.Range(0, good.Length).Where(i => good[i] != 0)];
        int taken = 0;
        for (int round = 0; round < 1000; round++)
        {
            byte[] table = [.. good];
            for (int change = random.Next(1, 4); change > 0; change--)
            {
                // The magic and the sizes are the swap's to check; everything behind them is the validator's.
                int at = random.Next(3) == 0 ? random.Next(64, 128) : interesting[random.Next(interesting.Count)];
                table[Math.Max(at, 32)] = random.Next(2) == 0 ? (byte)random.Next(256) : (byte)(table[at] ^ (1 << random.Next(8)));
            }

            using FirewallBench bench = new(tableSlotSize: good.Length);
            taken += bench.Harness.LoadTable(table) ? 1 : 0;
            _ = bench.Filter(frames);
            _ = bench.Send(frames); // an index out of range would be an exception here
        }

        Assert.InRange(taken, 1, 999);
    }

    [Fact]
    public void A_Changed_Listing_Is_Compiled_Or_Refused_But_Never_Throws()
    {
        byte[] good = FirewallBench.Load(Rules).Json.ToArray();
        Random random = new(2);
        byte[] alphabet = Encoding.ASCII.GetBytes("{}[]\",:0129-@*ae/. null");
        for (int round = 0; round < 20_000; round++)
        {
            List<byte> json = [.. good];
            for (int change = random.Next(1, 4); change > 0; change--)
            {
                int at = random.Next(json.Count);
                switch (random.Next(4))
                {
                    case 0:
                        json[at] = alphabet[random.Next(alphabet.Length)];
                        break;
                    case 1:
                        json.RemoveRange(at, Math.Min(random.Next(1, 12), json.Count - at));
                        break;
                    case 2:
                        json.Insert(at, alphabet[random.Next(alphabet.Length)]);
                        break;
                    default:
                        ReplaceValue(json, random);
                        break;
                }
            }

            CompileResult result = RulesetCompiler.Compile(json.ToArray(), Options);
            Assert.True(result.Table is not null || result.Diagnostics.Count > 0);
        }
    }

    /// <summary>Puts another kind of value behind a colon: what keeps the JSON whole and its meaning not.</summary>
    private static void ReplaceValue(List<byte> json, Random random)
    {
        string[] values = ["null", "7", "-1", "1.5", "\"x\"", "[]", "{}", "[1]", "{\"val\":3}", "true"];
        int colon = json.IndexOf((byte)':', random.Next(json.Count));
        int end = colon < 0 ? -1 : json.FindIndex(colon, value => value is (byte)',' or (byte)'}');
        if (end > 0)
        {
            json.RemoveRange(colon + 1, end - colon - 1);
            json.InsertRange(colon + 1, Encoding.ASCII.GetBytes(values[random.Next(values.Length)]));
        }
    }

    private static string WithLargeSet()
        => Rules.Replace("1.2.3.4", string.Join(", ", Enumerable.Range(0, 100).Select(i => $"11.{i}.0.{i}")), StringComparison.Ordinal);
}
