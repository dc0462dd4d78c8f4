using System.Runtime.CompilerServices;
using Sos.Router.Tables;
using Sos.Sdk.Memory;
using Sos.Sdk.Packets;

namespace Sos.Router;

/// <summary>
/// The VLANs of the router's ports as the core has last read them: a change of the control side's is seen at the start of a pass. Frames of a VLAN lose their
/// tag as they come in, and get it as they leave, so that all between knows interfaces alone.
/// </summary>
public unsafe struct VlanInterfaces
{
    private readonly RouterTable _table;
    private PlaceArray _places;
    private MaskArray _upOf;
    private ulong _generation;

    /// <summary>Reads what there is.</summary>
    public VlanInterfaces(in RouterTable table)
    {
        _table = table;
        Read();
    }

    /// <summary>A bit for each interface on a port that is up in Linux: the port itself, and its VLANs.</summary>
    public readonly ulong UpOf(int port) => _upOf[port];

    /// <summary>Reads what has changed.</summary>
    public void Refresh()
    {
        if (MemoryOrdering.LoadAcquire(ref _table.Header->InterfaceGeneration) != _generation)
        {
            Read();
        }
    }

    /// <summary>The port of an interface: itself, or the one that the VLAN is on.</summary>
    public readonly int PortOf(int number) => number < RouterHeader.PortsMax ? number : _places[number].Port;

    /// <summary>Takes the tag off a frame that belongs to a VLAN of a port.</summary>
    /// <param name="port">The port that it came in by.</param>
    /// <param name="buffer">The frame.</param>
    /// <param name="number">The VLAN's interface.</param>
    /// <returns>False for a frame without a tag, or with one that nobody has.</returns>
    public readonly bool TryTakeTag(int port, PacketBuffer buffer, out int number)
    {
        uint tag = FrameTag.Read(buffer.Frame);
        number = tag != 0 ? _table.Vlans[RouterTable.VlanIndex(port, tag)] : 0;
        if (number is < RouterHeader.PortsMax or >= RouterHeader.InterfacesMax
            || _places[number].Tag != (tag & InterfaceSettings.VlanBits) || _places[number].Port != port)
        {
            return false;
        }

        FrameTag.TakeOff(buffer);
        return true;
    }

    /// <summary>Puts a VLAN's tag on a frame that leaves by it.</summary>
    /// <returns>False when there is no such VLAN any more, or no room before the frame.</returns>
    public readonly bool TryPutTag(int number, PacketBuffer buffer) => _places[number].Tag is not 0 and uint tag && FrameTag.TryPutOn(buffer, tag);

    /// <summary>Counts a packet that was forwarded by way of a VLAN, or two.</summary>
    public readonly void Count(int from, int to)
    {
        _table.InterfacePackets[from].In += from >= RouterHeader.PortsMax ? 1UL : 0;
        _table.InterfacePackets[to].Out += to >= RouterHeader.PortsMax ? 1UL : 0;
    }

    private void Read()
    {
        RouterHeader* header = _table.Header;
        _generation = MemoryOrdering.LoadAcquire(ref header->InterfaceGeneration);
        _upOf = default;
        int ports = (int)header->PortCount;
        for (int port = 0; port < ports; port++)
        {
            _upOf[port] = IsUp(port) ? 1UL << port : 0;
        }

        for (int number = RouterHeader.PortsMax; number < RouterHeader.InterfacesMax; number++)
        {
            InterfaceSettings settings = header->Interfaces[number];
            bool isThere = settings.Tag != 0 && settings.Port < (uint)ports;
            _places[number] = isThere ? new Place { Tag = settings.Tag, Port = (int)settings.Port } : default;
            if (isThere && IsUp(number) && IsUp((int)settings.Port))
            {
                _upOf[(int)settings.Port] |= 1UL << number;
            }
        }
    }

    private readonly bool IsUp(int number) => (_table.Header->Interfaces[number].Flags & InterfaceFlags.Up) != 0;

    private struct Place
    {
        public uint Tag;
        public int Port;
    }

    [InlineArray(RouterHeader.InterfacesMax)]
    private struct PlaceArray
    {
        private Place _first;
    }

    [InlineArray(RouterHeader.PortsMax)]
    private struct MaskArray
    {
        private ulong _first;
    }
}
