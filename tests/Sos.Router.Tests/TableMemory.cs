using System;
using System.Runtime.InteropServices;
using System.Threading;
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

    /// <summary>Plays a core on a thread of its own, pass by pass, until it is disposed of.</summary>
    /// <param name="pass">What it does in each pass.</param>
    public IDisposable Run(Action pass) => new Core(this, pass);

    public void Dispose() => NativeMemory.AlignedFree(_memory);

    private sealed class Core : IDisposable
    {
        private readonly Thread _thread;
        private bool _ends;

        public Core(TableMemory memory, Action pass)
        {
            _thread = new Thread(() =>
            {
                while (!Volatile.Read(ref _ends))
                {
                    memory.BeginPass();
                    pass();
                }
            });
            _thread.Start();
        }

        public void Dispose()
        {
            Volatile.Write(ref _ends, true);
            _thread.Join();
        }
    }
}
