using System;
using System.Collections.Generic;
using System.Linq;
using Sos.Router.Control;
using Sos.Router.Control.Linux;
using Sos.Router.Routes;
using Sos.Router.Tables;
using Xunit;

namespace Sos.Router.Tests;

/// <summary>The routes that Linux tells, and what the core does by them.</summary>
public sealed class LinuxRoutesTests
{
    private const ushort Replace = 0x100;
    private const ushort Append = 0x800;

    private static readonly RoutePrefix Prefix = new(new RouteAddress(0x0a000000, false), 8);
    private static readonly RoutePrefix Prefix6 = new(new RouteAddress((UInt128)0x2001_0db8 << 96, true), 32);
    private static readonly RouteAddress Gateway = new(0xc0000201, false);
    private static readonly RouteAddress Gateway6 = new((UInt128)0xfe80 << 112 | 1, true);

    private static readonly RouteCompiler Compiler = new(
        new Dictionary<int, int> { [2] = 0, [3] = 1 },
        new Dictionary<int, LinuxLink> { [2] = new(2, "eth0", 1, 1500, true, false), [3] = new(3, "eth1", 2, 9000, true, false) },
        [new LinuxAddress(2, new(0xc0000209, false), 24, 0, 0), new LinuxAddress(2, new(0xc0000109, false), 24, 0, 0)]);

    [Fact]
    public void TheLowestMetricOfTheFirstTableIsPreferred()
    {
        LinuxRoutes routes = new();
        LinuxRoute far = Via(2, Gateway) with { Priority = 100 };
        LinuxRoute near = Via(3, Gateway) with { Priority = 10 };
        LinuxRoute local = Via(2, null) with { Table = LinuxRoute.TableLocal, Type = RouteType.Local };
        routes.Add(far, 0);
        routes.Add(near, 0);
        Assert.Equal([near, far], routes.Of(Prefix));
        routes.Add(local, 0);
        Assert.Equal([local, near, far], routes.Of(Prefix));
        routes.Remove(local);
        routes.Remove(near);
        routes.Remove(far);
        Assert.Empty(routes.Prefixes);
    }

    [Theory]
    [InlineData(0x02, true, false)] // reachable
    [InlineData(0x80, true, true)] // permanent
    [InlineData(0x40, true, true)] // without ARP
    [InlineData(0x01, false, false)] // incomplete
    public void ANeighbourIsReadWithWhetherSomebodyHasFixedIt(byte state, bool isKnown, bool isFixed)
    {
        byte[] body = [2, 0, 0, 0, 5, 0, 0, 0, state, 0, 0, 0, 8, 0, 1, 0, 10, 1, 0, 2, 10, 0, 2, 0, 2, 0, 0, 0, 0, 9, 0, 0];
        LinuxNeighbour? neighbour = LinuxNeighbour.Read(body);
        Assert.Equal(new LinuxNeighbour(5, new(0x0a010002, false), isKnown ? 0x0200_0000_0009u : null, isFixed), neighbour);

        body[16] = 224; // a group, which Linux has among its neighbours too
        Assert.Null(LinuxNeighbour.Read(body)?.Mac);
    }

    [Fact]
    public void AReplacementTakesThePlaceAndWhatIsAppendedComesLater()
    {
        LinuxRoutes routes = new();
        LinuxRoute first = Via(2, Gateway);
        LinuxRoute second = Via(3, Gateway);
        routes.Add(first, 0);
        routes.Add(second, Append);
        Assert.Equal([first, second], routes.Of(Prefix));
        routes.Add(Blackhole(), Replace);
        Assert.Equal([Blackhole(), second], routes.Of(Prefix));
        routes.Add(first, 0);
        Assert.Equal([first, Blackhole(), second], routes.Of(Prefix));
    }

    [Fact]
    public void WaysOfAnIpv6RouteAreTakenOutOneByOne()
    {
        LinuxRoutes routes = new();
        LinuxRoute both = Via(2, Gateway6) with { Prefix = Prefix6, Hops = [new(2, Gateway6, 1, 0), new(3, Gateway6, 1, 0)] };
        routes.Add(both with { Hops = [both.Hops[0]] }, 0);
        routes.Add(both, Append);
        Assert.Equal([both], routes.Of(Prefix6));
        routes.Remove(both with { Hops = [both.Hops[1]] });
        Assert.Equal([both.Hops[0]], Assert.Single(routes.Of(Prefix6)).Hops);
        routes.Remove(both with { Hops = [both.Hops[0]] });
        Assert.Empty(routes.Prefixes);
    }

    [Fact]
    public void ARouteBecomesAWayWithItsMtuAndSource()
    {
        HopSpecification expected = new(NextHopKind.Forward) { Interface = 0, Gateway = Gateway, Mtu = 1500, Source = new(0xc0000209, false) };
        Assert.Equal(expected, Compiler.Compile(Via(2, Gateway)));
        Assert.Equal(expected with { Mtu = 1400 }, Compiler.Compile(Via(2, Gateway) with { Mtu = 1400 }));
        Assert.Equal(expected with { Source = new(7, false) }, Compiler.Compile(Via(2, Gateway) with { PreferredSource = new(7, false) }));
        RouteAddress other = new(0xc0000101, false);
        Assert.Equal(expected with { Gateway = other, Source = new(0xc0000109, false) }, Compiler.Compile(Via(2, other)));
        Assert.Equal(new HopSpecification(NextHopKind.Connected) { Interface = 1, Mtu = 9000 }, Compiler.Compile(Via(3, null)));
    }

