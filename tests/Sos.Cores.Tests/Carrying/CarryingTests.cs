using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.Linq;
using System.Text.Json;
using System.Text.RegularExpressions;
using Sos.Cores.Carrying;
using Sos.Cores.Native;
using Sos.Cores.Network;
using Sos.Cores.Running;
using Xunit;

namespace Sos.Cores.Tests.Carrying;

/// <summary>
/// Each kind of things that Linux knows of a device is the same on the device that takes its place, and on the one that comes back after that.
/// </summary>
public sealed class CarryingTests
{
    private const string Far = "192.0.2.2";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    public static TheoryData<string, string> Kinds => new()
    {
        { "nothing", "ip link set eth0 up" },
        { "switched off", "ip address add 192.0.2.1/24 dev eth0" },
        { "link", "ip link set eth0 txqueuelen 4242 alias 'uplink to provider' allmulticast on group 7; ip link set eth0 up" },
        { "flags", "ip link set eth0 promisc on arp off multicast off; ip link set eth0 up" },
        { "address generation", "ip link set eth0 addrgenmode none up; ip address add fe80::1/64 dev eth0 nodad" },
        { "token", "ip link set eth0 up; ip token set ::77 dev eth0" },
        { "other names", "ip link property add dev eth0 altname enp9s0 altname uplink; ip link set eth0 up" },
        { "address and MTU of the device", "ip link set eth0 address 02:00:00:00:00:99 mtu 1400 up" },
        {
            "sysctls",
            "sysctl -qw net.ipv6.conf.eth0.accept_ra=0 net.ipv4.conf.eth0.rp_filter=1 net.ipv4.conf.eth0.forwarding=1 net.ipv6.conf.eth0.use_tempaddr=2 "
                + "net.ipv4.conf.eth0.arp_ignore=1 net.ipv4.conf.eth0.proxy_arp=1 net.ipv6.conf.eth0.dad_transmits=3 net.ipv4.neigh.eth0.gc_stale_time=77 "
                + "net.ipv6.neigh.eth0.base_reachable_time_ms=12345 net.ipv6.conf.eth0.mtu=1300; ip link set eth0 up"
        },
        { "no IPv6", "sysctl -qw net.ipv6.conf.eth0.disable_ipv6=1; ip link set eth0 up; ip address add 192.0.2.1/24 dev eth0" },
        {
            "secret",
            "sysctl -qw net.ipv6.conf.eth0.stable_secret=2001:db8::1234; ip link set eth0 up"
        },
        {
            "addresses",
            """
            ip link set eth0 up
            ip address add 192.0.2.1/24 broadcast 192.0.2.255 dev eth0
            ip address add 192.0.2.41/24 dev eth0 label eth0:web
            ip address add 192.0.2.42/24 dev eth0 metric 777
            ip address add 192.0.2.43/32 peer 192.0.2.99/32 dev eth0
            ip address add 192.0.2.44/24 dev eth0 noprefixroute valid_lft 7200 preferred_lft 3600
            ip address add 10.1.1.1/8 dev eth0 scope link
            ip -6 address add 2001:db8:1::1/64 dev eth0
            ip -6 address add 2001:db8:1::2/64 dev eth0 nodad home
            ip -6 address add 2001:db8:1::d6/128 dev eth0 valid_lft 7200 preferred_lft 3600
            ip -6 address add 2001:db8:1::d7/128 dev eth0 preferred_lft 0
            ip -6 address add 2001:db8:2::1/64 dev eth0 noprefixroute
            """
        },
        { "link-local by hand", "ip link set eth0 up; ip address flush dev eth0 scope link; ip address add fe80::1/64 dev eth0" },
        {
            "routes",
            $"""
            ip link set eth0 up
            ip address add 192.0.2.1/24 dev eth0
            ip address add 192.0.2.41/24 dev eth0
            ip -6 address add 2001:db8:1::1/64 dev eth0 nodad
            ip route add default via {Far} dev eth0
            ip route add default via {Far} dev eth0 table 100
            ip rule add from 192.0.2.41 table 100
            ip route add 203.0.113.0/24 via {Far} mtu 1280 advmss 1200 initcwnd 20 initrwnd 9
            ip route add 203.0.113.0/24 via 192.0.2.3 metric 50 proto static
            ip route append 203.0.113.0/24 via 192.0.2.4 metric 50 proto static
            ip route add 192.0.2.128/25 dev eth0 src 192.0.2.41 metric 50
            ip route add 198.18.0.0/15 nexthop via {Far} dev eth0 weight 2 nexthop via 198.51.100.2 dev other0 weight 1
            ip route add 10.9.0.0/16 via 172.31.9.9 dev eth0 onlink tos 0x10
            ip route add 10.10.0.0/16 via 192.0.2.200 dev eth0
            ip route add 10.11.0.0/16 via inet6 fe80::7 dev eth0
            ip route add 10.12.0.0/16 dev other0 src 192.0.2.1
            ip route add local 10.13.0.0/16 dev eth0
            ip -6 route add default via fe80::2 dev eth0 metric 100 pref high
            ip -6 route add 2001:db8:9::/48 via 2001:db8:1::9 mtu 1300
            ip -6 route add 2001:db8:a::/48 nexthop via fe80::3 dev eth0 weight 1 nexthop via fe80::4 dev other0 weight 3
            ip -6 route add 2001:db8:b::/48 dev eth0 expires 5000 table 77
            """
        },
        { "a route of Linux's that is changed", "ip link set eth0 up; ip address add 192.0.2.1/24 dev eth0; ip route change 192.0.2.0/24 dev eth0 mtu 1400" },
        {
            "a route of Linux's that is missing",
            "ip link set eth0 up; ip address add 192.0.2.1/24 dev eth0; ip route delete 192.0.2.0/24 dev eth0; ip route add 192.0.2.0/25 dev eth0"
        },
        {
            "nexthops",
            """
            ip link set eth0 up
            ip address add 192.0.2.1/24 dev eth0
            ip nexthop add id 5 via 192.0.2.2 dev eth0
            ip nexthop add id 6 via 198.51.100.2 dev other0
            ip nexthop add id 8 group 5,2/6
            ip route add 203.0.113.0/24 nhid 5
            ip route add 203.0.114.0/24 nhid 8
            """
        },
        {
            "neighbours",
            """
            ip link set eth0 up
            ip address add 192.0.2.1/24 dev eth0
            ip neigh add 192.0.2.77 lladdr 02:00:00:00:00:77 dev eth0 nud permanent
            ip neigh add 2001:db8:1::77 lladdr 02:00:00:00:00:78 dev eth0 nud permanent protocol static
            ip neigh add proxy 192.0.2.90 dev eth0
            ip neigh add proxy 2001:db8:1::90 dev eth0
            """
        },
        { "multicast of Ethernet", "ip link set eth0 up; ip maddress add 01:00:5e:00:00:fb dev eth0; ip maddress add 33:33:00:00:00:fb dev eth0" },
        { "egress shaping", "ip link set eth0 up; tc qdisc replace dev eth0 root tbf rate 8mbit burst 16k latency 50ms" },
        {
            "classes and filters",
            """
            ip link set eth0 up
            tc qdisc replace dev eth0 root handle 1: htb default 30
            tc class add dev eth0 parent 1: classid 1:1 htb rate 6mbit burst 15k
            tc class add dev eth0 parent 1:1 classid 1:10 htb rate 5mbit prio 1
            tc class add dev eth0 parent 1:1 classid 1:30 htb rate 1kbit ceil 6mbit
            tc qdisc add dev eth0 parent 1:10 handle 10: tbf rate 1mbit burst 16k latency 50ms
            tc filter add dev eth0 parent 1: protocol ip prio 1 u32 match ip dport 25 0xffff flowid 1:10
            tc filter add dev eth0 parent 1: protocol ip prio 1 u32 match ip dport 80 0xffff match ip tos 0x10 0xff flowid 1:10
            """
        },
        {
            "ingress filters",
            """
            ip link set eth0 up
            tc qdisc add dev eth0 clsact
            tc filter add dev eth0 ingress pref 7 protocol ip u32 match ip dport 9 0xffff flowid 1:1
            tc filter add dev eth0 egress pref 9 protocol ipv6 u32 match u16 0x1234 0xffff at 40 flowid 1:2
            """
        },
        {
            "rules of nftables by number",
            "ip link set eth0 up; nft 'add table inet own; add chain inet own c { type filter hook input priority 0; }; "
                + "add rule inet own c iif eth0 tcp dport 25 drop'"
        },
        { "features", "ethtool -K eth0 tx off gro off tso off; ip link set eth0 up" },
        {
            "port of a bridge",
            """
            ip link add bridge0 type bridge
            ip link set bridge0 up
            ip address add 192.0.2.1/24 dev bridge0
            ip link set eth0 master bridge0 up
            bridge link set dev eth0 cost 77 priority 9 hairpin on guard on learning off flood off isolated on
            bridge fdb add 02:00:00:00:00:71 dev eth0 master static
            bridge fdb add 02:00:00:00:00:72 dev eth0 master local
            bridge mdb add dev bridge0 port eth0 grp 239.5.5.5 permanent || true
            """
        },
        {
            "macvlans",
            """
            ip link set eth0 up
            ip address add 192.0.2.1/24 dev eth0
            ip link add link eth0 name above0 address 02:00:00:00:00:a0 type macvlan mode bridge
            ip link add link eth0 name above1 type macvlan mode private
            sysctl -qw net.ipv6.conf.above0.accept_ra=0 net.ipv4.conf.above0.rp_filter=2
            ip link set above0 alias upstairs up
            ip address add 198.18.5.1/24 dev above0
            ip neigh add 198.18.5.77 lladdr 02:00:00:00:00:77 dev above0 nud permanent
            ip route add 203.0.113.0/24 via 198.18.5.2
            ip route add 203.0.114.0/24 nexthop via 192.0.2.2 dev eth0 nexthop via 198.18.5.2 dev above0
            nft 'add table inet own; add chain inet own c { type filter hook input priority 0; }; add rule inet own c iif above0 tcp dport 25 drop'
            """
        },
    };

