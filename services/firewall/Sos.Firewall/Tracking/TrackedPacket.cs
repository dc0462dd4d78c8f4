using Sos.Firewall.Connections;

namespace Sos.Firewall.Tracking;

/// <summary>The tracker's knowledge of a packet.</summary>
public struct TrackedPacket
{
    /// <summary>Its state, exactly one of <see cref="ConnectionStates"/>.</summary>
    public uint State;

    /// <summary>Whether it has a flow, and with it a direction and a status.</summary>
    public bool HasFlow;

    /// <summary>Its direction.</summary>
    public FlowDirection Direction;

    /// <summary>The flow's status.</summary>
    public FlowStatus Status;

    /// <summary>Whether it begins a flow, which the tracker knows only once it is told that the rules let it pass.</summary>
    public bool Begins;
}
