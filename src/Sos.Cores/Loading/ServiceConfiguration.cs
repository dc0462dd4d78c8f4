using System.Collections.Generic;
using Sos.Cores.Devices;
using Sos.Cores.Plan;
using Sos.Image;
using Sos.Sdk.Control;

namespace Sos.Cores.Loading;

/// <summary>A card to give to a service.</summary>
/// <param name="Address">Where it is on the bus.</param>
/// <param name="Capabilities">Where its virtio structures lie.</param>
/// <param name="Port">The port's name in the service.</param>
public sealed record DeviceRequest(PciAddress Address, VirtioPciCapabilities Capabilities, string Port = PortName.Default);

/// <summary>Linux's side of a port, or memory rings in a card's place.</summary>
/// <param name="Name">Name of the network device; not used for memory rings.</param>
/// <param name="Mac">6 bytes.</param>
/// <param name="Mtu">Largest packet behind an Ethernet header, in bytes.</param>
/// <param name="Slots">Slots of each ring, a power of two, 64 to 4096.</param>
/// <param name="Port">The port's name in the service: a card and its host port have the same.</param>
public sealed record PortRequest(
    string Name, byte[] Mac, int Mtu, uint Slots = PortRequest.DefaultSlots, string Port = PortName.Default)
{
    /// <summary>1024 frames: a millisecond at a million frames a second, 2 MiB in each direction.</summary>
    public const uint DefaultSlots = 1024;

    /// <summary>How frames come back to Linux's own device, on an isolated core; null elsewhere.</summary>
    public FrameWay? Way { get; init; }
}

/// <summary>A network device of Linux that a service reaches by AF_XDP.</summary>
/// <param name="Interface">Its name.</param>
/// <param name="Mac">6 bytes.</param>
/// <param name="Mtu">Largest packet behind an Ethernet header, in bytes.</param>
/// <param name="BusyPoll">Whether a cpu of Linux polls all the time.</param>
/// <param name="Port">The port's name in the service.</param>
public sealed record XskRequest(string Interface, byte[] Mac, int Mtu, bool BusyPoll, string Port = PortName.Default)
{
    /// <summary>How it gets the frames.</summary>
    public required FrameWay Way { get; init; }
}

/// <summary>The things that a service is given beside its image.</summary>
public sealed record ServiceConfiguration
{
    /// <summary>8 MiB: 4,000 packet buffers.</summary>
    public const ulong DefaultPacketMemorySize = 8 << 20;

    /// <summary>16 MiB for each table slot: a million IPv4 addresses.</summary>
    public const ulong DefaultTableSlotSize = 16 << 20;

    /// <summary>When the image asks for nothing.</summary>
    public const ulong DefaultArenaSize = 2 << 20;

    /// <summary>511 records of 128 bytes and their header.</summary>
    public const ulong DefaultLogSize = 64 << 10;

    /// <summary>Cards, in the order in which the service sees them.</summary>
    public IReadOnlyList<DeviceRequest> Devices { get; init; } = [];

    /// <summary>Network devices of Linux, in the order in which the service sees them.</summary>
    public IReadOnlyList<XskRequest> XskPorts { get; init; } = [];

    /// <summary>Network devices of Linux behind the service.</summary>
    public IReadOnlyList<PortRequest> HostPorts { get; init; } = [];

    /// <summary>Memory rings in a card's place.</summary>
    public IReadOnlyList<PortRequest> MemoryPorts { get; init; } = [];

    /// <summary>Memory rings in the place of Linux's network devices: the service sees host ports. They lie behind the memory ports.</summary>
    public IReadOnlyList<PortRequest> MemoryHostPorts { get; init; } = [];

    /// <summary>Bytes of each piece of memory that programs share with the service, in the order in which it sees them.</summary>
    public IReadOnlyList<ulong> SharedMemory { get; init; } = [];

    /// <summary>The back end that keeps the core.</summary>
    public BackEndKind BackEnd { get; init; }

    /// <summary>Linux's memory, to be read; null unless the operator grants it.</summary>
    public LinuxMemoryRequest? LinuxMemory { get; init; }

    /// <summary>The actions on the machine that the operator grants: of <see cref="ServiceGrants.Actions"/>.</summary>
    public ServiceGrants Actions { get; init; }

    /// <summary>Bytes of arena; 0 for what the image asks for.</summary>
    public ulong ArenaSize { get; init; }

    /// <summary>Bytes of packet memory; 0 for none.</summary>
    public ulong PacketMemorySize { get; init; } = DefaultPacketMemorySize;

    /// <summary>Bytes of each table slot; 0 for no tables.</summary>
    public ulong TableSlotSize { get; init; } = DefaultTableSlotSize;

    /// <summary>Bytes of log.</summary>
    public ulong LogSize { get; init; } = DefaultLogSize;

    /// <summary>Whether cards are taken that their IOMMU does not confine.</summary>
    public bool ForceUnconfined { get; init; }

    /// <summary>Captures for the first memory port and the first memory host port, or null.</summary>
    public CaptureRequest? Captures { get; init; }

    /// <summary>How the service's thread is to be scheduled, on an isolated core.</summary>
    public SchedulingWish Scheduling { get; init; }

    /// <summary>Settings by name.</summary>
    public IReadOnlyDictionary<string, string> Parameters { get; init; } = new Dictionary<string, string>();
}
