using System;
using System.Runtime.CompilerServices;
using Sos.Sdk.Memory;

namespace Sos.Sdk.Packets;

/// <summary>
/// A handle on one packet buffer of a <see cref="PacketPool"/>: a frame with headroom before and tailroom behind it.
/// Whoever holds the handle owns the buffer, and passes it on or frees it exactly once.
/// </summary>
public readonly unsafe struct PacketBuffer : IEquatable<PacketBuffer>
{
    /// <summary>Bytes from one buffer to the next: 34 cache lines, so that buffers do not alias in a cache set.</summary>
    public const int Stride = 2176;

    /// <summary>Bytes of the <see cref="PacketHeader"/> at the start of each buffer.</summary>
    public const int HeaderSize = 64;

    /// <summary>Bytes free before a frame as it is received, for headers to be put in front.</summary>
    public const int Headroom = 128;

    /// <summary>The longest frame that fits behind the headroom, in bytes.</summary>
    public const int FrameMax = Stride - HeaderSize - Headroom;

    private readonly PacketHeader* _header;

    internal PacketBuffer(PacketHeader* header) => _header = header;

    /// <summary>Whether this is no buffer at all.</summary>
    public bool IsNull => _header == null;

    /// <summary>The buffer's own record, in front of its bytes.</summary>
    public ref PacketHeader Header => ref *_header;

    /// <summary>The frame's bytes.</summary>
    public Span<byte> Frame
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => System.Runtime.InteropServices.MemoryMarshal.CreateSpan(ref *((byte*)_header + _header->Offset), _header->Length);
    }

    /// <summary>Length of the frame in bytes.</summary>
    public int Length => _header->Length;

    /// <summary>Bytes free before the frame.</summary>
    public int HeadroomFree => _header->Offset - HeaderSize;

    /// <summary>Bytes free behind the frame.</summary>
    public int TailroomFree => Stride - _header->Offset - _header->Length;

    internal PacketHeader* Pointer => _header;

    /// <summary>Puts <paramref name="count"/> bytes before the frame; traps when the headroom is too small.</summary>
    /// <returns>The new bytes, whose content is undefined.</returns>
    public Span<byte> Push(int count)
    {
        Trap.Unless((uint)count <= (uint)HeadroomFree, TrapCode.BufferBounds);
        _header->Offset = (ushort)(_header->Offset - count);
        _header->Length = (ushort)(_header->Length + count);
        return new Span<byte>((byte*)_header + _header->Offset, count);
    }

    /// <summary>Takes <paramref name="count"/> bytes off the frame's start; traps when it is shorter.</summary>
    public void Pull(int count)
    {
        Trap.Unless((uint)count <= _header->Length, TrapCode.BufferBounds);
        _header->Offset = (ushort)(_header->Offset + count);
        _header->Length = (ushort)(_header->Length - count);
    }

    /// <summary>Puts <paramref name="count"/> bytes behind the frame; traps when the tailroom is too small.</summary>
    /// <returns>The new bytes, whose content is undefined.</returns>
    public Span<byte> Append(int count)
    {
        Trap.Unless((uint)count <= (uint)TailroomFree, TrapCode.BufferBounds);
        int end = _header->Offset + _header->Length;
        _header->Length = (ushort)(_header->Length + count);
        return new Span<byte>((byte*)_header + end, count);
    }

    /// <summary>Cuts the frame to its first <paramref name="length"/> bytes; traps when it is shorter.</summary>
    public void Trim(int length)
    {
        Trap.Unless((uint)length <= _header->Length, TrapCode.BufferBounds);
        _header->Length = (ushort)length;
    }

    /// <summary>Places an empty frame behind the standard headroom and makes it <paramref name="length"/> bytes long.</summary>
    /// <returns>The frame, whose content is what the memory held.</returns>
    public Span<byte> Reset(int length)
    {
        Trap.Unless((uint)length <= FrameMax, TrapCode.BufferBounds);
        _header->Offset = HeaderSize + Headroom;
        _header->Length = (ushort)length;
        return Frame;
    }

    /// <inheritdoc/>
    public bool Equals(PacketBuffer other) => _header == other._header;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is PacketBuffer other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => ((nuint)_header).GetHashCode();
}
