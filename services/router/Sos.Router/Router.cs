using System;
using Sos.Router.Filter;
using Sos.Router.StandIn;
using Sos.Router.Tables;
using Sos.Sdk.Memory;
using Sos.Sdk.Packets;
using Sos.Sdk.Ports;
using Sos.Sdk.Services;

namespace Sos.Router;

/// <summary>The router: in each pass, a burst of each card is forwarded or given to Linux, and a burst of Linux's is sent.</summary>
/// <typeparam name="TNic">A card's port.</typeparam>
/// <typeparam name="THost">A host port.</typeparam>
public unsafe struct Router<TNic, THost>
    where TNic : unmanaged, IPort
    where THost : unmanaged, IPort
{
    private RouterTable _table;
    private RouterPorts<TNic, THost> _ports;
    private Forwarder<TNic, THost> _forwarder;
    private Burst _received;

    /// <summary>Begins with no ports.</summary>
    /// <param name="setup">The service's setup.</param>
    /// <param name="table">The routes' memory.</param>
    /// <param name="pool">The buffers of all ports.</param>
    /// <param name="filter">Where the control side gives Linux's rules for forwarded packets; null for nowhere.</param>
    /// <returns>Whether the arena had room.</returns>
    public bool TryInitialize(ref ServiceSetup setup, in RouterTable table, PacketPool pool, FilterMemory filter = default)
    {
        _table = table;
        RouterCounters counters = new(setup.Statistics);
        _ports = new RouterPorts<TNic, THost>(in table, pool, counters);
        if (!LinuxStandIn.TryCreate(ref setup, in table, pool, counters, out LinuxStandIn* standIn)
            || !ForwardFilter.TryCreate(ref setup, filter, out ForwardFilter* rules))
        {
            return false;
        }

        _forwarder = new Forwarder<TNic, THost>(ref setup, in table, pool, counters, standIn, rules);
        return true;
    }

    /// <summary>Adds a port, in the order of the table's ports.</summary>
    /// <param name="setup">The service's setup.</param>
    /// <param name="name">Its name.</param>
    /// <param name="nic">Its card, started.</param>
    /// <param name="host">Its host port.</param>
    public void AddPort(ref ServiceSetup setup, ReadOnlySpan<byte> name, TNic nic, THost host)
        => _ports.Add(nic, host, new RouterPortCounters(setup.Statistics, name));

    /// <summary>Moves one burst of each port in each direction.</summary>
    /// <param name="now">The TSC.</param>
    public void Poll(ulong now)
    {
        // All that was taken out of the table before this is in nobody's hands any more: the passes before are over.
        ulong epoch = MemoryOrdering.LoadAcquire(ref _table.Header->Epoch);
        if (_table.Header->Seen.Epoch != epoch)
        {
            MemoryOrdering.StoreRelease(ref _table.Header->Seen.Epoch, epoch);
        }

        _forwarder.BeginPass(ref _ports, now);
        for (int port = 0; port < _ports.Count; port++)
        {
            if (_ports.ReceiveFromLinux(port, ref _received) > 0)
            {
                _forwarder.LookAtSent(ref _received);
                _ports.RelayLinux(port, ref _received);
            }

            if (_ports.Receive(port, ref _received) > 0)
            {
                _forwarder.Process(ref _ports, port, ref _received);
                _received.Clear();
            }
        }

        _forwarder.EndPass(ref _ports);
        _ports.Flush();
    }
}
