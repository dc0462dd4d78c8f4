using System.Runtime.InteropServices;

namespace Sos.Bench.Workloads;

/// <summary>A rule over five fields, laid out as the peers read it (struct peer_rule). The first rule that matches decides.</summary>
[StructLayout(LayoutKind.Sequential)]
internal record struct FiveTupleRule
{
    public uint Source;
    public uint Destination;
    public byte SourceLength;
    public byte DestinationLength;
    public byte Protocol;

    /// <summary>255, or 0 if any protocol matches.</summary>
    public byte ProtocolMask;

    public ushort SourcePortFirst;
    public ushort SourcePortLast;
    public ushort DestinationPortFirst;
    public ushort DestinationPortLast;

    /// <summary>1: the packet is dropped; 0: it passes.</summary>
    public byte Drops;

    private readonly byte _reserved0;
    private readonly ushort _reserved1;

    /// <summary>Whether it matches a packet.</summary>
    public readonly bool Matches(uint source, uint destination, int protocol, ushort sourcePort, ushort destinationPort)
        => new Prefix(Source, SourceLength).Last >= source && Source <= source
            && new Prefix(Destination, DestinationLength).Last >= destination && Destination <= destination
            && (ProtocolMask == 0 || protocol == Protocol)
            && sourcePort >= SourcePortFirst && sourcePort <= SourcePortLast
            && destinationPort >= DestinationPortFirst && destinationPort <= DestinationPortLast;
}
