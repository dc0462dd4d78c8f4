using System;
using System.Runtime.InteropServices;

namespace Sos.Fuzz;

/// <summary>Memory whose last byte is followed by a page that cannot be read: what reads beyond an input ends the process.</summary>
public sealed unsafe class GuardedMemory : IDisposable
{
    private const nuint PageSize = 4096;
    private const int ProtectionNone = 0;
    private const int ProtectionReadWrite = 3;
    private const int PrivateAnonymous = 0x22; // MAP_PRIVATE | MAP_ANONYMOUS of Linux on x86

    private readonly byte* _start;
    private readonly nuint _size;

    /// <summary>Takes room for inputs of up to <paramref name="lengthMax"/> bytes.</summary>
    /// <exception cref="OutOfMemoryException">The kernel gives none.</exception>
    public GuardedMemory(int lengthMax)
    {
        _size = (((nuint)lengthMax + PageSize - 1) / PageSize * PageSize) + PageSize;
        _start = (byte*)Map(null, _size, ProtectionReadWrite, PrivateAnonymous, -1, 0);
        if ((nint)_start == -1 || Protect(_start + _size - PageSize, PageSize, ProtectionNone) != 0)
        {
            throw new OutOfMemoryException("no memory for fuzzing");
        }
    }

    /// <summary>Copies an input to the end of the memory.</summary>
    /// <returns>Its first byte.</returns>
    public byte* Place(ReadOnlySpan<byte> input)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((nuint)input.Length, _size - PageSize, nameof(input));
        byte* address = _start + _size - PageSize - input.Length;
        input.CopyTo(new Span<byte>(address, input.Length));
        return address;
    }

    /// <inheritdoc/>
    public void Dispose() => _ = Unmap(_start, _size);

    [DllImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static extern void* Map(void* address, nuint length, int protection, int flags, int file, long offset);

    [DllImport("libc", EntryPoint = "mprotect", SetLastError = true)]
    private static extern int Protect(void* address, nuint length, int protection);

    [DllImport("libc", EntryPoint = "munmap", SetLastError = true)]
    private static extern int Unmap(void* address, nuint length);
}
