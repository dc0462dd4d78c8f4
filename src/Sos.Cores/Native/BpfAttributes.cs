using System;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using Sos.Linux;

namespace Sos.Cores.Native;

/// <summary>union bpf_attr; the kernel takes more bytes than it knows if they are 0.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct BpfAttributes
{
    private const int Size = 128;

    private fixed byte _bytes[Size];

    /// <summary>Its bytes.</summary>
    [UnscopedRef]
    public Span<byte> Bytes => MemoryMarshal.CreateSpan(ref _bytes[0], Size);

    /// <summary>Sets a field of 32 bits.</summary>
    public void Put(int offset, uint value) => MemoryMarshal.Write(Bytes[offset..], in value);

    /// <summary>Sets a field of 64 bits.</summary>
    public void Put(int offset, ulong value) => MemoryMarshal.Write(Bytes[offset..], in value);

    /// <summary>Reads a field of 32 bits.</summary>
    public uint Get(int offset) => MemoryMarshal.Read<uint>(Bytes[offset..]);

    /// <summary>Calls bpf(2).</summary>
    /// <returns>A descriptor or 0; negative on failure.</returns>
    public int Call(int command)
    {
        if (FaultPoint.Check("bpf") is var fault and not 0)
        {
            Marshal.SetLastPInvokeError(fault);
            return -1;
        }

        fixed (byte* start = _bytes)
        {
            return NetworkCalls.Bpf(command, start, Size);
        }
    }
}
