using System;
using System.Collections.Generic;
using System.Linq;
using Sos.Cores.BackEnds;
using Sos.Cores.Carrying;
using Sos.Cores.Devices;
using Sos.Cores.Loading;
using Sos.Cores.Native;
using Sos.Cores.Network;
using Sos.Cores.Plan;
using Sos.Cores.Running;
using Sos.Linux;
using Sos.Sdk.Control;

namespace Sos.Cores.Isolation.Network;

/// <summary>
/// A network device of Linux whose frames a service of the isolated back end gets. Linux keeps it, with its name, number, addresses, routes and all else that
/// refers to it: a program takes what it receives, and what the service passes comes back into its receive path.
/// </summary>
public sealed class NetdevDevice : INetworkDevice
{
    private const uint PairQueueLength = 10_000; // frames of a burst that is cut into segments

    // Whatever fits a packet buffer, with tags: what does not is the service's to drop and count.
    private const uint PairMtu = HostSlot.FrameMax + 64;

    // 4096 frames: a TCP window, while the keeper waits for a cpu that all others use too.
    private const uint HostSlots = 4096;

    private const int RestoreTriesMax = 2;

    // Frames that its virtual function receives come by no XDP program of its own, and go on to Linux.
    private const string DriverWithSecondPath = "hv_netvsc";

    private static readonly string[] TagFeatures = ["rx-vlan-hw-parse", "rx-vlan-stag-hw-parse"];

    // Which would leave a frame's checksum, segments or tag to the far end: there it is a service.
    private static readonly string[] SendFeatures =
    [
        "tx-checksum-ip-generic", "tx-checksum-sctp", "tx-scatter-gather", "tx-scatter-gather-fraglist", "tx-tcp-segmentation", "tx-tcp6-segmentation",
        "tx-udp-segmentation", "tx-vlan-hw-insert", "tx-vlan-stag-hw-insert", "tx-gso-list",
    ];

    private readonly NetworkLink _link;
    private readonly int _cpu;
    private readonly DeviceOptions _options;
    private readonly NetdevRecord? _former;
    private readonly FrameWayNames _names;

    // 31 bits: BPF compares with a signed number.
    private readonly int _mark = Random.Shared.Next(1, int.MaxValue);
    private NetdevRecord? _record;
    private bool _isNative;

    private NetdevDevice(NetworkLink link, int cpu, DeviceOptions options, NetdevRecord? former)
        => (_link, _cpu, _options, _former, _names) = (link, cpu, options, former, FrameWayNames.For(cpu, link.Index));

    /// <inheritdoc/>
    public string? Interface => _link.Name;

    /// <summary>Finds a network device.</summary>
    /// <param name="name">One of its names, or the PCI address of its card.</param>
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

        NetworkLink link = NetworkLink.Find(name)
            ?? throw new SosException(SosError.NotFound, $"no network device is called {name}: 'ip link show' shows those there are");
        if (!link.IsEthernet)
        {
            throw new SosException(SosError.Refused, $"{name} is no Ethernet device: services know Ethernet frames only");
        }

        if (options.HostPort is { } port && port != link.Name)
        {
            throw new SosException(
                SosError.Usage, $"on an isolated core Linux keeps {link.Name} itself, under its name: leave '--host-port {port}' out");
        }

        NetdevDevice device = new(link, cpu, options, null);
        DeviceOwners.CheckFree(device.Describe(), cpu);
        if (!options.Force && DefaultRoute.Describe(link.Name) is { } route)
        {
            throw new SosException(
                SosError.Refused,
                $"{route}: rules that are wrong, or a service that dies, can make this machine unreachable; "
                + "use --force if you have another way in, such as a console, or if that is what you want");
        }

