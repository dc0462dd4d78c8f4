using Sos.Sdk.Control;
using Sos.Sdk.Logging;
using Sos.Sdk.Packets;

namespace Sos.Sdk.Ports;

/// <summary>
/// What a <see cref="SlotPort{TNotifier}"/> remembers. It lies in the arena: nothing in it is read back from the shared memory,
/// where the other side could change it.
/// </summary>
internal unsafe struct SlotPortState
{
    public PacketPool Pool;
    public PortCounters Counters;
    public HostRing* Outgoing;
    public byte* OutgoingSlots;
    public HostRing* Incoming;
    public byte* IncomingSlots;
    public uint* OwnUp;  // written: whether this side can be reached
    public uint* PeerUp; // read: whether the other can
    public uint SlotCount;
    public uint Produced;     // of Outgoing, by this side
    public uint PeerConsumed; // of Outgoing, as last read
    public uint Consumed;     // of Incoming, by this side
    public uint PeerProduced; // of Incoming, as last read
    public bool WakesPeer;
    public bool Starved;
    public bool Complained;
    public Log Log;
}
