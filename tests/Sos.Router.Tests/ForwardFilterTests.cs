using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;
using Sos.Firewall.Rules.Prefilter;
using Sos.Router.Control.Filter;
using Sos.Router.Filter;
using Sos.Router.Routes;
using Sos.Router.Tables;
using Sos.Sdk.Memory;
using Sos.Sdk.Testing;
using Xunit;

namespace Sos.Router.Tests;

/// <summary>Linux's rules in the way of forwarded packets: what the core forwards and drops by them, and what it leaves to Linux.</summary>
public sealed unsafe class ForwardFilterTests : IDisposable
{
    private const ulong Wan = 0x0200_0000_0001;
    private const ulong Lan = 0x0200_0000_0002;
    private const ulong Client = 0x0a00_0000_0001;
    private const ulong Server = 0x0a00_0000_0002;
    private const uint TheClient = 0x0a010002;
    private const uint TheServer = 0x0a020002;

    private readonly RouterHarness _router = new(hasRules: true);
    private readonly ServiceHarness<RouterService> _harness;
    private readonly RouterTableWriter _writer;
    private readonly FilterMemory _filter;

    public ForwardFilterTests()
    {
        (_harness, _writer, _filter) = (_router.Service, _router.Writer, _router.Rules);
        _router.SetInterface(0, Wan);
        _router.SetInterface(1, Lan);
        _writer.SetRoute(new(0x0a010000, false), 16, new(NextHopKind.Connected) { Interface = 0, Mtu = 1500, Source = new(0x0a010001, false) });
        _writer.SetRoute(new(0x0a020000, false), 16, new(NextHopKind.Connected) { Interface = 1, Mtu = 1500 });
        _writer.SetRoute(new(0x0b000000, false), 8, new(NextHopKind.Blackhole));
        _writer.SetNeighbour(0, new(TheClient, false), Client);
        _writer.SetNeighbour(1, new(TheServer, false), Server);
        _writer.Publish();
        _writer.SetState(RouterState.Ipv4 | RouterState.Ipv6 | RouterState.Filter4 | RouterState.Filter6);
    }

    public void Dispose() => _router.Dispose();

    [Fact]
    public void WithoutRulesAllThatTheyJudgeIsLinuxs()
    {
        Assert.Equal("linux", Send(Packet()));
        Assert.Equal("linux", Send(Frames.Udp4(Wan, Client, TheClient, 0x0b000001)));
    }

    [Fact]
    public void TheCoreForwardsWhatIsAcceptedAndDropsWhatIsDropped()
    {
        ForwardRules rules = Load("chain f { type filter hook forward priority 0; policy drop; udp dport 5000 counter accept; }");
        Assert.True(rules.IsExact);
        Assert.Equal("lan", Send(Packet()));
        Assert.Equal("dropped", Send(Packet(port: 5001)));
        Assert.Equal(1UL, _harness.Counter("router.dropped_filter"));

        // Its own errors are judged by other chains of Linux's: it sends them itself.
        Assert.Equal("linux", Send(Packet(timeToLive: 1)));
        Assert.Equal("linux", Send(Frames.Udp4(Wan, Client, TheClient, 0x0c000001)));
        Assert.Equal("dropped", Send(Frames.Udp4(Wan, Client, TheClient, 0x0b000001)));
    }

    [Fact]
    public void EachPairOfPortsHasItsRules()
    {
        Load("chain f { type filter hook forward priority 0; iifname \"wan0\" oifname \"lan0\" accept; drop; }");
        Assert.Equal("lan", Send(Packet()));
        Assert.Equal("dropped", SendBack());
        Load("chain f { type filter hook forward priority 0; iifname { \"lan0\", \"eth*\" } accept; drop; }");
        Assert.Equal("dropped", Send(Packet()));
        Assert.Equal("wan", SendBack());
    }

