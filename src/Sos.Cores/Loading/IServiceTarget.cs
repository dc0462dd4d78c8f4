using System;
using Sos.Abi;
using Sos.Cores.Devices;
using Sos.Cores.Native;
using Sos.Sdk.Control;

namespace Sos.Cores.Loading;

/// <summary>enum sos_region_kind.</summary>
public enum RegionKind : uint
{
    /// <summary>Zeroed memory.</summary>
    Memory = 1,

    /// <summary>The control region.</summary>
    Control = 2,

    /// <summary>A claimed device's BAR.</summary>
    Bar = 3,

    /// <summary>Linux's memory, to be read.</summary>
    Linux = 4,
}

/// <summary>SOS_PROT_*: what the service may do with a region.</summary>
[Flags]
public enum RegionProtection : uint
{
    /// <summary>Read; always set.</summary>
    Read = 1,

    /// <summary>Write; never with <see cref="Execute"/>.</summary>
    Write = 2,

    /// <summary>Execute.</summary>
    Execute = 4,
}

/// <summary>SOS_REGION_*.</summary>
[Flags]
public enum RegionFlags : uint
{
    /// <summary>Private to the service once it runs.</summary>
    None = 0,

    /// <summary>Stays mappable by Linux.</summary>
    Shared = 1,

    /// <summary>Reachable by the device.</summary>
    Dma = 2,
}

/// <summary>A region to make.</summary>
/// <param name="Kind">Its kind.</param>
/// <param name="Address">Where the service sees it.</param>
/// <param name="Size">Bytes, whole pages.</param>
/// <param name="Protection">What the service may do with it.</param>
/// <param name="Flags">See <see cref="RegionFlags"/>.</param>
/// <param name="Device">Index of the claimed device (BAR, DMA), or <see cref="AllDevices"/> (DMA).</param>
/// <param name="Bar">Number of the BAR.</param>
public sealed record RegionRequest(
    RegionKind Kind, ulong Address, ulong Size, RegionProtection Protection, RegionFlags Flags = RegionFlags.None, uint Device = 0, uint Bar = 0)
{
    /// <summary>SOS_ALL_DEVICES: for a DMA region, all devices that are claimed.</summary>
    public const uint AllDevices = SosRegion.AllDevices;
}

/// <summary>A region that was made.</summary>
/// <param name="Index">Its index.</param>
/// <param name="Size">Bytes.</param>
/// <param name="MapOffset">Where it is to be mapped from; 0 for a BAR.</param>
public readonly record struct TargetRegion(uint Index, ulong Size, ulong MapOffset);

/// <summary>A device that was claimed.</summary>
/// <param name="Index">Its index.</param>
/// <param name="Vendor">PCI vendor id.</param>
/// <param name="Device">PCI device id.</param>
/// <param name="Iommu">Whether an IOMMU translates its DMA.</param>
/// <param name="BarSizes">Bytes of each of the 6 BARs, 0 for none.</param>
public sealed record ClaimedDevice(uint Index, ushort Vendor, ushort Device, bool Iommu, ulong[] BarSizes)
{
    /// <summary>Whether it is confined: its DMA is translated, interrupts are remapped, and nobody else's device shares its group.</summary>
    public bool Confined { get; init; }
}

/// <summary>A host port that was made.</summary>
/// <param name="Name">Name of its network device.</param>
/// <param name="InterfaceIndex">Its ifindex.</param>
/// <param name="Size">Bytes mapped in the service.</param>
public sealed record HostPortResult(string Name, int InterfaceIndex, ulong Size)
{
    /// <summary>Name of the service's port that it belongs to.</summary>
    public string Port { get; init; } = PortName.Default;
}

/// <summary>Where a service is loaded: a core through the driver, or a process.</summary>
public interface IServiceTarget
{
    /// <summary>Claims a device for the service.</summary>
    ClaimedDevice Claim(PciAddress address);

    /// <summary>Makes a region.</summary>
    TargetRegion AddRegion(RegionRequest request);

    /// <summary>Makes a host port at an address of the service.</summary>
    HostPortResult AddHostPort(PortRequest request, ulong address);

    /// <summary>Makes a port to a network device of Linux, by AF_XDP; packet memory must be there.</summary>
    /// <param name="request">The port.</param>
    /// <param name="address">Where its rings are to be, in <see cref="AddressSpace.PortStride"/> bytes.</param>
    /// <returns>Where the service finds its parts.</returns>
    XskLayout AddXskPort(XskRequest request, ulong address);

    /// <summary>Maps a region for filling.</summary>
    MappedMemory Map(TargetRegion region);

    /// <summary>Lets the service read Linux's memory, each byte at its physical address behind the window's start.</summary>
    /// <param name="address">Where the window begins.</param>
    /// <param name="size">Its bytes.</param>
    /// <returns>What can be read.</returns>
    /// <exception cref="SosException">The target has no such window, or it is refused.</exception>
    LinuxWindow AddLinuxMemory(ulong address, ulong size)
        => throw new SosException(
            SosError.Refused, "the service of an isolated core ends with Linux, so that it has no view of it: linux-memory is for an unplugged core");

    /// <summary>Lets the service act on the machine, from its start on; something must be loaded.</summary>
    /// <param name="actions">A bit for each <see cref="ServiceAction"/>.</param>
    /// <returns>A bit for each <see cref="ResetMethod"/> that can be had.</returns>
    /// <exception cref="SosException">Nothing can be done from the target's core, or it is refused.</exception>
    uint SetActions(uint actions)
        => throw new SosException(
            SosError.Refused, "the service of an isolated core is a process of Linux's, and cannot act on the machine: actions are for an unplugged core");

    /// <summary>The bus address of each 2 MiB chunk of a DMA region.</summary>
    /// <param name="region">The region.</param>
    /// <param name="device">Index of the device that is to use them.</param>
    ulong[] GetDmaAddresses(TargetRegion region, uint device);
}
