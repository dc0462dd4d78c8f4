using System;
using Sos.Sdk.Control;
using Sos.Sdk.Logging;
using Sos.Sdk.Memory;
using Sos.Sdk.Packets;
using Sos.Sdk.Wire;

namespace Sos.Sdk.Ports;

/// <summary>
/// One end of a pair of memory rings, laid out as a host port, in a card's place: between captures on an isolated core, in tests and benches.
/// Linux's end can be attached to as well, by a program that plays the network.
/// </summary>
public readonly unsafe struct MemoryPort : IPort
{
    private readonly SlotPort<GateNotifier> _port;

    internal MemoryPort(SlotPort<GateNotifier> port) => _port = port;

    /// <inheritdoc/>
    public PortState State => _port.State;

    /// <inheritdoc/>
    public int Mtu => _port.Mtu;

    /// <inheritdoc/>
    public MacAddress Mac => _port.Mac;

    internal SlotPort<GateNotifier> Rings => _port;

    /// <summary>Bytes that two rings of <paramref name="slots"/> take, with their header.</summary>
    public static ulong SizeFor(uint slots) => SlotsOffset + (2UL * slots * HostSlot.Stride);

    private static ulong SlotsOffset => (HostPortLayout.Size + 4095UL) & ~4095UL;

    /// <summary>Formats zeroed memory as a pair of empty rings, both links down.</summary>
    /// <param name="memory">Aligned to a cache line.</param>
    /// <param name="size">Bytes, at least <see cref="SizeFor"/>.</param>
    /// <param name="slots">Slots of each ring, a power of two, 64 to 4096.</param>
    /// <param name="mtu">Largest packet behind an Ethernet header, in bytes.</param>
    /// <param name="mac">6 bytes.</param>
    /// <returns>False when the memory is too small or the number of slots is not such.</returns>
    public static bool TryFormat(void* memory, ulong size, uint slots, uint mtu, ReadOnlySpan<byte> mac)
    {
        if (size < SizeFor(slots)
            || slots is < SlotPort<GateNotifier>.SlotCountMin or > SlotPort<GateNotifier>.SlotCountMax
            || (slots & (slots - 1)) != 0
            || mtu > HostPortLayout.MtuMax
            || mac.Length != 6)
        {
            return false;
        }

        HostPortLayout* layout = (HostPortLayout*)memory;
        layout->Slots = slots;
        layout->SlotSize = HostSlot.Stride;
        layout->ToHostOffset = SlotsOffset;
        layout->FromHostOffset = SlotsOffset + ((ulong)slots * HostSlot.Stride);
        layout->Mtu = mtu;
        for (int i = 0; i < mac.Length; i++)
        {
            layout->Mac[i] = mac[i];
        }

        MemoryOrdering.StoreRelease(ref layout->Magic, HostPortLayout.MagicValue);
        return true;
    }

    /// <summary>Attaches to formatted memory, as either end.</summary>
    /// <param name="shared">The memory.</param>
    /// <param name="size">Its bytes.</param>
    /// <param name="side">Which end this is.</param>
    /// <param name="arena">Where the port's state is kept.</param>
    /// <param name="pool">Where received frames are put, and where sent ones come from.</param>
    /// <param name="counters">The port's counters.</param>
    /// <param name="log">Where the first breach of contract is logged.</param>
    /// <param name="port">The port.</param>
    /// <returns>False when the memory is no such port, or the arena is full.</returns>
    public static bool TryAttach(
        void* shared,
        ulong size,
        SlotPortSide side,
        Arena arena,
        PacketPool pool,
        PortCounters counters,
        Log log,
        out MemoryPort port)
        => TryAttach(shared, size, side, arena, pool, counters, new PortLog(log, default), out port);

    internal static bool TryAttach(
        void* shared,
        ulong size,
        SlotPortSide side,
        Arena arena,
        PacketPool pool,
        PortCounters counters,
        PortLog log,
        out MemoryPort port)
    {
        bool valid = SlotPort<GateNotifier>.TryCreate(
            (HostPortLayout*)shared, size, side, arena, pool, counters, log, default, out SlotPort<GateNotifier> rings);
        port = new MemoryPort(rings);
        return valid;
    }

    /// <summary>Tells the other end whether this one can be reached.</summary>
    public void SetLink(bool up) => _port.SetLink(up);

    /// <inheritdoc/>
    public int Receive(ref Burst burst) => _port.Receive(ref burst);

    /// <inheritdoc/>
    public int Transmit(ref Burst burst) => _port.Transmit(ref burst);

    /// <inheritdoc/>
    public void Maintain(ulong now) => NoteLink();

    /// <summary>Counts a change of the other end's link.</summary>
    internal void NoteLink() => _port.NotePeerLink();
}
