using System;
using System.Runtime.CompilerServices;
using Sos.Sdk.Packets;
using Sos.Sdk.Ports;
using Sos.Sdk.Services;

namespace Sos.Router;

/// <summary>The router's ports, with what waits to leave by each: sent when a burst is full, and at the end of each pass.</summary>
public struct RouterPorts
{
    /// <summary>Ports at most.</summary>
    public const int CountMax = PortList.CountMax;

    private PortArray _ports;
    private RouterCounters _counters;

    /// <summary>Ports.</summary>
    public int Count { get; private set; }

    /// <summary>Opens all ports that the service was given; the log says which does not open.</summary>
    public bool TryOpen(ref ServiceSetup setup, PacketPool pool, RouterCounters counters)
    {
        _counters = counters;
        Count = setup.Ports.Count;
        for (int i = 0; i < Count; i++)
        {
            ReadOnlySpan<byte> name = setup.Ports[i].Name;
            ref Port port = ref _ports[i];
            if (!NicPort.TryOpen(ref setup, name, pool, out port.Nic) || !HostPort.TryOpen(ref setup, name, pool, out port.Host))
            {
                return false;
            }

            port.Counters = new RouterPortCounters(setup.Statistics, name);
        }

        return true;
    }

    /// <summary>Whether frames can leave by a port.</summary>
    public readonly bool IsUp(int port) => _ports[port].Nic.State == PortState.Up;

    /// <summary>Takes what came in at a port's card.</summary>
    public int Receive(int port, ref Burst burst) => _ports[port].Nic.Receive(ref burst);

    /// <summary>Sends what Linux sent out of a port's card, as it is.</summary>
    /// <param name="port">The port.</param>
    /// <param name="burst">Room for it; empty before and after.</param>
    public readonly void RelayLinux(int port, ref Burst burst)
    {
        int count = _ports[port].Host.Receive(ref burst);
        if (count > 0)
        {
            int sent = _ports[port].Nic.Transmit(ref burst);
            _counters.FromLinux.Add(sent);
            _counters.FromLinuxDropped.Add(count - sent);
        }
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
        public NicPort Nic;
        public HostPort Host;
        public RouterPortCounters Counters;
        public Burst ToCard;
        public Burst ToLinux;
    }

    [InlineArray(CountMax)]
    private struct PortArray
    {
        private Port _first;
    }
}