    [Theory]
    [MemberData(nameof(Kinds))]
    public void EachKindGoesOnAndComesBack(string kind, string setUp)
    {
        using CarriedHost host = new();
        host.Shell(setUp);
        string[] before = host.Snapshot();
        InterfaceConfiguration configuration = host.Inside(() => InterfaceConfiguration.Read("eth0"));
        Assert.Empty(host.Inside(() => InterfaceConfiguration.FindLosses("eth0")));

        configuration = Replace(host, configuration, isCard: false);
        bool all = kind != "features";
        AwaitSame(all ? before : WithoutFeatures(before), () => all ? host.Snapshot() : WithoutFeatures(host.Snapshot()), $"{kind}: while another has it");
        configuration = host.Inside(() => configuration.ReadAgain("eth0"));

        Replace(host, configuration, isCard: true);
        AwaitSame(before, host.Snapshot, $"{kind}: afterwards");

        // And giving it once more changes nothing.
        Assert.Empty(host.Inside(() => configuration.Apply("eth0", isCard: true)));
        AwaitSame(before, host.Snapshot, $"{kind}: given twice");
    }

    /// <summary>Changes on what stands on the host port come back with the card as well; what was the card's own there is not the host port's.</summary>
    [Fact]
    public void WhatChangesOnADeviceAboveComesBack()
    {
        using CarriedHost host = new();
        host.Shell(
            """
            ip link set eth0 up
            ip link add link eth0 name above0 address 02:00:00:00:00:a0 type macvlan mode bridge
            ip link set above0 up
            ip address add 198.18.5.1/24 dev above0
            ip link add link eth0 name above1 type macvlan mode bridge
            """);
        string features = host.Shell("ethtool -k above0");
        InterfaceConfiguration configuration = Replace(host, host.Inside(() => InterfaceConfiguration.Read("eth0")), isCard: false);
        host.Shell(
            "ip address add 198.18.6.1/24 dev above0; ip address delete 198.18.5.1/24 dev above0; ethtool -K above0 tx off; ip link delete above1");
        Replace(host, host.Inside(() => configuration.ReadAgain("eth0")), isCard: true);
        Assert.Equal("198.18.6.1/24", host.Shell("ip -4 -o address show dev above0 | awk '{ print $4 }'").Trim());
        Assert.Equal(features, host.Shell("ethtool -k above0"));
        Assert.DoesNotContain("above1", host.Shell("ip -br link"), StringComparison.Ordinal);
    }

