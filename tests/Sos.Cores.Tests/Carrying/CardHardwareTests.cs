using System;
using System.Collections.Generic;
using System.Linq;
using Sos.Cores.Carrying;
using Sos.Cores.Network;
using Xunit;

namespace Sos.Cores.Tests.Carrying;

/// <summary>
/// The settings of 'ethtool' are on the card that comes back, though its driver begins anew. A TAP device has coalescing and a link's speed to set;
/// rings and the receive hash: CarryingScenarios and HardwareScenarios of the lab.
/// </summary>
public sealed class CardHardwareTests
{
    private const string Make = "ip tuntap add tap0 mode tap; ip link set tap0 up";

    // The speed of a link that carries nothing is told where it is down, too.
    private const string Tell = "ethtool -c tap0 | grep ^rx-frames:; ethtool tap0 | grep -E 'Speed|Duplex|Auto-neg'";

    [Fact]
    public void TheyComeBackWithTheCard()
    {
        using CarriedHost host = new();
        host.Shell(Make);
        string fresh = host.Shell(Tell);
        host.Shell("ethtool -C tap0 rx-frames 17; ethtool -s tap0 speed 2500 duplex half");
        string set = host.Shell(Tell);
        Assert.Contains("17", set, StringComparison.Ordinal);
        Assert.Contains("2500Mb/s", set, StringComparison.Ordinal);
        InterfaceConfiguration configuration = host.Inside(() => InterfaceConfiguration.Read("tap0"));
        host.Shell($"ip link delete tap0; {Make}");
        Assert.Equal(fresh, host.Shell(Tell));

        // They are none of a host port's, but for its speed.
        Assert.Empty(host.Inside(() => configuration.Apply("tap0", isCard: false)));
        Assert.Equal([fresh.Split('\n')[0], .. set.Split('\n').Skip(1)], host.Shell(Tell).Split('\n'));
        configuration = host.Inside(() => configuration.ReadAgain("tap0"));
        host.Shell($"ip link delete tap0; {Make}");
        Assert.Empty(host.Inside(() => configuration.Apply("tap0", isCard: true)));
        Assert.Equal(set, host.Shell(Tell));
    }

    /// <summary>A driver of another kind: what it refuses is told, and all else is set.</summary>
    [Fact]
    public void WhatTheCardRefusesIsTold()
    {
        using CarriedHost host = new();
        host.Shell($"{Make}; ethtool -C tap0 rx-frames 17");
        byte[] coalescing = Assert.Single(Read(host, "tap0"), thing => thing[0] == 19);

        // As a driver has it that knows of microseconds as well (ETHTOOL_A_COALESCE_RX_USECS).
        byte[] both = [.. coalescing, .. RouteAttribute.Join([], [new RouteAttribute(2, 50)])];
        host.Shell($"ip link delete tap0; {Make}");
        string problem = Assert.Single(host.Inside(() =>
        {
            using CarriedDevice device = new(NetworkLink.Find("tap0")!);
            CardHardware.OfCard.Apply(device, [both]);
            return device.Problems;
        }));
        Assert.Contains("ethtool -C", problem, StringComparison.Ordinal);
        Assert.Contains("17", host.Shell("ethtool -c tap0 | grep ^rx-frames:"), StringComparison.Ordinal);
    }

    /// <summary>Values that a link or a driver finds out by itself are nobody's wish: giving them again would switch the finding out off.</summary>
    [Theory]
    [InlineData(19, new ushort[] { 2, 3, 6, 11 }, 1, new ushort[] { 6, 11 })] // coalescing adapts itself as it receives
    [InlineData(19, new ushort[] { 2, 3, 6, 11 }, 0, new ushort[] { 2, 3, 6, 11 })]
    [InlineData(4, new ushort[] { 2, 3, 4, 5, 6 }, 1, new ushort[] { 2, 3 })] // speed and duplex are the link's; 4 is the peer's
    [InlineData(15, new ushort[] { 2, 5, 6, 9 }, 0, new ushort[] { 6, 9 })] // limits
    public void OnlyWishesAreCarried(int part, ushort[] kinds, int value, ushort[] expected)
    {
        byte[] answer = RouteAttribute.Join([], kinds.Select(kind => new RouteAttribute(kind, (uint)value)));
        Assert.Equal(expected, CardHardware.OfCard.Wishes((byte)part, answer).Select(attribute => attribute.Kind));
    }

    private static IReadOnlyList<byte[]> Read(CarriedHost host, string name) => host.Inside(() =>
    {
        using CarriedDevice device = new(NetworkLink.Find(name)!);
        return CardHardware.OfCard.Read(device);
    });
}
