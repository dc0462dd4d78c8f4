using Sos.Router.Tables;
using Sos.Sdk.Memory;
using Sos.Sdk.Packets;
using Sos.Sdk.Services;

namespace Sos.Router;

/// <summary>The router: in each pass, a burst of each card is forwarded or given to Linux, and a burst of Linux's is sent.</summary>
public unsafe struct Router
{
    private RouterTable _table;
    private RouterPorts _ports;
    private Forwarder _forwarder;
    private Burst _received;

    /// <summary>Opens the ports.</summary>
    /// <param name="setup">The service's setup.</param>
    /// <param name="table">The routes' memory.</param>
    /// <param name="pool">The buffers of all ports.</param>
    /// <returns>Whether all opened; the log says which did not.</returns>
    public bool TryInitialize(ref ServiceSetup setup, in RouterTable table, PacketPool pool)
    {
        _table = table;
        RouterCounters counters = new(setup.Statistics);
        if (!_ports.TryOpen(ref setup, pool, counters))
        {
            return false;
        }

        _forwarder = new Forwarder(ref setup, in table, pool, counters);
        return true;
    }

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

        _forwarder.BeginPass(in _ports, now);
        for (int port = 0; port < _ports.Count; port++)
        {
            _ports.RelayLinux(port, ref _received);
            if (_ports.Receive(port, ref _received) > 0)
            {
                _forwarder.Process(ref _ports, port, ref _received);
                _received.Clear();
            }
        }

        _ports.Flush();
    }
}
