using System;
using System.Collections.Generic;
using System.Linq;
using Sos.Cores.Companions;
using Sos.Cores.Network;
using Xunit;

namespace Sos.Isolated.Tests;

/// <summary>The things that a prefilter follows in Linux: its rules and devices, and the connections that it tracks.</summary>
public sealed class NetworkFollowingTests
{
    [Fact]
    public void RulesInterfacesAndAddressesAreSeenToChange()
    {
        using NetworkPair network = new();
        using NetworkNamespace place = NetworkNamespace.EnterNamed($"/run/netns/{network.Host}");
        using NetworkWatch watch = new(TimeSpan.FromDays(1));
        Command.Await(() => !watch.Wait(TimeSpan.FromMilliseconds(100)), "the network does not come to rest");
        foreach (string change in (string[])["nft add table inet f", "ip address add 198.51.100.1/32 dev lo", "ip link set eth0 down"])
        {
            network.AtHost(change).Succeeded();
            Assert.True(watch.Wait(TimeSpan.FromSeconds(10)), change);
            Command.Await(() => !watch.Wait(TimeSpan.FromMilliseconds(100)), "the network does not come to rest");
        }
    }

    [Fact]
    public void AQuietNetworkCountsAsChangedAfterAWhile()
    {
        using NetworkPair network = new();
        using NetworkNamespace place = NetworkNamespace.EnterNamed($"/run/netns/{network.Client}");
        using NetworkWatch watch = new(TimeSpan.Zero);
        Assert.True(watch.Wait(TimeSpan.Zero));
    }

    [Fact]
    public void TrackedConnectionsAreReadInBothDirections()
    {
        using NetworkPair network = new();
        network.AtHost("nft 'table inet f { chain i { type filter hook input priority 0; ct state established accept; }; }'").Succeeded();
        network.AssertPing();
        network.AtHost($"bash -c 'echo x > /dev/udp/{NetworkPair.ClientAddress}/7777'").Succeeded();
        network.AtHost("bash -c 'echo x > /dev/udp/::1/7778'").Succeeded();
        using NetworkNamespace place = NetworkNamespace.EnterNamed($"/run/netns/{network.Host}");
        IReadOnlyList<TrackedDirection>? all = TrackedConnections.TryRead();
        Assert.NotNull(all);
        byte[] host = [10, 77, 3, 1];
        byte[] client = [10, 77, 3, 2];
        Assert.Contains(all, one => one is { Protocol: 17, DestinationPort: 7777 } && one.Source.SequenceEqual(host) && one.Destination.SequenceEqual(client));
        Assert.Contains(all, one => one is { Protocol: 17, SourcePort: 7777 } && one.Source.SequenceEqual(client) && one.Destination.SequenceEqual(host));
        Assert.Contains(all, one => one is { Protocol: 17, DestinationPort: 7778, Source.Length: 16 });
        Assert.Contains(all, one => one is { Protocol: 1 } && one.SourcePort == one.DestinationPort && one.Source.SequenceEqual(client));
    }
}
