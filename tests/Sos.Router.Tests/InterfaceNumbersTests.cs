using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;
using Sos.Router.Control;
using Sos.Router.Control.Linux;
using Sos.Router.Routes;
using Sos.Router.Tables;
using Xunit;

namespace Sos.Router.Tests;

/// <summary>Linux's VLAN devices as interfaces of the router: what netlink says of them, their numbers, and what the core is given.</summary>
public sealed class InterfaceNumbersTests
{
    private const int FirstVlan = RouterHeader.PortsMax;
    private const int VlansMax = RouterHeader.InterfacesMax - RouterHeader.PortsMax;

    [Theory]
    [InlineData(0x8100, 5, 0x8100_0005u)]
    [InlineData(0x88a8, 4094, 0x88a8_0ffeu)]
    public void AVlanIsReadWithTheDeviceBelowAndItsTag(int protocol, int identifier, uint tag)
    {
        byte[] data = [.. Attribute(1, [(byte)identifier, (byte)(identifier >> 8)]), .. Attribute(5, [(byte)(protocol >> 8), (byte)protocol])];
        LinuxLink link = Read(Attribute(5, [7, 0, 0, 0]), Information("vlan", data));
        Assert.Equal(new LinuxVlan(7, tag), link.Vlan);
        Assert.Null(new PortVlan(link, 0).Obstacle);
    }

    [Theory]
    [InlineData(3)]
    [InlineData(4)]
    public void AVlanThatMapsPrioritiesIsLinuxs(ushort map)
    {
        byte[] data = [.. Attribute(1, [5, 0]), .. Attribute(map, Attribute(1, [0, 0, 0, 0, 3, 0, 0, 0]))];
        LinuxLink link = Read(Attribute(5, [7, 0, 0, 0]), Information("vlan", data));
        Assert.Equal(new LinuxVlan(7, 0x8100_0005, MapsPriorities: true), link.Vlan);
        Assert.Contains("priorities", new PortVlan(link, 0).Obstacle, StringComparison.Ordinal);
    }

    [Fact]
    public void WhatIsNoVlanOfADeviceHereIsNone()
    {
        byte[] data = Attribute(1, [5, 0]);
        Assert.Null(Read(Attribute(5, [7, 0, 0, 0]), Information("macvlan", data)).Vlan);
        Assert.Null(Read(Attribute(5, [7, 0, 0, 0])).Vlan);
        Assert.Null(Read(Attribute(5, [7, 0, 0, 0]), Information("vlan", [])).Vlan);

        // Below is number 7 of another network namespace.
        Assert.Equal(0, Read(Attribute(5, [7, 0, 0, 0]), Attribute(37, [1, 0, 0, 0]), Information("vlan", data)).Vlan!.Below);
    }

    [Fact]
    public void AVlanKeepsItsNumberAndAnotherGetsItOnlyWhenNothingLeadsThere()
    {
        InterfaceNumbers numbers = new([(FirstVlan + 1, 0, 0x8100_0005u)]);
        PortVlan former = Vlan(20, 0, 5);
        PortVlan other = Vlan(21, 1, 5);
        Dictionary<PortVlan, int> given = numbers.Number([former, other], out List<PortVlan> left);
        Assert.Equal((FirstVlan + 1, FirstVlan), (given[former], given[other]));
        Assert.Empty(left);

        // A device that is made anew has another number in Linux, and the same here.
        given = numbers.Number([Vlan(22, 0, 5)], out _);
        Assert.Equal([FirstVlan + 1], given.Values);
        Assert.Equal([FirstVlan], numbers.Gone);
        Assert.Equal([FirstVlan + 2], numbers.Number([Vlan(22, 0, 5), Vlan(23, 0, 6)], out _).Values.Except([FirstVlan + 1]));
        IReadOnlyList<int> gone = numbers.TakeGone();
        Assert.Empty(numbers.Gone);
        numbers.Free(gone);
        Assert.Contains(FirstVlan, numbers.Number([Vlan(22, 0, 5), Vlan(23, 0, 6), Vlan(24, 1, 7)], out _).Values);
    }

    [Fact]
    public void MoreVlansThanThereAreNumbersForAreLeft()
    {
        InterfaceNumbers numbers = new([]);
        PortVlan[] many = [.. Enumerable.Range(1, VlansMax + 3).Select(identifier => Vlan(100 + identifier, 0, (uint)identifier))];
        Dictionary<PortVlan, int> given = numbers.Number(many, out List<PortVlan> left);
        Assert.Equal(Enumerable.Range(FirstVlan, VlansMax), given.Values.Order());
        Assert.Equal(many[VlansMax..], left);
    }

