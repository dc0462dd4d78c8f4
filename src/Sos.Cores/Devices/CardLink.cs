using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using Sos.Cores.Network;

namespace Sos.Cores.Devices;

/// <summary>The network device of a card, by what Linux says of its parent: sysfs shows those of the network namespace only for which it was mounted.</summary>
internal static class CardLink
{
    private const ushort GetLink = 18; // RTM_GETLINK
    private const int FixedSize = 16; // struct ifinfomsg
    private const ushort InterfaceName = 3; // IFLA_IFNAME
    private const ushort Parent = 56; // IFLA_PARENT_DEV_NAME, Linux 5.14

    /// <summary>The name of a card's network device in this network namespace; null when it has none here.</summary>
    public static string? NameOf(PciAddress address, string sys = "/sys")
    {
        HashSet<string> parents = [address.ToString(), .. VirtioDevices(address, sys).Select(folder => Path.GetFileName(folder))];
        using RouteSocket routes = new();
        return routes.QueryAll(RouteMessage.Link(GetLink, RouteSocket.Dump, 0))
            .Where(link => link.Length > FixedSize && parents.Contains(Text(link, Parent)))
            .Select(link => Text(link, InterfaceName))
            .FirstOrDefault();
    }

    /// <summary>Whether Linux drives a card as a network device, which is not in this network namespace.</summary>
    public static bool IsElsewhere(PciAddress address, string sys = "/sys")
        => VirtioDevices(address, sys).Any(folder => PciDevice.LinkName(Path.Combine(folder, "driver")) is "virtio_net") && NameOf(address, sys) is null;

    private static IEnumerable<string> VirtioDevices(PciAddress address, string sys)
        => PciDevice.Folder(address, sys) is var folder && Directory.Exists(folder) ? Directory.EnumerateDirectories(folder, "virtio*") : [];

    private static string Text(byte[] link, ushort attribute)
        => Encoding.UTF8.GetString(RouteSocket.Find(System.MemoryExtensions.AsSpan(link, FixedSize), attribute)).TrimEnd('\0');
}
