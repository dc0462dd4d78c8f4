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
        Assert.Equal(uses, host.Inside(() => DefaultRoute.Uses("eth0")));
    }
}
