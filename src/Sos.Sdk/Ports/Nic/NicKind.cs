namespace Sos.Sdk.Ports;

/// <summary>The kinds of card behind a <see cref="NicPort"/>.</summary>
internal enum NicKind
{
    /// <summary>Nothing: the port was not opened.</summary>
    None = 0,

    /// <summary>A virtio-net card that the service drives.</summary>
    VirtioNet = 1,

    /// <summary>A network device of Linux, by AF_XDP.</summary>
    Xsk = 2,

    /// <summary>Memory rings.</summary>
    Memory = 3,
}
