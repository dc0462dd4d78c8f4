using System;

namespace Sos.Sdk.Ports.VirtioNet;

/// <summary>
/// A virtio device's registers over PCI (virtio 1.2, 4.1), with the steps of its initialisation (3.1.1). The control plane has
/// found and mapped the structures; this side cannot reach the configuration space, and needs nothing there.
/// </summary>
/// <typeparam name="TMmio">How registers are reached.</typeparam>
internal unsafe struct VirtioPciTransport<TMmio>
    where TMmio : unmanaged, IMmio
{
    /// <summary>Bytes of the common configuration structure that are used (4.1.4.3).</summary>
    public const uint CommonLength = 56;

    /// <summary>Bytes of the network device's configuration that are used: up to and with mtu (5.1.4).</summary>
    public const uint DeviceLength = 12;

    // struct virtio_pci_common_cfg, 4.1.4.3
    private const int DeviceFeatureSelect = 0;
    private const int DeviceFeature = 4;
    private const int DriverFeatureSelect = 8;
    private const int DriverFeature = 12;
    private const int ConfigMsixVector = 16;
    private const int QueueCountField = 18;
    private const int DeviceStatus = 20;
    private const int ConfigGeneration = 21;
    private const int QueueSelect = 22;
    private const int QueueSize = 24;
    private const int QueueMsixVector = 26;
    private const int QueueEnable = 28;
    private const int QueueNotifyOffset = 30;
    private const int QueueDescriptors = 32;
    private const int QueueDriver = 40;
    private const int QueueDevice = 48;

    // struct virtio_net_config, 5.1.4
    private const int ConfigMac = 0;
    private const int ConfigStatus = 6;
    private const int ConfigMtu = 10;
    private const ushort LinkUpBit = 1; // VIRTIO_NET_S_LINK_UP

    private const ushort NoVector = 0xffff; // VIRTIO_MSI_NO_VECTOR

    /// <summary>Reads of the status that a reset may take: with about a microsecond each, a second or more.</summary>
    private const int ResetReadsMax = 1_000_000;

    /// <summary>Reads of a configuration that changes under the reader.</summary>
    private const int GenerationReadsMax = 1000;

    private readonly byte* _common;
    private readonly byte* _device;
    private readonly byte* _notify;
    private readonly uint _notifyMultiplier;
    private readonly uint _notifyLength;
    private readonly TMmio _mmio;

    public VirtioPciTransport(byte* common, byte* device, byte* notify, uint notifyMultiplier, uint notifyLength, TMmio mmio)
    {
        _common = common;
        _device = device;
        _notify = notify;
        _notifyMultiplier = notifyMultiplier;
        _notifyLength = notifyLength;
        _mmio = mmio;
    }

    /// <summary>How registers are reached.</summary>
    public readonly TMmio Mmio => _mmio;

    /// <summary>The device's status bits (2.1).</summary>
    public readonly VirtioStatus Status => (VirtioStatus)_mmio.Read8(_common + DeviceStatus);

    /// <summary>Queues of the device (4.1.4.3, num_queues).</summary>
    public readonly int QueueCount => _mmio.Read16(_common + QueueCountField);

    /// <summary>Whether the link is up; valid with <see cref="VirtioNetFeatures.Status"/>. One read of 16 bits: it cannot tear.</summary>
    public readonly bool ReadLinkUp() => (_mmio.Read16(_device + ConfigStatus) & LinkUpBit) != 0;

    /// <summary>Reads the link of a device that may be off the bus: nobody answers then, and all bits are read as ones.</summary>
    /// <returns>Whether it answers.</returns>
    public readonly bool TryReadLinkUp(out bool up)
    {
        ushort status = _mmio.Read16(_device + ConfigStatus);
        up = (status & LinkUpBit) != 0;
        return status != ushort.MaxValue;
    }

    /// <summary>The largest MTU; valid with <see cref="VirtioNetFeatures.Mtu"/>.</summary>
    public readonly int ReadMtu() => _mmio.Read16(_device + ConfigMtu);

    /// <summary>Asks for a reset; it is done once the status reads 0.</summary>
    public readonly void BeginReset() => _mmio.Write8(_common + DeviceStatus, 0);

    /// <summary>Resets the device and waits until it has done so (2.4, 4.1.4.3.2: until the status reads 0).</summary>
    public readonly bool TryReset()
    {
        BeginReset();
        for (int i = 0; i < ResetReadsMax; i++)
        {
            if (Status == VirtioStatus.None)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Sets status bits and keeps those that are set (2.1.1: the driver never clears one but by a reset).</summary>
    public readonly void AddStatus(VirtioStatus bits) => _mmio.Write8(_common + DeviceStatus, (byte)(Status | bits));

    /// <summary>Reads what the device offers, in two windows of 32 bits (4.1.4.3).</summary>
    public readonly VirtioNetFeatures ReadOfferedFeatures()
    {
        _mmio.Write32(_common + DeviceFeatureSelect, 0);
        ulong low = _mmio.Read32(_common + DeviceFeature);
        _mmio.Write32(_common + DeviceFeatureSelect, 1);
        ulong high = _mmio.Read32(_common + DeviceFeature);
        return (VirtioNetFeatures)(low | (high << 32));
    }

    /// <summary>Tells the device what was chosen, and asks whether it agrees (3.1.1, steps 4 to 6).</summary>
    public readonly bool TryAcceptFeatures(VirtioNetFeatures features)
    {
        _mmio.Write32(_common + DriverFeatureSelect, 0);
        _mmio.Write32(_common + DriverFeature, (uint)features);
        _mmio.Write32(_common + DriverFeatureSelect, 1);
        _mmio.Write32(_common + DriverFeature, (uint)((ulong)features >> 32));
        AddStatus(VirtioStatus.FeaturesOk);
        return (Status & VirtioStatus.FeaturesOk) != 0;
    }

    /// <summary>Reads the device's address (5.1.4), again if it changed meanwhile (2.5.1: config_generation).</summary>
    /// <param name="mac">Takes 6 bytes.</param>
    public readonly bool TryReadMac(Span<byte> mac)
    {
        for (int attempt = 0; attempt < GenerationReadsMax; attempt++)
        {
            byte before = _mmio.Read8(_common + ConfigGeneration);
            for (int i = 0; i < 6 && i < mac.Length; i++)
            {
                mac[i] = _mmio.Read8(_device + ConfigMac + i);
            }

            if (_mmio.Read8(_common + ConfigGeneration) == before)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Reads the size that the device proposes for a queue, and where it is notified (4.1.5.1.3, 4.1.4.4).</summary>
    public readonly VirtioNetFailure ProbeQueue(ushort number, out int size, out byte* notify)
    {
        notify = null;
        _mmio.Write16(_common + QueueSelect, number);
        size = _mmio.Read16(_common + QueueSize);
        if (size == 0)
        {
            return VirtioNetFailure.QueueAbsent;
        }

        if ((size & (size - 1)) != 0)
        {
            return VirtioNetFailure.QueueSizeInvalid; // 2.7: always a power of two
        }

        if (_mmio.Read16(_common + QueueEnable) != 0)
        {
            return VirtioNetFailure.QueueEnableStuck;
        }

        ulong offset = (ulong)_mmio.Read16(_common + QueueNotifyOffset) * _notifyMultiplier;
        if (offset + sizeof(ushort) > _notifyLength || (offset & 1) != 0)
        {
            return VirtioNetFailure.NotifyOutOfRange;
        }

        notify = _notify + offset;
        return VirtioNetFailure.None;
    }

    /// <summary>Gives the device a queue's rings and enables it, without an interrupt vector (4.1.5.1.3).</summary>
    /// <param name="number">The queue's number.</param>
    /// <param name="size">Descriptors, at most what <see cref="ProbeQueue"/> gave.</param>
    /// <param name="ring">Bus address of the memory that <see cref="SplitQueue"/> was laid out in.</param>
    public readonly VirtioNetFailure EnableQueue(ushort number, int size, ulong ring)
    {
        _mmio.Write16(_common + QueueSelect, number);
        _mmio.Write16(_common + QueueSize, (ushort)size);
        _mmio.Write16(_common + QueueMsixVector, NoVector);
        Write64(QueueDescriptors, ring);
        Write64(QueueDriver, ring + (ulong)SplitQueue.AvailableOffset(size));
        Write64(QueueDevice, ring + (ulong)SplitQueue.UsedOffset(size));
        _mmio.Write16(_common + QueueEnable, 1);
        return _mmio.Read16(_common + QueueEnable) == 1 ? VirtioNetFailure.None : VirtioNetFailure.QueueEnableStuck;
    }

    /// <summary>Keeps changes of the configuration from interrupting; the port looks at them itself.</summary>
    public readonly void SuppressConfigurationInterrupt() => _mmio.Write16(_common + ConfigMsixVector, NoVector);

    // 4.1.3.1: a field of 64 bits is written as two of 32.
    private readonly void Write64(int field, ulong value)
    {
        _mmio.Write32(_common + field, (uint)value);
        _mmio.Write32(_common + field + 4, (uint)(value >> 32));
    }
}

/// <summary>The bits of device_status (virtio 1.2, 2.1).</summary>
[Flags]
public enum VirtioStatus : byte
{
    /// <summary>Reset.</summary>
    None = 0,

    /// <summary>The device was noticed.</summary>
    Acknowledge = 1,

    /// <summary>There is a driver for it.</summary>
    Driver = 2,

    /// <summary>The driver is ready.</summary>
    DriverOk = 4,

    /// <summary>The features are agreed on.</summary>
    FeaturesOk = 8,

    /// <summary>The device cannot go on without a reset.</summary>
    NeedsReset = 64,

    /// <summary>The driver has given up.</summary>
    Failed = 128,

    /// <summary>All ones: a device that is gone from the bus reads so.</summary>
    Gone = 0xff,
}
