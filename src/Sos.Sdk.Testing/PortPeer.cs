using System;
using System.Collections.Generic;
using Sos.Sdk.Control;
using Sos.Sdk.Memory;

namespace Sos.Sdk.Testing;

/// <summary>The other side of a host port or memory port: what Linux would do, done by a test.</summary>
public sealed unsafe class PortPeer
{
    private const ulong SlotsOffset = 4096;

    private readonly HostPortLayout* _port;

    /// <summary>Attaches to rings that were formatted by <c>MemoryPort.TryFormat</c>, as the loader does for a service in a process.</summary>
    /// <param name="port">The rings, mapped; they must outlive this.</param>
    public PortPeer(HostPortLayout* port)
    {
        _port = port;
        Up = true;
    }

    internal PortPeer(byte* memory, int slots, int mtu, int index)
    {
        _port = (HostPortLayout*)memory;
        _port->Slots = (uint)slots;
        _port->SlotSize = HostSlot.Stride;
        _port->ToHostOffset = SlotsOffset;
        _port->FromHostOffset = SlotsOffset + ((ulong)slots * HostSlot.Stride);
        _port->Mtu = (uint)mtu;

        // A locally administered address (IEEE 802, 8.4).
        _port->Mac[0] = 2;
        _port->Mac[5] = (byte)index;
        _port->Magic = HostPortLayout.MagicValue;
        Up = true;
    }

    /// <summary>Whether this side says that it is up.</summary>
    public bool Up
    {
        get => _port->HostUp != 0;
        set => MemoryOrdering.StoreRelease(ref _port->HostUp, value ? 1u : 0u);
    }

    /// <summary>Whether the service says that its side is up.</summary>
    public bool LinkUp => MemoryOrdering.LoadAcquire(ref _port->LinkUp) != 0;

    /// <summary>The shared memory, for tests that break the contract.</summary>
    public HostPortLayout* Layout => _port;

    /// <summary>Sends a frame to the service.</summary>
    /// <returns>False when the ring is full.</returns>
    public bool Send(ReadOnlySpan<byte> frame)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(frame.Length, HostSlot.FrameMax);
        ref HostRing ring = ref _port->FromHost;
        uint producer = ring.Producer;
        if (producer - MemoryOrdering.LoadAcquire(ref ring.Consumer) >= _port->Slots)
        {
            return false;
        }

        HostSlot* slot = Slot(_port->FromHostOffset, producer);
        slot->Length = (uint)frame.Length;
        slot->Flags = HostSlotFlags.None;
        frame.CopyTo(new Span<byte>((byte*)slot + HostSlot.HeaderSize, HostSlot.FrameMax));
        MemoryOrdering.StoreRelease(ref ring.Producer, producer + 1);
        return true;
    }

    /// <summary>Takes the next frame that the service sent.</summary>
    /// <returns>The frame, or null when there is none.</returns>
    public byte[]? Receive()
    {
        ref HostRing ring = ref _port->ToHost;
        uint consumer = ring.Consumer;
        if (MemoryOrdering.LoadAcquire(ref ring.Producer) == consumer)
        {
            return null;
        }

        HostSlot* slot = Slot(_port->ToHostOffset, consumer);
        byte[] frame = new ReadOnlySpan<byte>((byte*)slot + HostSlot.HeaderSize, (int)slot->Length).ToArray();
        MemoryOrdering.StoreRelease(ref ring.Consumer, consumer + 1);
        return frame;
    }

    /// <summary>Takes all frames that the service sent, in order.</summary>
    public IReadOnlyList<byte[]> ReceiveAll()
    {
        List<byte[]> frames = [];
        while (Receive() is { } frame)
        {
            frames.Add(frame);
        }

        return frames;
    }

    internal static ulong SizeOf(int slots) => SlotsOffset + (2UL * (ulong)slots * HostSlot.Stride);

    private HostSlot* Slot(ulong offset, uint index)
        => (HostSlot*)((byte*)_port + offset + ((ulong)(index & (_port->Slots - 1)) * HostSlot.Stride));
}