    [Fact]
    public void HooksAndPrioritiesAreMetInLinuxsOrder()
    {
        Load("chain p { type filter hook prerouting priority 300; udp dport 1 drop; } chain f { type filter hook forward priority -300; udp dport 2 drop; } "
            + "chain o { type filter hook postrouting priority -400; udp dport 3 drop; } chain i { type filter hook input priority 0; drop; }");
        Assert.Equal(["dropped", "dropped", "dropped", "lan"], new ushort[] { 1, 2, 3, 4 }.Select(port => Send(Packet(port))));
    }

    [Fact]
    public void WhatMayMeetARuleOfLinuxsAloneGoesThereAndIsDroppedThere()
    {
        ForwardRules rules = Load("chain f { type filter hook forward priority 0; policy drop; udp dport 1 reject; udp dport 2 log accept; "
            + "ip daddr 10.2.0.2 udp dport 3 ip ttl 7 drop; udp dport 1-3 accept; udp dport 4 accept; }");
        Assert.Equal(3, rules.Left.Count);
        Assert.All(rules.Left, left => Assert.Contains("udp dport", left.Text!, StringComparison.Ordinal));
        Assert.Equal(["linux", "linux", "linux", "lan", "linux"], new ushort[] { 1, 2, 3, 4, 5 }.Select(port => Send(Packet(port))));
        Assert.Equal(0UL, _harness.Counter("router.dropped_filter"));
    }

    [Fact]
    public void FragmentsAndWhatIsDroppedBehindPreroutingAreLinuxs()
    {
        Load("chain p { type filter hook prerouting priority 0; udp dport 1 drop; }");
        byte[] fragment = Packet();
        fragment[20] = 0x20;
        Frames.SetTotal(fragment);
        Assert.Equal("linux", Send(fragment));
        Assert.Equal("linux", Send(Frames.Udp4(Wan, Client, TheClient, 0x0b000001)));
        Assert.Equal("linux", Send(Frames.Udp4(Wan, Client, 0x7f000001, TheServer)));
        Assert.Equal("lan", Send(Packet()));
    }

    [Theory]
    [InlineData("ct state", "chain f { type filter hook forward priority 0; ct state established accept; }")]
    [InlineData("behind a jump", "chain g { ct mark 5 drop; } chain f { type filter hook forward priority 0; jump g; }")]
    [InlineData("behind a map", "chain g { ct state invalid drop; } map m { type inet_proto : verdict; elements = { 6 : jump g }; } "
        + "chain f { type filter hook forward priority 0; meta l4proto vmap @m; }")]
    [InlineData("nat", "chain n { type nat hook postrouting priority 100; oifname \"wan0\" masquerade; }")]
    [InlineData("a map's key", "chain f { type filter hook forward priority 0; ct state vmap { invalid : drop }; }")]
    public void WhereLinuxMustSeeConnectionsTheCoreHasNoRules(string what, string chains)
    {
        ForwardRules rules = Compile(chains);
        Assert.True(rules.Obstacle is not null, what);
        Assert.Empty(rules.Bytes);
    }

    [Theory]
    [InlineData("chain i { type filter hook input priority 0; ct state invalid drop; } chain o { type filter hook output priority 0; ct state new accept; }")]
    [InlineData("chain n { type nat hook prerouting priority -100; }")]
    [InlineData("chain unused { ct state invalid drop; }")]
    public void WhatForwardedPacketsDoNotMeetIsNoObstacle(string chains)
    {
        Load(chains);
        Assert.Equal("lan", Send(Packet()));
    }

    [Theory]
    [InlineData("set s { type ipv4_addr; size 1024; } chain i { type filter hook input priority 0; add @s { ip saddr }; }", "ip saddr @s drop")]
    [InlineData("set s { type ifname; size 16; } chain i { type filter hook input priority 0; add @s { iifname }; }", "iifname @s drop")]
    [InlineData("set s { type ipv4_addr; size 1024; } chain o { type filter hook output priority 0; update @s { ip daddr counter }; }", "ip saddr @s drop")]
    public void ASetThatPacketsChangeIsLinuxsAlsoWithoutTheFlag(string changed, string asks)
    {
        ForwardRules rules = Load($"{changed} chain f {{ type filter hook forward priority 0; {asks}; }}");
        Assert.Contains(asks, Assert.Single(rules.Left).Text!, StringComparison.Ordinal);
        Assert.Equal("linux", Send(Packet()));
    }

