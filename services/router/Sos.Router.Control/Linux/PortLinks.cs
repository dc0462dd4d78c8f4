using System.Collections.Generic;
using System.Linq;

namespace Sos.Router.Control.Linux;

/// <summary>A VLAN device on a port.</summary>
/// <param name="Link">The device.</param>
/// <param name="Port">The port.</param>
internal readonly record struct PortVlan(LinuxLink Link, int Port)
{
    /// <summary>Why the core leaves it to Linux; null if it need not.</summary>
    public string? Obstacle => Link.Vlan!.MapsPriorities
        ? "it maps priorities (ingress-qos-map, egress-qos-map), which the core does not do"
        : null;
}

/// <summary>Finds the network devices of a router's ports, and the VLANs above them.</summary>
internal static class PortLinks
{
    /// <summary>Finds the ports' own devices.</summary>
    /// <param name="links">All network devices.</param>
    /// <param name="portNames">For each port the names that its network device may have.</param>
    /// <returns>For each number of such a device, the port.</returns>
    public static Dictionary<int, int> FindPorts(IReadOnlyCollection<LinuxLink> links, IReadOnlyList<IReadOnlyList<string>> portNames)
    {
        Dictionary<int, int> ports = [];
        for (int port = 0; port < portNames.Count; port++)
        {
            if (portNames[port].Select(name => links.FirstOrDefault(link => link.Name == name)).FirstOrDefault(link => link is not null) is { } link)
            {
                ports[link.Index] = port;
            }
        }

        return ports;
    }

    /// <summary>Finds the VLANs on ports, in the order of the devices' numbers.</summary>
    /// <param name="links">All network devices.</param>
    /// <param name="ports">The ports' own, as <see cref="FindPorts"/> gives them.</param>
    public static IEnumerable<PortVlan> FindVlans(IReadOnlyCollection<LinuxLink> links, IReadOnlyDictionary<int, int> ports)
        => links.Where(link => link.Vlan is { } vlan && ports.ContainsKey(vlan.Below)).OrderBy(link => link.Index)
            .Select(link => new PortVlan(link, ports[link.Vlan!.Below]));

    /// <summary>Finds the network devices that are interfaces of the router.</summary>
    /// <param name="links">All network devices.</param>
    /// <param name="portNames">For each port the names that its network device may have.</param>
    /// <param name="vlans">The VLANs that the core has, with their numbers.</param>
    /// <returns>For each number of such a device, the interface.</returns>
    public static Dictionary<int, int> FindInterfaces(
        IReadOnlyCollection<LinuxLink> links, IReadOnlyList<IReadOnlyList<string>> portNames, IEnumerable<(int Number, int Port, uint Tag)> vlans)
    {
        Dictionary<int, int> interfaces = FindPorts(links, portNames);
        Dictionary<(int Port, uint Tag), int> numbers = vlans.ToDictionary(vlan => (vlan.Port, vlan.Tag), vlan => vlan.Number);
        foreach (PortVlan vlan in FindVlans(links, interfaces).ToArray())
        {
            if (numbers.TryGetValue((vlan.Port, vlan.Link.Vlan!.Tag), out int number))
            {
                interfaces.Add(vlan.Link.Index, number);
            }
        }

        return interfaces;
    }
}
