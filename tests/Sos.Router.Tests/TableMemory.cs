using System;
using System.Runtime.InteropServices;
using Sos.Router.Tables;
using Sos.Sdk.Memory;
using Xunit;

namespace Sos.Router.Tests;

/// <summary>A router's memory, zeroed outside the collector's reach, and the core's part of its upkeep.</summary>
internal sealed unsafe class TableMemory : IDisposable
{
    private readonly byte* _memory;

    public TableMemory(RouterCapacity capacity, int ports = 2)
    {
        ulong size = RouterTable.SizeFor(in capacity);
        _memory = (byte*)NativeMemory.AlignedAlloc((nuint)size, 4096);
        NativeMemory.Clear(_memory, (nuint)size);
        Assert.True(RouterTable.TryFormat(_memory, size, in capacity, ports, out RouterTable table));
        Table = table;
    }

    public RouterTable Table { get; }

    /// <summary>Says, as a core that begins a pass, that it has let go what was taken out.</summary>
    public void BeginPass() => MemoryOrdering.StoreRelease(ref Table.Header->Seen.Epoch, MemoryOrdering.LoadAcquire(ref Table.Header->Epoch));

    public void Dispose() => NativeMemory.AlignedFree(_memory);
}