    [Theory]
    [InlineData("wan*", true)]
    [InlineData("lan0", true)]
    [InlineData("*", true)]
    [InlineData("eth*", false)]
    [InlineData("wan\\*", false)]
    public void ADevicesOwnChainIsInTheWayOfThePortsThatItsPatternNames(string device, bool isObstacle)
    {
        RulesetListing listing = List("chain i { type filter hook ingress device \"other0\" priority 0; udp dport 9 drop; }");
        string chain = Assert.Single(listing.ChainDevices).Key;
        listing = listing with { ChainDevices = new Dictionary<string, IReadOnlyList<string>> { [chain] = [device] } };
        Assert.Equal(isObstacle, ForwardRules.Compile(listing, [new("wan0"), new("lan0")], 7).Obstacle is not null);
    }

    [Fact]
    public void ATableIsTakenWholeOrNotAtAll()
    {
        ForwardRules rules = Load(
            "chain f { type filter hook forward priority 0; udp dport { 1, 3, 7 } drop; ip saddr { 10.1.0.0/24, 11.0.0.0/8 } accept; drop; }");
        Random random = new(11);
        for (int round = 0; round < 2000; round++)
        {
            byte[] bytes = [.. rules.Bytes];
            for (int flips = random.Next(1, 4); flips > 0; flips--)
            {
                bytes[random.Next(random.Next(2) == 0 ? bytes.Length : FilterTableHeader.Size)] ^= (byte)(1 << random.Next(8));
            }

            Give(bytes);
            Send(Packet((ushort)random.Next(10)));
        }

        Give(rules.Bytes);
        Assert.Equal("lan", Send(Packet()));
    }

    [Theory]
    [InlineData("udp dport 1 drop;", 1)]
    [InlineData("iifname \"p0\" udp dport 1 drop;", 2)]
    public void PairsWithTheSameRulesShareAPartThatIsLookedAtOnce(string rule, int parts)
    {
        FilteredInterface[] interfaces = [.. Enumerable.Range(0, RouterHeader.InterfacesMax).Select(number => new FilteredInterface($"p{number}"))];
        ForwardRules rules = ForwardRules.Compile(List($"chain f {{ type filter hook forward priority 0; {rule} }}"), interfaces, 7);
        void* memory = NativeMemory.AlignedAlloc((nuint)rules.Bytes.Length, 4096);
        try
        {
            rules.Bytes.CopyTo(new Span<byte>(memory, rules.Bytes.Length));
            Assert.True(FilterTable.TryOpen((byte*)memory, (ulong)rules.Bytes.Length, out FilterTable table));
            Assert.Equal(parts, table.PartCount);
            foreach (int from in Enumerable.Range(0, interfaces.Length))
            {
                Assert.All(Enumerable.Range(0, interfaces.Length), to => Assert.True(table.TryFind(from, to, out _)));
            }
        }
        finally
        {
            NativeMemory.AlignedFree(memory);
        }
    }

    [Fact]
    public void AVlanHasRulesOfItsOwn()
    {
        const int vlan = 8;
        const uint tag = 0x8100_0005;
        _router.SetInterface(vlan, Lan, tag: tag, port: 1);
        _writer.SetRoute(new(0x0a030000, false), 16, new(NextHopKind.Connected) { Interface = vlan, Mtu = 1500 });
        _writer.SetNeighbour(vlan, new(0x0a030002, false), Server);
        FilteredInterface?[] interfaces = [new("wan0"), new("lan0"), .. new FilteredInterface?[6], new("lan0.5", "lan0")];
        RulesetListing listing = List("chain f { type filter hook forward priority 0; iifname \"lan0.*\" accept; oifname \"lan0\" accept; drop; }");
        Give(ForwardRules.Compile(listing, interfaces, 7).Bytes);
        Assert.Equal("lan", Send(Packet()));
        Assert.Equal("dropped", Send(Frames.Udp4(Wan, Client, TheClient, 0x0a030002)));
        byte[] back = Frames.Udp4(Lan, Server, 0x0a030002, TheClient);
        Assert.True(_harness.Nic("lan").Send(Frames.Tagged(back, tag)));
        Assert.Equal("wan", Taken());
        Assert.True(_harness.Nic("lan").Send(back));
        Assert.Equal("dropped", Taken());
    }

