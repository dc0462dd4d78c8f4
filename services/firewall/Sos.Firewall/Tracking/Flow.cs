using System;
using System.Runtime.InteropServices;

namespace Sos.Firewall.Tracking;

/// <summary>A flow that the core knows: two cache lines, of which a lookup needs the first.</summary>
[StructLayout(LayoutKind.Sequential, Size = Size)]
public struct Flow
{
    /// <summary>Bytes of a flow.</summary>
    public const int Size = 128;

    /// <summary>Its ends.</summary>
    public FlowTuple Tuple;

    /// <summary>Hash of its ends.</summary>
    public uint Hash;

    /// <summary>The next flow of the same bucket, or the next free one; 0 for none.</summary>
    public uint Next;

    /// <summary>When it expires: see <see cref="MillisecondClock"/>.</summary>
    public uint Expiry;

    /// <summary>The flow before it in its queue, 0 for none.</summary>
    public uint Older;

    /// <summary>The flow behind it in its queue, 0 for none.</summary>
    public uint Newer;

    /// <summary>Its status.</summary>
    public FlowStatus Status;

    /// <summary>The queue that it stands in.</summary>
    public FlowQueue Queue;

    /// <summary>State of a TCP connection.</summary>
    public TcpState State;

    /// <summary>The origin of its first packet.</summary>
    public FlowOrigin Origin;

    /// <summary>The rest of a TCP connection.</summary>
    public TcpFlow Tcp;

    /// <summary>The mark that rules gave it (<c>ct mark</c>).</summary>
    public uint Mark;

    /// <summary>The time from which datagrams both ways are a stream. It stands where TCP's last sequence number does, which datagrams have not.</summary>
    public uint StreamFrom
    {
        readonly get => Tcp.LastSequence;
        set => Tcp.LastSequence = value;
    }
}

/// <summary>The status of a flow, in the bits of <c>ct status</c> (enum ip_conntrack_status).</summary>
[Flags]
public enum FlowStatus : byte
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>Packets went both ways.</summary>
    SeenReply = 2,

    /// <summary>The flow is more than a question and its answer, and is not forgotten to make room.</summary>
    Assured = 4,

    /// <summary>The rules let its first packet pass.</summary>
    Confirmed = 8,
}

/// <summary>The origin of a flow's first packet.</summary>
[Flags]
public enum FlowOrigin : byte
{
    /// <summary>From the first end of the tuple, and the network.</summary>
    None = 0,

    /// <summary>From the second end of the tuple.</summary>
    SecondEnd = 1,

    /// <summary>From Linux: no stranger can make up such a flow.</summary>
    Linux = 2,
}

/// <summary>The queues of flows that may be forgotten to make room, in the order in which they are.</summary>
public enum FlowQueue : byte
{
    /// <summary>Begun by the network, and not answered by the end that would have to: nobody was there, or it was an invented address.</summary>
    Unanswered = 0,

    /// <summary>A question and its answer, one of Linux's that waits for an answer, or a connection that is over.</summary>
    Passing = 1,

    /// <summary>In none: kept until it expires.</summary>
    Kept = 2,
}
