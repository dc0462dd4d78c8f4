using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Threading;
using Sos.Sdk.Packets;

namespace Sos.Sdk.Ports.VirtioNet;

/// <summary>
/// The driver's side of one split virtqueue (virtio 1.2, 2.7), in which each buffer takes one descriptor. What the device can
/// write is never used as an index, a length or an address before it is compared with what this side remembers in memory of its own.
/// </summary>
internal unsafe struct SplitQueue
{
    /// <summary>VIRTQ_DESC_F_WRITE: the device writes into the buffer (2.7.5).</summary>
    public const ushort DeviceWrites = 2;

    private const int FlagsField = 0;
    private const int IndexField = 1;
    private const int RingField = 2;
    private const ushort NoInterrupt = 1; // VIRTQ_AVAIL_F_NO_INTERRUPT
    private const ushort NoNotify = 1;    // VIRTQ_USED_F_NO_NOTIFY

    private readonly Descriptor* _descriptors;
    private readonly ushort* _available; // flags, idx, ring[size], used_event
    private readonly ushort* _used;      // flags, idx, elements[size], avail_event
    private readonly PacketHeader** _outstanding; // for each descriptor the buffer that the device holds, or null
    private readonly ushort* _free;               // stack of descriptors that the device does not hold
    private readonly byte* _notify;
    private readonly int _size;
    private readonly ushort _number;
    private readonly bool _eventIndex;
    private int _freeCount;
    private ushort _availableIndex;
    private ushort _publishedIndex;
    private ushort _usedIndex;

    /// <summary>Sets up an empty queue, and clears its memory.</summary>
    /// <param name="ring"><see cref="RingBytes"/> of memory that the device sees, page-aligned.</param>
    /// <param name="own"><see cref="OwnBytes"/> of memory that it does not see, aligned to 8.</param>
    /// <param name="size">Descriptors, a power of two, at most 32,768.</param>
    /// <param name="number">The queue's number on the device, written to notify it.</param>
    /// <param name="notify">Register that takes the notification (4.1.4.4).</param>
    /// <param name="eventIndex">Whether VIRTIO_F_EVENT_IDX was negotiated.</param>
    public SplitQueue(byte* ring, byte* own, int size, ushort number, byte* notify, bool eventIndex)
    {
        _descriptors = (Descriptor*)ring;
        _available = (ushort*)(ring + AvailableOffset(size));
        _used = (ushort*)(ring + UsedOffset(size));
        _outstanding = (PacketHeader**)own;
        _free = (ushort*)(own + ((long)size * sizeof(PacketHeader*)));
        _notify = notify;
        _size = size;
        _number = number;
        _eventIndex = eventIndex;
        _freeCount = size;
        for (long offset = 0; offset < RingBytes(size); offset += sizeof(ulong))
        {
            *(ulong*)(ring + offset) = 0;
        }

        for (int i = 0; i < size; i++)
        {
            _outstanding[i] = null;
            _free[i] = (ushort)(size - 1 - i);
        }

        // 2.7.7.1: with EVENT_IDX the flags must be 0, and used_event is kept where the device never arrives.
        _available[FlagsField] = eventIndex ? (ushort)0 : NoInterrupt;
        SuppressInterrupts();
    }

    /// <summary>Descriptors that are free.</summary>
    public readonly int FreeCount => _freeCount;

    /// <summary>Buffers that the device holds, or has given back unseen.</summary>
    public readonly int OutstandingCount => _size - _freeCount;

    /// <summary>Descriptors in all.</summary>
    public readonly int Size => _size;

    /// <summary>Bytes from the ring's start to the available ring: behind 16 bytes for each descriptor (2.7).</summary>
    public static long AvailableOffset(int size) => 16L * size;

    /// <summary>Bytes from the ring's start to the used ring: on cache lines of its own, since the device writes it.</summary>
    public static long UsedOffset(int size) => (AvailableOffset(size) + 6 + (2L * size) + 127) & ~127L;

    /// <summary>Memory that the device must see, in bytes, rounded up to pages.</summary>
    public static long RingBytes(int size) => (UsedOffset(size) + 6 + (8L * size) + 4095) & ~4095L;

    /// <summary>Memory of the driver's own, in bytes, a multiple of 8.</summary>
    public static long OwnBytes(int size) => ((long)size * (sizeof(PacketHeader*) + sizeof(ushort)) + 7) & ~7L;

