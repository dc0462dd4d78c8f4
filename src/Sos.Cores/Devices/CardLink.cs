using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Sos.Cores.Network;

namespace Sos.Cores.Devices;

/// <summary>The network device of a card, by what Linux says of its parent: sysfs shows those of the network namespace only for which it was mounted.</summary>
internal static class CardLink
{
    /// <summary>The name of a card's network device in this network namespace; null when it has none here.</summary>
    public static string? NameOf(PciAddress address, string sys = "/sys") => Find(address, NetworkLink.List(), sys)?.Name;

    /// <summary>Whether Linux drives a card as a network device, which is not in this network namespace.</summary>
    public static bool IsElsewhere(PciAddress address, string sys = "/sys")
        => VirtioDevices(address, sys).Any(folder => PciDevice.LinkName(Path.Combine(folder, "driver")) is "virtio_net") && NameOf(address, sys) is null;

    /// <summary>Completes what sysfs says of a card by what Linux says of its network device.</summary>
    /// <param name="card">The card as sysfs shows it, which may be that of another network namespace.</param>
    /// <param name="links">The network devices of the namespace in which cards are.</param>
    /// <param name="sys">Where sysfs is mounted.</param>
    /// <returns>The card with its network device there; without one if it has none there.</returns>
    public static PciDevice Complete(PciDevice card, IReadOnlyList<NetworkLink> links, string sys = "/sys")
        => (Find(card.Address, links, sys) ?? links.FirstOrDefault(link => link.Name == card.Interface && link is { Parent: null, Kind: null })) is { } found
            ? card with
            {
                Interface = found.Name,
                Mac = string.Join(':', Convert.ToHexStringLower(found.Mac).Chunk(2).Select(digits => new string(digits))),
                Mtu = found.Mtu,
            }
            : card with { Interface = null, Mac = null, Mtu = 0 };

    private static NetworkLink? Find(PciAddress address, IReadOnlyList<NetworkLink> links, string sys)
    {
        HashSet<string> parents = [address.ToString(), .. VirtioDevices(address, sys).Select(folder => Path.GetFileName(folder))];
        return links.FirstOrDefault(link => link.Parent is { } parent && parents.Contains(parent));
    }

    private static IEnumerable<string> VirtioDevices(PciAddress address, string sys)
        => PciDevice.Folder(address, sys) is var folder && Directory.Exists(folder) ? Directory.EnumerateDirectories(folder, "virtio*") : [];
}
