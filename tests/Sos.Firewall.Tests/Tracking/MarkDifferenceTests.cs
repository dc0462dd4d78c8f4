using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text;
using Sos.Firewall.Rules;
using Xunit;

namespace Sos.Firewall.Tests.Tracking;

/// <summary>
/// Marks of connections against nf_conntrack of the kernel that runs the test: random rules that set and ask for marks, the same frames in the same order, and
/// the counters of all rules. The kernel forwards the frames; here they arrive or are sent, and both ways meet the same rules.
/// </summary>
public class MarkDifferenceTests
{
    private const int Runs = 8;
    private const int Packets = 1_500;

    [Fact]
    public void Rules_See_The_Marks_That_They_Gave_Connections_As_In_Linux()
    {
        ulong counted = 0;
        for (int seed = 1; seed <= Runs; seed++)
        {
            counted += Compare(seed);
        }

        Assert.True(counted > Runs * Packets, $"the rules on marks matched {counted} times, which proves little");
    }

    private static ulong Compare(int seed)
    {
        Random random = new(seed);
        string rules = MakeRules(random);
        TrackedTraffic traffic = new(random);
        List<TrackedFrame> frames = [.. Enumerable.Range(1, Packets).Select(traffic.Next)];
        CompiledTable table = FirewallBench.Compile(rules, out _, KernelNamespace.Device);
        using FirewallBench bench = new("flows=4096\n");
        Assert.True(bench.Harness.LoadTable(table.Bytes));
        foreach (TrackedFrame frame in frames)
        {
            _ = frame.IsSent ? bench.Sends(frame.Bytes) : bench.Passes(frame.Bytes);
        }

        using KernelNamespace kernel = new();
        kernel.Configure(
            "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1", "net.ipv4.conf.all.send_redirects=0",
            $"net.ipv4.conf.{KernelNamespace.Device}.send_redirects=0");
        kernel.Load(rules, "prerouting");
        foreach (TrackedFrame frame in frames)
        {
            kernel.Inject(frame.Bytes);
            _ = kernel.TakeSent();
        }

        _ = kernel.Observe(Packets);
        Dictionary<string, ulong> there = kernel.Counters();
        Dictionary<string, ulong> here = bench.RuleCounters(table);
        foreach ((string place, ulong packets) in here)
        {
            Assert.True(there[place] == packets, $"seed {seed}: {place} counted {packets}, in the kernel {there[place]}\n{rules}");
        }

        return here.Values.Aggregate(0ul, (sum, packets) => sum + packets);
    }

    private static string MakeRules(Random random)
    {
        string Pick(params string[] choices) => choices[random.Next(choices.Length)];
        StringBuilder both = new();
        StringBuilder arriving = new();
        for (int i = 0; i < 14; i++)
        {
            string number = random.Next(1, 12).ToString(CultureInfo.InvariantCulture);
            string match = Pick(
                "tcp flags syn", "meta l4proto udp", "ct state new", "ct state established", "ct state related", "ct direction reply", "tcp flags & rst == rst",
                "ct mark 0", "ct mark != 0", $"ct mark {number}", "ct mark & 0x3 == 0x2", "ct mark { 1, 3-5, 0x20-0x40 }", $"ct mark > {number}",
                "meta l4proto icmp");
            string second = Pick(string.Empty, string.Empty, "ct mark != 3 ", "ct state new ");
            string action = Pick(
                $"ct mark set {number}", $"ct mark set {number}", "ct mark set ct mark | 0x10", "ct mark set ct mark & 0xfffffffc",
                "ct mark set ct mark ^ 0x21", string.Empty, string.Empty);
            both.AppendLine(CultureInfo.InvariantCulture, $"  {match} {second}counter {action} {Pick(string.Empty, string.Empty, $"ct mark {number} drop")}");
            string marking = Pick("meta mark set ct mark", "ct mark set meta mark", "meta mark set ct mark | 0x8", "ct mark set meta mark & 0x7");
            arriving.AppendLine(CultureInfo.InvariantCulture, $"  ip saddr 10.10.0.0/16 {Pick(string.Empty, "meta mark != 2 ")}{match} {marking} counter");
        }

        return $"table inet t {{\n chain r {{\n{both} }}\n"
            + $" chain c {{\n  type filter hook prerouting priority -100;\n  jump r;\n{arriving} }}\n"
            + " chain o { type filter hook output priority -100; jump r; }\n"
            + " chain f { type filter hook forward priority 0; ct state new accept; }\n}\n";
    }
}
