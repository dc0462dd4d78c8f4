using System;
using System.Collections.Generic;
using Sos.Cores.BackEnds;
using Sos.Cores.Devices;
using Sos.Cores.Loading;
using Sos.Cores.Native;
using Sos.Cores.Running;
using Sos.Sdk.Control;

namespace Sos.Cores.Isolation.Network;

/// <summary>
/// A network device of Linux on its way to a service of the isolated back end. It stays with its driver; AF_XDP gives its frames to the
/// service, and a TAP device takes its name, MAC, addresses and routes.
/// </summary>
public sealed class NetdevDevice : INetworkDevice
{
    private const int NameMax = 15; // IFNAMSIZ less the zero

    private readonly string _name;
    private readonly int _cpu;
    private readonly DeviceOptions _options;
    private InterfaceConfiguration? _network;
    private NetdevRecord? _record;

    private NetdevDevice(string name, int cpu, DeviceOptions options) => (_name, _cpu, _options) = (name, cpu, options);

    /// <inheritdoc/>
    public string? Interface => _name;

    /// <summary>Finds a network device.</summary>
    /// <param name="name">Its name, or the PCI address of its card.</param>
    /// <param name="cpu">The core it is for.</param>
    /// <param name="options">What the user wants of it.</param>
    /// <exception cref="SosException">There is none, or it should not be taken; the message says what to do.</exception>
    public static NetdevDevice Find(string name, int cpu, DeviceOptions options)
    {
        if (PciAddress.TryParse(name, out PciAddress address))
        {
            name = PciDevice.Read(address)?.Interface ?? throw new SosException(
                SosError.NotFound, $"{address} has no network device: an isolated core reaches a card through Linux's driver for it");
        }

        if (NetworkCalls.InterfaceIndex(name) == 0)
        {
            throw new SosException(SosError.NotFound, $"no network device is called {name}: 'ip link show' shows those there are");
        }

        if (!IpLink.IsEthernet(name))
        {
            throw new SosException(SosError.Refused, $"{name} is no Ethernet device: services know Ethernet frames only");
        }

        if (IpLink.HasProgram(name))
        {
            throw new SosException(
                SosError.Refused, $"there is an XDP program before {name} already: end the program that put it there, or 'ip link set dev {name} xdp off'");
        }

        if (!options.Force)
        {
            CardDevice.CheckDefaultRoute(name);
        }

        return new NetdevDevice(name, cpu, options);
    }

    /// <summary>Gives a network device its name, addresses and routes back, in its namespace.</summary>
    /// <param name="card">What it was.</param>
    /// <param name="notes">What the user should know.</param>
    /// <returns>Whether Linux has it again; else all may be repeated.</returns>
    public static bool GiveBack(CardRecord card, List<string> notes)
    {
        if (card is not { Network: { } network, Netdev: { } netdev })
        {
            notes.Add("the core's record names no network device: 'ip link show' shows what there is");
            return true;
        }

        try
        {
            using NetworkNamespace? place = NetworkNamespace.TryEnter(netdev.Namespace);
            if (place is null)
            {
                notes.Add($"the network namespace of {network.Name} is gone, and the device with it or back in the first namespace ('ip link show')");
                return true;
            }

            Restore(network, netdev, notes);
            return true;
        }
        catch (SosException e)
        {
            notes.Add($"{network.Name} could not be given back fully: {e.Message}");
            return false;
        }
    }

    /// <inheritdoc/>
    public CardRecord Describe()
    {
        _network = InterfaceConfiguration.Read(_name);
        if (_network.Mtu > HostPortLayout.MtuMax)
        {
            throw new SosException(
                SosError.Refused, $"{_name} has an MTU of {_network.Mtu}, a service takes {HostPortLayout.MtuMax} at most: 'ip link set {_name} mtu 1500'");
        }

        (int combined, int receive) = QueueCount.Read(_name);
        string hidden = $"sos{_cpu}-{_name}";
        _record = new NetdevRecord(
            hidden.Length <= NameMax ? hidden : hidden[..NameMax], combined, receive, IpLink.IsPromiscuous(_name), IpLink.AddressMode(_name),
            NetworkNamespace.Current);
        return new CardRecord(_name, null, _network, null) { Netdev = _record };
    }

