using System;

namespace Sos.Sdk.Ports.VirtioNet;

/// <summary>Feature bits that the port knows (virtio 1.2, 5.1.3 and 6).</summary>
[Flags]
public enum VirtioNetFeatures : ulong
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>VIRTIO_NET_F_MTU: the configuration holds the largest MTU.</summary>
    Mtu = 1UL << 3,

    /// <summary>VIRTIO_NET_F_MAC: the configuration holds the device's address.</summary>
    Mac = 1UL << 5,

    /// <summary>VIRTIO_NET_F_STATUS: the configuration holds the link's state.</summary>
    Status = 1UL << 16,

    /// <summary>VIRTIO_F_EVENT_IDX: each side says at which index it wants to hear from the other.</summary>
    EventIndex = 1UL << 29,

    /// <summary>VIRTIO_F_VERSION_1: a modern device.</summary>
    Version1 = 1UL << 32,

    /// <summary>VIRTIO_F_ACCESS_PLATFORM: the device's accesses go through the IOMMU, if there is one.</summary>
    AccessPlatform = 1UL << 33,

    /// <summary>VIRTIO_F_ORDER_PLATFORM: memory is ordered as for real hardware, which x86 does with the same instructions.</summary>
    OrderPlatform = 1UL << 36,

    /// <summary>
    /// The features that the port accepts. No checksum or segmentation offload: frames come whole and complete, and go so. No mergeable
    /// receive buffers: without segmentation a frame fits one buffer.
    /// </summary>
    Accepted = Mtu | Mac | Status | EventIndex | Version1 | AccessPlatform | OrderPlatform,
}
