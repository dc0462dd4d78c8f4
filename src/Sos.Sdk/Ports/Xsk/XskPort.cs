using System;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Threading;
using Sos.Sdk.Control;
using Sos.Sdk.Memory;
using Sos.Sdk.Packets;
using Sos.Sdk.Services;
using Sos.Sdk.Wire;

namespace Sos.Sdk.Ports.Xsk;

/// <summary>
/// A network device of Linux by AF_XDP: the service works on the socket's rings, which are plain shared memory, and makes no system call.
/// Where the kernel needs one to go on (XDP_USE_NEED_WAKEUP), the keeper of the socket, a process on another cpu, makes it. Frames are
/// received and sent where they lie: packet memory is the socket's frame memory. Copies of this handle share one port.
/// </summary>
/// <remarks>The kernel is not trusted with more than the chunks it holds: what it does against the contract takes the port to <see cref="Failure"/>.</remarks>
internal readonly unsafe struct XskPort : IPort
{
    /// <summary>Chunks given to the kernel at once, at most: a burst.</summary>
    private const uint FillGroupMax = Burst.Capacity;

    private readonly XskState* _state;

    internal XskPort(XskState* state) => _state = state;

    /// <summary>Why the port does not work, or <see cref="XskFailure.None"/>.</summary>
    public XskFailure Failure => _state == null ? XskFailure.NotGiven : _state->Failure;

    /// <inheritdoc/>
    public PortState State
        => _state->Failure != XskFailure.None ? PortState.NeedsReset
            : Volatile.Read(ref _state->Shared->LinkUp) switch
            {
                1 => PortState.Up,
                XskShared.LinkGone => PortState.Gone,
                _ => PortState.Down,
            };

    /// <inheritdoc/>
    public int Mtu => (int)_state->Layout.Mtu;

    /// <inheritdoc/>
    public MacAddress Mac => MacAddress.Read(_state->Layout.Mac);

    internal XskState* Pointer => _state;

    /// <inheritdoc/>
    public int Receive(ref Burst burst)
    {
        XskState* state = _state;
        if (state->Failure != XskFailure.None)
        {
            return 0;
        }

        uint available = Volatile.Read(ref *(uint*)state->Layout.Receive.Producer) - state->Received;
        if (available > state->InReceive || available > state->Layout.Receive.Count)
        {
            Fail(XskFailure.ReceiveIndexJumped);
            return 0;
        }

        int wanted = (int)Math.Min(available, (uint)(Burst.Capacity - burst.Count));
        int received = 0;
        ulong bytes = 0;
        for (int i = 0; i < wanted && state->Failure == XskFailure.None; i++)
        {
            if (TryTakeReceived(out PacketBuffer buffer))
            {
                burst.Add(buffer);
                received++;
                bytes += (uint)buffer.Length;
            }
        }

        if (wanted > 0)
        {
            // Release: the entries were read before they are given back.
            Volatile.Write(ref *(uint*)state->Layout.Receive.Consumer, state->Received);
            state->Counters.ReceivedPackets.Add((ulong)received);
            state->Counters.ReceivedBytes.Add(bytes);
        }

        // Without frames to receive the kernel has all that it was given, unless the pool ran empty.
        if (state->InReceive + state->FillGroup <= state->InReceiveMax || (wanted > 0 && state->Starved))
        {
            Refill();
        }

        return received;
    }

    /// <inheritdoc/>
    public int Transmit(ref Burst burst)
    {
        XskState* state = _state;
        int count = burst.Count;
        if (State != PortState.Up)
        {
            state->Counters.TransmitDroppedLink.Add((ulong)count);
            state->Pool.Free(ref burst);
            return 0;
        }

        // Completions are looked at when room runs low, not per burst: the kernel's cache line is fetched once for many.
        if (state->Layout.Transmit.Count - state->InTransmit < Math.Max((uint)count, state->Layout.Transmit.Count / 2))
        {
            Reclaim();
        }

        int sent = 0;
        ulong bytes = 0;
        foreach (PacketBuffer buffer in burst.Buffers)
        {
            if (state->InTransmit == state->Layout.Transmit.Count || state->Failure != XskFailure.None)
            {
                state->Counters.TransmitDroppedFull.Increment();
                state->Pool.Free(buffer);
            }
            else if (!TryPost(buffer, out uint length))
            {
                state->Counters.TransmitDroppedInvalid.Increment();
                state->Pool.Free(buffer);
            }
            else
            {
                sent++;
                bytes += length;
            }
        }

        burst.Clear();
        if (sent > 0)
        {
            state->Counters.TransmittedPackets.Add((ulong)sent);
            state->Counters.TransmittedBytes.Add(bytes);

            // Release: the entries are whole before they are shown.
            Volatile.Write(ref *(uint*)state->Layout.Transmit.Producer, state->Sent);
            WakeIfNeeded(ref state->Layout.Transmit);
        }

        return sent;
    }

    /// <inheritdoc/>
    public void Maintain(ulong now)
    {
        NoteLink();
        if (_state->Failure == XskFailure.None)
        {
            Reclaim();
        }
    }

    /// <summary>Counts a change of the device's link.</summary>
    internal void NoteLink()
    {
        PortState state = State;
        if (state != _state->LastState)
        {
            NoteState(state);
        }
    }

    internal static bool TryCreate(
        in XskLayout layout, Arena arena, PacketPool pool, PortCounters counters, PortLog log, int receiveMax, out XskPort port)
    {
        port = default;
        ulong chunks = layout.FrameMemorySize / XskLayout.ChunkSize;
        if (layout.Magic != XskLayout.MagicValue
            || !IsValid(layout.Receive) || !IsValid(layout.Transmit) || !IsValid(layout.Fill) || !IsValid(layout.Completion)
            || layout.Completion.Count < layout.Transmit.Count
            || chunks is 0 or > int.MaxValue
            || pool.IsNull
            || !arena.TryAllocate(out XskState* state)
            || !arena.TryAllocate(chunks, Arena.DefaultAlignment, out state->Chunks))
        {
            return false;
        }

        state->Layout = layout;
        state->Shared = (XskShared*)layout.Shared;
        state->FrameMemory = (byte*)layout.FrameMemory;
        state->ChunkCount = (uint)chunks;
        state->Pool = pool;
        state->Counters = counters;
        state->Log = log;

        // At most half of the buffers wait for frames to be received: the others are to be sent, or on their way.
        state->InReceiveMax = Math.Max(1, Math.Min(layout.Fill.Count, Math.Min((uint)pool.Capacity / 2, (uint)receiveMax)));

        // Chunks are given to the kernel in groups: its cache line is taken over once for many.
        state->FillGroup = Math.Min(FillGroupMax, state->InReceiveMax / 4);
        port = new XskPort(state);
        port.Refill();
        return true;
    }

    private static bool IsValid(in XskRing ring)
        => ring.Producer != 0 && ring.Consumer != 0 && ring.Flags != 0 && ring.Entries != 0 && BitOperations.IsPow2(ring.Count);

    /// <summary>Takes the next frame off the receive ring; a frame that is too long or too short is dropped and counted.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryTakeReceived(out PacketBuffer buffer)
    {
        XskState* state = _state;
        XskDescriptor* entry = (XskDescriptor*)state->Layout.Receive.Entries + (state->Received & (state->Layout.Receive.Count - 1));

        // Each field is read once: what was checked is what is used.
        ulong address = Volatile.Read(ref entry->Address);
        uint length = Volatile.Read(ref entry->Length);
        ulong chunk = address / XskLayout.ChunkSize;
        if (chunk >= state->ChunkCount || state->Chunks[chunk] != ChunkOwner.Receive)
        {
            Fail(XskFailure.ReceiveChunkNotOutstanding);
            buffer = default;
            return false;
        }

        state->Received++;
        state->InReceive--;
        state->Chunks[chunk] = ChunkOwner.Service;
        buffer = BufferAt(chunk);
        uint offset = (uint)(address % XskLayout.ChunkSize);
        if (length < FrameCopy.FrameMin || offset < PacketBuffer.HeaderSize || length > PacketBuffer.Stride - PacketBuffer.HeaderSize
            || offset + length > PacketBuffer.Stride)
        {
            state->Counters.ReceiveDroppedInvalid.Increment();
            state->Pool.Free(buffer);
            return false;
        }

        buffer.Header.Offset = (ushort)offset;
        buffer.Header.Length = (ushort)length;
        return true;
    }

    /// <summary>Posts a frame for sending, unless it is too short or too long, or lies outside the frame memory.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryPost(PacketBuffer buffer, out uint length)
    {
        XskState* state = _state;
        ulong start = (ulong)((byte*)buffer.Pointer - state->FrameMemory);
        ulong chunk = start / XskLayout.ChunkSize;
        uint offset = buffer.Header.Offset;
        length = buffer.Header.Length;
        if (chunk >= state->ChunkCount || start % XskLayout.ChunkSize != 0
            || length < FrameCopy.FrameMin || length > state->Layout.Mtu + VirtioNet.VirtioNetPort.LinkHeaderMax
            || offset < PacketBuffer.HeaderSize || offset + length > PacketBuffer.Stride)
        {
            return false;
        }

        XskDescriptor* entry = (XskDescriptor*)state->Layout.Transmit.Entries + (state->Sent & (state->Layout.Transmit.Count - 1));
        entry->Address = start + offset;
        entry->Length = length;
        entry->Options = 0;
        state->Chunks[chunk] = ChunkOwner.Transmit;
        state->Sent++;
        state->InTransmit++;
        return true;
    }

    /// <summary>Frees the buffers that the kernel has sent.</summary>
    private void Reclaim()
    {
        XskState* state = _state;
        uint completed = Volatile.Read(ref *(uint*)state->Layout.Completion.Producer) - state->Completed;
        if (completed > state->InTransmit)
        {
            Fail(XskFailure.CompletionIndexJumped);
            return;
        }

        for (uint i = 0; i < completed; i++)
        {
            ulong* entry = (ulong*)state->Layout.Completion.Entries + (state->Completed & (state->Layout.Completion.Count - 1));
            ulong chunk = Volatile.Read(ref *entry) / XskLayout.ChunkSize;
            if (chunk >= state->ChunkCount || state->Chunks[chunk] != ChunkOwner.Transmit)
            {
                Fail(XskFailure.CompletionChunkNotOutstanding);
                return;
            }

            state->Completed++;
            state->InTransmit--;
            state->Chunks[chunk] = ChunkOwner.Service;
            state->Pool.Free(BufferAt(chunk));
        }

        if (completed > 0)
        {
            Volatile.Write(ref *(uint*)state->Layout.Completion.Consumer, state->Completed);
        }
    }

    /// <summary>Gives the kernel empty chunks for all free entries of the fill ring, as far as the pool goes.</summary>
    private void Refill()
    {
        XskState* state = _state;
        uint held = state->Filled - Volatile.Read(ref *(uint*)state->Layout.Fill.Consumer);
        if (held > state->Layout.Fill.Count)
        {
            Fail(XskFailure.FillIndexJumped);
            return;
        }

        uint free = Math.Min(state->Layout.Fill.Count - held, state->InReceiveMax - state->InReceive);
        uint given = 0;
        while (given < free && state->Pool.TryAllocate(out PacketBuffer buffer))
        {
            ulong start = (ulong)((byte*)buffer.Pointer - state->FrameMemory);
            ulong chunk = start / XskLayout.ChunkSize;
            Trap.Unless(chunk < state->ChunkCount && start % XskLayout.ChunkSize == 0, TrapCode.ForeignBuffer);
            ((ulong*)state->Layout.Fill.Entries)[state->Filled & (state->Layout.Fill.Count - 1)] = start;
            state->Chunks[chunk] = ChunkOwner.Receive;
            state->Filled++;
            given++;
        }

        // Counted as it begins, not with each poll for as long as it lasts.
        bool starved = given < free;
        if (starved && !state->Starved)
        {
            state->Counters.ReceiveStarved.Increment();
        }

        state->Starved = starved;
        if (given > 0)
        {
            state->InReceive += given;
            Volatile.Write(ref *(uint*)state->Layout.Fill.Producer, state->Filled);
        }

        if ((Volatile.Read(ref *(uint*)state->Layout.Fill.Flags) & XskRing.NeedWakeup) != 0)
        {
            Volatile.Write(ref state->Shared->ReceiveWanted, 1);
            WakeIfNeeded(ref state->Layout.Fill);
        }
    }

    /// <summary>Has the keeper make a system call, if the kernel needs one for a ring and the keeper sleeps.</summary>
    private void WakeIfNeeded(ref XskRing ring)
    {
        // The keeper arms, fences and looks at the rings again; this side moves an index, fences and looks at armed. Hence at least
        // one of the two sees what the other did.
        Interlocked.MemoryBarrier();
        if ((Volatile.Read(ref *(uint*)ring.Flags) & XskRing.NeedWakeup) != 0 && Volatile.Read(ref _state->Shared->Armed) != 0)
        {
            Volatile.Write(ref _state->Shared->Armed, 0);
            Gate.Notify();
            _state->Counters.Notifications.Increment();
        }
    }

    private PacketBuffer BufferAt(ulong chunk) => new((PacketHeader*)(_state->FrameMemory + (chunk * XskLayout.ChunkSize)));

    private void NoteState(PortState state)
    {
        if (state == PortState.Up || _state->LastState == PortState.Up)
        {
            _state->Counters.LinkChanges.Increment();
        }

        if (state == PortState.Gone)
        {
            _state->Log.Write(LogSeverity.Error, "Linux has removed its network device"u8);
        }

        _state->LastState = state;
    }

    /// <summary>Records why the port gives up. The kernel keeps what it holds.</summary>
    private void Fail(XskFailure failure)
    {
        _state->Failure = failure;
        _state->Counters.Failures.Increment();
        _state->Log.Write(LogSeverity.Error, "the AF_XDP port failed, the value is its XskFailure"u8, (ulong)failure);
    }
}
