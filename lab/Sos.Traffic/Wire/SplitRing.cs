using System;
using System.Threading;
using Sos.Linux;

namespace Sos.Traffic.Wire;

/// <summary>
/// The device's side of a split virtqueue (virtio 1.2, section 2.7). It never asks the driver for kicks, since the wire polls.
/// </summary>
internal sealed unsafe class SplitRing(GuestMemory memory)
{
    /// <summary>struct virtio_net_hdr_v1: what precedes each frame in its buffer (virtio 1.2, 5.1.6).</summary>
    public const int HeaderLength = 12;

    private const int DescriptorLength = 16;
    private const ushort FlagNext = 1;
    private const ushort FlagWrite = 2;
    private const ushort NoInterrupt = 1;
    private const ushort NoNotify = 1;
    private const int NumBuffersOffset = 10;

    private byte* _descriptors;
    private byte* _available;
    private byte* _used;
    private ushort _nextAvailable;
    private ushort _nextUsed;
    private ushort _signalled;

    /// <summary>How many descriptors it has: a power of two.</summary>
    public int Size { get; set; }

    /// <summary>Where the driver is told of used buffers; -1 for nowhere.</summary>
    public int CallDescriptor { get; set; } = -1;

    /// <summary>Whether VIRTIO_F_EVENT_IDX was negotiated.</summary>
    public bool EventIndex { get; set; }

    /// <summary>Whether QEMU has handed it over, placed and with its first index.</summary>
    public bool Kicked { get; set; }

    /// <summary>Whether QEMU has enabled it.</summary>
    public bool Enabled { get; set; }

    /// <summary>Whether it may be used.</summary>
    public bool Running => Kicked && Enabled;

    /// <summary>The index of the available ring that comes next.</summary>
    public ushort Base
    {
        get => _nextAvailable;
        set => _nextAvailable = _nextUsed = _signalled = value;
    }

    /// <summary>How often the driver was told (interrupts that the device asked for).</summary>
    public long Signals { get; private set; }

    /// <summary>Tells where the three parts lie, by QEMU's addresses.</summary>
    public void Place(ulong descriptors, ulong available, ulong used)
    {
        if (Size is <= 0 or > 32768 || (Size & (Size - 1)) != 0)
        {
            throw new WireException($"a ring of {Size} descriptors");
        }

        _descriptors = memory.FromUser(descriptors, (ulong)(Size * DescriptorLength));
        _available = memory.FromUser(available, (ulong)(6 + (2 * Size)));
        _used = memory.FromUser(used, (ulong)(6 + (8 * Size)));
        _nextUsed = _signalled = Volatile.Read(ref *(ushort*)(_used + 2));
    }

    /// <summary>How many chains the driver has put out that were not taken yet.</summary>
    public int Waiting => (ushort)(Volatile.Read(ref *(ushort*)(_available + 2)) - _nextAvailable);

    /// <summary>Writes a frame, with a header of its own, into the next buffer.</summary>
    /// <returns>False: the driver has no buffer out that takes it; the frame is lost.</returns>
    public bool TryDeliver(byte* frame, int length)
    {
        if (Waiting == 0)
        {
            return false;
        }

        ushort head = *(ushort*)(_available + 4 + (2 * (_nextAvailable & (Size - 1))));
        byte* header = stackalloc byte[HeaderLength];
        new Span<byte>(header, HeaderLength).Clear();
        *(ushort*)(header + NumBuffersOffset) = 1;
        int written = Scatter(head, header, frame, length);
        if (written < 0)
        {
            return false;
        }

        _nextAvailable++;
        Use(head, written);
        return true;
    }

    /// <summary>Takes the next frame that the driver sends.</summary>
    /// <param name="buffer">Where it goes.</param>
    /// <param name="capacity">Bytes there.</param>
    /// <returns>Its length without the header; 0 for one that is too short or too long; -1 if there is none.</returns>
    public int TryTake(byte* buffer, int capacity)
    {
        if (Waiting == 0)
        {
            return -1;
        }

        ushort head = *(ushort*)(_available + 4 + (2 * (_nextAvailable & (Size - 1))));
        int length = Gather(head, buffer, capacity);
        _nextAvailable++;
        Use(head, 0);
        return length;
    }

