using System;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Sos.Abi;
using Sos.Linux;
using Sos.Sdk.Control;

namespace Sos.Runner;

/// <summary>
/// Replays a capture (pcap) into the first memory port, in the card's place and as fast as the service takes it, and writes what arrives at
/// the second one, in Linux's place, into another. sosctl has read the first header and written the other.
/// </summary>
internal unsafe struct CapturePump
{
    private const int FramesMax = 64; // before others have their turn
    private const int RecordHeader = 16; // seconds, fraction, bytes here, bytes on the wire
    private const int RecordMax = 256 << 10; // bytes of a frame that any program writes
    private const int BufferSize = 2 * RecordMax;
    private const int Invalid = 22; // EINVAL

    private KeeperPage* _page;
    private SlotRings _in;
    private SlotRings _out;
    private byte* _buffer;
    private int _start;
    private int _end;
    private bool _ended;

    /// <summary>Whether there is a frame to move.</summary>
    public readonly bool HasWork => _page != null && (_out.HasFrame || (!_ended && _in.HasRoom));

    /// <summary>Maps the two ports; without captures it does nothing.</summary>
    /// <returns>0 or an errno.</returns>
    public static int Create(KeeperPage* page, out CapturePump pump)
    {
        pump = default;
        if (page->CaptureIn < 0)
        {
            return 0;
        }

        const int readWrite = Libc.ProtectRead | Libc.ProtectWrite;
        void* input = Libc.Mmap(null, (nuint)page->CapturePortSize, readWrite, Libc.MapShared, page->CaptureInPort, 0);
        void* output = Libc.Mmap(null, (nuint)page->CapturePortSize, readWrite, Libc.MapShared, page->CaptureOutPort, 0);
        if (input == Libc.MapFailed || output == Libc.MapFailed)
        {
            return Marshal.GetLastPInvokeError();
        }

        if (SlotRings.Attach(input, page->CapturePortSize) is not { } inPort || SlotRings.Attach(output, page->CapturePortSize) is not { } outPort)
        {
            return Invalid;
        }

        pump._page = page;
        pump._in = inPort;
        pump._out = outPort;
        pump._buffer = (byte*)NativeMemory.Alloc(BufferSize);
        inPort.SetUp(true);
        outPort.SetUp(true);
        return 0;
    }

    /// <summary>Moves frames, up to a limit.</summary>
    /// <returns>Whether there was one.</returns>
    public bool Work()
    {
        if (_page == null)
        {
            return false;
        }

        // What the service sends to the card goes nowhere.
        while (_in.TryPeek(out _, out _))
        {
            _in.Consume();
        }

        return Replay() | Capture();
    }

    /// <summary>Asks the service for notifications, or takes that back.</summary>
    public readonly void Arm(bool armed)
    {
        if (_page != null)
        {
            _in.Arm(armed, !_ended);
            _out.Arm(armed, wantsRoom: false);
        }
    }

    private bool Replay()
    {
        int moved = 0;
        while (moved < FramesMax && !_ended && _in.LinkUp && _in.HasRoom && TryNext(out byte* frame, out int length))
        {
            moved++;
            if (length is < 14 or > HostSlot.FrameMax)
            {
                _page->Invalid++;
                continue;
            }

            new ReadOnlySpan<byte>(frame, length).CopyTo(new Span<byte>(_in.NextFrame(), HostSlot.FrameMax));
            _in.Produce(length);
            _page->Replayed++;
        }

        return moved > 0;
    }

    private readonly bool Capture()
    {
        byte* record = stackalloc byte[RecordHeader + HostSlot.FrameMax];
        int moved = 0;
        for (; moved < FramesMax && _out.TryPeek(out byte* frame, out int length); moved++)
        {
            if (frame != null)
            {
                long microseconds = (DateTime.UtcNow - DateTime.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;
                Span<byte> header = new(record, RecordHeader);
                BinaryPrimitives.WriteUInt32LittleEndian(header, (uint)(microseconds / 1_000_000));
                BinaryPrimitives.WriteUInt32LittleEndian(header[4..], (uint)(microseconds % 1_000_000));
                BinaryPrimitives.WriteUInt32LittleEndian(header[8..], (uint)length);
                BinaryPrimitives.WriteUInt32LittleEndian(header[12..], (uint)length);
                new ReadOnlySpan<byte>(frame, length).CopyTo(new Span<byte>(record + RecordHeader, HostSlot.FrameMax));
                int whole = RecordHeader + length;
                _page->Captured += ProcessCalls.Write(_page->CaptureOut, record, (nuint)whole) == whole ? 1u : 0;
            }
            else
            {
                _page->Invalid++;
            }

            _out.Consume();
        }

        return moved > 0;
    }

    /// <summary>The next frame of the capture; what ends in the middle of one has ended before it.</summary>
    private bool TryNext(out byte* frame, out int length)
    {
        frame = null;
        length = 0;
        if (!TryFill(RecordHeader))
        {
            return false;
        }

        ReadOnlySpan<byte> field = new(_buffer + _start + 8, sizeof(uint));
        uint bytes = _page->CaptureSwapped != 0 ? BinaryPrimitives.ReadUInt32BigEndian(field) : BinaryPrimitives.ReadUInt32LittleEndian(field);
        if (bytes > RecordMax - RecordHeader || !TryFill(RecordHeader + (int)bytes))
        {
            _ended = true;
            return false;
        }

        frame = _buffer + _start + RecordHeader;
        length = (int)bytes;
        _start += RecordHeader + length;
        return true;
    }

    /// <summary>Reads until so many bytes are there.</summary>
    private bool TryFill(int bytes)
    {
        if (_end - _start < bytes)
        {
            new ReadOnlySpan<byte>(_buffer + _start, _end - _start).CopyTo(new Span<byte>(_buffer, BufferSize));
            (_start, _end) = (0, _end - _start);
        }

        while (_end < bytes)
        {
            nint read = ProcessCalls.Read(_page->CaptureIn, _buffer + _end, (nuint)(BufferSize - _end));
            if (read <= 0)
            {
                _ended = true;
                return false;
            }

            _end += (int)read;
        }

        return true;
    }
}