    /// <summary>A bridge that somebody removed meanwhile is missed, and all else is given.</summary>
    [Fact]
    public void ABridgeThatIsGoneIsTold()
    {
        using CarriedHost host = new();
        host.Shell("ip link add bridge0 type bridge; ip link set eth0 master bridge0 up; ip link set eth0 alias uplink");
        InterfaceConfiguration configuration = host.Inside(() => InterfaceConfiguration.Read("eth0"));
        host.PullOut();
        host.PlugIn();
        host.Shell("ip link delete bridge0");
        Assert.Contains("no port of bridge0", Assert.Single(host.Inside(() => configuration.Apply("eth0", isCard: true))), StringComparison.Ordinal);
        Assert.Contains("uplink", host.Shell("ip link show eth0"), StringComparison.Ordinal);
    }

    /// <summary>A change on the host port while it stands in the card's place is the host's, and comes back with it.</summary>
    [Fact]
    public void WhatChangesMeanwhileComesBack()
    {
        using CarriedHost host = new();
        host.Shell("ip link set eth0 up; ip address add 192.0.2.1/24 dev eth0; ip address add 192.0.2.7/24 dev eth0");
        InterfaceConfiguration configuration = Replace(host, host.Inside(() => InterfaceConfiguration.Read("eth0")), isCard: false);
        host.Shell("ip address delete 192.0.2.7/24 dev eth0; ip route add 203.0.113.0/24 via 192.0.2.2; sysctl -qw net.ipv4.conf.eth0.rp_filter=2");
        string[] now = host.Snapshot();
        Replace(host, host.Inside(() => configuration.ReadAgain("eth0")), isCard: true);
        AssertSame(now, host.Snapshot(), "afterwards");
    }

