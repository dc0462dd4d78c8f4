using System;
using System.Runtime.InteropServices;
using Sos.Linux;

namespace Sos.Cores.Native;

/// <summary>A region of a core mapped into this process, for reading and writing.</summary>
public sealed unsafe class MappedMemory : IDisposable
{
    private byte* _address;

    private MappedMemory(byte* address, ulong size)
    {
        _address = address;
        Size = size;
    }

    /// <summary>Bytes.</summary>
    public ulong Size { get; }

    /// <summary>The first byte.</summary>
    public byte* Address => _address != null ? _address : throw new ObjectDisposedException(nameof(MappedMemory));

    /// <summary>A part as a span.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It does not lie within.</exception>
    public Span<byte> Slice(ulong offset, ulong length)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, Size);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, Math.Min(Size - offset, int.MaxValue));
        return new Span<byte>(Address + offset, (int)length);
    }

    /// <summary>Maps a part of a descriptor, shared.</summary>
    /// <exception cref="SosException">It cannot be mapped.</exception>
    internal static MappedMemory Map(FileDescriptor handle, ulong offset, ulong size)
    {
        void* address = Libc.Mmap(
            null, (nuint)size, Libc.ProtectRead | Libc.ProtectWrite, Libc.MapShared, handle.Descriptor, (nint)offset);
        return address == Libc.MapFailed
            ? throw Errno.ToException($"mapping {size} bytes of the service's memory", Marshal.GetLastPInvokeError(), null)
            : new MappedMemory((byte*)address, size);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_address != null)
        {
            _ = Libc.Munmap(_address, (nuint)Size);
            _address = null;
        }
    }
}
