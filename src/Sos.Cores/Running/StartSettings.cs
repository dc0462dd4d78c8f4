using System;
using System.Collections.Generic;
using Sos.Cores.Isolation;

namespace Sos.Cores.Running;

/// <summary>How a service was asked for: all that is needed to start it again.</summary>
public sealed record StartSettings
{
    /// <summary>The image file, as a full path.</summary>
    public required string ImagePath { get; init; }

    /// <summary>Its network device, as the user named it, or null.</summary>
    public string? Device { get; init; }

    /// <summary>Whether its card is taken although the IOMMU does not confine it.</summary>
    public bool ForceUnconfined { get; init; }

    /// <summary>Isolated cores: whether a cpu of Linux polls for it.</summary>
    public bool BusyPoll { get; init; }

    /// <summary>The capture that its card receives, in place of a device; null without.</summary>
    public string? CaptureInput { get; init; }

    /// <summary>The capture of what its card sends.</summary>
    public string? CaptureOutput { get; init; }

    /// <summary>Isolated cores: how it is scheduled.</summary>
    public SchedulingWish Scheduling { get; init; }

    /// <summary>Name of the host port, or null for the card's.</summary>
    public string? HostPort { get; init; }

    /// <summary>The file of its rules, as a full path, or null.</summary>
    public string? Rules { get; init; }

    /// <summary>Its settings.</summary>
    public IReadOnlyDictionary<string, string> Parameters { get; init; } = new Dictionary<string, string>();

    /// <summary>Bytes of its arena; 0 for what the image asks for.</summary>
    public ulong ArenaSize { get; init; }

    /// <summary>Bytes of packet memory.</summary>
    public ulong PacketMemorySize { get; init; }

    /// <summary>Bytes of a table slot.</summary>
    public ulong TableSlotSize { get; init; }

    /// <summary>The watchdog's bound, or null without one.</summary>
    public TimeSpan? Watchdog { get; init; }

    /// <summary>What sosd does when it ends.</summary>
    public RestartPolicy Restart { get; init; } = RestartPolicy.None;
}
