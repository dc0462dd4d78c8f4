using System;
using System.Runtime.CompilerServices;
using Sos.Sdk.Control;
using Sos.Sdk.Memory;
using Sos.Sdk.Packets;
using Sos.Sdk.Wire;

namespace Sos.Sdk.Ports.VirtioNet;

/// <summary>
/// A virtio-net card, driven by the service itself over modern PCI (virtio 1.2, 4.1 and 5.1): one receive and one transmit queue,
/// no interrupts. Copies of this handle share one port.
/// </summary>
/// <remarks>
/// The device is not trusted with more than the buffers it holds. Whatever it does against the specification takes the port to
/// <see cref="Failure"/>: it then receives nothing and drops what it is to send, until <see cref="Maintain(ulong)"/> has started it anew.
/// </remarks>
internal readonly unsafe struct VirtioNetPort : IPort
{
    /// <summary>Descriptors of a queue at most. A ring this long holds 1,024 frames, at 10 Gbit/s and 64 bytes 69 microseconds.</summary>
    public const int QueueSizeMax = 1024;

    /// <summary>struct virtio_net_hdr with VIRTIO_F_VERSION_1 (5.1.6): 12 bytes before each frame, put into the headroom.</summary>
    private const int VirtioHeaderSize = 12;

    /// <summary>The shortest frame: an Ethernet header.</summary>
    private const int FrameMin = 14;

    /// <summary>Bytes of a frame beyond the MTU: an Ethernet header and two VLAN tags.</summary>
    internal const int LinkHeaderMax = 22;

    /// <summary>Bytes that the device may write into a receive buffer.</summary>
    private const uint ReceiveLength = VirtioHeaderSize + PacketBuffer.FrameMax;

    /// <summary>Where the frame of a receive buffer starts.</summary>
    private const int ReceiveOffset = PacketBuffer.HeaderSize + PacketBuffer.Headroom;

    /// <summary>Rings start on pages: more than 2.7 asks for, and none shares a cache line with anything.</summary>
    private const uint RingAlignment = 4096;

    /// <summary>Half a second, by the recommended ten inspections a second.</summary>
    private const int UnansweredMax = 5;

    private readonly VirtioNetState* _state;

    internal VirtioNetPort(VirtioNetState* state) => _state = state;

    /// <summary>Why the port does not work, or <see cref="VirtioNetFailure.None"/>.</summary>
    public VirtioNetFailure Failure => _state == null ? VirtioNetFailure.NotGiven : _state->Failure;

    /// <inheritdoc/>
    /// <remarks>As upkeep last saw it.</remarks>
    public PortState State => Failure switch
    {
        VirtioNetFailure.None => _state->LinkUp ? PortState.Up : PortState.Down,
        VirtioNetFailure.NotGiven or VirtioNetFailure.NotStarted or VirtioNetFailure.Closed => PortState.Down,
        VirtioNetFailure.DeviceGone => PortState.Gone,
        _ => PortState.NeedsReset,
    };

    /// <inheritdoc/>
    public int Mtu => _state->Mtu;

    /// <inheritdoc/>
    public MacAddress Mac => MacAddress.Read(_state->Mac);

    /// <summary>The features that were negotiated.</summary>
    public VirtioNetFeatures Features => _state->Features;

    internal VirtioNetState* Pointer => _state;

    /// <inheritdoc/>
    public int Receive(ref Burst burst)
    {
        VirtioNetState* state = _state;
        if (state->Failure != VirtioNetFailure.None)
        {
            return 0;
        }

        if (!state->Receiving.TryCountUsed(out int used))
        {
            Fail(default(DirectMmio), VirtioNetFailure.UsedIndexJumped);
            return 0;
        }

        int wanted = Math.Min(used, Burst.Capacity - burst.Count);
        int received = 0;
        ulong bytes = 0;
        for (int i = 0; i < wanted; i++)
        {
            VirtioNetFailure failure = TakeReceived(out PacketBuffer buffer);
            if (failure != VirtioNetFailure.None)
            {
                Fail(default(DirectMmio), failure);
                break;
            }

            if (buffer.Length < FrameMin)
            {
                state->Pool.Free(buffer);
                state->Counters.ReceiveDroppedInvalid.Increment();
                continue;
            }

            burst.Add(buffer);
            received++;
            bytes += (uint)buffer.Length;
        }

        if (wanted > 0)
        {
            state->Receiving.SuppressInterrupts();
            state->Counters.ReceivedPackets.Add((ulong)received);
            state->Counters.ReceivedBytes.Add(bytes);
        }

        if (state->Receiving.FreeCount >= state->RefillThreshold && state->Failure == VirtioNetFailure.None && Refill())
        {
            state->Receiving.Notify(default(DirectMmio));
            state->Counters.Notifications.Increment();
        }

        return received;
    }

    /// <inheritdoc/>
    public int Transmit(ref Burst burst)
    {
        VirtioNetState* state = _state;
        int count = burst.Count;
        if (state->Failure != VirtioNetFailure.None || !state->LinkUp)
        {
            state->Counters.TransmitDroppedLink.Add((ulong)count);
            state->Pool.Free(ref burst);
            return 0;
        }

        // Completions are looked at when room runs low, not per burst: the device's cache line is fetched once for many.
        if (state->Transmitting.FreeCount < Math.Max(count, state->Transmitting.Size / 2))
        {
            Reclaim();
        }

        int sent = 0;
        ulong bytes = 0;
        foreach (PacketBuffer buffer in burst.Buffers)
        {
            if (state->Transmitting.FreeCount == 0 || state->Failure != VirtioNetFailure.None)
            {
                state->Counters.TransmitDroppedFull.Increment();
                state->Pool.Free(buffer);
                continue;
            }

            if (!TryPostFrame(buffer, out int length))
            {
                state->Counters.TransmitDroppedInvalid.Increment();
                state->Pool.Free(buffer);
                continue;
            }

            sent++;
            bytes += (uint)length;
        }

        burst.Clear();
        state->Counters.TransmittedPackets.Add((ulong)sent);
        state->Counters.TransmittedBytes.Add(bytes);
        if (state->Transmitting.Publish())
        {
            state->Transmitting.Notify(default(DirectMmio));
            state->Counters.Notifications.Increment();
        }

        return sent;
    }

    /// <inheritdoc/>
    /// <remarks>Reads two registers, in a virtual machine two exits. After a failure it starts the port anew, see <see cref="VirtioNetRecovery"/>.</remarks>
    public void Maintain(ulong now) => Maintain(default(DirectMmio));

    /// <summary>Takes memory and rings for a card. Nothing is asked of the device before it is started.</summary>
    /// <param name="layout">Where its registers are.</param>
    /// <param name="arena">Where the port's state is kept.</param>
    /// <param name="memory">Where its rings are taken from.</param>
    /// <param name="dmaAddresses">Bus address of each chunk as this card sees it; null for those that the memory itself has.</param>
    /// <param name="log">The port's log.</param>
    /// <param name="port">The port.</param>
    /// <returns>False when the record is not valid, a device reaches no memory, or there is no room.</returns>
    internal static bool TryCreate(
        in VirtioPciLayout layout, Arena arena, PacketMemory memory, ulong* dmaAddresses, PortLog log, out VirtioNetPort port)
    {
        port = default;
        ulong ringBytes = (ulong)SplitQueue.RingBytes(QueueSizeMax);
        ulong ownBytes = (ulong)SplitQueue.OwnBytes(QueueSizeMax);
        BusMap bus = memory.ToBusMap(dmaAddresses);
        if (bus.IsEmpty
            || layout.Magic != VirtioPciLayout.MagicValue
            || layout.CommonLength < VirtioPciTransport<DirectMmio>.CommonLength
            || !arena.TryAllocate(out VirtioNetState* state)
            || !arena.TryAllocate(ownBytes, Arena.DefaultAlignment, out state->ReceiveOwn)
            || !arena.TryAllocate(ownBytes, Arena.DefaultAlignment, out state->TransmitOwn)
            || !memory.TryAllocate(ringBytes, RingAlignment, out state->ReceiveRing)
            || !memory.TryAllocate(ringBytes, RingAlignment, out state->TransmitRing)
            || !bus.TryTranslate(state->ReceiveRing, out state->ReceiveRingBus)
            || !bus.TryTranslate(state->TransmitRing, out state->TransmitRingBus))
        {
            return false;
        }

        state->Layout = layout;
        state->Bus = bus;
        state->ReceiveMax = QueueSizeMax;
        state->Log = log;
        state->Failure = VirtioNetFailure.NotStarted;
        port = new VirtioNetPort(state);
        return true;
    }

    /// <summary>Says what the port counts with and how many receive buffers are its share; before it is started.</summary>
    internal void Prepare(PortCounters counters, int receiveMax = QueueSizeMax)
    {
        _state->Counters = counters;
        _state->ReceiveMax = Math.Max(1, receiveMax);
    }

    /// <summary>
    /// Resets and initialises the card (3.1.1), and gives it receive buffers. May be called again, with the same pool; what the card held is
    /// lost then.
    /// </summary>
    /// <param name="pool">Where received frames are put, and where sent ones come from.</param>
    /// <param name="mmio">How registers are reached.</param>
    /// <returns>Whether it works; if not, <see cref="Failure"/> says why.</returns>
    internal bool TryStart<TMmio>(PacketPool pool, TMmio mmio)
        where TMmio : unmanaged, IMmio
    {
        VirtioNetState* state = _state;
        state->LinkUp = false;
        state->Pool = pool;
        state->Recovery = default;
        VirtioPciTransport<TMmio> transport = state->Transport(mmio);
        if (!transport.TryReset())
        {
            Fail(mmio, VirtioNetFailure.ResetTimeout);
            return false;
        }

        return TryStartAfterReset(transport);
    }

    /// <summary>Initialises a device that was just reset.</summary>
    internal bool TryStartAfterReset<TMmio>(VirtioPciTransport<TMmio> transport)
        where TMmio : unmanaged, IMmio
    {
        VirtioNetState* state = _state;
        RevokeAll();
        VirtioNetFailure failure = VirtioNetHandshake.Prepare(state, transport);
        if (failure != VirtioNetFailure.None)
        {
            Fail(transport.Mmio, failure);
            return false;
        }

        state->Failure = VirtioNetFailure.None;
        state->Unanswered = 0;
        bool notify = Refill();

        // 3.1.1, step 8; 2.1.1: no notification before DRIVER_OK.
        transport.AddStatus(VirtioStatus.DriverOk);
        if (notify)
        {
            state->Receiving.Notify(default(DirectMmio));
            state->Counters.Notifications.Increment();
        }

        ReadLink(transport);
        return true;
    }

    internal void Maintain<TMmio>(TMmio mmio)
        where TMmio : unmanaged, IMmio
    {
        if (_state->Failure == VirtioNetFailure.None)
        {
            Inspect(mmio);
        }
        else
        {
            VirtioNetRecovery.Run(this, mmio);
        }
    }

    /// <summary>Reads the link alone: one register. A card that does not answer keeps what it had, until it is maintained.</summary>
    internal void ReadLink<TMmio>(TMmio mmio)
        where TMmio : unmanaged, IMmio
    {
        if (_state->Failure == VirtioNetFailure.None
            && (_state->Features & VirtioNetFeatures.Status) != 0
            && _state->Transport(mmio).TryReadLinkUp(out bool up))
        {
            NoteLink(up);
        }
    }

    private void Inspect<TMmio>(TMmio mmio)
        where TMmio : unmanaged, IMmio
    {
        VirtioNetState* state = _state;
        VirtioPciTransport<TMmio> transport = state->Transport(mmio);
        VirtioStatus status = transport.Status;
        if (status == VirtioStatus.Gone)
        {
            // Whoever sizes a device's BARs, as Linux does when a crash kernel boots, takes it off the bus for a moment.
            if (++state->Unanswered >= UnansweredMax)
            {
                Fail(mmio, VirtioNetFailure.DeviceGone);
            }

            return;
        }

        if (state->Unanswered != 0)
        {
            // What was notified meanwhile is lost.
            state->Unanswered = 0;
            state->Receiving.Notify(mmio);
            state->Transmitting.Notify(mmio);
            state->Counters.Notifications.Add(2);
        }

        if ((status & VirtioStatus.NeedsReset) != 0)
        {
            Fail(mmio, VirtioNetFailure.DeviceNeedsReset); // 2.1.2
            return;
        }

        ReadLink(transport);
        Reclaim();
        VirtioNetRecovery.NoteWell(state);
    }

    /// <summary>Resets the device and frees every buffer that it held. It then touches no memory until it is started again.</summary>
    /// <returns>Whether the device obeyed; if not, its buffers stay with it.</returns>
    internal bool Close<TMmio>(TMmio mmio)
        where TMmio : unmanaged, IMmio
    {
        _state->LinkUp = false;
        if (!_state->Transport(mmio).TryReset())
        {
            Fail(mmio, VirtioNetFailure.ResetTimeout);
            return false;
        }

        RevokeAll();
        _state->Failure = VirtioNetFailure.Closed;
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private VirtioNetFailure TakeReceived(out PacketBuffer buffer)
    {
        VirtioNetState* state = _state;
        VirtioNetFailure failure = state->Receiving.TakeUsed(out buffer, out uint length);
        if (failure != VirtioNetFailure.None)
        {
            return failure;
        }

        if (length - VirtioHeaderSize > ReceiveLength - VirtioHeaderSize)
        {
            state->Pool.Free(buffer);
            return length < VirtioHeaderSize ? VirtioNetFailure.UsedLengthTooShort : VirtioNetFailure.UsedLengthTooLong;
        }

        // 5.1.6.4: without checksum and segmentation features the header says nothing that matters.
        buffer.Header.Offset = ReceiveOffset;
        buffer.Header.Length = (ushort)(length - VirtioHeaderSize);
        buffer.Header.Flags = PacketFlags.None;
        return VirtioNetFailure.None;
    }

    /// <summary>Posts a frame for sending, unless it is too short, too long, or has no room for the header before it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryPostFrame(PacketBuffer buffer, out int length)
    {
        int offset = buffer.Header.Offset;
        length = buffer.Header.Length;
        if (length < FrameMin
            || length > _state->Mtu + LinkHeaderMax
            || offset < PacketBuffer.HeaderSize + VirtioHeaderSize
            || offset + length > PacketBuffer.Stride
            || !_state->Bus.TryTranslate(buffer.Pointer, out ulong start))
        {
            return false;
        }

        // 5.1.6.2: no checksum to fill in, no segmentation, num_buffers 0.
        byte* header = (byte*)buffer.Pointer + offset - VirtioHeaderSize;
        Unsafe.WriteUnaligned(header, 0UL);
        Unsafe.WriteUnaligned(header + sizeof(ulong), 0U);
        _state->Transmitting.Post(buffer, start + (ulong)(uint)(offset - VirtioHeaderSize), (uint)(length + VirtioHeaderSize), 0);
        return true;
    }

    /// <summary>Frees the buffers that the device has sent.</summary>
    private void Reclaim()
    {
        VirtioNetState* state = _state;
        if (!state->Transmitting.TryCountUsed(out int used))
        {
            Fail(default(DirectMmio), VirtioNetFailure.UsedIndexJumped);
            return;
        }

        for (int i = 0; i < used; i++)
        {
            // The length is of no meaning here: the device writes nothing into a frame that it sends.
            VirtioNetFailure failure = state->Transmitting.TakeUsed(out PacketBuffer buffer, out _);
            if (failure != VirtioNetFailure.None)
            {
                Fail(default(DirectMmio), failure);
                return;
            }

            state->Pool.Free(buffer);
        }

        if (used > 0)
        {
            state->Transmitting.SuppressInterrupts();
        }
    }

    /// <summary>Gives the device empty buffers for all free descriptors of the receive queue, as far as the pool goes.</summary>
    /// <returns>Whether the device wants to be notified.</returns>
    private bool Refill()
    {
        VirtioNetState* state = _state;
        bool starved = false;
        while (state->Receiving.FreeCount > state->ReceiveReserve)
        {
            if (!state->Pool.TryAllocate(out PacketBuffer buffer))
            {
                starved = true;
                break;
            }

            // 5.1.6.3: header and frame in one buffer, contiguous.
            bool ours = state->Bus.TryTranslate(buffer.Pointer, out ulong start);
            Trap.Unless(ours, TrapCode.ForeignBuffer);
            state->Receiving.Post(buffer, start + ReceiveOffset - VirtioHeaderSize, ReceiveLength, SplitQueue.DeviceWrites);
        }

        // Counted as it begins, not with each poll for as long as it lasts.
        if (starved && !state->Starved)
        {
            state->Counters.ReceiveStarved.Increment();
        }

        state->Starved = starved;
        return state->Receiving.Publish();
    }

    private void ReadLink<TMmio>(VirtioPciTransport<TMmio> transport)
        where TMmio : unmanaged, IMmio
    {
        // 5.1.5: a device without VIRTIO_NET_F_STATUS is always linked.
        NoteLink((_state->Features & VirtioNetFeatures.Status) == 0 || transport.ReadLinkUp());
    }

    private void NoteLink(bool up)
    {
        if (up != _state->LinkUp)
        {
            _state->LinkUp = up;
            _state->Counters.LinkChanges.Increment();
        }
    }

    /// <summary>Frees all that a device held which was reset.</summary>
    private void RevokeAll()
    {
        while (_state->Receiving.TryRevoke(out PacketBuffer buffer))
        {
            _state->Pool.Free(buffer);
        }

        while (_state->Transmitting.TryRevoke(out PacketBuffer buffer))
        {
            _state->Pool.Free(buffer);
        }
    }

    /// <summary>Records why the port gives up. The device keeps what it holds until it is reset.</summary>
    internal void Fail<TMmio>(TMmio mmio, VirtioNetFailure failure)
        where TMmio : unmanaged, IMmio
    {
        _state->Failure = failure;
        if (_state->LinkUp)
        {
            _state->LinkUp = false;
            _state->Counters.LinkChanges.Increment();
        }

        _state->Counters.Failures.Increment();
        if (VirtioNetRecovery.IsNews(_state, failure))
        {
            _state->Log.Write(LogSeverity.Error, "the virtio-net card failed, the value is its VirtioNetFailure"u8, (ulong)failure);
        }

        if (failure != VirtioNetFailure.DeviceGone)
        {
            _state->Transport(mmio).AddStatus(VirtioStatus.Failed); // 2.1: the driver has given up on the device
        }
    }
}