    [Theory]
    [InlineData("lan0", true)]
    [InlineData("lan0.5", true)]
    [InlineData("lan0.6", false)]
    public void ADevicesOwnChainIsInTheWayOfTheVlansOnIt(string device, bool isObstacle)
    {
        RulesetListing listing = List("chain i { type filter hook ingress device \"other0\" priority 0; udp dport 9 drop; }");
        listing = listing with { ChainDevices = new Dictionary<string, IReadOnlyList<string>> { [Assert.Single(listing.ChainDevices).Key] = [device] } };
        Assert.Equal(isObstacle, ForwardRules.Compile(listing, [new("wan0"), new("lan0.5", "lan0")], 7).Obstacle is not null);
    }

    [Fact]
    public void MoreDifferentPairsThanThereIsRoomForAreLinuxs()
    {
        IEnumerable<string> rules = Enumerable.Range(0, 81).Select(pair => $"iifname \"p{pair / 9}\" oifname \"p{pair % 9}\" udp dport {pair + 1} drop;");
        FilteredInterface[] interfaces = [.. Enumerable.Range(0, 9).Select(number => new FilteredInterface($"p{number}"))];
        RulesetListing listing = List($"chain f {{ type filter hook forward priority 0; {string.Join(' ', rules)} }}");
        Assert.Contains("64 pairs", ForwardRules.Compile(listing, interfaces, 7).Obstacle, StringComparison.Ordinal);
        Assert.Null(ForwardRules.Compile(listing, interfaces[..8], 7).Obstacle);
    }

    private static byte[] Packet(ushort port = 5000, byte timeToLive = 64)
    {
        byte[] frame = Frames.Udp4(Wan, Client, TheClient, TheServer, timeToLive);
        (frame[36], frame[37]) = ((byte)(port >> 8), (byte)port);
        return frame;
    }

    private static ForwardRules Compile(string chains) => ForwardRules.Compile(List(chains), [new("wan0"), new("lan0")], 7);

    private static RulesetListing List(string chains)
    {
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllText(path, Rulesets.Table(chains));
            return RulesetLister.ListFile(path);
        }
        finally
        {
            File.Delete(path);
        }
    }

    private ForwardRules Load(string chains)
    {
        ForwardRules rules = Compile(chains);
        Assert.True(rules.Obstacle is null, rules.Obstacle);
        Give(rules.Bytes);
        Assert.Equal(7UL, _filter.Header->Active);
        return rules;
    }

    private void Give(byte[] bytes)
    {
        ulong request = _filter.Header->Request + 1;
        bytes.CopyTo(new Span<byte>(_filter.SlotOf(request), (int)FilterMemory.SlotSize));
        MemoryOrdering.StoreRelease(ref _filter.Header->Request, request);
        _harness.Poll();
        Assert.Equal(request, _filter.Header->Answered);
    }

    private string SendBack()
    {
        Assert.True(_harness.Nic("lan").Send(Frames.Udp4(Lan, Server, TheServer, TheClient)));
        return Taken();
    }

    private string Send(byte[] frame)
    {
        Assert.True(_harness.Nic("wan").Send(frame));
        return Taken();
    }

    private string Taken()
    {
        _harness.Poll();
        List<string> taken = [.. new[] { "wan", "lan" }.Where(port => _harness.Nic(port).ReceiveAll().Count > 0)];
        bool isLinuxs = _harness.Host("wan").ReceiveAll().Count + _harness.Host("lan").ReceiveAll().Count > 0;
        return taken.Count > 0 ? string.Join(' ', taken) : isLinuxs ? "linux" : "dropped";
    }
}
