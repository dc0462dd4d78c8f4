using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Threading;
using Sos.Cores.BackEnds;
using Sos.Cores.Carrying;
using Sos.Cores.Devices;
using Sos.Cores.Loading;
using Sos.Cores.Network;
using Sos.Cores.Plan;
using Sos.Cores.Running;
using Sos.Sdk.Control;

namespace Sos.Cores.Offline;

/// <summary>A PCI card on its way to a service of the offline back end, which drives it by itself; Linux gets a host port.</summary>
public sealed class CardDevice : INetworkDevice
{
    /// <summary>How long a driver's network device may take to appear after its probe.</summary>
    private static readonly TimeSpan InterfaceTimeout = TimeSpan.FromSeconds(5);

    private const int NoCore = -1;

    // Linux names a device, and udev another time.
    private const int RenameTriesMax = 3;

    private readonly PciDevice _card;
    private readonly string? _hostPort;
    private readonly CardRecord? _former;
    private readonly IReadOnlyList<string> _losses;
    private InterfaceConfiguration? _network;

    private CardDevice(PciDevice card, string? hostPort, IReadOnlyList<string> losses, CardRecord? former = null)
        => (_card, _hostPort, _losses, _former) = (card, hostPort, losses, former);

    /// <inheritdoc/>
    public string? Interface => _card.Interface ?? _former?.Network?.Name;

    /// <summary>Finds a card that a service can have.</summary>
    /// <param name="cpu">The core it is for.</param>
    /// <param name="name">Its PCI address, or the name of its network device in the first network namespace.</param>
    /// <param name="options">What the user wants of it.</param>
    /// <exception cref="SosException">There is none, or it should not be taken; the message says what to do.</exception>
    public static CardDevice Find(int cpu, string name, DeviceOptions options)
    {
        PciDevice card = FindClaimable(name, options.Force);
        DeviceOwners.CheckFree(new CardRecord(card.Address.ToString(), null, null, null), cpu);
        IReadOnlyList<string> losses = FindLosses(card);
        return losses.Count == 0 || options.Force
            ? new CardDevice(card, options.HostPort, losses)
            : throw new SosException(
                SosError.Refused,
                $"not all that Linux knows of {card.Interface ?? card.Address.ToString()} can be given to a host port: {string.Join("; ", losses)}; "
                + "or use --force to lose it");
    }

    /// <summary>The card of a service that is restarted. It stays with SOS meanwhile, quiet; what Linux had of it is taken from its record.</summary>
    /// <param name="former">The record, with the host port as it still is.</param>
    /// <param name="hostPort">Name of the host port; null for the card's.</param>
    /// <exception cref="SosException">It is gone.</exception>
    public static CardDevice FindAgain(CardRecord former, string? hostPort)
    {
        if (!PciAddress.TryParse(former.Device, out PciAddress address) || PciDevice.Read(address) is not { } card)
        {
            throw new SosException(SosError.NotFound, $"its card {former.Device} is gone: 'sosctl device list' shows those there are");
        }

        return new CardDevice(card, hostPort, [], HostPortReading.Reread(former));
    }

    /// <summary>Finds a card that can be claimed.</summary>
    /// <param name="name">Its PCI address, or the name of its network device in the first network namespace.</param>
    /// <param name="force">Whether it may be taken although the default route goes through it.</param>
    /// <param name="sys">Where sysfs is mounted.</param>
    /// <exception cref="SosException">There is none, or it should not be taken; the message says what to do.</exception>
    public static PciDevice FindClaimable(string name, bool force, string sys = "/sys")
    {
        using NetworkNamespace? first = NetworkNamespace.TryEnterFirst();
        IReadOnlyList<NetworkLink> links = NetworkLink.List();
        PciDevice card = PciAddress.TryParse(name, out _)
            ? CardLink.Complete(PciDevice.Find(name, sys), links, sys)
            : PciDevice.ListNetworkCards(sys).Select(shown => CardLink.Complete(shown, links, sys)).FirstOrDefault(found => found.Interface == name)
                ?? CardLink.Complete(PciDevice.Find(name, sys), links, sys);
        if (Obstacle(card, sys) is { } obstacle)
        {
            throw new SosException(SosError.Refused, $"{card.Address} cannot be given to a service: {obstacle}");
        }

        if (!force && card.Interface is { } network)
        {
            CheckDefaultRoute(network);
        }

        return card;
    }

