using System;
using System.Collections.Generic;
using System.Linq;
using Xunit;

namespace Sos.Firewall.Tests;

/// <summary>A host keeps its address though its rules let nothing in, as it does under Linux, whose DHCP clients read before the rules.</summary>
public class DhcpReplyTests
{
    private const string DropAll = "table inet t { chain c { type filter hook input priority 0; policy drop; }; }";
    private const string DropUdp = "table inet t { chain c { type filter hook input priority 0; policy accept; udp dport 0-65535 counter drop; }; }";
    private static readonly byte[] OtherMac = [2, 0, 0, 0, 0, 9];
    private static readonly byte[] All = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    private static readonly UInt128 LinkLocal = (UInt128)0xfe80 << 112;

    public static TheoryData<string, bool> Frames() => new()
    {
        { "unicast", true }, { "broadcast", true }, { "IPv6", true }, { "TCP", false }, { "request", false },
        { "another client's", false }, { "no cookie", false }, { "cut", false }, { "from afar", false }, { "fragment", false },
    };

    [Theory]
    [MemberData(nameof(Frames))]
    public void RepliesToThisHostPassAndNothingElseDoes(string kind, bool passes)
    {
        foreach (string rules in new[] { DropAll, DropUdp })
        {
            using FirewallBench bench = new();
            bench.Apply(rules);
            bool isTcp = kind == "TCP" && rules == DropUdp;
            Assert.Equal(passes || isTcp, bench.Passes(Make(kind)));
            Assert.Equal(passes ? 1ul : 0, bench.Counter("firewall.dhcp_passed"));
            Assert.Equal(passes || isTcp ? 1ul : 0, bench.Counter("firewall.passed"));
        }
    }

    [Fact]
    public void RulesMayDecide()
    {
        using FirewallBench bench = new("dhcp=rules\n");
        bench.Apply(DropAll);
        Assert.False(bench.Passes(Make("unicast")));
        Assert.False(bench.Passes(Make("IPv6")));
        Assert.Equal(0ul, bench.Counter("firewall.dhcp_passed"));
        using FirewallBench bad = new("dhcp=maybe\n");
        Assert.Equal(FirewallService.BadParameter, bad.ExitCode);
    }

    /// <summary>Who checks rules is told that they are not asked, if they would drop.</summary>
    [Theory]
    [InlineData(DropAll, true)]
    [InlineData(DropUdp, true)]
    [InlineData("table inet t { chain c { type filter hook input priority 0; policy drop; udp sport 67 udp dport 68 counter accept; }; }", false)]
    [InlineData("table inet t { chain c { type filter hook input priority 0; policy accept; tcp dport 1-65535 drop; }; }", false)]
    public void TheCheckOfRulesRemarksOnDhcp(string rules, bool remarks)
        => Assert.Equal(remarks ? Rules.RuleDiagnosticIds.DhcpReplies : null, Rules.DhcpRemark.Find(FirewallBench.Compile(rules, out _))?.Id);

    [Theory]
    [InlineData("arp", true, false, false)]
    [InlineData("arp,pppoe,pppoe-discovery", true, true, false)]
    [InlineData("0x8863,0x8864", false, true, false)]
    [InlineData("llc,0X0806", null, null, null)]
    [InlineData("llc", false, false, true)]
    [InlineData("arp,", null, null, null)]
    [InlineData("0x0005", null, null, null)]
    [InlineData("0x1806,arp,arp,arp,arp,arp,arp,arp,arp,arp,arp,arp,arp,arp,arp,arp,arp", null, null, null)]
    public void AListSaysWhichFramesThatAreNoIpPass(string list, bool? arp, bool? pppoe, bool? llc)
    {
        using FirewallBench bench = new($"non-ip={list}\n");
        if (arp is null)
        {
            Assert.Equal(FirewallService.BadParameter, bench.ExitCode);
            return;
        }

        bench.Apply(DropAll);
        byte[] message = [0, 1, 8, 0, 6, 4, 0, 1, .. Packet.NicMac, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2];
        Assert.Equal(arp, bench.Passes(Packet.Ethernet(0x0806, message)));
        Assert.Equal(pppoe, bench.Passes(Packet.Ethernet(0x8864, new byte[46])));
        Assert.Equal(pppoe, bench.Passes(Packet.Ethernet(0x8863, new byte[46])));
        Assert.Equal(llc, bench.Passes(Packet.Ethernet(46, new byte[46])));
        IEnumerable<bool?> all = [arp, pppoe, pppoe, llc];
        Assert.Equal((ulong)all.Count(passed => passed == false), bench.Counter("firewall.dropped_non_ip"));
    }

    private static byte[] Make(string kind)
    {
        byte[] message = new byte[kind == "cut" ? 200 : 300];
        (message[0], message[1], message[2]) = (kind == "request" ? (byte)1 : (byte)2, 1, 6);
        (kind is "broadcast" or "another client's" ? OtherMac : Packet.NicMac).CopyTo(message.AsSpan(28));
        if (kind is not ("cut" or "no cookie"))
        {
            new byte[] { 0x63, 0x82, 0x53, 0x63 }.CopyTo(message.AsSpan(236));
        }

        byte[] datagram = [.. Packet.Udp(67, 68, message.Length)[..8], .. message];
        byte[] frame = kind switch
        {
            "IPv6" => Packet.Ethernet(0x86dd, Packet.Ipv6(LinkLocal | 1, LinkLocal | 2, 17, Packet.Udp(547, 546, 40))),
            "from afar" => Packet.Ethernet(0x86dd, Packet.Ipv6(((UInt128)0x2001 << 112) | 1, LinkLocal | 2, 17, Packet.Udp(547, 546, 40))),
            "TCP" => Packet.Ethernet(0x0800, Packet.Ipv4(1, 2, 6, Packet.Tcp(67, 68, data: 280))),
            "fragment" => Packet.Ethernet(0x0800, Packet.Ipv4(1, 2, 17, datagram, fragment: 0x2000)),
            _ => Packet.Ethernet(0x0800, Packet.Ipv4(1, 2, 17, datagram)),
        };
        (kind == "broadcast" ? All : Packet.NicMac).CopyTo(frame.AsSpan());
        return frame;
    }
}
