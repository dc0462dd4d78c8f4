using System;
using Sos.Sdk.Memory;

namespace Sos.Net.Tcp;

/// <summary>Bytes of a stream in a ring, each in the place that its sequence number says.</summary>
/// <param name="memory">The ring; its length is a power of two.</param>
internal readonly struct SequenceRing(MemoryBlock<byte> memory)
{
    private readonly MemoryBlock<byte> _memory = memory;

    /// <summary>Bytes of the ring.</summary>
    public uint Size => (uint)_memory.Length;

    /// <summary>The places from a sequence number on that lie side by side.</summary>
    /// <param name="sequence">The first.</param>
    /// <param name="length">How many are wanted.</param>
    public Span<byte> Run(uint sequence, uint length)
    {
        uint start = sequence & (Size - 1);
        return _memory.Span.Slice((int)start, (int)Math.Min(length, Size - start));
    }

    /// <summary>Writes bytes, not more than the ring's size.</summary>
    public void Write(uint sequence, ReadOnlySpan<byte> bytes)
    {
        Span<byte> first = Run(sequence, (uint)bytes.Length);
        bytes[..first.Length].CopyTo(first);
        bytes = bytes[first.Length..];
        bytes.CopyTo(_memory.Span);
    }

    /// <summary>Reads bytes, not more than the ring's size.</summary>
    public void Read(uint sequence, Span<byte> bytes)
    {
        Span<byte> first = Run(sequence, (uint)bytes.Length);
        first.CopyTo(bytes);
        bytes = bytes[first.Length..];
        _memory.Span[..bytes.Length].CopyTo(bytes);
    }
}
