using Sos.Sdk.Wire;

namespace Sos.Firewall.Tracking;

/// <summary>A packet whose headers were read, and the flow that it names.</summary>
public struct ReadPacket
{
    /// <summary>Its headers.</summary>
    public ParsedFrame Parsed;

    /// <summary>Why it is malformed, if it is: then nothing else counts.</summary>
    public MalformedReason Reason;

    /// <summary>Whether it names a flow.</summary>
    public bool HasTuple;

    /// <summary>Whether it comes from the flow's second end.</summary>
    public bool IsFromSecond;

    /// <summary>Hash of the flow's ends.</summary>
    public uint Hash;

    /// <summary>The flow's ends.</summary>
    public FlowTuple Tuple;

    /// <summary>The mark that its flow had when rules saw it; only where rules may look at it.</summary>
    public uint Mark;

    /// <summary>The tracker's knowledge of it, as rules saw it last.</summary>
    public TrackedPacket Knowledge;
}
