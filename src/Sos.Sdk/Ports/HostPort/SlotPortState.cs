using Sos.Sdk.Control;
using Sos.Sdk.Packets;
using Sos.Sdk.Wire;

namespace Sos.Sdk.Ports;

/// <summary>
/// The memory of a <see cref="SlotPort{TNotifier}"/>. It lies in the arena: nothing in it is read back from the shared memory,
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
    public bool PeerWasUp;  // as NotePeerLink last saw it
    public bool LinkWanted; // by the service
    public bool LinkChosen; // the service has said what it wants
    public bool HasCard;    // there is a card behind this port, whose link counts too
    public bool CardUp;
    public int Mtu;
    public MacAddress Mac;
    public PortLog Log;
}
