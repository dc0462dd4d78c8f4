using Sos.Sdk.Control;
using Sos.Sdk.Ports.VirtioNet;

namespace Sos.Sdk.Ports;

/// <summary>Which half of a port is meant.</summary>
internal enum PortSide
{
    /// <summary>The card, or what is in its place.</summary>
    Card,

    /// <summary>The host port.</summary>
    Host,
}

/// <summary>A port that the service was given, and what it has opened of it.</summary>
internal unsafe struct PortEntry
{
    public PortName Name;

    /// <summary>The card's resource; of kind None if the port has none.</summary>
    public Resource Card;

    /// <summary>The host port's resource; of kind None if the port has none.</summary>
    public Resource HostResource;

    /// <summary>The card whose rings were taken from packet memory, not yet opened.</summary>
    public VirtioNetState* Rings;

    /// <summary>The opened card.</summary>
    public NicPort Nic;

    /// <summary>The opened host port, or null.</summary>
    public SlotPortState* Host;

    /// <summary>The TSC from when on it is to be maintained; until then its link alone is read.</summary>
    public ulong MaintainAt;

    public readonly bool Has(PortSide side) => (side == PortSide.Card ? Card : HostResource).Kind != ResourceKind.None;
}
