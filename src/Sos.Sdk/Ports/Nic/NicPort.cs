using System;
using Sos.Sdk.Control;
using Sos.Sdk.Memory;
using Sos.Sdk.Packets;
using Sos.Sdk.Ports.VirtioNet;
using Sos.Sdk.Ports.Xsk;
using Sos.Sdk.Services;
using Sos.Sdk.Wire;

namespace Sos.Sdk.Ports;

/// <summary>
/// A port's card, whatever is behind it: one that the service drives itself, a network device of Linux by AF_XDP, or memory rings. One image
/// serves all of them; the choice costs a predictable branch for each burst. Copies of this handle share one port; one that was never opened
/// receives nothing.
/// </summary>
public readonly unsafe struct NicPort : IPort
{
    private readonly void* _state;
    private readonly NicKind _kind;

    private NicPort(NicKind kind, void* state)
    {
        _kind = kind;
        _state = state;
    }

    /// <summary>Whether the port was opened.</summary>
    public bool IsOpen => _kind != NicKind.None;

    /// <inheritdoc/>
    public PortState State => _kind switch
    {
        NicKind.VirtioNet => VirtioNet.State,
        NicKind.Xsk => Xsk.State,
        NicKind.Memory => Memory.State,
        _ => PortState.Down,
    };

    /// <inheritdoc/>
    public int Mtu => _kind switch
    {
        NicKind.VirtioNet => VirtioNet.Mtu,
        NicKind.Xsk => Xsk.Mtu,
        NicKind.Memory => Memory.Mtu,
        _ => 0,
    };

    /// <inheritdoc/>
    public MacAddress Mac => _kind switch
    {
        NicKind.VirtioNet => VirtioNet.Mac,
        NicKind.Xsk => Xsk.Mac,
        NicKind.Memory => Memory.Mac,
        _ => default,
    };

    private VirtioNetPort VirtioNet => new((VirtioNetState*)_state);

    private XskPort Xsk => new((XskState*)_state);

    private MemoryPort Memory => new(new SlotPort<GateNotifier>((SlotPortState*)_state));

    /// <summary>Opens and starts the card of a port that the service was given; the log says why it cannot. Once for each name.</summary>
    /// <param name="setup">The service's setup.</param>
    /// <param name="name">The port's name. Its counters begin with it: "nic" makes "nic.rx_packets".</param>
    /// <param name="pool">
    /// Where received frames are put, and where sent ones come from: a pool of <see cref="ServiceSetup.TryCreatePacketPool(out PacketPool)"/>.
    /// </param>
    /// <param name="port">The port.</param>
    /// <returns>False when there is no such port, it does not start, or there is no room for its state or counters.</returns>
    public static bool TryOpen(ref ServiceSetup setup, ReadOnlySpan<byte> name, PacketPool pool, out NicPort port)
        => TryOpen(ref setup, name, pool, default(DirectMmio), out port);

    /// <summary>Opens a card whose registers are reached by <paramref name="mmio"/>.</summary>
    internal static bool TryOpen<TMmio>(ref ServiceSetup setup, ReadOnlySpan<byte> name, PacketPool pool, TMmio mmio, out NicPort port)
        where TMmio : unmanaged, IMmio
    {
        port = default;
        if (!setup.TryFindPort(name, PortSide.Card, out PortEntry* entry))
        {
            return false;
        }

        Trap.Unless(!entry->Nic.IsOpen, TrapCode.PortOpenedTwice);
        PortLog log = new(setup.Log, in entry->Name);
        if (setup.Statistics.Free < PortCounters.Count)
        {
            log.Write(LogSeverity.Error, "there is no room for its counters; there are so many already"u8, (ulong)setup.Statistics.Count);
            return false;
        }

        // Half of the buffers are for frames to be received, in equal parts.
        int receiveMax = pool.Capacity / (2 * setup.Ports.Count);
        PortCounters counters = PortCounters.RegisterCard(setup.Statistics, in entry->Name);
        port = entry->Card.Kind switch
        {
            ResourceKind.VirtioNet => OpenVirtioNet(ref setup, entry, pool, counters, log, receiveMax, mmio),
            ResourceKind.Xsk => OpenXsk(setup.Arena, entry, pool, counters, log, receiveMax),
            _ => OpenMemory(setup.Arena, entry, pool, counters, log),
        };
        entry->Nic = port;
        return port.IsOpen;
    }

    /// <inheritdoc/>
    public int Receive(ref Burst burst) => _kind switch
    {
        NicKind.VirtioNet => VirtioNet.Receive(ref burst),
        NicKind.Xsk => Xsk.Receive(ref burst),
        NicKind.Memory => Memory.Receive(ref burst),
        _ => 0,
    };

    /// <inheritdoc/>
    public int Transmit(ref Burst burst)
    {
        Trap.Unless(IsOpen, TrapCode.PortNotOpen);
        return _kind switch
        {
            NicKind.VirtioNet => VirtioNet.Transmit(ref burst),
            NicKind.Xsk => Xsk.Transmit(ref burst),
            _ => Memory.Transmit(ref burst),
        };
    }

    /// <inheritdoc/>
    public void Maintain(ulong now) => Maintain(now, default(DirectMmio));

    /// <summary>Maintains the port; a card's registers are reached by <paramref name="mmio"/>.</summary>
    internal void Maintain<TMmio>(ulong now, TMmio mmio)
        where TMmio : unmanaged, IMmio
    {
        switch (_kind)
        {
            case NicKind.VirtioNet:
                VirtioNet.Maintain(mmio);
                break;
            case NicKind.Xsk:
                Xsk.Maintain(now);
                break;
            case NicKind.Memory:
                Memory.Maintain(now);
                break;
        }
    }

    /// <summary>Looks at the card's link, and counts a change of it.</summary>
    internal void ReadLink<TMmio>(TMmio mmio)
        where TMmio : unmanaged, IMmio
    {
        switch (_kind)
        {
            case NicKind.VirtioNet:
                VirtioNet.ReadLink(mmio);
                break;
            case NicKind.Xsk:
                Xsk.NoteLink();
                break;
            case NicKind.Memory:
                Memory.NoteLink();
                break;
        }
    }

    /// <summary>Takes a card's rings from packet memory, which a pool takes the rest of.</summary>
    /// <returns>Whether there are rings: the record is valid, and there was room.</returns>
    internal static bool TryTakeRings(ref ServiceSetup setup, PortEntry* entry)
    {
        if (entry->Rings == null
            && entry->Card.ByteCount >= VirtioPciLayout.Size
            && setup.TryGetPacketMemory(out PacketMemory memory)
            && VirtioNetPort.TryCreate(
                *(VirtioPciLayout*)entry->Card.Address,
                setup.Arena,
                memory,
                (ulong*)entry->Card.Aux,
                new PortLog(setup.Log, in entry->Name),
                out VirtioNetPort port))
        {
            entry->Rings = port.Pointer;
        }

        return entry->Rings != null;
    }

    private static NicPort OpenVirtioNet<TMmio>(
        ref ServiceSetup setup, PortEntry* entry, PacketPool pool, PortCounters counters, PortLog log, int receiveMax, TMmio mmio)
        where TMmio : unmanaged, IMmio
    {
        if (!TryTakeRings(ref setup, entry))
        {
            log.Write(LogSeverity.Error, "no room for its card's rings in arena or packet memory"u8);
            return default;
        }

        VirtioNetPort port = new(entry->Rings);
        port.Prepare(counters, receiveMax);
        return port.TryStart(pool, mmio) ? new NicPort(NicKind.VirtioNet, port.Pointer) : default;
    }

    private static NicPort OpenXsk(Arena arena, PortEntry* entry, PacketPool pool, PortCounters counters, PortLog log, int receiveMax)
    {
        if (entry->Card.ByteCount < XskLayout.Size
            || !XskPort.TryCreate(*(XskLayout*)entry->Card.Address, arena, pool, counters, log, receiveMax, out XskPort port))
        {
            log.Write(LogSeverity.Error, "its AF_XDP socket's record is not valid, or the arena is full"u8);
            return default;
        }

        return new NicPort(NicKind.Xsk, port.Pointer);
    }

    private static NicPort OpenMemory(Arena arena, PortEntry* entry, PacketPool pool, PortCounters counters, PortLog log)
    {
        if (!MemoryPort.TryAttach(
            (void*)entry->Card.Address, entry->Card.ByteCount, SlotPortSide.Service, arena, pool, counters, log, out MemoryPort port))
        {
            log.Write(LogSeverity.Error, "its memory rings are not valid, or the arena is full"u8);
            return default;
        }

        port.Rings.Announce();
        return new NicPort(NicKind.Memory, port.Rings.Pointer);
    }
}
