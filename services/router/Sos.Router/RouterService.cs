using System;
using Sos.Router.Filter;
using Sos.Router.Tables;
using Sos.Sdk.Control;
using Sos.Sdk.Packets;
using Sos.Sdk.Ports;
using Sos.Sdk.Services;

namespace Sos.Router;

/// <summary>The router service: two to eight ports, each with its host port, and the memory that its control side writes routes into.</summary>
public unsafe struct RouterService : IService
{
    /// <summary>Exit code: a port does not start; the log says which and why.</summary>
    public const long PortFailed = 1;

    /// <summary>Exit code: there is no packet memory.</summary>
    public const long NoPacketMemory = 2;

    /// <summary>Exit code: a parameter cannot be honoured, or there is no memory for the routes.</summary>
    public const long NoTable = 3;

    /// <summary>Exit code: the arena is too small.</summary>
    public const long NoMemory = 4;

    /// <summary>Number of the shared memory for Linux's rules. Without it packets that they judge are Linux's.</summary>
    public const uint FilterIndex = 1;

    private Router<NicPort, HostPort> _router;

    /// <inheritdoc/>
    public long Initialize(ref ServiceSetup setup)
    {
        if (!RouterParameters.TryRead(setup.Parameters, out RouterCapacity capacity)
            || !setup.TryFindResource(ResourceKind.Shared, 0, out Resource memory)
            || !RouterTable.TryFormat((void*)memory.Address, memory.ByteCount, in capacity, setup.Ports.Count, out RouterTable table))
        {
            setup.Log.Write(LogSeverity.Error, "there is no memory for the routes, or a parameter of its size cannot be honoured"u8);
            return NoTable;
        }

        if (!setup.TryCreatePacketPool(out PacketPool pool))
        {
            setup.Log.Write(LogSeverity.Error, "there is no packet memory"u8);
            return NoPacketMemory;
        }

        _ = setup.TryFindResource(ResourceKind.Shared, FilterIndex, out Resource rules);
        _ = FilterMemory.TryFormat((void*)rules.Address, rules.ByteCount, out FilterMemory filter);
        if (!_router.TryInitialize(ref setup, in table, pool, filter))
        {
            setup.Log.Write(LogSeverity.Error, "the arena is too small"u8);
            return NoMemory;
        }

        for (int i = 0; i < setup.Ports.Count; i++)
        {
            ReadOnlySpan<byte> name = setup.Ports[i].Name;
            if (!NicPort.TryOpen(ref setup, name, pool, out NicPort nic) || !HostPort.TryOpen(ref setup, name, pool, out HostPort host))
            {
                return PortFailed;
            }

            _router.AddPort(ref setup, name, nic, host);
        }

        return ExitCode.Stopped;
    }

    /// <inheritdoc/>
    public void Poll(ulong now) => _router.Poll(now);
}
