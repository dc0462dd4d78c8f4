using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using Sos.Sdk.Control;

namespace Sos.Cores.Devices;

/// <summary>A structure of a virtio device in one of its BARs (virtio 1.2, 4.1.4).</summary>
/// <param name="Bar">BAR number, 0 to 5.</param>
/// <param name="Offset">Bytes from the start of the BAR.</param>
/// <param name="Length">Bytes.</param>
public readonly record struct VirtioStructure(byte Bar, uint Offset, uint Length);

/// <summary>The virtio structures that a PCI function's configuration space names (virtio 1.2, 4.1.4).</summary>
public sealed class VirtioPciCapabilities
{
    private const int StatusOffset = 0x06; // PCI 3.0, 6.2.3; bit 4: there is a capability list
    private const int CapabilitiesPointer = 0x34;
    private const byte VendorSpecific = 0x09;
    private const int CapabilitiesMax = 48; // (256 - 64) / 4: more is a loop

    private VirtioPciCapabilities(
        VirtioStructure common, VirtioStructure notify, VirtioStructure isr, VirtioStructure? device, uint notifyMultiplier)
    {
        Common = common;
        Notify = notify;
        Isr = isr;
        Device = device;
        NotifyMultiplier = notifyMultiplier;
    }

    /// <summary>VIRTIO_PCI_CAP_COMMON_CFG (4.1.4.3).</summary>
    public VirtioStructure Common { get; }

    /// <summary>VIRTIO_PCI_CAP_NOTIFY_CFG (4.1.4.4).</summary>
    public VirtioStructure Notify { get; }

    /// <summary>VIRTIO_PCI_CAP_ISR_CFG (4.1.4.5).</summary>
    public VirtioStructure Isr { get; }

    /// <summary>VIRTIO_PCI_CAP_DEVICE_CFG (4.1.4.6), if there is one.</summary>
    public VirtioStructure? Device { get; }

    /// <summary>notify_off_multiplier, in bytes.</summary>
    public uint NotifyMultiplier { get; }

    /// <summary>The BARs that must be mapped.</summary>
    public IReadOnlySet<int> Bars
    {
        get
        {
            SortedSet<int> bars = [Common.Bar, Notify.Bar, Isr.Bar];
            if (Device is { } device)
            {
                bars.Add(device.Bar);
            }

            return bars;
        }
    }

    /// <summary>Reads configuration space.</summary>
    /// <param name="config">The first 256 bytes of the function's configuration space.</param>
    /// <exception cref="SosException">It is not a modern virtio device, or its capabilities are damaged.</exception>
    public static VirtioPciCapabilities Parse(ReadOnlySpan<byte> config)
    {
        if (config.Length < 256)
        {
            throw new SosException(SosError.NotPermitted, "the device's configuration space can be read in whole by root only: run this as root");
        }

        Dictionary<byte, VirtioStructure> found = [];
        uint multiplier = 0;
        int at = (config[StatusOffset] & 0x10) != 0 ? config[CapabilitiesPointer] & ~3 : 0;
        for (int seen = 0; at >= 0x40 && seen < CapabilitiesMax; seen++)
        {
            if (config[at] == VendorSpecific && at + 16 <= config.Length)
            {
                // struct virtio_pci_cap: cfg_type at 3, bar at 4, offset at 8, length at 12. The first of a type is the one to use.
                VirtioStructure structure = new(config[at + 4], ReadUInt32(config, at + 8), ReadUInt32(config, at + 12));
                if (structure.Bar <= 5 && found.TryAdd(config[at + 3], structure) && config[at + 3] == 2 && at + 20 <= config.Length)
                {
                    multiplier = ReadUInt32(config, at + 16);
                }
            }

            at = config[at + 1] & ~3;
        }

        return found.TryGetValue(1, out VirtioStructure common) && found.TryGetValue(2, out VirtioStructure notify)
            && found.TryGetValue(3, out VirtioStructure isr)
            ? new VirtioPciCapabilities(common, notify, isr, found.TryGetValue(4, out VirtioStructure device) ? device : null, multiplier)
            : throw new SosException(
                SosError.Refused, "the card is not a modern virtio device (virtio 1.0 or later): in QEMU, use virtio-net-pci with disable-legacy=on");
    }

    /// <summary>The layout a service reads.</summary>
    /// <param name="barAddress">Where the service sees each BAR, by number.</param>
    /// <param name="barSize">Bytes mapped of each BAR, by number.</param>
    /// <param name="vendor">PCI vendor id.</param>
    /// <param name="deviceId">PCI device id.</param>
    /// <param name="iommu">Whether an IOMMU translates the device's DMA.</param>
    /// <exception cref="SosException">A structure lies outside of its BAR.</exception>
    public VirtioPciLayout ToLayout(
        IReadOnlyDictionary<int, ulong> barAddress, IReadOnlyDictionary<int, ulong> barSize, ushort vendor, ushort deviceId, bool iommu)
    {
        ulong Locate(VirtioStructure structure)
            => barSize.TryGetValue(structure.Bar, out ulong size) && (ulong)structure.Offset + structure.Length <= size
                ? barAddress[structure.Bar] + structure.Offset
                : throw new SosException(SosError.Failed, $"the card's BAR {structure.Bar} does not hold the structure that its capability names");

        return new VirtioPciLayout
        {
            Magic = VirtioPciLayout.MagicValue,
            CommonAddress = Locate(Common),
            CommonLength = Common.Length,
            NotifyAddress = Locate(Notify),
            NotifyLength = Notify.Length,
            NotifyMultiplier = NotifyMultiplier,
            IsrAddress = Locate(Isr),
            IsrLength = Isr.Length,
            DeviceAddress = Device is { } device ? Locate(device) : 0,
            DeviceLength = Device?.Length ?? 0,
            Vendor = vendor,
            Device = deviceId,
            Iommu = iommu ? 1u : 0u,
        };
    }

    private static uint ReadUInt32(ReadOnlySpan<byte> config, int offset) => BinaryPrimitives.ReadUInt32LittleEndian(config[offset..]);
}
