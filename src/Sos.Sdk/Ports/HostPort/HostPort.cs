using System;
using Sos.Sdk.Control;
using Sos.Sdk.Packets;
using Sos.Sdk.Services;

namespace Sos.Sdk.Ports;

/// <summary>The service's side of a host port: the network device through which Linux keeps its network behind the service.</summary>
public readonly unsafe struct HostPort : IPort
{
    private readonly SlotPort<GateNotifier> _port;

    private HostPort(SlotPort<GateNotifier> port) => _port = port;

    /// <inheritdoc/>
    /// <remarks>Whether Linux has the network device up.</remarks>
    public bool LinkUp => _port.LinkUp;

    /// <summary>Takes a host port that the service was given. Its carrier stays off until <see cref="SetLink"/>.</summary>
    /// <param name="setup">The service's setup.</param>
    /// <param name="index">Number of the host port among those that the service was given.</param>
    /// <param name="name">Prefix of the port's counters: "host" makes "host.rx_packets". At most 29 bytes of UTF-8.</param>
    /// <param name="pool">Where received frames are put, and where sent ones come from.</param>
    /// <param name="port">The port.</param>
    /// <returns>False when there is no such port, its memory is not valid, or the arena is full.</returns>
    public static bool TryCreate(ref ServiceSetup setup, uint index, ReadOnlySpan<byte> name, PacketPool pool, out HostPort port)
    {
        port = default;
        if (!setup.TryFindResource(ResourceKind.HostPort, index, out Resource resource)
            || !SlotPort<GateNotifier>.TryCreate(
                (HostPortLayout*)resource.Address,
                resource.ByteCount,
                SlotPortSide.Service,
                setup.Arena,
                pool,
                PortCounters.Register(setup.Statistics, name),
                setup.Log,
                default,
                out SlotPort<GateNotifier> rings))
        {
            return false;
        }

        port = new HostPort(rings);
        return true;
    }

    /// <summary>Tells Linux whether the network behind the service can be reached: the carrier of its device.</summary>
    public void SetLink(bool up) => _port.SetLink(up);

    /// <inheritdoc/>
    public int Receive(ref Burst burst) => _port.Receive(ref burst);

    /// <inheritdoc/>
    public int Transmit(ref Burst burst) => _port.Transmit(ref burst);
}
