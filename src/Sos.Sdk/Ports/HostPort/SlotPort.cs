using System;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Threading;
using Sos.Sdk.Control;
using Sos.Sdk.Memory;
using Sos.Sdk.Packets;
using Sos.Sdk.Wire;

namespace Sos.Sdk.Ports;

/// <summary>
/// A port made of two rings of slots in shared memory, struct sos_host_port of the ABI. Frames are copied, so neither side ever
/// holds an address of the other's. Copies of this handle share one port.
/// </summary>
/// <remarks>
/// The other side is not trusted: an index that is further away than the ring is long, or a frame of an impossible length, is
/// counted and skipped.
/// </remarks>
/// <typeparam name="TNotifier">How the other side is woken.</typeparam>
public readonly unsafe struct SlotPort<TNotifier> : IPort
    where TNotifier : unmanaged, INotifier
{
    /// <summary>Slots of a ring at least (SOS_IOC_ADD_HOST_PORT).</summary>
    public const uint SlotCountMin = 64;

    /// <summary>Slots of a ring at most (SOS_IOC_ADD_HOST_PORT).</summary>
    public const uint SlotCountMax = 4096;

    private readonly SlotPortState* _state;
    private readonly TNotifier _notifier;

    private SlotPort(SlotPortState* state, TNotifier notifier)
    {
        _state = state;
        _notifier = notifier;
    }

    /// <summary>Attaches a handle to a port's state.</summary>
    internal SlotPort(SlotPortState* state)
        : this(state, default)
    {
    }

    /// <inheritdoc/>
    public PortState State => LinkUp ? PortState.Up : PortState.Down;

    /// <inheritdoc/>
    public int Mtu => _state->Mtu;

    /// <inheritdoc/>
    public MacAddress Mac => _state->Mac;

    /// <summary>The port's state.</summary>
    internal SlotPortState* Pointer => _state;

    private bool LinkUp => Volatile.Read(ref *_state->PeerUp) != 0;

    /// <summary>Attaches to shared memory that the other side has formatted, at the indices where it stands.</summary>
    /// <param name="shared">The memory.</param>
    /// <param name="size">Its bytes.</param>
    /// <param name="side">Which end this is.</param>
    /// <param name="arena">Where the port's state is kept.</param>
    /// <param name="pool">Where received frames are put, and where sent ones come from.</param>
    /// <param name="counters">What the port counts.</param>
    /// <param name="log">Where the first breach of contract is logged.</param>
    /// <param name="notifier">How the other side is woken.</param>
    /// <param name="port">The port.</param>
    /// <returns>False when the memory is no such port, or the arena is full.</returns>
    internal static bool TryCreate(
        HostPortLayout* shared,
        ulong size,
        SlotPortSide side,
        Arena arena,
        PacketPool pool,
        PortCounters counters,
        PortLog log,
        TNotifier notifier,
        out SlotPort<TNotifier> port)
    {
        port = default;
        if (shared == null || size < HostPortLayout.Size || Volatile.Read(ref shared->Magic) != HostPortLayout.MagicValue)
        {
            return false;
        }

        // Each field is read once: what was checked is what is used.
        uint slots = Volatile.Read(ref shared->Slots);
        uint slotSize = Volatile.Read(ref shared->SlotSize);
        ulong toHost = Volatile.Read(ref shared->ToHostOffset);
        ulong fromHost = Volatile.Read(ref shared->FromHostOffset);
        if (slots is < SlotCountMin or > SlotCountMax
            || !BitOperations.IsPow2(slots)
            || slotSize != HostSlot.Stride
            || !IsWithin(toHost, slots, size)
            || !IsWithin(fromHost, slots, size)
            || Math.Max(toHost, fromHost) - Math.Min(toHost, fromHost) < (ulong)slots * HostSlot.Stride
            || !arena.TryAllocate(out SlotPortState* state))
        {
            return false;
        }

        bool service = side == SlotPortSide.Service;
        byte* start = (byte*)shared;
        state->Outgoing = service ? &shared->ToHost : &shared->FromHost;
        state->OutgoingSlots = start + (service ? toHost : fromHost);
        state->Incoming = service ? &shared->FromHost : &shared->ToHost;
        state->IncomingSlots = start + (service ? fromHost : toHost);
        state->OwnUp = service ? &shared->LinkUp : &shared->HostUp;
        state->PeerUp = service ? &shared->HostUp : &shared->LinkUp;
        state->WakesPeer = service;
        state->SlotCount = slots;
        state->Produced = Volatile.Read(ref state->Outgoing->Producer);
        state->PeerConsumed = Volatile.Read(ref state->Outgoing->Consumer);
        state->Consumed = Volatile.Read(ref state->Incoming->Consumer);
        state->PeerProduced = state->Consumed;
        state->Pool = pool;
        state->Counters = counters;
        state->Log = log;
        state->Mtu = (int)Math.Min(Volatile.Read(ref shared->Mtu), HostPortLayout.MtuMax);
        state->Mac = MacAddress.Read(shared->Mac);
        if (state->Produced - state->PeerConsumed > slots)
        {
            return false;
        }

        port = new SlotPort<TNotifier>(state, notifier);
        return true;
    }

    /// <summary>
    /// Says whether the other side is to see a link: for Linux, the carrier of the device. With a card behind the port it sees one while the
    /// card's link is up, too.
    /// </summary>
    public void SetLink(bool up)
    {
        _state->LinkChosen = true;
        _state->LinkWanted = up;
        ShowLink();
    }

    /// <inheritdoc/>
    /// <remarks>Nothing is to be done: Linux's side is looked at with each burst.</remarks>
    public void Maintain(ulong now)
    {
    }

    /// <summary>Counts a change of the other side's link. For rings in a card's place: it is the card's link.</summary>
    internal void NotePeerLink()
    {
        bool up = LinkUp;
        if (up != _state->PeerWasUp)
        {
            _state->PeerWasUp = up;
            _state->Counters.LinkChanges.Increment();
        }
    }

    /// <summary>Passes the link of the card behind this port on. A service that said nothing wants it to be seen.</summary>
    internal void SetCardLink(bool up)
    {
        _state->HasCard = true;
        _state->CardUp = up;
        _state->LinkWanted |= !_state->LinkChosen;
        ShowLink();
    }

    /// <inheritdoc/>
    public int Receive(ref Burst burst)
    {
        SlotPortState* state = _state;
        int room = Burst.Capacity - burst.Count;
        int wanted = Math.Min(AvailableFrames(room), room);
        int received = 0;
        int emptied = 0;
        ulong bytes = 0;
        while (emptied < wanted)
        {
            HostSlot* slot = Slot(state->IncomingSlots, state->Consumed);
            uint length = Volatile.Read(ref slot->Length); // once: the other side could change it after the check
            if (length is < FrameCopy.FrameMin or > HostSlot.FrameMax)
            {
                state->Counters.ReceiveDroppedInvalid.Increment();
                state->Consumed++;
                emptied++;
                continue;
            }

            if (!state->Pool.TryAllocate(out PacketBuffer buffer))
            {
                break;
            }

            FrameCopy.Copy(FrameStart(buffer), (byte*)slot + HostSlot.HeaderSize, (int)length);
            buffer.Header.Length = (ushort)length;
            burst.Add(buffer);
            state->Consumed++;
            emptied++;
            received++;
            bytes += length;
        }

        NoteStarved(emptied < wanted);
        if (emptied > 0)
        {
            state->Counters.ReceivedPackets.Add((ulong)received);
            state->Counters.ReceivedBytes.Add(bytes);

            // Release: the slots were read before they are given back.
            Volatile.Write(ref state->Incoming->Consumer, state->Consumed);
            WakeIfArmed(state->Incoming);
        }

        return received;
    }

    /// <inheritdoc/>
    public int Transmit(ref Burst burst)
    {
        SlotPortState* state = _state;
        int count = burst.Count;
        if (count == 0)
        {
            return 0;
        }

        if (!LinkUp)
        {
            state->Counters.TransmitDroppedLink.Add((ulong)count);
            state->Pool.Free(ref burst);
            return 0;
        }

        int room = FreeSlots(count);
        int sent = 0;
        ulong bytes = 0;
        foreach (PacketBuffer buffer in burst.Buffers)
        {
            int length = buffer.Header.Length;
            if (sent == room)
            {
                state->Counters.TransmitDroppedFull.Increment();
            }
            else if (length is < FrameCopy.FrameMin or > HostSlot.FrameMax || buffer.Header.Offset + length > PacketBuffer.Stride)
            {
                state->Counters.TransmitDroppedInvalid.Increment();
            }
            else
            {
                HostSlot* slot = Slot(state->OutgoingSlots, state->Produced);
                FrameCopy.Copy((byte*)slot + HostSlot.HeaderSize, FrameStart(buffer), length);
                slot->Length = (uint)length;
                slot->Flags = (buffer.Header.Flags & PacketFlags.ChecksumValid) != 0 ? HostSlotFlags.ChecksumValid : HostSlotFlags.None;
                state->Produced++;
                sent++;
                bytes += (uint)length;
            }

            state->Pool.Free(buffer);
        }

        burst.Clear();
        if (sent > 0)
        {
            state->Counters.TransmittedPackets.Add((ulong)sent);
            state->Counters.TransmittedBytes.Add(bytes);

            // Release: the slots are whole before they are shown.
            Volatile.Write(ref state->Outgoing->Producer, state->Produced);
            WakeIfArmed(state->Outgoing);
        }

        return sent;
    }

    /// <summary>Shows the other side that the service is there. For rings in a card's place, whose link is the other side's.</summary>
    internal void Announce() => TryShow(true);

    private void ShowLink()
    {
        if (TryShow(_state->LinkWanted && (!_state->HasCard || _state->CardUp)))
        {
            _state->Counters.LinkChanges.Increment();
        }
    }

    private bool TryShow(bool up)
    {
        uint value = up ? 1u : 0u;
        if (Volatile.Read(ref *_state->OwnUp) == value)
        {
            return false;
        }

        Volatile.Write(ref *_state->OwnUp, value);
        if (_state->WakesPeer)
        {
            Wake();
        }

        return true;
    }

    private static bool IsWithin(ulong offset, uint slots, ulong size)
    {
        ulong bytes = (ulong)slots * HostSlot.Stride;
        return offset >= HostPortLayout.Size && offset % HostSlot.HeaderSize == 0 && offset <= size && size - offset >= bytes;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static byte* FrameStart(PacketBuffer buffer) => (byte*)buffer.Pointer + buffer.Header.Offset;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private HostSlot* Slot(byte* slots, uint index) => (HostSlot*)(slots + ((nuint)(index & (_state->SlotCount - 1)) * HostSlot.Stride));

    /// <summary>Frames to be received; the other side's index is read only when what is known of it does not suffice.</summary>
    private int AvailableFrames(int wanted)
    {
        SlotPortState* state = _state;
        if (state->PeerProduced - state->Consumed < (uint)wanted)
        {
            uint produced = Volatile.Read(ref state->Incoming->Producer);
            if (produced - state->Consumed > state->SlotCount)
            {
                Complain();
                return (int)(state->PeerProduced - state->Consumed);
            }

            state->PeerProduced = produced;
        }

        return (int)(state->PeerProduced - state->Consumed);
    }

    /// <summary>Slots that can be filled; read as sparingly as the frames.</summary>
    private int FreeSlots(int wanted)
    {
        SlotPortState* state = _state;
        if (state->SlotCount - (state->Produced - state->PeerConsumed) < (uint)wanted)
        {
            uint consumed = Volatile.Read(ref state->Outgoing->Consumer);
            if (state->Produced - consumed > state->SlotCount)
            {
                Complain();
            }
            else
            {
                state->PeerConsumed = consumed;
            }
        }

        return (int)(state->SlotCount - (state->Produced - state->PeerConsumed));
    }

    /// <summary>Wakes the other side if it has armed the ring; once, until it arms it again.</summary>
    private void WakeIfArmed(HostRing* ring)
    {
        if (!_state->WakesPeer)
        {
            return;
        }

        // The other side arms, fences and looks at the index again; this one moves the index, fences and looks at armed. Hence at
        // least one of the two sees what the other did. Clearing need not be atomic: a wake-up follows in any case.
        Interlocked.MemoryBarrier();
        if (Volatile.Read(ref ring->Armed) != 0)
        {
            Volatile.Write(ref ring->Armed, 0);
            Wake();
        }
    }

    private void Wake()
    {
        _notifier.Notify();
        _state->Counters.Notifications.Increment();
    }

    /// <summary>Counts the pool's running empty as it begins, not with each poll for as long as it lasts.</summary>
    private void NoteStarved(bool starved)
    {
        if (starved && !_state->Starved)
        {
            _state->Counters.ReceiveStarved.Increment();
        }

        _state->Starved = starved;
    }

    /// <summary>Counts a breach of contract by the other side, and logs the first.</summary>
    private void Complain()
    {
        _state->Counters.Failures.Increment();
        if (!_state->Complained)
        {
            _state->Complained = true;
            _state->Log.Write(LogSeverity.Warning, "the other side's index is further away than the ring is long"u8);
        }
    }
}
