namespace Sos.Sdk.Ports.VirtioNet;

/// <summary>Why a virtio-net port cannot be used, or can no longer be used.</summary>
public enum VirtioNetFailure
{
    /// <summary>The port works.</summary>
    None = 0,

    /// <summary>The device did not answer to a reset by reading back a status of 0.</summary>
    ResetTimeout = 1,

    /// <summary>The device does not offer VIRTIO_F_VERSION_1: it is a legacy device.</summary>
    NotModern = 2,

    /// <summary>An IOMMU translates for the device, but it does not offer VIRTIO_F_ACCESS_PLATFORM: it would miss its memory.</summary>
    BypassesIommu = 3,

    /// <summary>The device did not keep FEATURES_OK: it does not work with the features that were chosen.</summary>
    FeaturesRefused = 4,

    /// <summary>The device has fewer than two queues.</summary>
    QueuesMissing = 5,

    /// <summary>A queue has size 0: it does not exist.</summary>
    QueueAbsent = 6,

    /// <summary>A queue's size is not a power of two.</summary>
    QueueSizeInvalid = 7,

    /// <summary>A queue is enabled although the device was reset, or did not become enabled.</summary>
    QueueEnableStuck = 8,

    /// <summary>A queue's notify address lies outside the notify structure.</summary>
    NotifyOutOfRange = 9,

    /// <summary>The device's address changed at each attempt to read it.</summary>
    ConfigurationUnstable = 10,

    /// <summary>The used index ran ahead of the buffers that the device holds.</summary>
    UsedIndexJumped = 12,

    /// <summary>A used element names a descriptor that the ring does not have.</summary>
    UsedIdOutOfRange = 13,

    /// <summary>A used element names a descriptor that the device does not hold.</summary>
    UsedIdNotOutstanding = 14,

    /// <summary>A used element claims more bytes than its buffer takes.</summary>
    UsedLengthTooLong = 15,

    /// <summary>A received buffer is shorter than the virtio header.</summary>
    UsedLengthTooShort = 16,

    /// <summary>The device set DEVICE_NEEDS_RESET.</summary>
    DeviceNeedsReset = 17,

    /// <summary>The device's registers read as all ones: it is gone from the bus.</summary>
    DeviceGone = 18,

    /// <summary>There is no port: the service was given no such card, or there was no memory for it.</summary>
    NotGiven = 19,

    /// <summary>The port was not started yet.</summary>
    NotStarted = 20,

    /// <summary>The port was closed.</summary>
    Closed = 21,
}