    /// <summary>The host port did not take all: that comes back with the card, and what somebody changed on the host port stays changed.</summary>
    [Fact]
    public void WhatAHostPortRefusedIsTheCardsStill()
    {
        using CarriedHost host = new();
        host.Shell(
            """
            ip link set eth0 up
            ip address add 192.0.2.1/24 dev eth0
            ip address add 10.1.0.1/16 dev eth0
            ip address add 10.2.0.1/16 dev eth0
            ip route add 203.0.113.0/24 via 192.0.2.2
            sysctl -qw net.ipv4.conf.eth0.rp_filter=2 net.ipv4.conf.eth0.arp_ignore=1
            """);
        InterfaceConfiguration configuration = Replace(host, host.Inside(() => InterfaceConfiguration.Read("eth0")), isCard: false);

        // As if Linux had refused these.
        host.Shell("ip address delete 10.1.0.1/16 dev eth0; ip route delete 203.0.113.0/24; sysctl -qw net.ipv4.conf.eth0.rp_filter=0");
        InterfaceConfiguration after = host.Inside(() => InterfaceConfiguration.Read("eth0"));
        host.Shell("ip address delete 10.2.0.1/16 dev eth0; ip address add 10.3.0.1/16 dev eth0; sysctl -qw net.ipv4.conf.eth0.arp_ignore=0");
        Replace(host, host.Inside(() => configuration.ReadAgain("eth0", after)), isCard: true);
        Assert.Equal(
            "10.1.0.1 10.3.0.1 192.0.2.1 2 0 203.0.113.0/24",
            host.Shell(
                """
                echo $(ip -4 -o address show dev eth0 | awk '{ print $4 }' | cut -d/ -f1 | sort) \
                    $(sysctl -n net.ipv4.conf.eth0.rp_filter net.ipv4.conf.eth0.arp_ignore) $(ip route show 203.0.113.0/24 | cut -d' ' -f1)
                """).Trim());
    }

