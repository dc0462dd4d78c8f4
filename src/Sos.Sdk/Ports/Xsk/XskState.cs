using Sos.Sdk.Control;
using Sos.Sdk.Packets;

namespace Sos.Sdk.Ports.Xsk;

/// <summary>The memory of an <see cref="XskPort"/>. It lies in the arena: no index of ours is read back from the rings.</summary>
internal unsafe struct XskState
{
    public PacketPool Pool;
    public PortCounters Counters;
    public PortLog Log;
    public XskLayout Layout;
    public XskShared* Shared;
    public byte* FrameMemory;
    public byte* Chunks; // ChunkOwner of each
    public uint ChunkCount;
    public uint Received; // of the receive ring, by this side
    public uint Filled;    // of the fill ring, by this side
    public uint Sent;      // of the transmit ring, by this side
    public uint Completed; // of the completion ring, by this side
    public uint InReceive; // chunks that the kernel holds for frames to be received
    public uint InReceiveMax; // of those at most
    public uint FillGroup; // chunks that are given to it at once
    public uint InTransmit; // chunks that the kernel holds to be sent
    public bool Starved;
    public PortState LastState; // as Maintain last saw it
    public XskFailure Failure;
}

/// <summary>Who has a chunk of frame memory.</summary>
internal static class ChunkOwner
{
    public const byte Service = 0;
    public const byte Receive = 1;
    public const byte Transmit = 2;
}
