using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Net;
using System.Text;

namespace Sos.Demo.Rules;

/// <summary>
/// The sources that the demo's rules block, as on a block list of the day: single addresses, and networks of 256 addresses.
/// </summary>
internal sealed class BlockList
{
    private const int NetworkShare = 10; // one entry in ten is a network
    private const uint HostMask = 0xff;
    private readonly List<uint> _addresses = [];
    private readonly List<uint> _networks = [];
    private readonly Random _random;

    /// <summary>Makes a list.</summary>
    /// <param name="count">Entries.</param>
    /// <param name="seed">Equal seeds give equal lists.</param>
    public BlockList(int count, int seed)
    {
        _random = new Random(seed);
        HashSet<uint> taken = [];
        while (_addresses.Count + _networks.Count < count)
        {
            // One entry at most in each network of 256 addresses: so none lies in another, and nft takes the list as it is.
            uint network = Unicast(_random);
            if (!taken.Add(network))
            {
                continue;
            }

            if (taken.Count % NetworkShare == 0)
            {
                _networks.Add(network);
            }
            else
            {
                _addresses.Add(network | (uint)_random.Next(1, 255));
            }
        }
    }

    /// <summary>The entries, as nft writes them.</summary>
    public IEnumerable<string> Entries =>
        _addresses.Select(address => Address(address).ToString()).Concat(_networks.Select(network => Address(network) + "/24"));

    /// <summary>Addresses that the list blocks, each entry in turn; from a network, a random one.</summary>
    /// <param name="count">How many.</param>
    public IEnumerable<IPAddress> Sources(int count)
    {
        List<uint> entries = [.. _addresses, .. _networks];
        for (int i = 0; i < count; i++)
        {
            uint entry = entries[i % entries.Count];
            yield return Address((entry & HostMask) == 0 ? entry | (uint)_random.Next(1, 255) : entry);
        }
    }

    /// <summary>The rules: what the machine offers is let in, but from nobody on the list; all else is dropped.</summary>
    public string Ruleset()
    {
        StringBuilder text = new();
        _ = text.Append(
            """
            table inet demo {
                set blocked {
                    type ipv4_addr
                    flags interval
                    elements = {
            """).Append(' ').AppendJoin(", ", Entries).Append(
            """
             }
                }
                chain input {
                    type filter hook input priority 0; policy drop;
                    ip saddr @blocked counter drop
                    icmp type echo-request counter accept
                    tcp dport { 22, 80 } counter accept
                    meta l4proto ipv6-icmp counter accept
                    counter drop
                }
            }

            """);
        return text.ToString();
    }

    private static IPAddress Address(uint value) =>
        IPAddress.Parse(string.Create(
            CultureInfo.InvariantCulture, $"{value >> 24}.{(value >> 16) & 255}.{(value >> 8) & 255}.{value & 255}"));

    // A network of 256 unicast addresses that is neither private nor special (RFC 6890).
    private static uint Unicast(Random random)
    {
        uint first;
        do
        {
            first = (uint)random.Next(11, 223);
        }
        while (first is 100 or 127 or 169 or 172 or 192 or 198 or 203);
        return (first << 24) | ((uint)random.Next(1 << 16) << 8);
    }
}