    [Fact]
    public unsafe void TheFollowerGivesVlansToTheCoreAndTakesThemAway()
    {
        using TableMemory memory = new(RouterCapacity.Small);
        using RouterTableWriter writer = new(memory.Table);
        List<string> told = [];
        InterfaceFollower follower = new(memory.Table, writer, [["eth0"], ["eth1"]], told.Add);
        LinuxLink[] ports = [Link(1, "eth0"), Link(2, "eth1")];
        LinuxLink vlan = Link(9, "eth1.5") with { Mac = 0x99, Mtu = 1400, Vlan = new LinuxVlan(2, 0x8100_0005) };
        LinuxLink mapped = Link(10, "eth1.6") with { Vlan = new LinuxVlan(2, 0x8100_0006, MapsPriorities: true) };
        LinuxLink elsewhere = Link(11, "dummy0.5") with { Vlan = new LinuxVlan(12, 0x8100_0005) };
        LinuxLink stacked = Link(13, "eth1.5.7") with { Vlan = new LinuxVlan(9, 0x8100_0007) };
        follower.Take([.. ports, vlan, mapped, elsewhere, stacked]);
        Assert.Equal(0u, memory.Table.Header->Interfaces[FirstVlan].Tag); // not before its routes are written
        Dictionary<(int, bool), LinuxConfiguration> settings = new()
        {
            [(9, false)] = new(true, 1),
            [(9, true)] = new(true, 0),
            [(LinuxNetwork.AllDevices, true)] = new(true, 0),
        };
        follower.WriteSettings(settings);
        Assert.Equal([(1, 0), (2, 1), (9, FirstVlan)], follower.Numbers.Select(pair => (pair.Key, pair.Value)));
        Assert.Equal(9, follower.DeviceOf(FirstVlan));
        Assert.Contains("eth1.6 is left to Linux", Assert.Single(told), StringComparison.Ordinal);

        LiveInterface live = Assert.Single(new TableReader(memory.Table).ReadInterfaces(), one => one.IsVlan);
        Assert.Equal((FirstVlan, "eth1.5", "802.1Q 5", 1), (live.Number, live.Name, live.Vlan, live.Port));
        Assert.Equal((0x99UL, 1400u), (live.Settings.Mac, live.Settings.Mtu));
        Assert.Equal(InterfaceFlags.Up | InterfaceFlags.Forwards4 | InterfaceFlags.Forwards6 | InterfaceFlags.ReversePathStrict, live.Settings.Flags);
        Assert.Equal(FirstVlan, memory.Table.Vlans[RouterTable.VlanIndex(1, 0x8100_0005)]);
        Assert.Equal(["wan", "lan", "eth1.5"], new TableReader(memory.Table).NamesOf(["wan", "lan"]).Where((_, number) => number is 0 or 1 or FirstVlan));

        // One that comes after finds the same numbers; one that is gone is closed at once, and its number comes back once the core has seen that.
        InterfaceFollower next = new(memory.Table, writer, [["eth0"], ["eth1"]], told.Add);
        next.Take([.. ports, Link(15, "eth0.5") with { Vlan = new LinuxVlan(1, 0x8100_0005) }]);
        Assert.Equal(0u, memory.Table.Header->Interfaces[FirstVlan].Tag);
        Assert.Equal(0, memory.Table.Vlans[RouterTable.VlanIndex(1, 0x8100_0005)]);
        Assert.Equal(FirstVlan + 1, next.Numbers[15]);
        next.LetGo();
        next.Take([.. ports, vlan, Link(15, "eth0.5") with { Vlan = new LinuxVlan(1, 0x8100_0005) }]);
        Assert.Equal(FirstVlan + 2, next.Numbers[9]);
        writer.Publish();
        writer.Commit();
        memory.BeginPass();
        writer.Commit();
        next.Take([.. ports, Link(16, "eth0.6") with { Vlan = new LinuxVlan(1, 0x8100_0006) }]);
        Assert.Equal(FirstVlan, next.Numbers[16]);
    }

    private static PortVlan Vlan(int device, int port, uint identifier)
        => new(Link(device, $"v{device}") with { Vlan = new LinuxVlan(port + 1, 0x8100_0000 | identifier) }, port);

    private static LinuxLink Link(int index, string name) => new(index, name, (ulong)index, 1500, true, false);

    private static byte[] Information(string kind, byte[] data) => Attribute(18, [.. Attribute(1, Encoding.UTF8.GetBytes(kind + "\0")), .. Attribute(2, data)]);

    private static byte[] Attribute(ushort type, byte[] value)
        => [(byte)(value.Length + 4), 0, (byte)type, 0, .. value, .. new byte[(4 - (value.Length % 4)) % 4]];

    private static LinuxLink Read(params byte[][] attributes)
        => LinuxLink.Read((byte[])[.. new byte[4], 9, .. new byte[11], .. attributes.SelectMany(each => each)])!;
}
