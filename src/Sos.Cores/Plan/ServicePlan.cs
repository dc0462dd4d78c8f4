using System;
using System.Collections.Generic;
using System.Linq;

namespace Sos.Cores.Plan;

/// <summary>The plan of a service: all that is needed to start it, now or again. Each start of a service begins with one.</summary>
public sealed record ServicePlan
{
    /// <summary>The image file, as a full path.</summary>
    public required string Image { get; init; }

    /// <summary>Its ports, in the order in which the service sees them.</summary>
    public IReadOnlyList<PortPlan> Ports { get; init; } = [];

    /// <summary>Start options of the service's companion by name, without the dashes. Files are full paths.</summary>
    public IReadOnlyDictionary<string, string> Options { get; init; } = new Dictionary<string, string>();

    /// <summary>The service's parameters by name.</summary>
    public IReadOnlyDictionary<string, string> Parameters { get; init; } = new Dictionary<string, string>();

    /// <summary>Bytes of its arena; 0 for what the image asks for.</summary>
    public ulong ArenaSize { get; init; }

    /// <summary>Bytes of packet memory; null for as much as fits the service.</summary>
    public ulong? PacketMemorySize { get; init; }

    /// <summary>Bytes of a table slot; null for as much as fits the service.</summary>
    public ulong? TableSlotSize { get; init; }

    /// <summary>Unplugged cores: whether cards are taken that their IOMMU does not confine.</summary>
    public bool ForceUnconfined { get; init; }

    /// <summary>Isolated cores: how its thread is scheduled.</summary>
    public SchedulingWish Scheduling { get; init; }

    /// <summary>How long it may go without a poll before it is ended; null for its image's bound, zero for no watchdog.</summary>
    public TimeSpan? Watchdog { get; init; }

    /// <summary>Returns whether another plan has the same options of its companion.</summary>
    public bool HasSameOptions(ServicePlan other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return Options.Count == other.Options.Count && Options.All(option => other.Options.TryGetValue(option.Key, out string? value) && value == option.Value);
    }

    /// <summary>The policy by which sosd starts it again.</summary>
    public RestartPolicy Restart { get; init; } = RestartPolicy.None;
}
