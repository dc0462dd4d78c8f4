using System;
using System.Collections.Generic;
using System.Runtime.InteropServices;
using System.Threading;

namespace Sos.Sdk.Tests.Ports.VirtioNet;

/// <summary>
/// The device's side of one split virtqueue (virtio 1.2, 2.7). It holds what the driver makes available, writes and reads it
/// through bus addresses alone, and gives it back in any order, or wrongly.
/// </summary>
internal sealed unsafe class DeviceQueueModel(PortBench bench, bool deviceWrites)
{
    /// <summary>A buffer that the device holds.</summary>
    public readonly record struct Held(ushort Id, ulong Address, uint Length);

    private ulong _descriptors;
    private ulong _driverArea;
    private ulong _deviceArea;
    private ushort _next;
    private ushort _usedIndex;
    private bool _eventIndex;

    /// <summary>Size that the device proposes, then that which the driver chose.</summary>
    public ushort Size { get; set; } = 256;

    /// <summary>Size that the device proposes after a reset.</summary>
    public ushort ProposedSize { get; set; } = 256;

    public ushort NotifyOffset { get; set; } = deviceWrites ? (ushort)0 : (ushort)1;

    public bool Enabled { get; set; }

    public ushort MsixVector { get; private set; }

    /// <summary>Interrupts that the device would have raised.</summary>
    public int Interrupts { get; private set; }

    /// <summary>Whether the device asks not to be notified.</summary>
    public bool SuppressesNotifications { get; private set; }

    /// <summary>Buffers that the driver has made available and the device did not give back.</summary>
    public List<Held> Outstanding { get; } = [];

    private ushort* Available => (ushort*)bench.Translate(_driverArea, 6 + (2UL * Size));

    private ushort* Used => (ushort*)bench.Translate(_deviceArea, 6 + (8UL * Size));

    public void Reset(bool keepEnabled)
    {
        Size = ProposedSize;
        Enabled = keepEnabled;
        MsixVector = 0;
        _next = 0;
        _usedIndex = 0;
        Outstanding.Clear();
    }

    public bool TryWriteRegister(int field, int width, uint value, bool refuseEnable, bool eventIndex)
    {
        switch (field, width)
        {
            case (24, 2) when value <= Size && value > 0:
                Size = (ushort)value;
                return true;
            case (26, 2):
                MsixVector = (ushort)value;
                return true;
            case (28, 2) when value == 1 && !Enabled:
                Enabled = !refuseEnable;
                _eventIndex = eventIndex;
                return true;
            case (32 or 40 or 48, 4):
                SetLow(ref Area(field), value);
                return true;
            case (36 or 44 or 52, 4):
                SetHigh(ref Area(field - 4), value);
                return true;
            default:
                return false;
        }
    }

    /// <summary>Takes what the driver has made available since the last time, and checks it.</summary>
    public int Collect()
    {
        int count = 0;
        ushort end = Volatile.Read(ref Available[1]);
        while (_next != end)
        {
            ushort id = Available[2 + (_next & (Size - 1))];
            Expect(id < Size, $"descriptor {id} of {Size}");
            Expect(Outstanding.TrueForAll(held => held.Id != id), $"descriptor {id} was made available twice");
            byte* descriptor = bench.Translate(_descriptors + (16UL * id), 16);
            ulong address = *(ulong*)descriptor;
            uint length = *(uint*)(descriptor + 8);
            Expect(*(ushort*)(descriptor + 12) == (deviceWrites ? 2 : 0), "descriptor flags");
            bench.Translate(address, length);
            Outstanding.Add(new Held(id, address, length));
            _next++;
            count++;
        }

        if (_eventIndex)
        {
            // avail_event: the device wants to hear of the next buffer; or of none for half the index space.
            Volatile.Write(ref Used[2 + (4 * Size)], (ushort)(SuppressesNotifications ? _next - 0x8000 : _next));
        }

        return count;
    }

    /// <summary>Asks the driver not to notify, or to do so again.</summary>
    public void Suppress(bool suppress)
    {
        SuppressesNotifications = suppress;
        if (_eventIndex)
        {
            Volatile.Write(ref Used[2 + (4 * Size)], (ushort)(suppress ? _next - 0x8000 : _next));
        }
        else
        {
            Volatile.Write(ref Used[0], suppress ? (ushort)1 : (ushort)0);
        }
    }

    /// <summary>Receives a frame into an outstanding buffer and gives that back.</summary>
    public void Deliver(ReadOnlySpan<byte> frame, int position = 0)
    {
        Held held = Outstanding[position];
        Span<byte> buffer = Bytes(held);
        buffer[..12].Clear();
        buffer[10] = 1; // num_buffers
        frame.CopyTo(buffer[12..]);
        Return(position, (uint)(frame.Length + 12));
    }

    /// <summary>Sends the frame of an outstanding buffer and gives that back.</summary>
    public byte[] Send(int position = 0)
    {
        byte[] bytes = Bytes(Outstanding[position]).ToArray();
        Return(position, 0);
        return bytes;
    }

    /// <summary>The bytes of an outstanding buffer, as the device sees them.</summary>
    public Span<byte> Bytes(Held held) => new(bench.Translate(held.Address, held.Length), (int)held.Length);

    /// <summary>Gives an outstanding buffer back.</summary>
    public void Return(int position, uint length)
    {
        Held held = Outstanding[position];
        Outstanding.RemoveAt(position);
        ReturnRaw(held.Id, length);
    }

    /// <summary>Writes any used element at all.</summary>
    public void ReturnRaw(uint id, uint length)
    {
        byte* element = (byte*)Used + 4 + (8 * (_usedIndex & (Size - 1)));
        MemoryMarshal.Write(new Span<byte>(element, 4), in id);
        MemoryMarshal.Write(new Span<byte>(element + 4, 4), in length);
        MoveUsedIndex(1);
    }

    /// <summary>Moves the used index without more.</summary>
    public void MoveUsedIndex(ushort distance)
    {
        ushort old = _usedIndex;
        _usedIndex += distance;
        Volatile.Write(ref Used[1], _usedIndex);
        Interlocked.MemoryBarrier();
        bool wanted = _eventIndex
            ? (ushort)(_usedIndex - Available[2 + Size] - 1) < (ushort)(_usedIndex - old)
            : (Available[0] & 1) == 0;
        Interrupts += wanted ? 1 : 0;
    }

    private static void SetLow(ref ulong area, uint value) => area = (area & 0xffff_ffff_0000_0000) | value;

    private static void SetHigh(ref ulong area, uint value) => area = (uint)area | ((ulong)value << 32);

    private static void Expect(bool condition, string what)
    {
        if (!condition)
        {
            throw new InvalidOperationException("the driver broke the specification: " + what);
        }
    }

    private ref ulong Area(int field)
    {
        switch (field)
        {
            case 32:
                return ref _descriptors;
            case 40:
                return ref _driverArea;
            default:
                return ref _deviceArea;
        }
    }
}