        return device;
    }

    /// <summary>Finds the device of a service that is restarted. Its frames are not Linux's meanwhile, unless it is to be open.</summary>
    /// <param name="cpu">The core that it is for.</param>
    /// <param name="former">The record of the service that had it.</param>
    /// <param name="options">What the user wanted of it.</param>
    /// <exception cref="SosException">It is gone.</exception>
    public static NetdevDevice FindAgain(int cpu, NetdevRecord former, DeviceOptions options)
        => NetworkLink.Read(former.Index) is { } link && DeviceSearch.IsIt(link, former, cpu)
            ? new NetdevDevice(link, cpu, options, former)
            : throw new SosException(
                SosError.NotFound,
                $"the network device {former.Name} of core {cpu}'s service is gone: 'sosctl service stop {cpu}' forgets it, then "
                + $"'sosctl service start {cpu} IMAGE' starts anew");

    /// <summary>Gives the frames of a network device back, in its namespace.</summary>
    /// <param name="cpu">The core that the service was on.</param>
    /// <param name="card">What was recorded of it.</param>
    /// <param name="notes">What the user should know.</param>
    /// <returns>Whether Linux has them again; else all may be repeated.</returns>
    public static bool GiveBack(int cpu, CardRecord card, List<string> notes)
    {
        if (card.Netdev is not { } netdev)
        {
            notes.Add("the core's record names no network device: 'ip link show' shows what there is");
            return true;
        }

        try
        {
            using NetworkNamespace? place = NetworkNamespace.TryEnter(netdev.Namespace);
            NetworkLink? link = place is null ? null : NetworkLink.Read(netdev.Index);
            if (link is not null && DeviceSearch.IsIt(link, netdev, cpu))
            {
                Restore(link, cpu, netdev, notes);
            }
            else if (DeviceSearch.TryVisit(netdev, cpu, moved => Restore(moved, cpu, netdev, notes)))
            {
                notes.Add($"{netdev.Name} had been moved to another network namespace: its frames are Linux's again there");
            }
            else
            {
                notes.Add(place is null
                    ? $"the network namespace of {netdev.Name} is gone, and the device with it or back in the first namespace ('ip link show')"
                    : $"there is no network device {netdev.Name} any more: somebody removed it");
            }

            if (place is not null)
            {
                NetworkLink.Remove(FrameWayNames.For(cpu, netdev.Index).Take);
            }

            return true;
        }
        catch (SosException e)
        {
            notes.Add($"{netdev.Name} could not be given back fully: {e.Message}");
            return false;
        }
    }

    /// <summary>Says what became of the network devices of a service, now and since it was started.</summary>
    /// <param name="cpu">The core that the service is on.</param>
    internal static IReadOnlyList<string> Remarks(int cpu)
    {
        if (CoreRecord.Read(cpu) is not { } record)
        {
            return [];
        }

        DeviceDrift drift = DeviceDrift.Read(cpu, record.Started);
        return
        [
            .. record.Cards.Select(card => card.Netdev).OfType<NetdevRecord>().SelectMany(netdev => Remarks(cpu, netdev)),
            .. drift.Programs + drift.Settings > 0 ? [drift.ToString()] : Array.Empty<string>(),
            .. drift.Problem is { } problem ? [problem] : Array.Empty<string>(),
        ];
    }

    private static string[] Remarks(int cpu, NetdevRecord netdev)
    {
        try
        {
            using NetworkNamespace? place = NetworkNamespace.TryEnter(netdev.Namespace);
            return (place is null ? null : NetworkLink.Read(netdev.Index)) is { } link && DeviceSearch.IsIt(link, netdev, cpu)
                ? [.. RemarksOn(cpu, netdev, link)]
                : [$"its network device {netdev.Name} is gone: 'sosctl service stop {cpu}' ends the service"];
        }
        catch (SosException e)
        {
            return [$"its network device {netdev.Name} cannot be looked at: {e.Message}"];
        }
    }

    private static IEnumerable<string> RemarksOn(int cpu, NetdevRecord netdev, NetworkLink link)
    {
        if (!link.IsUp)
        {
            yield return $"its network device {link.Name} is switched off: 'ip link set dev {link.Name} up'";
        }

        if (link.Mtu > HostPortLayout.MtuMax)
        {
            yield return $"{link.Name} has an MTU of {link.Mtu} now: longer frames than {HostPortLayout.MtuMax} bytes are dropped, "
                + $"'ip link set dev {link.Name} mtu 1500'";
        }

        if (DeviceSearch.ProgramsAt(link, cpu).Count == 0)
        {
            yield return $"its program at {link.Name} was taken away, frames reach Linux unjudged: 'sosctl service restart {cpu}' puts it back";
        }

        if (!XdpAttachment.IsOurs(link, cpu))
        {
            FrameWayNames names = FrameWayNames.For(cpu, link.Index);
            if (NetworkCalls.InterfaceIndex(names.Take) == 0 || NetworkCalls.InterfaceIndex(names.Service) == 0)
            {
                yield return $"{names.Take}, through which its frames go, was removed, and none passes: 'sosctl service restart {cpu}' makes it again";
            }

            yield break;
        }

        (int combined, int receive) = QueueCount.Read(link.Name);
        if (combined + receive > 1)
        {
            yield return $"{link.Name} has {combined + receive} queues now, and what comes by another one than the first is dropped: "
                + $"'sosctl service restart {cpu}' sets it to one";
        }

        DeviceFeatures features = DeviceFeatures.Of(link.Name);
        if (netdev.TagsStripped.FirstOrDefault(features.IsOn) is { } stripped)
        {
            yield return $"{link.Name} takes VLAN tags out of frames now, and its service does not see them: 'ethtool -K {link.Name} {stripped} off'";
        }
    }

    /// <inheritdoc/>
    public CardRecord Describe()
    {
        if (_link.Mtu > HostPortLayout.MtuMax)
        {
            throw new SosException(
                SosError.Refused,
                $"{_link.Name} has an MTU of {_link.Mtu}, a service takes {HostPortLayout.MtuMax} at most: 'ip link set {_link.Name} mtu 1500'");
        }

        (int combined, int receive) = QueueCount.Read(_link.Name);
        DeviceFeatures features = DeviceFeatures.Of(_link.Name);
        _record = _former ?? new NetdevRecord(
            _link.Name, _link.Index, NetworkNamespace.Current, combined, receive, [.. TagFeatures.Where(features.IsOn)],
            IngressHook.NeedsQueue(_link.Index), _options.Open);
        _record = _record with { Open = _options.Open, Mac = _record.Mac ?? Convert.ToHexString(_link.Mac) };
        return new CardRecord(_link.Name, null, null, null) { Netdev = _record };
    }

    /// <inheritdoc/>
    /// <remarks>Frames still pass: they are taken when the service polls (<see cref="XskSocket.Take"/>).</remarks>
    public void Take()
    {
        NetdevRecord record = _record ?? throw new InvalidOperationException("Describe comes before Take");
        _isNative = _former is not null && XdpAttachment.IsOurs(_link, _cpu);
        if (_isNative)
        {
            UseOneQueue(_link.Name);
            return;
        }

        _isNative = NetworkCalls.InterfaceIndex(_names.Take) == 0 && TryNative(record);
        if (!_isNative)
        {
            MakePair();
        }
    }

    /// <inheritdoc/>
    public ServiceConfiguration Configure(ServiceConfiguration configuration, PortPlan port)
    {
        FrameWay way = new(_link.Index, _link.Name, _isNative, _names, _isNative ? 0 : _mark, _record!.Open);
        return configuration with
        {
            XskPorts =
            [
                .. configuration.XskPorts,
                new XskRequest(_isNative ? _link.Name : _names.Service, _link.Mac, _link.Mtu, _options.BusyPoll, port.Name) { Way = way },
            ],
            HostPorts = port.HasHostPort
                ? [.. configuration.HostPorts, new PortRequest(_link.Name, _link.Mac, _link.Mtu, HostSlots, port.Name) { Way = way }]
                : configuration.HostPorts,

            // A chunk of frame memory is a page: twice the memory for as many buffers.
            PacketMemorySize = Math.Max(
                configuration.PacketMemorySize, 2 * ServiceConfiguration.DefaultPacketMemorySize * ((ulong)configuration.XskPorts.Count + 1)),
        };
    }

    /// <inheritdoc/>
    /// <remarks>Nothing moves.</remarks>
    public IReadOnlyList<string> MoveNetwork(CardRecord card) => [];

    /// <summary>
    /// Has the driver run XDP programs. Devices that are made of software keep a frame's tag, checksum and segments beside it, where such a program
    /// does not see them: they are no candidates, nor is a card with a program of somebody else's, one that cannot leave tags where they are, or one whose
    /// frames may come by more than one queue, or by the device of a virtual function beside it (hv_netvsc).
    /// </summary>
    private bool TryNative(NetdevRecord record)
    {
        if (_link.Kind is not null || _link.XdpProgram != 0 || DriverName.Of(_link.Name) == DriverWithSecondPath
            || (_link.ReceiveQueuesMax > 1 && QueueCount.TryRead(_link.Name) is null))
        {
            return false;
        }

        using FileDescriptor program = FramePrograms.Pass(_cpu);
        try
        {
            if (record.TagsStripped.Length > 0)
            {
                DeviceFeatures features = DeviceFeatures.Of(_link.Name);
                features.Set(false, record.TagsStripped);
                if (record.TagsStripped.Any(features.IsOn))
                {
                    return false;
                }
            }

            UseOneQueue(_link.Name);
            if (XdpAttachment.TryPut(_link.Index, program, _cpu) == 0)
            {
                return true;
            }
        }
        catch (SosException)
        {
            // It cannot be set up so: the other way needs nothing of it.
        }

        RestoreSettings(_link.Name, record);
        return false;
    }

    /// <summary>Makes the two devices that frames go through, or uses those that are there.</summary>
    private void MakePair()
    {
        if (NetworkCalls.InterfaceIndex(_names.Take) == 0)
        {
            NetworkLink.MakePair(_names.Take, _names.Service);
        }

        DeviceFeatures.Of(_names.Take).Set(false, SendFeatures);
        NetworkLink.SwitchOn(_names.Take, PairMtu, PairQueueLength);
        NetworkLink.SwitchOn(_names.Service, PairMtu, PairQueueLength);
        using FileDescriptor program = FramePrograms.Out(_cpu, _link.Index, _mark);
        IngressHook.Put(NetworkCalls.InterfaceIndex(_names.Take), program, _cpu);
    }

    /// <summary>Sets a device to one queue: one socket takes one queue, and with one queue it is all frames.</summary>
    /// <param name="name">The device.</param>
    /// <exception cref="SosException">The device refuses.</exception>
    internal static void UseOneQueue(string name)
    {
        (int combined, int receive) = QueueCount.Read(name);
        if (combined + receive > 1)
        {
            QueueCount.Set(name, Math.Min(combined, 1), combined > 0 ? 0 : 1);
        }
    }

    /// <summary>Takes the programs away, and puts back what was set for them.</summary>
    private static void Restore(NetworkLink link, int cpu, NetdevRecord netdev, List<string> notes)
    {
        IngressHook.Remove(link.Index, netdev.MakesQueue, cpu);
        XdpAttachment.Remove(link, cpu);
        for (int tries = 1; tries <= RestoreTriesMax; tries++)
        {
            try
            {
                RestoreSettings(link.Name, netdev);
                return;
            }
            catch (SosException e) when (tries == RestoreTriesMax)
            {
                // Its frames are Linux's again, and a driver that refuses this once more will refuse it for ever: a person must see to it.
                notes.Add($"{link.Name} has its frames again, but not all settings ({e.Message}): it had {netdev.CombinedQueues} combined and "
                    + $"{netdev.ReceiveQueues} receive queues ('ethtool -L {link.Name}'){Wanted(link.Name, netdev)}");
            }
            catch (SosException)
            {
                // Busy, perhaps.
            }
        }
    }

    private static string Wanted(string name, NetdevRecord netdev)
        => string.Concat(netdev.TagsStripped.Select(feature => $", and {feature} was on ('ethtool -K {name} {feature} on')"));

    private static void RestoreSettings(string name, NetdevRecord netdev)
    {
        if (QueueCount.Read(name) != (netdev.CombinedQueues, netdev.ReceiveQueues))
        {
            QueueCount.Set(name, netdev.CombinedQueues, netdev.ReceiveQueues);
        }

        if (netdev.TagsStripped.Length > 0 && DeviceFeatures.Of(name) is var features && !netdev.TagsStripped.All(features.IsOn))
        {
            features.Set(true, netdev.TagsStripped);
        }
    }
}
