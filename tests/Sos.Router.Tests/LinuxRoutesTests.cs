using System;
using System.Collections.Generic;
using System.Linq;
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
        HopSpecification expected = new(NextHopKind.Forward) { Port = 0, Gateway = Gateway, Mtu = 1500, Source = new(0xc0000209, false) };
        Assert.Equal(expected, Compiler.Compile(Via(2, Gateway)));
        Assert.Equal(expected with { Mtu = 1400 }, Compiler.Compile(Via(2, Gateway) with { Mtu = 1400 }));
        Assert.Equal(expected with { Source = new(7, false) }, Compiler.Compile(Via(2, Gateway) with { PreferredSource = new(7, false) }));
        RouteAddress other = new(0xc0000101, false);
        Assert.Equal(expected with { Gateway = other, Source = new(0xc0000109, false) }, Compiler.Compile(Via(2, other)));
        Assert.Equal(new HopSpecification(NextHopKind.Connected) { Port = 1, Mtu = 9000 }, Compiler.Compile(Via(3, null)));
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
        Assert.Equal((NextHopKind.Forward, 1), (one.Kind, one.Port));
        Assert.Null(Compiler.Compile([both with { Hops = [both.Hops[0] with { Flags = LinuxHop.Dead }] }]));
        Assert.Equal(NextHopKind.Blackhole, Compiler.Compile([both with { Hops = [both.Hops[0] with { Flags = LinuxHop.Dead }] }, Blackhole()])!.Kind);
    }

    private static LinuxRoute Via(int device, RouteAddress? gateway)
        => new() { Prefix = Prefix, Table = LinuxRoute.TableMain, Type = RouteType.Unicast, Hops = [new LinuxHop(device, gateway, 1, 0)] };

    private static LinuxRoute Blackhole()
        => new() { Prefix = Prefix, Table = LinuxRoute.TableMain, Type = RouteType.Blackhole, Hops = [new LinuxHop(0, null, 1, 0)] };
}