    /// <summary>Finds the core whose service has a card, or the frames of its network device.</summary>
    /// <param name="card">The card.</param>
    /// <param name="folder">Where the cores' records are.</param>
    /// <param name="sys">Where sysfs is mounted.</param>
    /// <returns>Null when none has it.</returns>
    /// <exception cref="SosException">A record is damaged.</exception>
    public static int? FindOwner(PciDevice card, string folder, string sys)
    {
        using NetworkNamespace? first = NetworkNamespace.TryEnterFirst();
        IReadOnlyList<NetworkLink> links = NetworkLink.List();
        string? name = CardLink.Complete(card, links, sys).Interface;
        InterfaceConfiguration? network = links.FirstOrDefault(link => link.Name == name) is { } found
            ? new InterfaceConfiguration(found.Name, card.Mac ?? "", found.Mtu, found.IsUp, found.Index, Environment.TickCount64, null)
            : null;
        return DeviceOwners.Find(new CardRecord(card.Address.ToString(), null, network, null), NoCore, folder);
    }

    /// <summary>Why a service cannot have a card, or null.</summary>
    /// <remarks>Without root only 64 bytes can be read, and nothing is known of its capabilities: it is not called claimable for that.</remarks>
    public static string? Obstacle(PciDevice card, string sys = "/sys")
    {
        if (!card.IsVirtioNet)
        {
            return "services drive virtio-net cards only, so far";
        }

        try
        {
            VirtioPciCapabilities.Parse(card.ReadConfiguration(sys));
            return null;
        }
        catch (SosException e)
        {
            return e.Message;
        }
    }

    /// <summary>Gives a card and what it had back to Linux.</summary>
    /// <param name="cpu">The core that the service was on.</param>
    /// <param name="card">What it was.</param>
    /// <param name="notes">What the user should know.</param>
    /// <param name="sys">Where sysfs is mounted.</param>
    /// <param name="folder">Where the cores' records are.</param>
    /// <returns>Whether Linux has it again, or it is gone; else all may be repeated.</returns>
    public static bool GiveBack(int cpu, CardRecord card, List<string> notes, string sys = "/sys", string folder = CoreRecord.DefaultFolder)
    {
        try
        {
            if (!PciAddress.TryParse(card.Device, out PciAddress address))
            {
                throw new SosException(SosError.Failed, "its address in the core's record is damaged");
            }

            if (PciDevice.Read(address, sys) is null)
            {
                notes.Add($"there is no card {address} any more: somebody removed it");
                return true;
            }

            using (DeviceOwners.Lock(folder))
            {
                if (DeviceOwners.Find(card, cpu, folder) is { } other)
                {
                    notes.Add($"{address} stays with the service on core {other}, which has it: 'sosctl service stop {other}' gives it back");
                    return true;
                }

                DriverBinding.Return(address, sys);
            }

            return TryRestoreNetwork(cpu, address, card, notes, folder);
        }
        catch (Exception e) when (e is SosException or IOException)
        {
            notes.Add($"{card.Device} could not be given back fully: {e.Message}");
            return false;
        }
    }

    /// <inheritdoc/>
    public CardRecord Describe()
    {
        using NetworkNamespace? first = NetworkNamespace.TryEnterFirst();
        _network = _card.Interface is null ? _former?.Network : InterfaceConfiguration.Read(_card.Interface);
        return new CardRecord(_card.Address.ToString(), null, _network, null);
    }

    /// <inheritdoc/>
    public void Take() => DriverBinding.Take(_card);

