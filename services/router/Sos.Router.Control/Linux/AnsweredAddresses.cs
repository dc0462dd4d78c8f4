using System;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.InteropServices;
using Sos.Router.Routes;
using Sos.Router.Tables;

namespace Sos.Router.Control.Linux;

/// <summary>How Linux answers ARP on a network device.</summary>
/// <param name="Ignore">arp_ignore: 0 for any address of the machine, 1 for those of the device; of others it depends on who asks.</param>
/// <param name="Filters">arp_filter: whether it depends on the way back to who asks.</param>
internal readonly record struct ArpSettings(int Ignore, bool Filters)
{
    /// <summary>The settings of a device of which nobody can say in general whom it answers.</summary>
    public static ArpSettings DependsOnWhoAsks => new(2, true);
}

/// <summary>Lists the addresses of this machine that Linux surely answers for on the links of the router's interfaces, whoever asks.</summary>
internal static class AnsweredAddresses
{
    /// <summary>Lists the addresses, each once.</summary>
    /// <param name="addresses">This machine's addresses.</param>
    /// <param name="interfaces">For each number of a network device that is an interface of the router, the interface.</param>
    /// <param name="links">Network devices by number.</param>
    /// <param name="arp">How Linux answers ARP on a device, by its name.</param>
    public static IReadOnlyCollection<OwnAddress> List(
        IReadOnlyList<LinuxAddress> addresses,
        IReadOnlyDictionary<int, int> interfaces,
        IReadOnlyDictionary<int, LinuxLink> links,
        Func<string, ArpSettings> arp)
    {
        Dictionary<RouteAddress, OwnAddress> list = [];
        foreach ((int device, int number) in interfaces)
        {
            if (!links.TryGetValue(device, out LinuxLink? link) || link.IsEnslaved)
            {
                continue; // Its frames belong to the bridge, bond or VRF that it is a part of.
            }

            ArpSettings settings = link.HasArp ? arp(link.Name) : ArpSettings.DependsOnWhoAsks;
            foreach (LinuxAddress address in addresses.Where(address => Answers(address, device, settings)))
            {
                ref OwnAddress own = ref CollectionsMarshal.GetValueRefOrAddDefault(list, address.Address, out _);
                own.High = (ulong)(address.Address.Value >> 64);
                own.Low = (ulong)address.Address.Value;
                own.IsIpv6 = address.Address.IsIpv6 ? (byte)1 : (byte)0;
                own.Answered |= 1UL << number;
                if (address.Interface == device)
                {
                    own.Home |= 1UL << number;
                    own.PrefixLength = (byte)address.Length;
                }
            }
        }

        return list.Values;
    }

    private static bool Answers(LinuxAddress address, int device, ArpSettings settings)
    {
        bool isHere = address.Interface == device;
        if (address.Address.IsIpv6)
        {
            return isHere && address.IsAssigned;
        }

        bool isLoopback = (uint)address.Address.Value >> 24 == 127;
        return !isLoopback && !settings.Filters && (settings.Ignore == 0 || (isHere && settings.Ignore == 1));
    }
}
