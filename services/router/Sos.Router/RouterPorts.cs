using System.Runtime.CompilerServices;
using Sos.Sdk.Packets;
using Sos.Sdk.Ports;

namespace Sos.Router;

/// <summary>The router's ports, with what waits to leave by each: sent when a burst is full, and at the end of each pass.</summary>
/// <typeparam name="TNic">A card's port.</typeparam>
/// <typeparam name="THost">A host port.</typeparam>
public struct RouterPorts<TNic, THost>
    where TNic : unmanaged, IPort
    where THost : unmanaged, IPort
{
    private PortArray _ports;
    private readonly RouterCounters _counters;

    /// <summary>Begins with no ports.</summary>
    public RouterPorts(RouterCounters counters) => _counters = counters;

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

    /// <summary>Whether frames can leave by a port.</summary>
    public readonly bool IsUp(int port) => _ports[port].Nic.State == PortState.Up;

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

    /// <summary>Lets a frame leave by a port's card.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Send(int port, PacketBuffer buffer)
    {
        ref Burst burst = ref _ports[port].ToCard;
        burst.Add(buffer);
        if (burst.IsFull)
        {
            FlushCard(port);
        }
    }

    /// <summary>Counts a packet that was forwarded.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void CountForwarded(int from, int to)
    {
        _counters.Forwarded.Increment();
        _ports[from].Counters.In.Increment();
        _ports[to].Counters.Out.Increment();
    }

    /// <summary>Gives a frame to Linux, as if it had come from the port's card.</summary>
    public void GiveToLinux(int port, PacketBuffer buffer)
    {
        ref Burst burst = ref _ports[port].ToLinux;
        burst.Add(buffer);
        if (burst.IsFull)
        {
            FlushLinux(port);
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