    /// <summary>Publishes what was used since the last call, and interrupts the driver if it wants that.</summary>
    public void Flush()
    {
        if (EventIndex)
        {
            // avail_event lies behind the used elements; just behind the driver's index, it silences the driver for 2^16 buffers.
            Volatile.Write(ref *(ushort*)(_used + 4 + (8 * Size)), (ushort)(_nextAvailable - 1));
        }
        else
        {
            Volatile.Write(ref *(ushort*)_used, NoNotify);
        }

        if (_nextUsed == _signalled)
        {
            return;
        }

        Volatile.Write(ref *(ushort*)(_used + 2), _nextUsed);
        Interlocked.MemoryBarrier();
        bool wanted = EventIndex
            ? NeedsEvent(Volatile.Read(ref *(ushort*)(_available + 4 + (2 * Size))), _nextUsed, _signalled)
            : (Volatile.Read(ref *(ushort*)_available) & NoInterrupt) == 0;
        _signalled = _nextUsed;
        if (wanted && CallDescriptor >= 0)
        {
            ulong one = 1;
            _ = ProcessCalls.Write(CallDescriptor, &one, sizeof(ulong));
            Signals++;
        }
    }

    /// <summary>vring_need_event of virtio 1.2, section 2.7.10: whether the index passed the other side's mark.</summary>
    internal static bool NeedsEvent(ushort mark, ushort now, ushort before) =>
        (ushort)(now - mark - 1) < (ushort)(now - before);

    private void Use(ushort head, int written)
    {
        byte* element = _used + 4 + (8 * (_nextUsed & (Size - 1)));
        *(uint*)element = head;
        *(uint*)(element + 4) = (uint)written;
        _nextUsed++;
    }

    private int Scatter(ushort head, byte* header, byte* frame, int length)
    {
        int total = HeaderLength + length;
        int done = 0;
        ushort index = head;
        for (int links = 0; links < Size && done < total; links++)
        {
            byte* descriptor = _descriptors + (DescriptorLength * (index & (Size - 1)));
            uint room = *(uint*)(descriptor + 8);
            ushort flags = *(ushort*)(descriptor + 12);
            byte* place = memory.FromGuest(*(ulong*)descriptor, room);
            if (place is null || (flags & FlagWrite) == 0)
            {
                return -1;
            }

            int part = (int)Math.Min(room, (uint)(total - done));
            Copy(header, frame, done, place, part);
            done += part;
            if ((flags & FlagNext) == 0)
            {
                break;
            }

            index = *(ushort*)(descriptor + 14);
        }

        return done == total ? total : -1;
    }

    // Copies bytes [from, from + count) of header and frame, taken as one.
    private static void Copy(byte* header, byte* frame, int from, byte* place, int count)
    {
        int ofHeader = Math.Clamp(HeaderLength - from, 0, count);
        if (ofHeader > 0)
        {
            Buffer.MemoryCopy(header + from, place, ofHeader, ofHeader);
        }

        if (count > ofHeader)
        {
            int rest = count - ofHeader;
            Buffer.MemoryCopy(frame + (from + ofHeader - HeaderLength), place + ofHeader, rest, rest);
        }
    }

    private int Gather(ushort head, byte* buffer, int capacity)
    {
        int seen = 0;
        ushort index = head;
        for (int links = 0; links < Size; links++)
        {
            byte* descriptor = _descriptors + (DescriptorLength * (index & (Size - 1)));
            uint length = *(uint*)(descriptor + 8);
            ushort flags = *(ushort*)(descriptor + 12);
            byte* place = memory.FromGuest(*(ulong*)descriptor, length);
            int skip = Math.Clamp(HeaderLength - seen, 0, (int)Math.Min(length, HeaderLength));
            int copied = Math.Max(0, seen - HeaderLength);
            int part = (int)Math.Min(length, int.MaxValue) - skip;
            if (place is null || (flags & FlagWrite) != 0 || part > capacity - copied)
            {
                return 0;
            }

            Buffer.MemoryCopy(place + skip, buffer + copied, part, part);
            seen += skip + part;
            if ((flags & FlagNext) == 0)
            {
                break;
            }

            index = *(ushort*)(descriptor + 14);
        }

        return Math.Max(0, seen - HeaderLength);
    }
}