    /// <inheritdoc/>
    public ServiceConfiguration Configure(ServiceConfiguration configuration, PortPlan port)
    {
        // A card that was claimed before had no network device to tell its address: the host port then makes up a local one.
        byte[] mac = (_card.Mac ?? _network?.Mac) is { } text ? Convert.FromHexString(text.Replace(":", "", StringComparison.Ordinal)) : RandomLocalMac();
        int mtu = Math.Min(_card.Mtu != 0 ? _card.Mtu : _network?.Mtu ?? 1500, HostPortLayout.MtuMax);
        string name = _hostPort ?? _network?.Name ?? "sos%d";
        return configuration with
        {
            Devices = [.. configuration.Devices, new DeviceRequest(_card.Address, VirtioPciCapabilities.Parse(_card.ReadConfiguration()), port.Name)],
            HostPorts = port.HasHostPort ? [.. configuration.HostPorts, new PortRequest(name, mac, mtu, Port: port.Name)] : configuration.HostPorts,
        };
    }

    /// <inheritdoc/>
    public IReadOnlyList<string> MoveNetwork(CardRecord card)
    {
        using NetworkNamespace? first = NetworkNamespace.TryEnterFirst();
        return [.. _losses, .. card is { HostPort: { } port, Network: { } network } ? network.Apply(port, isCard: false) : []];
    }

    internal static void CheckDefaultRoute(string network)
    {
        if (DefaultRoute.Describe(network) is { } route)
        {
            throw new SosException(
                SosError.Refused,
                $"{route}: this machine could become unreachable while it moves; "
                + "use --force if you have another way in, such as a console");
        }
    }

    /// <summary>Finds what of a card's network device is lost with it.</summary>
    private static IReadOnlyList<string> FindLosses(PciDevice card)
    {
        using NetworkNamespace? first = NetworkNamespace.TryEnterFirst();
        return card.Interface is { } network ? InterfaceConfiguration.FindLosses(network)
            : CardLink.IsElsewhere(card.Address)
                ? ["its network device is not in the first network namespace, and what it has would not come back: move it ('ip link set NAME netns 1')"]
                : [];
    }

    private static byte[] RandomLocalMac()
    {
        byte[] mac = new byte[6];
        Random.Shared.NextBytes(mac);
        mac[0] = (byte)((mac[0] & 0xfc) | 2); // unicast, locally administered (IEEE 802, 8.2)
        return mac;
    }

    private static bool TryRestoreNetwork(int cpu, PciAddress address, CardRecord card, List<string> notes, string folder)
    {
        if (card.Network is not { } network)
        {
            return true;
        }

        using NetworkNamespace? first = NetworkNamespace.TryEnterFirst();

        // udev may be renaming the device at this moment: it has its old name, or will be given it here.
        string? name = AwaitInterface(address);
        if (name is null)
        {
            notes.Add($"{address} has no network device again: is the module of its Linux driver loaded, and what does the kernel log say ('dmesg | tail')?");
            return false;
        }

        if (name != network.Name)
        {
            FreeName(cpu, card, network.Name, folder);
        }

        for (int tries = 1; name is not null && name != network.Name; tries++)
        {
            try
            {
                InterfaceName.Change(name, network.Name);
                break;
            }
            catch (SosException e) when (e.Error == SosError.NotFound && tries < RenameTriesMax)
            {
                name = AwaitInterface(address);
            }
        }

        notes.AddRange(network.Apply(network.Name, isCard: true));
        return true;
    }

    /// <summary>Takes a card's name from another card of the same service, to which Linux gave it: each would wait for the other one's for ever.</summary>
    private static void FreeName(int cpu, CardRecord card, string name, string folder)
    {
        foreach (CardRecord other in CoreRecord.Read(cpu, folder)?.Cards ?? [])
        {
            if (other.Device != card.Device && other.Network is { } network && network.Name != name
                && PciAddress.TryParse(other.Device, out PciAddress address) && CardLink.NameOf(address) == name)
            {
                InterfaceName.Change(name, "sos%d"); // the first that is free; it has its own again when its turn comes
            }
        }
    }

    private static string? AwaitInterface(PciAddress address)
    {
        DateTime end = DateTime.UtcNow + InterfaceTimeout;
        string? name;
        while ((name = CardLink.NameOf(address)) is null && DateTime.UtcNow < end)
        {
            Thread.Sleep(10);
        }

        return name;
    }
}
