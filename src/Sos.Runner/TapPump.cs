using System;
using System.Runtime.InteropServices;
using Sos.Abi;
using Sos.Linux;

namespace Sos.Runner;

/// <summary>
/// Gives Linux the frames that a service passes on: takes them off the rings of a host port and writes them into a TAP device, from where they come
/// into the receive path of the network device that the service has. TCP segments that follow each other go as one frame, as a card's driver would put them
/// together (GRO): each frame costs Linux the same. What Linux sends does not come this way.
/// </summary>
internal unsafe struct TapPump
{
    private const int FramesMax = 64; // before others have their turn
    private const int PacketMax = 65_535 - 60; // what the length of an IP packet can say, less headers

    private KeeperPage* _page;
    private int _tap;
    private SlotRings _rings;

    /// <summary>Whether there is a frame for Linux.</summary>
    public readonly bool HasWork => _rings.HasFrame;

    /// <summary>Maps the host port.</summary>
    /// <returns>0 or an errno.</returns>
    public static int Create(KeeperPage* page, in KeeperTap tap, out TapPump pump)
    {
        const int invalid = 22; // EINVAL
        pump = default;
        void* memory = Libc.Mmap(
            null, (nuint)tap.HostPortSize, Libc.ProtectRead | Libc.ProtectWrite, Libc.MapShared, tap.HostPort, 0);
        if (memory == Libc.MapFailed)
        {
            return Marshal.GetLastPInvokeError();
        }

        if (SlotRings.Attach(memory, tap.HostPortSize) is not { } rings)
        {
            return invalid;
        }

        pump._page = page;
        pump._tap = tap.Tap;
        pump._rings = rings;
        rings.SetUp(true);
        return 0;
    }

    /// <summary>Moves what is there, up to a limit.</summary>
    /// <returns>Whether there was anything.</returns>
    public readonly bool Work()
    {
        int given = 0;
        while (given < FramesMax && _rings.TryPeek(0, out byte* frame, out int length))
        {
            int count = 1;
            if (frame == null)
            {
                _page->Invalid++;
            }
            else if (Give(frame, length, FramesMax - given, ref count))
            {
                _page->ToLinux += (uint)count;
            }
            else
            {
                _page->ToLinuxDropped += (uint)count; // Linux has no memory, or somebody has switched the device off
            }

            _rings.Consume(count);
            given += count;
        }

        return given > 0;
    }

    /// <summary>Asks the service for notifications, or takes that back.</summary>
    public readonly void Arm(bool armed) => _rings.Arm(armed, wantsRoom: false);

    /// <summary>Writes a frame, with those behind it that continue it.</summary>
    /// <param name="frame">The first.</param>
    /// <param name="length">Its bytes.</param>
    /// <param name="countMax">How many may go at once.</param>
    /// <param name="count">How many did.</param>
    private readonly bool Give(byte* frame, int length, int countMax, ref int count)
    {
        VirtualHeader header = default;
        byte* headers = stackalloc byte[TcpSegment.HeadersMax];
        Libc.Part* parts = stackalloc Libc.Part[FramesMax + 2];
        parts[0] = new Libc.Part { Start = &header, Length = (nuint)sizeof(VirtualHeader) };
        parts[1] = new Libc.Part { Start = frame, Length = (nuint)length };
        int bytes = sizeof(VirtualHeader) + length;

        // Alone it needs no checksum of ours. The service may write here at any time: what is read twice is read from a copy.
        if (_rings.TryPeek(1, out _, out _) && TcpSegment.TryRead(new ReadOnlySpan<byte>(frame, length), out TcpSegment first))
        {
            Span<byte> copy = new(headers, first.Payload);
            new ReadOnlySpan<byte>(frame, first.Payload).CopyTo(copy);
            int data = Collect(parts, copy, in first, countMax, frame, ref count, out bool push);
            if (count > 1)
            {
                first.Extend(copy, data, push);
                parts[1] = new Libc.Part { Start = headers, Length = (nuint)first.Payload };
                header = VirtualHeader.Of(in first);
                bytes = sizeof(VirtualHeader) + first.Payload + data;
            }
        }

        return Libc.WriteParts(_tap, parts, count > 1 ? count + 2 : 2) == bytes;
    }

    /// <summary>Finds the frames that continue a first one.</summary>
    /// <returns>Bytes of data of all.</returns>
    private readonly int Collect(
        Libc.Part* parts, ReadOnlySpan<byte> headers, in TcpSegment first, int countMax, byte* frame, ref int count, out bool push)
    {
        int data = first.Length;
        push = first.Push;
        parts[2] = new Libc.Part { Start = frame + first.Payload, Length = (nuint)first.Length };

        // One that is shorter than the first is the last.
        for (int last = first.Length; last == first.Length && !push && count < countMax; count++)
        {
            if (!_rings.TryPeek(count, out byte* next, out int length) || next == null || data + first.Length > PacketMax
                || !TcpSegment.TryRead(new ReadOnlySpan<byte>(next, length), out TcpSegment segment)
                || segment.Transport != first.Transport || segment.Payload != first.Payload || segment.Length > first.Length
                || segment.Sequence != first.Sequence + (uint)data || !first.Continues(headers, new ReadOnlySpan<byte>(next, first.Payload)))
            {
                break;
            }

            parts[count + 2] = new Libc.Part { Start = next + segment.Payload, Length = (nuint)segment.Length };
            (data, last, push) = (data + segment.Length, segment.Length, segment.Push);
        }

        return data;
    }

    /// <summary>struct virtio_net_hdr, before each frame (virtio 1.2, 5.1.6).</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct VirtualHeader
    {
        private const byte NeedsChecksum = 1; // VIRTIO_NET_HDR_F_NEEDS_CSUM
        private const byte Tcp4 = 1; // VIRTIO_NET_HDR_GSO_TCPV4
        private const byte Tcp6 = 4; // VIRTIO_NET_HDR_GSO_TCPV6
        private const ushort ChecksumInTcp = 16;

        public byte Flags;
        public byte Segmentation;
        public ushort HeadersLength;
        public ushort SegmentLength;
        public ushort ChecksumStart;
        public ushort ChecksumOffset;

        public static VirtualHeader Of(in TcpSegment segment) => new()
        {
            Flags = NeedsChecksum,
            Segmentation = segment.IsIpv6 ? Tcp6 : Tcp4,
            HeadersLength = (ushort)segment.Payload,
            SegmentLength = (ushort)segment.Length,
            ChecksumStart = (ushort)segment.Transport,
            ChecksumOffset = ChecksumInTcp,
        };
    }
}
