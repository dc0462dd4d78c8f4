using System;
using System.Collections.Generic;
using System.Linq;

namespace Sos.Router.Tests.Differential;

/// <summary>Makes random changes of a network, as lines for 'ip -batch' and sysctls. Some of them Linux refuses.</summary>
internal sealed class NetworkChanges(Random random)
{
    /// <summary>Ports of the routers: p0, p1, p2.</summary>
    public const int Ports = 3;

    /// <summary>Behind the last host of a port's network that is known from the start.</summary>
    public const int HostsEnd = 60;

    private const int Gateways = 4;

    private static readonly string[] Prefixes4 =
    [
        "0.0.0.0/0", "20.0.0.0/8", "20.1.0.0/16", "20.1.0.0/20", "20.1.2.0/24", "20.1.2.0/25", "20.1.2.128/26", "20.1.2.3/32", "20.128.0.0/9", "10.0.0.0/8",
        "10.0.1.4/32",
    ];

    private static readonly string[] Prefixes6 =
    [
        "0.0.0.0/0", "2001::/16", "2001:d00::/24", "2001:db8::/32", "2001:db8:1::/48", "2001:db8:1:2::/64", "2001:db8:1:2:8000::/65", "2001:db8:1:2::3/128",
    ];

    /// <summary>Lines that set a port up, and what it loses when it goes down.</summary>
    public static IEnumerable<string> PortLines(int port)
    {
        yield return $"link set p{port} up mtu 1500";
        yield return $"address replace 10.0.{port}.1/24 dev p{port}";
        yield return $"address replace fd00:{port}::1/64 dev p{port} nodad";
        for (int host = 2; host < HostsEnd; host++)
        {
            yield return $"neigh replace 10.0.{port}.{host} lladdr 02:00:00:0{port}:00:{host:x2} nud permanent dev p{port}";
        }

        for (int host = 2; host < 2 + Gateways; host++)
        {
            yield return $"neigh replace fd00:{port}::{host} lladdr 02:00:00:0{port}:00:0{host} nud permanent dev p{port}";
            yield return $"neigh replace fe80::{port}:{host} lladdr 02:00:00:0{port}:00:0{host} nud permanent dev p{port}";
        }
    }

    /// <summary>Makes a change: a line for ip, or for sysctl when it has an equals sign and no space.</summary>
    public IEnumerable<string> Next()
    {
        int port = Port();
        switch (random.Next(20))
        {
            case < 10:
                return [Route(isIpv6: random.Next(2) == 0)];
            case 10 or 11:
                return [NextHop()];
            case 12 or 13:
                return [Neighbour(port)];
            case 14:
                return [$"address {(One(2) ? "add" : "del")} 10.0.{port}.{random.Next(200, 203)}/24 dev p{port}"];
            case 15:
                return [$"address {(One(2) ? "add" : "del")} fd00:{port}::{random.Next(6, 9)}/64 dev p{port} nodad"];
            case 16:
                return One(3) ? [$"link set p{port} down"] : PortLines(port);
            case 17:
                return [$"link set p{port} mtu {Pick(["1500", "1400", "1300"])}"];
            case 18:
                return [$"net.ipv4.conf.p{port}.rp_filter={random.Next(3)}"];
            default:
                return One(4)
                    ? ["rule add to 20.1.2.3 lookup 100 priority 100", "rule del priority 100"]
                    : [$"net.{(One(2) ? "ipv4" : "ipv6")}.conf.p{port}.forwarding={(One(8) ? 0 : 1)}"];
        }
    }

    private string Route(bool isIpv6)
    {
        string verb = Pick(["add", "replace", "replace", "replace", "append", "change", "del"]);
        string prefix = Pick(isIpv6 ? Prefixes6 : Prefixes4);
        string metric = One(3) ? $" metric {Pick(["5", "10"])}" : isIpv6 ? " metric 1024" : "";
        if (verb == "del")
        {
            return $"route del {prefix}{(One(2) ? metric : "")}";
        }

        string mtu = One(6) ? $" mtu {Pick(["1280", "lock 1290", "900"])}" : "";
        return random.Next(10) switch
        {
            0 => $"route {verb} {Pick(["blackhole", "unreachable", "prohibit", "throw"])} {prefix}{metric}",
            1 => $"route {verb} {prefix} dev p{Port()}{mtu}{metric}",
            2 => $"route {verb} {prefix} nhid {random.Next(1, 6)}{metric}",
            3 or 4 => $"route {verb} {prefix}{metric}{string.Concat(Enumerable.Range(0, random.Next(2, 4)).Select(_ => Member(isIpv6)))}",
            5 when !isIpv6 => $"route {verb} {prefix} via 20.9.9.{random.Next(9)} dev p{Port()} onlink{mtu}{metric}",
            6 when !isIpv6 => $"route {verb} {prefix} via inet6 fd00:{Port()}::{Host()} {mtu}{metric}",
            _ => $"route {verb} {prefix} {Via(isIpv6)}{mtu}{metric}",
        };
    }

    private string NextHop()
    {
        int id = random.Next(1, 6);
        return random.Next(6) switch
        {
            0 => $"nexthop del id {id}",
            1 => $"nexthop replace id {id} group {random.Next(1, 3)}/{random.Next(3, 5)}",
            2 => $"nexthop replace id {id} blackhole",
            3 => $"nexthop replace id {id} {Via(true)}",
            _ => $"nexthop replace id {id} {Via(false)}",
        };
    }

    private string Neighbour(int port)
    {
        string address = Pick([$"10.0.{port}.{Host()}", $"fd00:{port}::{Host()}", $"fe80::{port}:{Host()}"]);
        string mac = $"02:00:00:0{port}:{random.Next(16, 99)}:{random.Next(16, 99)}";
        string state = Pick(["permanent", "permanent", "stale", "reachable"]);
        return One(6) ? $"neigh del {address} dev p{port}" : $"neigh replace {address} lladdr {mac} nud {state} dev p{port}";
    }

    private string Member(bool isIpv6) => $" nexthop {Via(isIpv6)} weight {random.Next(1, 4)}";

    private string Via(bool isIpv6)
    {
        int port = Port();
        return isIpv6 ? $"via {(One(3) ? $"fe80::{port}:{Host()}" : $"fd00:{port}::{Host()}")} dev p{port}" : $"via 10.0.{port}.{Host()} dev p{port}";
    }

    private int Port() => random.Next(Ports);

    private int Host() => random.Next(2, 2 + Gateways);

    private string Pick(string[] from) => from[random.Next(from.Length)];

    private bool One(int of) => random.Next(of) == 0;
}
