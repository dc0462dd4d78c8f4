using System.Collections.Generic;
using System.Linq;
using System.Text.RegularExpressions;

namespace Sos.Isolated.Tests;

/// <summary>All that Linux knows of a device, by kind, as its own tools show it. Counts and the time that something has left are not part of it.</summary>
internal sealed partial class NetworkSnapshot
{
    private static readonly (string Kind, string Command)[] Commands =
    [
        ("link", "ip -d -j link show dev eth0"),
        ("addresses", "ip -d -j address show dev eth0"),
        ("routes", "ip -d route show table all"),
        ("IPv6 routes", "ip -d -6 route show table all"),
        ("rules", "ip -j rule show; ip -6 -j rule show"),
        ("neighbours", "ip -j neigh show nud permanent dev eth0"),
        ("multicast", "ip -j maddress show dev eth0"),
        ("sysctls", "sysctl -a -r \"net[.]ipv[46][.].*[.]eth0[.]\" 2>/dev/null"),
        ("queues", "tc -j qdisc show dev eth0; tc -j class show dev eth0"),
        ("filters", "tc -j filter show dev eth0 ingress; tc -j filter show dev eth0 egress"),
        ("nft", "nft -j list ruleset"),
        ("features", "ethtool -k eth0; ethtool -l eth0 2>&1"),
    ];

    private readonly Dictionary<string, string> _parts;

    private NetworkSnapshot(Dictionary<string, string> parts) => _parts = parts;

    /// <summary>Takes one at the host of a pair.</summary>
    public static NetworkSnapshot Take(NetworkPair network) => new(Commands.ToDictionary(
        each => each.Kind, each => Lines().Replace(Changing().Replace(network.AtHost($"bash -c '{each.Command}'").Output, ""), "")));

    /// <summary>The kinds in which another one differs, and how.</summary>
    public IReadOnlyList<string> DifferencesTo(NetworkSnapshot other) => [.. _parts
        .Where(part => other._parts[part.Key] != part.Value)
        .Select(part => $"{part.Key}:\n  before: {part.Value.Trim()}\n  now:    {other._parts[part.Key].Trim()}")];

    /// <summary>Lifetimes, counters and the states that an address goes through.</summary>
    [GeneratedRegex("\"(valid_life_time|preferred_life_time|packets|bytes|tentative)\": ?\\w+,?|expires \\d+sec")]
    private static partial Regex Changing();

    /// <summary>Routes of devices that are not eth0's: those of ours come and go.</summary>
    [GeneratedRegex("^.*dev sos.*$\n?", RegexOptions.Multiline)]
    private static partial Regex Lines();
}
