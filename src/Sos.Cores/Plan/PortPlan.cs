using Sos.Sdk.Control;

namespace Sos.Cores.Plan;

/// <summary>A port of a service: its name there, and what stands behind it.</summary>
public sealed record PortPlan
{
    /// <summary>The port's name in the service, see <see cref="PortName.IsValid"/>.</summary>
    public string Name { get; init; } = PortName.Default;

    /// <summary>The network device, as the user names it: a PCI address or a name of Linux; null for none.</summary>
    public string? Device { get; init; }

    /// <summary>The name of the network device that Linux gets in its place; null for the device's own.</summary>
    public string? HostPort { get; init; }

    /// <summary>Whether Linux keeps its network, behind the service; else the service alone has the device.</summary>
    public bool HasHostPort { get; init; } = true;

    /// <summary>Whether the device may be taken although the default route goes through it.</summary>
    public bool Force { get; init; }

    /// <summary>Isolated cores: whether a cpu of Linux polls the device all the time.</summary>
    public bool BusyPoll { get; init; }

    /// <summary>Isolated cores: whether frames pass to Linux while the service does not run; else they are dropped.</summary>
    public bool Open { get; init; }

    /// <summary>Isolated cores: captures in the device's place; null without.</summary>
    public CaptureRequest? Captures { get; init; }
}