    [Fact]
    public void LifetimesGoOn()
    {
        using CarriedHost host = new();
        host.Shell(
            """
            ip link set eth0 up
            ip -6 address add 2001:db8:1::d6/128 dev eth0 valid_lft 7200 preferred_lft 600
            ip address add 192.0.2.1/24 dev eth0 valid_lft 900 preferred_lft 800
            ip -6 route add 2001:db8:b::/48 dev eth0 expires 5000
            """);
        InterfaceConfiguration configuration = host.Inside(() => InterfaceConfiguration.Read("eth0"));
        const long secondsAgo = 1000;
        Replace(host, configuration with { ReadAtMs = configuration.ReadAtMs - (secondsAgo * 1000) }, isCard: false);
        string shown = host.Shell("ip address show dev eth0; ip -6 route show dev eth0");
        Assert.DoesNotContain("192.0.2.1", shown, StringComparison.Ordinal);
        Assert.InRange(int.Parse(Regex.Match(shown, @"valid_lft (\d+)sec").Groups[1].Value, CultureInfo.InvariantCulture), 1, 6200);
        Assert.Contains("preferred_lft 0sec", shown, StringComparison.Ordinal);
        Assert.InRange(int.Parse(Regex.Match(shown, @"2001:db8:b::/48.*expires (\d+)sec").Groups[1].Value, CultureInfo.InvariantCulture), 1, 4000);
    }

    /// <summary>A router's word is not believed longer than it takes the router to give it again.</summary>
    [Fact]
    public void RoutesOfRoutersWaitForTheRouter()
    {
        using CarriedHost host = new();
        host.Shell("ip link set eth0 up; ip -6 route add default via fe80::2 dev eth0 proto ra metric 1024 expires 1800");
        Replace(host, host.Inside(() => InterfaceConfiguration.Read("eth0")), isCard: false);
        Match left = Regex.Match(host.Shell("ip -6 route show default"), @"expires (\d+)sec");
        Assert.InRange(int.Parse(left.Groups[1].Value, CultureInfo.InvariantCulture), 1, 30);
    }

    /// <summary>Programs have of the next device whatever they asked of the first: multicast groups, and frames.</summary>
    [Fact]
    public void SocketsOfProgramsGoOn()
    {
        using CarriedHost host = new();
        host.Shell("ip link set eth0 up; ip address add 192.0.2.1/24 dev eth0");
        uint index = host.Inside(() => NetworkLink.Find("eth0")!.Index);
        using Process four = host.Start("socat", "-u", "UDP4-RECV:5000,ip-add-membership=239.1.2.3:eth0", "-");
        using Process six = host.Start("socat", "-u", "UDP6-RECV:5001,ipv6-join-group=[ff05::77]:eth0", "-");

        // AF_PACKET, SOCK_RAW, ETH_P_ALL: as a DHCP client has it.
        using Process frames = host.Start(
            "perl", "-e", $"socket(S, 17, 3, 768) or die; bind(S, pack('SnlSCCx8', 17, 3, {index}, 0, 0, 0)) or die; <STDIN>");
        try
        {
            CarriedHost.Await(() => Sockets(host).All(found => found), "the programs do not begin");
            string[] before = host.Snapshot();
            InterfaceConfiguration configuration = Replace(host, host.Inside(() => InterfaceConfiguration.Read("eth0")), isCard: false);
            Assert.Equal([true, true, true], Sockets(host));
            AssertSame(before, host.Snapshot(), "while another has it");
            Replace(host, host.Inside(() => configuration.ReadAgain("eth0")), isCard: true);
            Assert.Equal([true, true, true], Sockets(host));
        }
        finally
        {
            foreach (Process process in new[] { four, six, frames })
            {
                process.Kill();
                process.WaitForExit();
            }
        }

        // Nobody is in the groups any more, and nobody is missed.
        InterfaceConfiguration without = host.Inside(() => InterfaceConfiguration.Read("eth0"));
        Replace(host, without, isCard: false);
        Assert.Equal([false, false, false], Sockets(host));
    }