    /// <summary>Makes a buffer available to the device; there must be a free descriptor. It sees it after <see cref="Publish"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Post(PacketBuffer buffer, ulong busAddress, uint length, ushort flags)
    {
        Debug.Assert(_freeCount > 0);
        ushort id = _free[--_freeCount];
        _outstanding[id] = buffer.Pointer;
        Descriptor* descriptor = _descriptors + id;
        descriptor->Address = busAddress;
        descriptor->Length = length;
        descriptor->Flags = flags;
        descriptor->Next = 0;
        _available[RingField + (_availableIndex & (_size - 1))] = id;
        _availableIndex++;
    }

    /// <summary>Shows the device all that was posted, and says whether it asks to be notified of it.</summary>
    public bool Publish()
    {
        ushort old = _publishedIndex;
        ushort current = _availableIndex;
        if (old == current)
        {
            return false;
        }

        // 2.7.13.3: the descriptors and ring entries must be visible before the index (release).
        Volatile.Write(ref _available[IndexField], current);
        _publishedIndex = current;

        // 2.7.13.4: the index must be visible before the device's wish is read: a store before a load, so a full fence even on x86.
        Interlocked.MemoryBarrier();
        if (_eventIndex)
        {
            // 2.7.10: notify when the index passed avail_event.
            ushort wanted = Volatile.Read(ref _used[RingField + (4 * _size)]);
            return (ushort)(current - wanted - 1) < (ushort)(current - old);
        }

        return (Volatile.Read(ref _used[FlagsField]) & NoNotify) == 0;
    }

    /// <summary>Notifies the device: one register write, in a virtual machine one exit (4.1.5.2).</summary>
    public readonly void Notify<TMmio>(TMmio mmio)
        where TMmio : unmanaged, IMmio => mmio.Write16(_notify, _number);

    /// <summary>Counts the buffers that the device has given back; false if it claims more than it holds.</summary>
    public readonly bool TryCountUsed(out int count)
    {
        // 2.7.14: acquire, so that the elements and the buffers' bytes are read after the index.
        count = (ushort)(Volatile.Read(ref _used[IndexField]) - _usedIndex);
        return count <= OutstandingCount;
    }

    /// <summary>Takes back the next used buffer; <see cref="TryCountUsed"/> must have counted it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public VirtioNetFailure TakeUsed(out PacketBuffer buffer, out uint length)
    {
        UsedElement* element = (UsedElement*)(_used + RingField) + (_usedIndex & (_size - 1));

        // The device may write again at any time: each field is read once.
        uint id = Volatile.Read(ref element->Id);
        length = Volatile.Read(ref element->Length);
        buffer = default;
        if (id >= (uint)_size)
        {
            return VirtioNetFailure.UsedIdOutOfRange;
        }

        PacketHeader* header = _outstanding[id];
        if (header == null)
        {
            return VirtioNetFailure.UsedIdNotOutstanding;
        }

        _outstanding[id] = null;
        _free[_freeCount++] = (ushort)id;
        _usedIndex++;
        buffer = new PacketBuffer(header);
        return VirtioNetFailure.None;
    }

    /// <summary>Keeps the device from interrupting for what it uses next; once for each burst that was taken.</summary>
    public readonly void SuppressInterrupts()
    {
        if (_eventIndex)
        {
            // The device interrupts when its index passes used_event: half the index space away it never does before we move it.
            Volatile.Write(ref _available[RingField + _size], (ushort)(_usedIndex - 0x8000));
        }
    }

    /// <summary>Takes a buffer from the device without its consent: only after a reset, when it no longer touches memory.</summary>
    public bool TryRevoke(out PacketBuffer buffer)
    {
        buffer = default;
        if (_freeCount == _size)
        {
            return false;
        }

        for (int id = 0; id < _size; id++)
        {
            if (_outstanding[id] != null)
            {
                buffer = new PacketBuffer(_outstanding[id]);
                _outstanding[id] = null;
                _free[_freeCount++] = (ushort)id;
                return true;
            }
        }

        return false;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Descriptor
    {
        public ulong Address;
        public uint Length;
        public ushort Flags;
        public ushort Next;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct UsedElement
    {
        public uint Id;
        public uint Length;
    }
}
