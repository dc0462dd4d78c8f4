using System.Runtime.InteropServices;

namespace Sos.Firewall.Tracking;

/// <summary>
/// Begins the memory through which programs see flows, a part at a time: a program names a flow to begin with and asks by a number of its own; the core
/// answers between two bursts, with the records that follow and the flow to go on with. It lies behind the memory for captured frames.
/// </summary>
[StructLayout(LayoutKind.Sequential, Size = Size)]
public struct FlowListingHeader
{
    /// <summary>Bytes of the header.</summary>
    public const int Size = 64;

    /// <summary>"FLOWS1", once the service has laid the memory out.</summary>
    public const ulong MagicValue = 0x3153574f4c46;

    /// <summary>Records of an answer at most.</summary>
    public const int RecordCount = 256;

    /// <summary>Places that are looked at for one answer, which bounds its time: some microseconds.</summary>
    public const int PlacesAtOnce = 512;

    /// <summary>Bytes of all.</summary>
    public const ulong TotalSize = Size + ((ulong)RecordCount * FlowRecord.Size);

    /// <summary><see cref="MagicValue"/>.</summary>
    public ulong Magic;

    /// <summary>A program's question: any number but the one before.</summary>
    public ulong Question;

    /// <summary>The question that the records answer.</summary>
    public ulong Answered;

    /// <summary>The question's first flow, from 1.</summary>
    public uint From;

    /// <summary>Records of the answer.</summary>
    public uint Count;

    /// <summary>The flow to go on with; 0 at the end.</summary>
    public uint Next;
}

/// <summary>A flow as programs see it.</summary>
[StructLayout(LayoutKind.Sequential, Size = Size)]
public struct FlowRecord
{
    /// <summary>Bytes of a record.</summary>
    public const int Size = 48;

    /// <summary>Its ends.</summary>
    public FlowTuple Tuple;

    /// <summary>Seconds until it expires.</summary>
    public uint SecondsLeft;

    /// <summary>Its status.</summary>
    public FlowStatus Status;

    /// <summary>State of a TCP connection.</summary>
    public TcpState State;

    /// <summary>1 if its first packet came from the second end.</summary>
    public byte IsFromSecond;
}
