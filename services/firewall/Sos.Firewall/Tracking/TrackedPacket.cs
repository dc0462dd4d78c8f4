using Sos.Firewall.Connections;
using Sos.Firewall.Tables;

namespace Sos.Firewall.Tracking;

/// <summary>The tracker's knowledge of a packet.</summary>
public struct TrackedPacket
{
    private const int HasFlowBit = 1 << 8; // behind all states
    private const int IsReplyBit = 1 << 9;
    private const int StatusShift = 16;

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

    /// <summary>Returns what rules can ask of it in one number, of which the lowest bits are its state.</summary>
    public readonly uint ToBits()
        => State | (HasFlow ? (uint)HasFlowBit | ((uint)Status << StatusShift) : 0) | (Direction == FlowDirection.Reply ? (uint)IsReplyBit : 0);

    /// <summary>Returns what <see cref="ToBits"/> made a number of.</summary>
    /// <param name="bits">The number.</param>
    public static TrackedPacket FromBits(uint bits) => new()
    {
        State = bits & ConnectionStates.All,
        HasFlow = (bits & HasFlowBit) != 0,
        Direction = (bits & IsReplyBit) != 0 ? FlowDirection.Reply : FlowDirection.Original,
        Status = (FlowStatus)(byte)(bits >> StatusShift),
    };

    /// <summary>Lets rules see it.</summary>
    /// <param name="key">What they see of the packet.</param>
    public readonly void ShowIn(ref PacketKey key)
    {
        key.Set(Field.Connection, State);
        if (HasFlow)
        {
            key.Set(Field.FlowDirection, (uint)Direction);
            key.Set(Field.FlowStatus, (uint)Status);
        }
    }
}