    /// <summary>Wishes of packet sockets that are bound nowhere: frames to an address, all frames, and one of them twice.</summary>
    [Fact]
    public void WishesOfPacketSocketsGoOn()
    {
        using CarriedHost host = new();
        host.Shell("ip link set eth0 up");
        using Process program = StartPacketProgram(host, "multicast promiscuous promiscuous all-groups unicast");
        try
        {
            AwaitWishes(host, 4);
            string[] before = host.Snapshot();
            IReadOnlyList<PacketSocket> sockets = host.Inside(PacketSocket.List);
            Assert.Empty(host.Inside(() => InterfaceConfiguration.FindLosses("eth0")));
            InterfaceConfiguration configuration = Replace(host, host.Inside(() => InterfaceConfiguration.Read("eth0")), isCard: false);
            AssertSame(before, host.Snapshot(), "while another has it");
            Assert.Equal(WishesOf(sockets), WishesOf(host.Inside(PacketSocket.List)));
            Replace(host, host.Inside(() => configuration.ReadAgain("eth0")), isCard: true);
            AssertSame(before, host.Snapshot(), "afterwards");

            // Given twice, nothing is asked for twice.
            Assert.Empty(host.Inside(() => configuration.Apply("eth0", isCard: true)));
            Assert.Equal(WishesOf(sockets), WishesOf(host.Inside(PacketSocket.List)));
        }
        finally
        {
            program.Kill();
            program.WaitForExit();
        }

        // Nobody is missed.
        Replace(host, host.Inside(() => InterfaceConfiguration.Read("eth0")), isCard: false);
        Assert.Contains("\"promiscuity\":0", host.Shell("ip -d -j link show dev eth0"), StringComparison.Ordinal);
    }

    /// <summary>A program that lets nobody have its sockets is named before anything changes, and told of what it lost if that was forced.</summary>
    [Fact]
    public void AProgramThatLetsNobodyHaveItsSocketsIsNamed()
    {
        using CarriedHost host = new();
        host.Shell("ip link set eth0 up; ip address add 192.0.2.1/24 dev eth0");
        Func<string, int> deny = call => call == "pidfd_getfd" ? Errno.NotPermitted : 0;
        T Denied<T>(Func<T> work)
        {
            FaultPoint.Before = deny;
            try
            {
                return host.Inside(work);
            }
            finally
            {
                FaultPoint.Before = null;
            }
        }

        Assert.Empty(Denied(() => InterfaceConfiguration.FindLosses("eth0")));
        using Process frames = StartPacketProgram(host, "promiscuous", bound: true);
        using Process group = host.Start("socat", "-u", "UDP4-RECV:5000,ip-add-membership=239.1.2.3:eth0", "-");
        try
        {
            AwaitWishes(host, 1);
            CarriedHost.Await(() => host.Shell("ip maddress show dev eth0").Contains("239.1.2.3", StringComparison.Ordinal), "nobody joins");
            Assert.Empty(host.Inside(() => InterfaceConfiguration.FindLosses("eth0")));
            IReadOnlyList<string> losses = Denied(() => InterfaceConfiguration.FindLosses("eth0"));
            Assert.Equal(2, losses.Count);
            Assert.Contains(losses, loss => loss.StartsWith($"perl ({frames.Id})", StringComparison.Ordinal));
            Assert.Contains(losses, loss => loss.StartsWith($"socat ({group.Id})", StringComparison.Ordinal));
            Assert.All(losses, loss => Assert.Contains("start it again after 'service start'", loss, StringComparison.Ordinal));

            InterfaceConfiguration configuration = host.Inside(() => InterfaceConfiguration.Read("eth0"));
            host.PullOut();
            host.PlugIn();
            IReadOnlyList<string> problems = Denied(() => configuration.Apply("eth0", isCard: false));
            Assert.Contains(problems, problem => problem.Contains("1 packet socket(s)", StringComparison.Ordinal));
            Assert.Contains(problems, problem => problem.Contains("1 wish(es)", StringComparison.Ordinal));
            Assert.Contains(problems, problem => problem.Contains("239.1.2.3", StringComparison.Ordinal));
            Assert.Equal(3, problems.Count);
        }
        finally
        {
            foreach (Process process in new[] { frames, group })
            {
                process.Kill();
                process.WaitForExit();
            }
        }
    }

    [Theory]
    [InlineData("3", "reboot")]
    [InlineData("1", "CAP_SYS_PTRACE")]
    [InlineData(null, "security module")]
    public void TheReasonOfADenialIsTold(string? tracing, string expected)
        => Assert.Contains(expected, ProgramObstacles.Reason(tracing), StringComparison.Ordinal);

