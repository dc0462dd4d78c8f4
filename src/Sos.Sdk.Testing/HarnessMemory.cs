using System;
using System.Collections.Generic;
using System.Runtime.InteropServices;

namespace Sos.Sdk.Testing;

/// <summary>Zeroed memory outside the collector's reach, freed together.</summary>
internal sealed unsafe class HarnessMemory : IDisposable
{
    private readonly List<nint> _blocks = [];

    public byte* Allocate(ulong size, ulong alignment)
    {
        byte* block = (byte*)NativeMemory.AlignedAlloc((nuint)size, (nuint)alignment);
        NativeMemory.Clear(block, (nuint)size);
        _blocks.Add((nint)block);
        return block;
    }

    public void Dispose()
    {
        foreach (nint block in _blocks)
        {
            NativeMemory.AlignedFree((void*)block);
        }

        _blocks.Clear();
    }
}
