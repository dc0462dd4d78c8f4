using System;
using System.Collections.Generic;
using System.Linq;
using Sos.Net;
using Sos.Router.Control.Linux;
using Sos.Router.Routes;
using Sos.Router.StandIn;
using Sos.Router.Tables;
using Xunit;

namespace Sos.Router.Tests;

/// <summary>The addresses for which the core answers where Linux does not: as Linux would, and never for more.</summary>
public sealed class AnsweredAddressesTests
{
    private const uint First = 0x0a010001;
    private const uint Second = 0x0a020001;
    private const uint Loopback = 0x0aff0001;

    private static readonly UInt128 LinkLocal = ((UInt128)0xfe80 << 112) + 1;

    [Theory]
    [InlineData(0, false, 3, 3)]
    [InlineData(0, true, 0, 0)]
    [InlineData(1, true, 0, 0)]
    [InlineData(1, false, 1, 0)]
    [InlineData(2, false, 0, 0)]
    [InlineData(8, false, 0, 0)]
    public void ArpIsAnsweredAsItIsSet(int ignore, bool filters, byte own, byte loopback)
    {
        Dictionary<uint, OwnAddress> list = List(new ArpSettings(ignore, filters)).Where(each => each.IsIpv6 == 0).ToDictionary(each => (uint)each.Low);
        Assert.Equal((ulong)own, list.GetValueOrDefault(First).Answered);
        Assert.Equal(own == 0 ? 0UL : own == 3 ? 3UL : 2UL, list.GetValueOrDefault(Second).Answered);
        Assert.Equal((ulong)loopback, list.GetValueOrDefault(Loopback).Answered);
        Assert.DoesNotContain(0x7f000001u, list.Keys);
        Assert.Equal(own == 0 ? (0UL, 0) : (1UL, 16), (list.GetValueOrDefault(First).Home, list.GetValueOrDefault(First).PrefixLength));
    }

    [Fact]
    public void AnIpv6AddressIsAnsweredOnItsOwnLinksOnceItIsSurelyHere()
    {
        List<OwnAddress> list = [.. List(default).Where(each => each.IsIpv6 == 1)];
        OwnAddress link = Assert.Single(list);
        Assert.Equal(((ulong)LinkLocal, 3UL, 3UL, 64), (link.Low, link.Answered, link.Home, link.PrefixLength));
    }

    [Fact]
    public void APartOfABridgeAnswersNothing()
    {
        Dictionary<int, LinuxLink> links = new() { [1] = Link(1, false), [2] = Link(2, true) };
        IEnumerable<OwnAddress> list = AnsweredAddresses.List(Addresses(), new Dictionary<int, int> { [1] = 0, [2] = 1 }, links, _ => default);
        Assert.All(list, each => Assert.Equal(1UL, each.Answered));
    }

    [Fact]
    public void ADeviceWithoutArpAnswersForNoIpv4Address()
    {
        Dictionary<int, LinuxLink> links = new() { [1] = Link(1, false) with { HasArp = false }, [2] = Link(2, false) };
        IEnumerable<OwnAddress> list = AnsweredAddresses.List(Addresses(), new Dictionary<int, int> { [1] = 0, [2] = 1 }, links, _ => default);
        Assert.All(list, each => Assert.Equal(each.IsIpv6 == 0 ? 2UL : 3UL, each.Answered));
    }

    [Fact]
    public void WhetherADeviceHasArpIsInItsFlags()
    {
        byte[] body = [0, 0, 1, 0, 5, 0, 0, 0, 0xc1, 0, 0, 0, 0, 0, 0, 0]; // up, running, without ARP
        Assert.Equal((true, false), (LinuxLink.Read(body)!.IsUp, LinuxLink.Read(body)!.HasArp));
        body[8] = 0x41;
        Assert.True(LinuxLink.Read(body)!.HasArp);
    }

    [Fact]
    public void TheCoreFindsEachAddressOfAListAndNoOther()
    {
        RouterCapacity capacity = RouterCapacity.Small;
        using TableMemory memory = new(capacity);
        using RouterTableWriter writer = new(memory.Table);
        OwnAddressList list = new(memory.Table);
        Random random = new(7);
        for (int round = 0; round < 30; round++)
        {
            HashSet<uint> ipv4 = [.. Enumerable.Range(0, random.Next(200)).Select(_ => (uint)random.Next(1, 1000))];
            HashSet<uint> ipv6 = [.. Enumerable.Range(0, random.Next(200)).Select(_ => (uint)random.Next(1, 1000))];
            Assert.True(writer.SetOwnAddresses(
                ipv4.Select(each => new OwnAddress { Low = each, Answered = 1 })
                    .Concat(ipv6.Select(each => new OwnAddress { High = 5, Low = each, IsIpv6 = 1 }))));
            for (uint address = 0; address < 1001; address++)
            {
                Assert.Equal(ipv4.Contains(address), list.TryFind(IpAddress.FromIpv4(address), out OwnAddress found) && found.Answered == 1);
                Assert.Equal(ipv6.Contains(address), list.TryFind(new IpAddress(new Sdk.Wire.Ipv6Address(5, address)), out found) && found.Answered == 0);
            }
        }
    }

    [Fact]
    public unsafe void AListThatIsTooLongKeepsWhatFits()
    {
        using TableMemory memory = new(RouterCapacity.Small);
        using RouterTableWriter writer = new(memory.Table);
        OwnAddress[] many = [.. Enumerable.Range(1, OwnAddress.CountMax + 1).Select(i => new OwnAddress { Low = (ulong)i })];
        Assert.True(writer.SetOwnAddresses(many[1..]));
        Assert.False(writer.SetOwnAddresses(many));
        Assert.True(new OwnAddressList(memory.Table).TryFind(IpAddress.FromIpv4(1), out _));
        Assert.False(new OwnAddressList(memory.Table).TryFind(IpAddress.FromIpv4(OwnAddress.CountMax + 1), out _));

        // A list that stays the same is not published again.
        ulong generation = memory.Table.Header->OwnGeneration;
        writer.SetOwnAddresses(many);
        Assert.Equal(generation, memory.Table.Header->OwnGeneration);
    }

    private static IReadOnlyCollection<OwnAddress> List(ArpSettings settings)
        => AnsweredAddresses.List(
            Addresses(), new Dictionary<int, int> { [1] = 0, [2] = 1 }, new Dictionary<int, LinuxLink> { [1] = Link(1, false), [2] = Link(2, false) },
            _ => settings);

    private static LinuxLink Link(int index, bool isEnslaved) => new(index, $"eth{index}", (ulong)index, 1500, true, isEnslaved);

    private static List<LinuxAddress> Addresses()
    {
        const uint tentative = 0x40;
        return
        [
            new(3, new(0x7f000001, false), 8, 254, 0),
            new(3, new(Loopback, false), 32, 0, 0),
            new(1, new(First, false), 16, 0, 0),
            new(2, new(Second, false), 16, 0, 0),
            new(1, new(LinkLocal, true), 64, 253, 0),
            new(2, new(LinkLocal, true), 64, 253, 0),
            new(1, new(LinkLocal + 1, true), 64, 253, tentative),
            new(3, new(LinkLocal + 2, true), 128, 0, 0),
        ];
    }
}
