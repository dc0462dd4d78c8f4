using Sos.Cores.Carrying;
using Xunit;

namespace Sos.Cores.Tests.Carrying;

/// <summary>The device of the default route is not taken by accident.</summary>
public sealed class DefaultRouteTests
{
    private const string Up = "ip link set eth0 up; ip address add 192.0.2.1/24 dev eth0; ";

    [Theory]
    [InlineData("true", false)]
    [InlineData("ip route add default via 192.0.2.2", true)]
    [InlineData("ip route add default nexthop via 198.51.100.2 dev other0 nexthop via 192.0.2.2 dev eth0", true)]
    [InlineData("ip route add default via 198.51.100.2", false)]
    [InlineData("ip route add default via 192.0.2.2 table 100", false)]
    [InlineData("ip nexthop add id 5 via 192.0.2.2 dev eth0; ip route add default nhid 5", true)]
    [InlineData("ip -6 route add default via fe80::2 dev eth0", true)]
    [InlineData("ip -6 route add unreachable default", false)]
    public void ItIsFoundHoweverItGoesThere(string route, bool uses)
    {
        using CarriedHost host = new();
        host.Shell(Up + route);
        Assert.Equal(uses, host.Inside(() => DefaultRoute.Through("eth0") == "eth0"));
    }

    /// <summary>The device that is taken is below the one that the route names, or is the end of a cable whose other end is.</summary>
    [Theory]
    [InlineData("ip link add link eth0 name mac0 type macvlan; ip link set mac0 up; ip route add default dev mac0", "mac0")]
    [InlineData("ip link add bridge0 type bridge; ip link set eth0 master bridge0; ip link set bridge0 up; ip route add default dev bridge0", "bridge0")]
    [InlineData(
        "ip link add bridge0 type bridge; ip link set eth0 master bridge0; ip link add link bridge0 name mac0 type macvlan; "
        + "ip link set bridge0 up; ip link set mac0 up; ip route add default dev mac0",
        "mac0")]
    [InlineData("ip link add bridge0 type bridge; ip link set other0 master bridge0; ip link set bridge0 up; ip route add default dev bridge0", null)]
    [InlineData("ip route add default dev far0", null)]
    public void ItIsFoundAboveTheDevice(string setUp, string? through)
    {
        using CarriedHost host = new();
        host.Shell(Up + setUp);
        Assert.Equal(through, host.Inside(() => DefaultRoute.Through("eth0")));
        Assert.Equal(through is not null, host.Inside(() => DefaultRoute.Describe("eth0"))?.Contains("through eth0", System.StringComparison.Ordinal) ?? false);
    }
}