    /// <summary>A kernel without packet_diag tells of packet sockets only by a text.</summary>
    [Fact]
    public void PacketSocketsAreReadFromTextAsWell()
    {
        const string text =
            """
            sk               RefCnt Type Proto  Iface R Rmem   User   Inode
            ffff8881044f7000 3      3    0003   2     1 0      0      21733
            ffff8881044f7800 3      2    88cc   -1    0 0      101    21734
            """;
        IReadOnlyList<PacketSocket> sockets = PacketSocket.Parse(text);
        Assert.Equal([(21733ul, 2), (21734ul, -1)], sockets.Select(socket => (socket.Id, socket.Device)));
        Assert.All(sockets, socket => Assert.Null(socket.Memberships));
    }

    [Fact]
    public void WhatCannotBeCarriedIsNamed()
    {
        using CarriedHost host = new();
        string inner = $"sosc-{Guid.NewGuid():N}"[..14];
        host.Shell($"ip link set eth0 up mtu 9000; ip netns add {inner}");
        try
        {
            host.Shell(
                $"""
                ip link add link eth0 name above0 type macvlan mode source
                ip link add link eth0 name hidden0 netns {inner} type macvlan mode bridge
                tc qdisc add dev eth0 ingress_block 7 clsact
                """);
            AssertNamed(host, "above0", "hidden0", "MTU of 9000", "clsact");
            host.Shell("ip link delete above0; tc qdisc delete dev eth0 clsact; ip link set eth0 mtu 1500");
            AssertNamed(host, "hidden0");
            host.Shell($"ip -n {inner} link delete hidden0; ip link add link eth0 name above0 type macvlan; tc qdisc add dev above0 ingress_block 9 clsact");
            AssertNamed(host, "clsact"); // of what stands on it
            host.Shell("ip link delete above0; tc qdisc add dev other0 clsact");
            Assert.Empty(host.Inside(() => InterfaceConfiguration.FindLosses("eth0")));
            const string mirror = "tc filter add dev other0 ingress protocol all u32 match u32 0 0 action mirred egress mirror dev";
            host.Shell($"{mirror} eth0");
            AssertNamed(host, "mirred");
            host.Shell($"tc filter delete dev other0 ingress; {mirror} far0");
            CarriedHost.Await(
                () => host.Inside(() => InterfaceConfiguration.FindLosses("eth0")).Count == 0, "an action is named that is gone, or leads elsewhere");
        }
        finally
        {
            host.Shell($"ip netns delete {inner}");
        }
    }

    [Fact]
    public void ANumberThatIsTakenIsNamed()
    {
        using CarriedHost host = new();
        host.Shell("ip link set eth0 up; ip address add 192.0.2.1/24 dev eth0");
        InterfaceConfiguration configuration = host.Inside(() => InterfaceConfiguration.Read("eth0"));
        host.PullOut();
        host.Shell($"ip link add index {configuration.Index} name thief0 type bridge");
        host.PlugIn();
        string problem = Assert.Single(host.Inside(() => configuration.Apply("eth0", isCard: false)));
        Assert.Contains("thief0", problem, StringComparison.Ordinal);
        Assert.Contains("192.0.2.1/24", host.Shell("ip address show dev eth0"), StringComparison.Ordinal);
    }

    /// <summary>A record of before, which knew names and addresses only, or one of a later version, is given back as far as it is understood.</summary>
    [Fact]
    public void ARecordOfAnotherVersionIsRead()
    {
        const string text =
            """{"address":"0000:00:01.0","network":{"name":"eth0","mac":"02:00:00:00:00:05","mtu":1500,"up":true,"addresses":[],"routes":[]}}""";
        CardRecord card = JsonSerializer.Deserialize(text, CoreRecordJson.Default.CardRecord)!;
        using CarriedHost host = new();
        Assert.Empty(host.Inside(() => card.Network!.Apply("eth0", isCard: true)));
        Assert.Contains("UP", host.Shell("ip -br link show eth0"), StringComparison.Ordinal);
    }

    /// <summary>Draws the device, puts another one there, and gives it the configuration as a record has it.</summary>
    private static InterfaceConfiguration Replace(CarriedHost host, InterfaceConfiguration configuration, bool isCard)
    {
        CardRecord record = new("0000:00:01.0", "eth0", configuration, null);
        string text = JsonSerializer.Serialize(record, CoreRecordJson.Default.CardRecord);
        configuration = JsonSerializer.Deserialize(text, CoreRecordJson.Default.CardRecord)!.Network!;
        host.PullOut();
        host.PlugIn();
        Assert.Empty(host.Inside(() => configuration.Apply("eth0", isCard)));
        return configuration;
    }

