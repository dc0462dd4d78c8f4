using System.Runtime.InteropServices;

namespace Sos.Sdk.Control;

/// <summary>
/// Where a service sees the registers of a virtio device. The control plane parses the PCI capabilities (virtio 1.2, 4.1.4),
/// maps the BARs and writes this; the service only reads it.
/// </summary>
[StructLayout(LayoutKind.Explicit, Size = Size)]
public struct VirtioPciLayout
{
    /// <summary>Bytes of this record.</summary>
    public const int Size = 128;

    /// <summary>"SOSVPCI1".</summary>
    public const ulong MagicValue = 0x3149435056534f53;

    /// <summary><see cref="MagicValue"/>.</summary>
    [FieldOffset(0)] public ulong Magic;

    /// <summary>Address of struct virtio_pci_common_cfg (4.1.4.3).</summary>
    [FieldOffset(8)] public ulong CommonAddress;

    /// <summary>Address of the notification area (4.1.4.4).</summary>
    [FieldOffset(16)] public ulong NotifyAddress;

    /// <summary>Address of the ISR status byte (4.1.4.5).</summary>
    [FieldOffset(24)] public ulong IsrAddress;

    /// <summary>Address of struct virtio_net_config (5.1.4), 0 if the device has none.</summary>
    [FieldOffset(32)] public ulong DeviceAddress;

    /// <summary>Bytes at <see cref="CommonAddress"/>.</summary>
    [FieldOffset(40)] public uint CommonLength;

    /// <summary>Bytes at <see cref="NotifyAddress"/>.</summary>
    [FieldOffset(44)] public uint NotifyLength;

    /// <summary>notify_off_multiplier: bytes between the notification addresses of queues with adjacent offsets.</summary>
    [FieldOffset(48)] public uint NotifyMultiplier;

    /// <summary>Bytes at <see cref="IsrAddress"/>.</summary>
    [FieldOffset(52)] public uint IsrLength;

    /// <summary>Bytes at <see cref="DeviceAddress"/>.</summary>
    [FieldOffset(56)] public uint DeviceLength;

    /// <summary>PCI vendor id.</summary>
    [FieldOffset(60)] public ushort Vendor;

    /// <summary>PCI device id.</summary>
    [FieldOffset(62)] public ushort Device;

    /// <summary>Not 0: an IOMMU translates the device's DMA, so VIRTIO_F_ACCESS_PLATFORM must be negotiated when offered.</summary>
    [FieldOffset(64)] public uint Iommu;
}
