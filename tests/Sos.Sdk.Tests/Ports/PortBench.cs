using System;
using System.Runtime.InteropServices;
using System.Text;
using Sos.Sdk.Control;
using Sos.Sdk.Logging;
using Sos.Sdk.Memory;
using Sos.Sdk.Packets;
using Sos.Sdk.Ports;
using Sos.Sdk.Statistics;
using Xunit;

namespace Sos.Sdk.Tests.Ports;

/// <summary>Memory as a service has it: an arena, counters, a log and packet memory whose bus addresses are not its own.</summary>
internal sealed unsafe class PortBench : IDisposable
{
    public const ulong PacketBytes = 4UL << 20;

    private const ulong ArenaBytes = 1UL << 20;
    private const ulong LogBytes = 64 << 10;

    private readonly byte* _arena;
    private readonly byte* _statistics;
    private readonly byte* _log;
    private readonly byte* _packets;
    private readonly ulong* _busAddresses;
    private readonly CounterRegistry _registry;

    public PortBench()
    {
        _arena = Zeroed(ArenaBytes);
        _statistics = Zeroed(StatisticsLayout.TotalSize);
        _log = Zeroed(LogBytes);
        _packets = Zeroed(PacketBytes);
        _busAddresses = (ulong*)Zeroed(4096);
        for (ulong chunk = 0; chunk < PacketBytes / PacketMemory.ChunkSize; chunk++)
        {
            // Descending, so that whoever counts on beyond a chunk arrives at the wrong memory.
            _busAddresses[chunk] = 0x40_0000_0000 - (chunk * 0x1000_0000);
        }

        Assert.True(Arena.TryCreate(_arena, ArenaBytes, out Arena arena));
        Assert.True(CounterRegistry.TryCreate(_statistics, StatisticsLayout.TotalSize, out _registry));
        Assert.True(Log.TryCreate(_log, LogBytes, out Log log));
        Assert.True(PacketMemory.TryCreate(arena, _packets, PacketBytes, _busAddresses, out PacketMemory memory));
        Arena = arena;
        Log = log;
        Memory = memory;
    }

    public Arena Arena { get; }

    public Log Log { get; }

    /// <summary>The log, for a port without a name.</summary>
    public PortLog PortLog => new(Log, default);

    public PacketMemory Memory { get; }

    /// <summary>Records written to the log so far.</summary>
    public ulong LogCount => ((LogLayout*)_log)->Written;

    public PortCounters Register(string prefix) => PortCounters.Register(_registry, Encoding.UTF8.GetBytes(prefix));

    public PacketPool CreatePool(int buffers)
    {
        Assert.True(PacketPool.TryCreate(Arena, Memory, buffers, out PacketPool pool));
        Assert.Equal(buffers, pool.Capacity);
        return pool;
    }

    /// <summary>Translates a bus address as a device reaches it; fails the test when it would leave packet memory or a chunk of it.</summary>
    public byte* Translate(ulong busAddress, ulong length)
    {
        for (ulong chunk = 0; chunk < PacketBytes / PacketMemory.ChunkSize; chunk++)
        {
            ulong offset = busAddress - _busAddresses[chunk];
            if (offset < PacketMemory.ChunkSize && length <= PacketMemory.ChunkSize - offset)
            {
                return _packets + (chunk * PacketMemory.ChunkSize) + offset;
            }
        }

        throw new InvalidOperationException($"the device was sent to {busAddress:x}, {length} bytes, which is not its memory");
    }

    public static byte* Zeroed(ulong bytes)
    {
        byte* memory = (byte*)NativeMemory.AlignedAlloc((nuint)bytes, 4096);
        NativeMemory.Clear(memory, (nuint)bytes);
        return memory;
    }

    public static void Release(void* memory) => NativeMemory.AlignedFree(memory);

    /// <summary>A frame whose bytes depend on <paramref name="seed"/>, so that no two look alike.</summary>
    public static byte[] Frame(int length, int seed)
    {
        byte[] frame = new byte[length];
        new Random(seed).NextBytes(frame);
        return frame;
    }

    public void Dispose()
    {
        Release(_arena);
        Release(_statistics);
        Release(_log);
        Release(_packets);
        Release(_busAddresses);
    }
}
