using System;
using System.Runtime.InteropServices;
using Sos.Sdk.Memory;

namespace Sos.Sdk.Tests;

/// <summary>An arena for one test.</summary>
internal sealed unsafe class TestArena : IDisposable
{
    private readonly void* _memory;

    public TestArena(int size = 1 << 20)
    {
        _memory = NativeMemory.AlignedAlloc((nuint)size, 4096);
        NativeMemory.Clear(_memory, (nuint)size);
        if (!Arena.TryCreate(_memory, (ulong)size, out Arena arena))
        {
            throw new InvalidOperationException("The arena is too small for a test.");
        }

        Arena = arena;
    }

    public Arena Arena { get; }

    public void Dispose() => NativeMemory.AlignedFree(_memory);
}
