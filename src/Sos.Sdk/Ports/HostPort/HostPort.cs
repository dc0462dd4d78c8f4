using System;
using Sos.Sdk.Control;
using Sos.Sdk.Memory;
using Sos.Sdk.Packets;
using Sos.Sdk.Services;
using Sos.Sdk.Wire;

namespace Sos.Sdk.Ports;

/// <summary>
/// The service's side of a port's host port: the network device through which Linux keeps its network behind the service, or memory rings in
/// its place. Copies of this handle share one port; one that was never opened receives nothing.
/// </summary>
/// <remarks>
/// Linux sees a carrier while the link of the port's card is up: the host of the service passes it on. A service that wants less says so with
/// <see cref="SetLink"/>. A host port without a card has no carrier until then.
/// </remarks>
public readonly unsafe struct HostPort : IHostPort
{
    private readonly SlotPort<GateNotifier> _port;

    internal HostPort(SlotPort<GateNotifier> port) => _port = port;

    /// <inheritdoc/>
    /// <remarks><see cref="PortState.Up"/> while Linux has the network device up.</remarks>
    public PortState State => IsOpen ? _port.State : PortState.Down;

    /// <inheritdoc/>
    public int Mtu => IsOpen ? _port.Mtu : 0;

    /// <inheritdoc/>
    public MacAddress Mac => IsOpen ? _port.Mac : default;

    /// <summary>Whether the port was opened: a service that can do without a host port asks.</summary>
    public bool IsOpen => _port.Pointer != null;

    /// <summary>Opens the host port of a port that the service was given; the log says why it cannot. Once for each name.</summary>
    /// <param name="setup">The service's setup.</param>
    /// <param name="name">The port's name. Its counters begin with "NAME.host."; those of the port "nic" with "host.".</param>
    /// <param name="pool">Where received frames are put, and where sent ones come from.</param>
    /// <param name="port">The port.</param>
    /// <returns>False when there is no such host port, its memory is not valid, or there is no room for its state or counters.</returns>
    public static bool TryOpen(ref ServiceSetup setup, ReadOnlySpan<byte> name, PacketPool pool, out HostPort port)
    {
        port = default;
        if (!setup.TryFindPort(name, PortSide.Host, out PortEntry* entry))
        {
            return false;
        }

        Trap.Unless(entry->Host == null, TrapCode.PortOpenedTwice);
        PortLog log = new(setup.Log, in entry->Name);
        if (setup.Statistics.Free < PortCounters.Count)
        {
            log.Write(LogSeverity.Error, "there is no room for the counters of its host port"u8, (ulong)setup.Statistics.Count);
            return false;
        }

        if (!SlotPort<GateNotifier>.TryCreate(
            (HostPortLayout*)entry->HostResource.Address,
            entry->HostResource.ByteCount,
            SlotPortSide.Service,
            setup.Arena,
            pool,
            PortCounters.RegisterHost(setup.Statistics, in entry->Name),
            log,
            default,
            out SlotPort<GateNotifier> rings))
        {
            log.Write(LogSeverity.Error, "its host port's memory is not valid, or the arena is full"u8);
            return false;
        }

        entry->Host = rings.Pointer;
        port = new HostPort(rings);
        return true;
    }

    /// <inheritdoc/>
    public void SetLink(bool up)
    {
        Trap.Unless(IsOpen, TrapCode.PortNotOpen);
        _port.SetLink(up);
    }

    /// <inheritdoc/>
    public int Receive(ref Burst burst) => IsOpen ? _port.Receive(ref burst) : 0;

    /// <inheritdoc/>
    public int Transmit(ref Burst burst)
    {
        Trap.Unless(IsOpen, TrapCode.PortNotOpen);
        return _port.Transmit(ref burst);
    }

    /// <inheritdoc/>
    public void Maintain(ulong now)
    {
        if (IsOpen)
        {
            _port.Maintain(now);
        }
    }
}