    private static bool[] Sockets(CarriedHost host)
    {
        string index = host.Inside(() => NetworkLink.Find("eth0")!.Index).ToString(CultureInfo.InvariantCulture);
        string groups = host.Shell("ip maddress show dev eth0");
        IEnumerable<string[]> packets = host.Shell("cat /proc/net/packet").Split('\n')
            .Select(line => line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        return
        [
            groups.Contains("239.1.2.3", StringComparison.Ordinal), groups.Contains("ff05::77", StringComparison.Ordinal),
            packets.Any(fields => fields.Length > 5 && fields[4] == index && fields[5] == "1"),
        ];
    }

    /// <summary>Starts a program with a packet socket that asks for what the words say (PACKET_ADD_MEMBERSHIP).</summary>
    private static Process StartPacketProgram(CarriedHost host, string wishes, bool bound = false)
    {
        uint index = host.Inside(() => NetworkLink.Find("eth0")!.Index);
        const string program =
            """
            my ($index, $bound, @wishes) = @ARGV;
            my %kinds = ('multicast' => 0, 'promiscuous' => 1, 'all-groups' => 2, 'unicast' => 3);
            my %addresses = ('multicast' => pack('H*', '0180c200000e'), 'unicast' => pack('H*', '020000000077'));
            socket(S, 17, 3, 768) or die;
            bind(S, pack('SnlSCCx8', 17, 3, $index, 0, 0, 0)) or die if $bound;
            setsockopt(S, 263, 1, pack('lSSa8', $index, $kinds{$_}, length($addresses{$_} // ''), $addresses{$_} // '')) or die for @wishes;
            <STDIN>
            """;
        return host.Start("perl", ["-e", program, index.ToString(CultureInfo.InvariantCulture), bound ? "1" : "0", .. wishes.Split(' ')]);
    }

    private static void AwaitWishes(CarriedHost host, int count)
        => CarriedHost.Await(() => WishesOf(host.Inside(PacketSocket.List)).Length == count, "the program does not begin");

    private static string[] WishesOf(IReadOnlyList<PacketSocket> sockets) => [.. sockets
        .SelectMany(socket => (socket.Memberships ?? []).Select(wish => $"{socket.Id} {wish.Kind} {Convert.ToHexString(wish.Address)} x{wish.Count}"))
        .Order(StringComparer.Ordinal)];

    private static void AssertNamed(CarriedHost host, params string[] names)
    {
        IReadOnlyList<string> losses = host.Inside(() => InterfaceConfiguration.FindLosses("eth0"));
        bool named = names.All(name => losses.Any(loss => loss.Contains(name, StringComparison.Ordinal)));
        Assert.True(named && losses.Count == names.Length, string.Join('\n', losses));
    }

    private static void AssertSame(string[] before, string[] now, string when)
    {
        int first = before.Zip(now).TakeWhile(pair => pair.First == pair.Second).Count();
        string[] lost = [.. before.Skip(first).Except(now).Select(line => "- " + line)];
        string[] added = [.. now.Skip(first).Except(before).Select(line => "+ " + line)];
        Assert.True(
            before.SequenceEqual(now),
            $"{when}, and not all is as before, from line {first} on: {before.ElementAtOrDefault(first)} and {now.ElementAtOrDefault(first)}\n"
                + string.Join('\n', lost.Concat(added)));
    }

    /// <summary>As <see cref="AssertSame"/>, as soon as the link has come up, of which others hear later.</summary>
    private static void AwaitSame(string[] before, Func<string[]> look, string when)
    {
        string[] now = look();
        for (Stopwatch waited = Stopwatch.StartNew(); !before.SequenceEqual(now) && waited.Elapsed < Patience; now = look())
        {
        }

        AssertSame(before, now, when);
    }

    // A host port does not do what the card does.
    private static string[] WithoutFeatures(string[] snapshot)
        => [.. snapshot.Where(line => !Regex.IsMatch(line, "^[a-z0-9-]+: (on|off)|gso_max"))];
}