    /// <inheritdoc/>
    public void Take()
    {
        NetdevRecord record = _record ?? throw new InvalidOperationException("Describe comes before Take");
        if (NetworkCalls.InterfaceIndex(record.Hidden) != 0)
        {
            throw new SosException(SosError.Refused, $"there is a network device {record.Hidden} already, as {_name} would be called: rename it");
        }

        // Linux must not answer on it by itself, as it would once it has an address.
        InterfaceName.Change(_name, record.Hidden);
        IpCommand.Run("address", "flush", "dev", record.Hidden);
        _ = TryIp("link", "set", "dev", record.Hidden, "addrgenmode", "none");
        UseOneQueue(record);
    }

    /// <summary>One socket takes one queue; with one queue it is all frames.</summary>
    internal static void UseOneQueue(NetdevRecord netdev)
    {
        (int Combined, int Receive) one = (Math.Min(netdev.CombinedQueues, 1), Math.Min(netdev.ReceiveQueues, netdev.CombinedQueues > 0 ? 0 : 1));
        if ((netdev.CombinedQueues > 1 || netdev.ReceiveQueues > 1) && QueueCount.Read(netdev.Hidden) != one)
        {
            QueueCount.Set(netdev.Hidden, one.Combined, one.Receive);
        }
    }

    /// <inheritdoc/>
    public ServiceConfiguration Configure(ServiceConfiguration configuration, string port)
        => Configure(configuration, port, _network!, _record!, _options);

    /// <summary>What a service is given of a device that is hidden.</summary>
    internal static ServiceConfiguration Configure(
        ServiceConfiguration configuration, string port, InterfaceConfiguration network, NetdevRecord netdev, DeviceOptions options)
    {
        byte[] mac = Convert.FromHexString(network.Mac.Replace(":", "", StringComparison.Ordinal));
        return configuration with
        {
            XskPorts = [.. configuration.XskPorts, new XskRequest(netdev.Hidden, mac, network.Mtu, options.BusyPoll, port)],
            HostPorts = [.. configuration.HostPorts, new PortRequest(options.HostPort ?? network.Name, mac, network.Mtu, Port: port)],

            // A chunk of frame memory is a page: twice the memory for as many buffers.
            PacketMemorySize = Math.Max(
                configuration.PacketMemorySize, 2 * ServiceConfiguration.DefaultPacketMemorySize * ((ulong)configuration.XskPorts.Count + 1)),
        };
    }

    /// <inheritdoc/>
    public IReadOnlyList<string> MoveNetwork(CardRecord card) => card.HostPort is { } port ? _network!.Apply(port) : [];

    private static void Restore(InterfaceConfiguration network, NetdevRecord netdev, List<string> notes)
    {
        // Its name may be that of before: the start may have failed early.
        uint hidden = NetworkCalls.InterfaceIndex(netdev.Hidden);
        if (hidden != 0)
        {
            InterfaceName.Change(netdev.Hidden, network.Name);
            XdpAttachment.Remove(hidden);
        }

        if (NetworkCalls.InterfaceIndex(network.Name) == 0)
        {
            notes.Add($"there is no network device {network.Name} any more: somebody removed it");
            return;
        }

        _ = TryIp("link", "set", "dev", network.Name, "promisc", netdev.Promiscuous ? "on" : "off");
        _ = TryIp("link", "set", "dev", network.Name, "addrgenmode", netdev.AddressMode);
        if (netdev.CombinedQueues > 1 || netdev.ReceiveQueues > 1)
        {
            QueueCount.Set(network.Name, netdev.CombinedQueues, netdev.ReceiveQueues);
        }

        notes.AddRange(network.Apply(network.Name));
    }

    private static string? TryIp(params IEnumerable<string> arguments)
    {
        try
        {
            return IpCommand.Run(arguments);
        }
        catch (SosException)
        {
            // Without IPv6 there is no such setting.
            return null;
        }
    }
}
