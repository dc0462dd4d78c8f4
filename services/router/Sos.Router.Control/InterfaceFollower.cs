using System;
using System.Collections.Generic;
using System.Linq;
using Sos.Router.Control.Filter;
using Sos.Router.Control.Linux;
using Sos.Router.Routes;
using Sos.Router.Tables;

namespace Sos.Router.Control;

/// <summary>Follows which network devices are interfaces of the router, its ports' own and the VLANs on them, and gives the core their settings.</summary>
internal sealed class InterfaceFollower
{
    private readonly RouterTableWriter _writer;
    private readonly IReadOnlyList<IReadOnlyList<string>> _portNames;
    private readonly Action<string> _tell;
    private readonly InterfaceNumbers _vlanNumbers;
    private readonly Dictionary<int, LinuxLink> _links = [];
    private readonly Dictionary<int, int> _numbers = [];

    /// <summary>Begins with no interfaces but those that a follower before has left.</summary>
    /// <param name="table">The router's memory.</param>
    /// <param name="writer">Writes it.</param>
    /// <param name="portNames">For each port the names that its network device may have.</param>
    /// <param name="tell">Takes what a person should know.</param>
    public InterfaceFollower(in RouterTable table, RouterTableWriter writer, IReadOnlyList<IReadOnlyList<string>> portNames, Action<string> tell)
    {
        _writer = writer;
        _portNames = portNames;
        _tell = tell;
        _vlanNumbers = new InterfaceNumbers(new TableReader(table).ReadVlans());
    }

    /// <summary>Network devices by number.</summary>
    public IReadOnlyDictionary<int, LinuxLink> Links => _links;

    /// <summary>For each number of a network device that is an interface of the router, the interface.</summary>
    public IReadOnlyDictionary<int, int> Numbers => _numbers;

    /// <summary>The network device of an interface.</summary>
    /// <returns>Its number; 0 when there is none.</returns>
    public int DeviceOf(int number) => _numbers.FirstOrDefault(pair => pair.Value == number).Key;

    /// <summary>Takes the network devices that there are. Interfaces that are gone are closed; others are open with their settings.</summary>
    public void Take(IReadOnlyList<LinuxLink> links)
    {
        _links.Clear();
        _numbers.Clear();
        foreach (LinuxLink link in links)
        {
            _links[link.Index] = link;
        }

        foreach ((int device, int port) in PortLinks.FindPorts(links, _portNames))
        {
            _numbers.Add(device, port);
        }

        for (int port = 0; port < _portNames.Count; port++)
        {
            if (!_numbers.ContainsValue(port))
            {
                _tell($"there is no network device {string.Join(" or ", _portNames[port])}: what its port receives goes to Linux");
                _writer.SetInterface(port, default);
            }
        }

        PortVlan[] vlans = [.. PortLinks.FindVlans(links, _numbers)];
        foreach (PortVlan vlan in vlans.Where(vlan => vlan.Obstacle is not null))
        {
            _tell($"{vlan.Link.Name} is left to Linux: {vlan.Obstacle}");
        }

        Dictionary<PortVlan, int> numbers = _vlanNumbers.Number(vlans.Where(vlan => vlan.Obstacle is null), out List<PortVlan> left);
        foreach ((PortVlan vlan, int number) in numbers)
        {
            _numbers.Add(vlan.Link.Index, number);
        }

        foreach (PortVlan vlan in left)
        {
            const int most = RouterHeader.InterfacesMax - RouterHeader.PortsMax;
            _tell($"{vlan.Link.Name} is left to Linux: the router has {most} VLANs already, as many as it can");
        }

        foreach (int number in _vlanNumbers.Gone)
        {
            _writer.SetInterface(number, default);
        }
    }

    /// <summary>Gives the core what Linux has set for the interfaces.</summary>
    /// <param name="configurations">Linux's settings by network device and family.</param>
    public void WriteSettings(IReadOnlyDictionary<(int Device, bool IsIpv6), LinuxConfiguration> configurations)
    {
        int all = configurations.GetValueOrDefault((LinuxNetwork.AllDevices, false)).ReversePath;
        foreach ((int device, int number) in _numbers)
        {
            LinuxLink link = _links[device];
            LinuxConfiguration ipv4 = configurations.GetValueOrDefault((device, false));
            InterfaceFlags reversePath = Math.Max(all, ipv4.ReversePath) switch
            {
                0 => InterfaceFlags.None,
                1 => InterfaceFlags.ReversePathStrict,
                _ => InterfaceFlags.ReversePathLoose,
            };

            // For IPv6 Linux goes by the setting of all devices alone; a device's own leaves it to Linux.
            bool forwards6 = configurations.GetValueOrDefault((device, true)).Forwards
                && configurations.GetValueOrDefault((LinuxNetwork.AllDevices, true)).Forwards;
            bool isVlan = number >= RouterHeader.PortsMax;
            InterfaceFlags flags = (link.IsUp ? InterfaceFlags.Up : 0) | reversePath
                | (ipv4.Forwards && !link.IsEnslaved ? InterfaceFlags.Forwards4 : 0) | (forwards6 && !link.IsEnslaved ? InterfaceFlags.Forwards6 : 0);
            InterfaceSettings settings = new()
            {
                Mac = link.Mac,
                Mtu = link.Mtu,
                Flags = flags,
                Tag = isVlan ? link.Vlan!.Tag : 0,
                Port = isVlan ? (uint)_numbers[link.Vlan!.Below] : 0,
            };
            _writer.SetInterface(number, settings, link.Name);
        }
    }

    /// <summary>Lets the numbers of VLANs that are gone be given again, as soon as the core has let them go. No route may lead to them any more.</summary>
    public void LetGo()
    {
        if (_vlanNumbers.TakeGone() is { Count: > 0 } gone)
        {
            _writer.WhenLetGo(() => _vlanNumbers.Free(gone));
        }
    }

    /// <summary>The interfaces as rules name them, by their numbers; null for numbers that nobody has.</summary>
    public IReadOnlyList<FilteredInterface?> ForRules() => FilteredInterface.List(_links, _numbers);
}
