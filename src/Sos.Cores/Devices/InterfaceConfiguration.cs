using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text.Json;

namespace Sos.Cores.Devices;

/// <summary>An address of a network device, as ip takes it.</summary>
/// <param name="Arguments">What follows "ip address add".</param>
public sealed record InterfaceAddress(IReadOnlyList<string> Arguments);

/// <summary>A route through a network device, as ip takes it.</summary>
/// <param name="Arguments">What follows "ip route replace", with "-4" or "-6" in front.</param>
public sealed record InterfaceRoute(IReadOnlyList<string> Arguments);

/// <summary>
/// The settings that Linux would lose with a card's network device: name, MAC, MTU, addresses and routes. They move to the host port when the card is
/// claimed, and back when it is returned, so that the host keeps its address and its connections.
/// </summary>
/// <param name="Name">Name of the network device.</param>
/// <param name="Mac">Its address.</param>
/// <param name="Mtu">Its MTU.</param>
/// <param name="Up">Whether it was up.</param>
/// <param name="Addresses">Its addresses, without those that Linux makes by itself.</param>
/// <param name="Routes">Routes of the main table through it, without those that Linux makes by itself, in the order to add them.</param>
public sealed record InterfaceConfiguration(
    string Name, string Mac, int Mtu, bool Up, IReadOnlyList<InterfaceAddress> Addresses, IReadOnlyList<InterfaceRoute> Routes)
{
    /// <summary>Reads the configuration of a network device.</summary>
    /// <exception cref="SosException">There is no such device, or it has what cannot be moved.</exception>
    public static InterfaceConfiguration Read(string name)
    {
        JsonElement link = IpCommand.Query("address", "show", "dev", name)[0];
        if (link.TryGetProperty("master", out JsonElement master))
        {
            throw new SosException(
                SosError.Refused,
                $"{name} is a port of {master.GetString()}: take it out first ('ip link set {name} nomaster'), the host port can join instead");
        }

        if (StackedOn(name) is { Count: > 0 } stacked)
        {
            throw new SosException(
                SosError.Refused,
                $"{string.Join(", ", stacked)} on {name} would be lost with it: take it away first ('ip link delete {stacked[0]}') "
                + "and make it on the host port again");
        }

        List<InterfaceAddress> addresses = [.. link.GetProperty("addr_info").EnumerateArray().Where(IsOurs).Select(ToAddress)];
        List<InterfaceRoute> routes = [.. ReadRoutes("-4", name), .. ReadRoutes("-6", name)];
        return new InterfaceConfiguration(
            name,
            link.GetProperty("address").GetString()!,
            link.GetProperty("mtu").GetInt32(),
            link.GetProperty("flags").EnumerateArray().Any(flag => flag.GetString() == "UP"),
            addresses,
            routes);
    }

    /// <summary>Gives addresses and routes to a network device, and sets it up if it was.</summary>
    /// <param name="name">The device that takes them.</param>
    /// <returns>What could not be given, in ip's words; empty when all went well.</returns>
    public IReadOnlyList<string> Apply(string name)
    {
        List<string> problems = [];
        void Try(IEnumerable<string> arguments)
        {
            try
            {
                IpCommand.Run(arguments);
            }
            catch (SosException e)
            {
                problems.Add(e.Message);
            }
        }

        foreach (InterfaceAddress address in Addresses)
        {
            Try(["address", "replace", .. address.Arguments, "dev", name]);
        }

        if (Up)
        {
            Try(["link", "set", "dev", name, "up"]);
        }

        foreach (InterfaceRoute route in Up ? Routes : [])
        {
            Try([route.Arguments[0], "route", "replace", .. route.Arguments.Skip(1), "dev", name]);
        }

        return problems;
    }

    // VLANs, macvlans and their like. The two ends of a veth pair name each other, too.
    private static List<string> StackedOn(string name)
        => [.. IpCommand.Query("-d", "link", "show").EnumerateArray()
            .Where(link => link.TryGetProperty("link", out JsonElement lower) && lower.GetString() == name
                && !(link.TryGetProperty("linkinfo", out JsonElement information) && information.TryGetProperty("info_kind", out JsonElement kind)
                    && kind.GetString() == "veth"))
            .Select(link => link.GetProperty("ifname").GetString()!)];

    /// <summary>Whether a default route, of IPv4 or IPv6, goes through the network device.</summary>
    public static bool HasDefaultRoute(string name)
        => new[] { "-4", "-6" }.Any(family => IpCommand.Query(family, "route", "show", "default").EnumerateArray().Any(route
            => Text(route, "dev") == name
                || (route.TryGetProperty("nexthops", out JsonElement hops) && hops.EnumerateArray().Any(hop => Text(hop, "dev") == name))));

    /// <summary>Linux makes IPv6 link-local addresses from the MAC, and router advertisements bring dynamic ones again.</summary>
    private static bool IsOurs(JsonElement address)
        => address.TryGetProperty("local", out _)
            && !(Text(address, "family") == "inet6" && (Text(address, "scope") == "link" || address.TryGetProperty("dynamic", out _)));

    private static InterfaceAddress ToAddress(JsonElement address)
    {
        List<string> arguments = [$"{Text(address, "local")}/{Number(address, "prefixlen")}"];
        if (Text(address, "address") is { } peer)
        {
            arguments[0] = Text(address, "local")!;
            arguments.AddRange(["peer", $"{peer}/{Number(address, "prefixlen")}"]);
        }

        AddText(arguments, address, "broadcast", "broadcast");
        AddText(arguments, address, "scope", "scope");
        foreach (string flag in new[] { "noprefixroute", "nodad", "home" })
        {
            if (address.TryGetProperty(flag, out _))
            {
                arguments.Add(flag);
            }
        }

        // 2^32 - 1 is "forever". A lease goes on with what is left of it.
        AddLifetime(arguments, address, "valid_life_time", "valid_lft");
        AddLifetime(arguments, address, "preferred_life_time", "preferred_lft");
        return new InterfaceAddress(arguments);
    }

    private static IEnumerable<InterfaceRoute> ReadRoutes(string family, string name)
    {
        // Routes without a gateway come first: the others need them to reach theirs.
        return IpCommand.Query(family, "route", "show", "dev", name).EnumerateArray()
            .Where(route => Text(route, "protocol") is not ("kernel" or "ra"))
            .OrderBy(route => route.TryGetProperty("gateway", out _) || route.TryGetProperty("via", out _))
            .Select(route => ToRoute(family, route))
            .ToList();
    }

    private static InterfaceRoute ToRoute(string family, JsonElement route)
    {
        List<string> arguments = [family];
        if (Text(route, "type") is { } type)
        {
            arguments.Add(type);
        }

        arguments.Add(Text(route, "dst")!);
        AddText(arguments, route, "gateway", "via");
        if (route.TryGetProperty("via", out JsonElement via))
        {
            arguments.AddRange(["via", Text(via, "family")!, Text(via, "host")!]);
        }

        AddText(arguments, route, "protocol", "proto");
        AddText(arguments, route, "scope", "scope");
        AddText(arguments, route, "prefsrc", "src");
        if (route.TryGetProperty("metric", out _))
        {
            arguments.AddRange(["metric", Number(route, "metric")]);
        }

        if (route.TryGetProperty("flags", out JsonElement flags) && flags.EnumerateArray().Any(flag => flag.GetString() == "onlink"))
        {
            arguments.Add("onlink");
        }

        return new InterfaceRoute(arguments);
    }

    private static void AddText(List<string> arguments, JsonElement element, string property, string option)
    {
        if (Text(element, property) is { } value)
        {
            arguments.AddRange([option, value]);
        }
    }

    private static void AddLifetime(List<string> arguments, JsonElement address, string property, string option)
    {
        if (address.TryGetProperty(property, out JsonElement value) && value.GetInt64() < uint.MaxValue)
        {
            arguments.AddRange([option, Number(address, property)]);
        }
    }

    private static string? Text(JsonElement element, string property)
        => element.TryGetProperty(property, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static string Number(JsonElement element, string property)
        => element.GetProperty(property).GetInt64().ToString(CultureInfo.InvariantCulture);
}