    [Fact]
    public void OfSeveralIpv6AddressesNoneIsSurelyTheSource()
    {
        Dictionary<int, LinuxLink> links = new() { [2] = new(2, "eth0", 1, 1500, true, false) };
        LinuxAddress first = new(2, new((UInt128)0x2001_0db8_0001 << 80 | 1, true), 64, 0, 0);
        LinuxAddress second = first with { Address = new((UInt128)0x2001_0db8_0001 << 80 | 2, true) };
        LinuxRoute route = Via(2, Gateway6) with { Prefix = Prefix6, Mtu = 1300 };
        HopSpecification hop = new RouteCompiler(new Dictionary<int, int> { [2] = 0 }, links, [first]).Compile(route)!;
        Assert.Equal((1300u, first.Address), (hop.Mtu, hop.Source));
        hop = new RouteCompiler(new Dictionary<int, int> { [2] = 0 }, links, [first, second]).Compile(route)!;
        Assert.Equal((1300u, default), (hop.Mtu, hop.Source));
    }

    [Fact]
    public void WhatTheCoreCannotHonourIsLinuxs()
    {
        Assert.Equal(HopSpecification.Linux, Compiler.Compile(Via(9, Gateway)));
        Assert.Equal(HopSpecification.Linux, Compiler.Compile(Via(2, Gateway) with { IsWrapped = true }));
        Assert.Equal(HopSpecification.Linux, Compiler.Compile([Via(2, Gateway) with { TypeOfService = 16 }, Via(2, Gateway)]));
        Assert.Equal(HopSpecification.Linux, Compiler.Compile([Via(2, Gateway) with { IsSourceSpecific = true }]));
        Assert.Equal(HopSpecification.Linux, Compiler.Compile(Via(2, Gateway) with { Hops = [new(2, Gateway, 1, 0), new(9, Gateway, 1, 0)] }));
    }

    [Fact]
    public void DeadWaysAreLeftOut()
    {
        LinuxRoute both = Via(2, Gateway) with { Hops = [new(2, Gateway, 3, 0), new(3, Gateway, 1, 0)] };
        HopSpecification group = Compiler.Compile(both)!;
        Assert.Equal((NextHopKind.Group, 2), (group.Kind, group.Members.Count));
        Assert.Equal([3, 1], group.Members.Select(member => member.Weight));
        HopSpecification one = Compiler.Compile(both with { Hops = [both.Hops[0] with { Flags = LinuxHop.Dead }, both.Hops[1]] })!;
        Assert.Equal((NextHopKind.Forward, 1), (one.Kind, one.Interface));
        Assert.Null(Compiler.Compile([both with { Hops = [both.Hops[0] with { Flags = LinuxHop.Dead }] }]));
        Assert.Equal(NextHopKind.Blackhole, Compiler.Compile([both with { Hops = [both.Hops[0] with { Flags = LinuxHop.Dead }] }, Blackhole()])!.Kind);
    }

    [Fact]
    public void DifferencesAreLookedAtAgainAllTogether()
    {
        int turn = 0;
        List<TimeSpan> waits = [];
        RouteComparison comparison = new(
            address => ("as Linux", address.Value % 2 == 0 || (address.Value % 4 == 1 && turn > 0) ? "as Linux" : $"{turn}"),
            wait =>
            {
                waits.Add(wait);
                turn++;
            });
        List<RouteDifference> differences = comparison.Run(Enumerable.Range(0, 4000).Select(index => new RouteAddress((uint)index, false)));
        Assert.Equal((4000, 1000), (comparison.Compared, differences.Count));
        Assert.Equal(2, waits.Count);
        Assert.All(differences, difference => Assert.Equal((3, "2"), ((int)(difference.Address.Value % 4), difference.Found)));
        Assert.Empty(comparison.Run([new RouteAddress(2, false)]));
        Assert.Equal(2, waits.Count);
    }

    [Fact]
    public void TheOrderOfSeveralWaysIsNoDifference()
    {
        LiveHop one = new(1, NextHopKind.Forward, 0, 7, 1500, 0);
        LiveHop other = new(2, NextHopKind.Linux, 0, 0, 0, 0);
        LiveHop group = new(3, NextHopKind.Group, 0, 0, 0, 0);
        Assert.Equal(
            HopText.Describe(group with { Members = [one, other] }, ["a"]), HopText.Describe(group with { Members = [other, one] }, ["a"]));
    }

    [Fact]
    public void InTheBackgroundADifferenceCountsWhenItStays()
    {
        int refreshed = 0;
        HashSet<UInt128> wrong = [3, 5];
        RouteAddress[] addresses = [.. Enumerable.Range(0, 10).Select(index => new RouteAddress((uint)index, false))];
        BackgroundComparison comparison = new(() => addresses, address => ("a", wrong.Contains(address.Value) ? "b" : "a"), () => refreshed++);
        Assert.Empty(comparison.Step(6));
        Assert.Empty(comparison.Step(4));
        wrong.Remove(5);
        RouteDifference difference = Assert.Single(comparison.Step(0));
        Assert.Equal(3, (int)difference.Address.Value);
        Assert.Equal((10UL, 1UL, 2), (comparison.Compared, comparison.Different, refreshed));
        wrong.Clear();
        Assert.Empty(comparison.Step(20));
        Assert.Equal(20UL, comparison.Compared);
    }

    private static LinuxRoute Via(int device, RouteAddress? gateway)
        => new() { Prefix = Prefix, Table = LinuxRoute.TableMain, Type = RouteType.Unicast, Hops = [new LinuxHop(device, gateway, 1, 0)] };

    private static LinuxRoute Blackhole()
        => new() { Prefix = Prefix, Table = LinuxRoute.TableMain, Type = RouteType.Blackhole, Hops = [new LinuxHop(0, null, 1, 0)] };
}
