using System;
using System.Collections.Generic;
using System.Linq;
using Sos.Sdk.Time;
using Xunit;
using Xunit.Abstractions;

namespace Sos.Firewall.Tests.Answers;

/// <summary>Answers to rejected packets against those of the kernel that runs the test, packet by packet, from the IP header on.</summary>
public class RejectDifferenceTests(ITestOutputHelper output)
{
    private const int Packets = 400;
    private const ulong Step = 10_000_000_000; // ns, so that no limit holds an answer back

    [Theory]
    [InlineData("inet", "reject")]
    [InlineData("inet", "meta l4proto tcp reject with tcp reset\nreject with icmpx admin-prohibited")]
    [InlineData("inet", "reject with icmp host-prohibited\nreject with icmpv6 addr-unreachable")]
    [InlineData("inet", "meta l4proto udp reject with icmpx no-route\nreject with icmpx host-unreachable")]
    [InlineData("ip", "meta l4proto tcp reject with tcp reset\nreject with icmp net-unreachable")]
    [InlineData("ip6", "meta l4proto tcp reject with tcp reset\nreject")]
    public void Service_And_Kernel_Answer_Alike(string family, string rules)
    {
        foreach (string hook in (string[])["input", "prerouting"])
        {
            Compare(family, $"table {family} t {{ chain c {{ type filter hook {hook} priority 0; policy drop;\n{rules}\n }}\n }}\n", hook);
        }
    }

    private void Compare(string family, string rules, string hook)
    {
        using KernelNamespace kernel = new();
        kernel.Configure("net.ipv4.icmp_ratemask=0", "net.ipv6.icmp.ratelimit=0", "net.ipv6.icmp.ratemask=127");
        kernel.Load(rules, hook);
        using FirewallBench bench = new();
        bench.Apply(rules);
        RejectedTraffic traffic = new(new Random(rules.Length));
        ulong now = Tsc.Read() + Step;
        int answered = 0;
        _ = kernel.TakeSent();
        for (int i = 0; i < Packets; i++)
        {
            byte[] packet = traffic.Next();
            if (IsOfOther(family, packet) || (hook == "prerouting" && IsToGroup(packet)))
            {
                continue; // Linux serves the other family, and before it has a route does not know that an address is a group's.
            }

            Assert.True(bench.Nic.Send(RejectedTraffic.To(bench.NicMac, packet)));
            bench.Harness.PollAt(now += Step);
            List<string> here = [.. bench.Nic.ReceiveAll().Select(Normalize)];
            kernel.Inject(RejectedTraffic.To(Packet.NicMac, packet));
            List<string> there = [.. kernel.TakeSent().Where(IsAnswer).Select(Normalize)];
            Assert.True(
                here.SequenceEqual(there),
                $"{rules}\npacket {i}: {Convert.ToHexString(packet)}\nhere  {string.Join(' ', here)}\nthere {string.Join(' ', there)}");
            answered += here.Count;
        }

        output.WriteLine($"{answered} of {Packets} answered");
        Assert.InRange(answered, Packets / 10, Packets);
    }

    private static bool IsOfOther(string family, byte[] packet) => packet[0] >> 4 == 4 ? family == "ip6" : family == "ip";

    private static bool IsToGroup(byte[] packet) => packet[0] >> 4 == 4 && packet[16] >= 0xe0;

    // The kernel also says what groups it is in.
    private static bool IsAnswer(byte[] frame) => frame[12] == 8 ? frame[30] == 10 : frame[38] == 0xfd;

    /// <summary>The packet without what differs with each: IPv4's identification, with the header's checksum, and IPv6's flow label.</summary>
    private static string Normalize(byte[] frame)
    {
        byte[] packet = frame[14..];
        if (packet[0] >> 4 == 4)
        {
            packet.AsSpan(4, 2).Clear();
            packet.AsSpan(10, 2).Clear();
        }
        else
        {
            packet[1] &= 0xf0;
            packet.AsSpan(2, 2).Clear();
        }

        return Convert.ToHexString(packet);
    }
}
