using System.Runtime.CompilerServices;
using Sos.Router.Tables;
using Sos.Sdk.Packets;
using Sos.Sdk.Ports;

namespace Sos.Router;

/// <summary>
/// The router's ports and the VLANs on them, with what waits to leave by each port: sent when a burst is full, and at the end of each pass. Interfaces are
/// numbered as in <see cref="InterfaceSettings"/>.
/// </summary>
/// <typeparam name="TNic">A card's port.</typeparam>
/// <typeparam name="THost">A host port.</typeparam>
public struct RouterPorts<TNic, THost>
    where TNic : unmanaged, IPort
    where THost : unmanaged, IPort
{
    private PortArray _ports;
    private VlanInterfaces _vlans;
    private readonly PacketPool _pool;
    private readonly RouterCounters _counters;

    /// <summary>Begins with no ports.</summary>
    public RouterPorts(in RouterTable table, PacketPool pool, RouterCounters counters)
    {
        _vlans = new VlanInterfaces(in table);
        _pool = pool;
        _counters = counters;
    }

    /// <summary>Ports.</summary>
    public int Count { get; private set; }

    /// <summary>Adds a port, at most <see cref="PortList.CountMax"/> in all.</summary>
    public void Add(TNic nic, THost host, RouterPortCounters counters)
    {
        ref Port port = ref _ports[Count++];
        port.Nic = nic;
        port.Host = host;
        port.Counters = counters;
    }

    /// <summary>Looks, at the start of a pass, which interfaces frames can leave by.</summary>
    /// <returns>A bit for each.</returns>
    public ulong BeginPass()
    {
        _vlans.Refresh();
        ulong up = 0;
        for (int port = 0; port < Count; port++)
        {
            up |= _ports[port].Nic.State == PortState.Up ? _vlans.UpOf(port) : 0;
        }

        return up;
    }

    /// <summary>Takes what came in at a port's card.</summary>
    public int Receive(int port, ref Burst burst) => _ports[port].Nic.Receive(ref burst);

    /// <summary>Takes what Linux sent by a port's host port.</summary>
    public int ReceiveFromLinux(int port, ref Burst burst) => _ports[port].Host.Receive(ref burst);

    /// <summary>Sends what Linux sent out of a port's card, as it is.</summary>
    /// <param name="port">The port.</param>
    /// <param name="burst">The frames; empty afterwards.</param>
    public readonly void RelayLinux(int port, ref Burst burst)
    {
        int count = burst.Count;
        int sent = _ports[port].Nic.Transmit(ref burst);
        _counters.FromLinux.Add(sent);
        _counters.FromLinuxDropped.Add(count - sent);
    }

    /// <summary>Takes the tag off a frame of one of a port's VLANs.</summary>
    /// <param name="port">The port that it came in by.</param>
    /// <param name="buffer">The frame.</param>
    /// <param name="number">The VLAN's interface.</param>
    /// <returns>False for all other frames.</returns>
    public readonly bool TryTakeTag(int port, PacketBuffer buffer, out int number) => _vlans.TryTakeTag(port, buffer, out number);

    /// <summary>Lets a frame leave by an interface.</summary>
    public void Send(int to, PacketBuffer buffer)
    {
        if (to >= RouterHeader.PortsMax)
        {
            SendTagged(to, buffer);
            return;
        }

        SendByPort(to, buffer);
    }

    /// <summary>Lets a packet leave that is forwarded from one interface to another, and counts it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Forward(int from, int to, PacketBuffer buffer)
    {
        // The comparisons are those that the ports' array would need anyway.
        if ((uint)from >= RouterHeader.PortsMax || (uint)to >= RouterHeader.PortsMax)
        {
            ForwardTagged(from, to, buffer);
            return;
        }

        CountByPorts(from, to);
        SendByPort(to, buffer);
    }

    /// <summary>Counts a packet that is forwarded from one interface to another in pieces.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public readonly void CountForwarded(int from, int to)
    {
        if (from >= RouterHeader.PortsMax || to >= RouterHeader.PortsMax)
        {
            _vlans.Count(from, to);
        }

        CountByPorts(_vlans.PortOf(from), _vlans.PortOf(to));
    }

    /// <summary>Gives a frame to Linux as it came in by an interface.</summary>
    public void GiveToLinux(int from, PacketBuffer buffer)
    {
        if (from >= RouterHeader.PortsMax)
        {
            FrameTag.PutBack(buffer);
            from = _vlans.PortOf(from);
        }

        ref Burst burst = ref _ports[from].ToLinux;
        burst.Add(buffer);
        if (burst.IsFull)
        {
            FlushLinux(from);
        }
    }

    /// <summary>Sends all that waits.</summary>
    public void Flush()
    {
        for (int i = 0; i < Count; i++)
        {
            FlushCard(i);
            FlushLinux(i);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void SendByPort(int port, PacketBuffer buffer)
    {
        ref Burst burst = ref _ports[port].ToCard;
        burst.Add(buffer);
        if (burst.IsFull)
        {
            FlushCard(port);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void SendTagged(int to, PacketBuffer buffer)
    {
        if (_vlans.TryPutTag(to, buffer))
        {
            SendByPort(_vlans.PortOf(to), buffer);
            return;
        }

        _counters.SendDropped.Increment();
        _pool.Free(buffer);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void ForwardTagged(int from, int to, PacketBuffer buffer)
    {
        CountForwarded(from, to);
        Send(to, buffer);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly void CountByPorts(int from, int to)
    {
        _counters.Forwarded.Increment();
        _ports[from].Counters.In.Increment();
        _ports[to].Counters.Out.Increment();
    }

    private void FlushCard(int port)
    {
        int count = _ports[port].ToCard.Count;
        if (count > 0)
        {
            _counters.SendDropped.Add(count - _ports[port].Nic.Transmit(ref _ports[port].ToCard));
        }
    }

    private void FlushLinux(int port)
    {
        int count = _ports[port].ToLinux.Count;
        if (count > 0)
        {
            int given = _ports[port].Host.Transmit(ref _ports[port].ToLinux);
            _counters.ToLinux.Add(given);
            _counters.ToLinuxDropped.Add(count - given);
        }
    }

    private struct Port
    {
        public TNic Nic;
        public THost Host;
        public RouterPortCounters Counters;
        public Burst ToCard;
        public Burst ToLinux;
    }

    [InlineArray(PortList.CountMax)]
    private struct PortArray
    {
        private Port _first;
    }
}
