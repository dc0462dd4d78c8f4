using System.Collections.Generic;
using System.Linq;
using CsCheck;
using Sos.Sdk.Packets;
using Sos.Sdk.Ports;
using Sos.Sdk.Tests.Ports;
using Xunit;

namespace Sos.Sdk.Tests.Packets;

public sealed unsafe class PacketPoolTests
{
    [Fact]
    public void NoBufferCrossesAChunkAndBusAddressesAreRight()
    {
        using PortBench bench = new();
        PacketPool pool = bench.CreatePool(1500);
        BusMap bus = bench.Memory.ToBusMap(null);
        HashSet<ulong> seen = [];
        while (pool.TryAllocate(out PacketBuffer buffer))
        {
            // The bench's translation fails the test for what leaves a chunk.
            Assert.True(bus.TryTranslate(buffer.Pointer, out ulong start));
            Assert.True(bench.Translate(start, PacketBuffer.Stride) == (byte*)buffer.Pointer);
            Assert.True(seen.Add(start));
        }

        Assert.Equal(1500, seen.Count);
    }

    [Fact]
    public void MakesAsManyBuffersAsThePacketMemoryHolds()
    {
        using PortBench bench = new();
        Assert.True(PacketPool.TryCreate(bench.Arena, bench.Memory, 5000, out PacketPool pool));
        Assert.Equal(2 * 963, pool.Capacity);
        Assert.False(PacketPool.TryCreate(bench.Arena, bench.Memory, 1, out PacketPool empty));
        Assert.True(empty.IsNull);
        Assert.False(PacketPool.TryCreate(bench.Arena, bench.Memory, 0, out _));
        Assert.False(PacketPool.TryCreate(bench.Arena, bench.Memory, -1, out _));
        Assert.False(PacketPool.TryCreate(bench.Arena, bench.Memory, int.MaxValue, out _));
    }

    [Fact]
    public void EveryBufferIsOwnedOnce()
        => Gen.Int[-3, 8].Array[1, 100].Sample(steps =>
        {
            using PortBench bench = new();
            PacketPool pool = bench.CreatePool(16);
            List<PacketBuffer> taken = [];
            foreach (int step in steps)
            {
                for (int i = 0; i < step; i++)
                {
                    bool expected = taken.Count < 16;
                    Assert.Equal(expected, pool.TryAllocate(out PacketBuffer buffer));
                    Assert.Equal(expected, !buffer.IsNull);
                    if (expected)
                    {
                        Assert.DoesNotContain(buffer, taken);
                        Assert.Equal((0, PacketBuffer.Headroom), (buffer.Length, buffer.HeadroomFree));
                        taken.Add(buffer);
                    }
                }

                for (int i = step; i < 0 && taken.Count != 0; i++)
                {
                    pool.Free(taken[0]);
                    taken.RemoveAt(0);
                }

                Assert.Equal(16 - taken.Count, pool.FreeCount);
            }
        }, iter: 30);

    [Fact]
    public void TheLastBufferFreedIsTakenFirst()
    {
        using PortBench bench = new();
        PacketPool pool = bench.CreatePool(4);
        Assert.True(pool.TryAllocate(out PacketBuffer first));
        Assert.True(pool.TryAllocate(out PacketBuffer second));
        pool.Free(first);
        pool.Free(second);
        Assert.True(pool.TryAllocate(out PacketBuffer again));
        Assert.Equal(second, again);
    }

    [Fact]
    public void FreeingTwiceTraps()
    {
        using PortBench bench = new();
        PacketPool pool = bench.CreatePool(4);
        Assert.True(pool.TryAllocate(out PacketBuffer buffer));
        pool.Free(buffer);
        TrapAssert.Traps(() => pool.Free(buffer));
        Assert.Equal(4, pool.FreeCount);
    }

    [Fact]
    public void FreeingToAnotherPoolTraps()
    {
        using PortBench bench = new();
        PacketPool mine = bench.CreatePool(4);
        PacketPool other = bench.CreatePool(4);
        Assert.True(mine.TryAllocate(out PacketBuffer buffer));
        Assert.True(other.TryAllocate(out _));
        TrapAssert.Traps(() => other.Free(buffer));
        TrapAssert.Traps(() => mine.Free(default(PacketBuffer)));

        // A device that overwrites a buffer's number does not make it another one.
        buffer.Header.Index = 2;
        TrapAssert.Traps(() => mine.Free(buffer));
        buffer.Header.Index = 4;
        TrapAssert.Traps(() => mine.Free(buffer));
        buffer.Header.Index = 0;
        mine.Free(buffer);
        Assert.Equal(4, mine.FreeCount);
    }

    [Fact]
    public void FindsTakenBuffersByNumber()
    {
        using PortBench bench = new();
        PacketPool pool = bench.CreatePool(4);
        Assert.False(pool.TryGet(0, out _));
        Assert.True(pool.TryAllocate(out PacketBuffer buffer));
        Assert.True(pool.TryGet(buffer.Header.Index, out PacketBuffer found));
        Assert.Equal(buffer, found);
        Assert.False(pool.TryGet(4, out found));
        Assert.False(pool.TryGet(uint.MaxValue, out found));
        Assert.True(found.IsNull);
    }

    [Fact]
    public void AFullBurstTraps()
    {
        using PortBench bench = new();
        PacketPool pool = bench.CreatePool(Burst.Capacity + 1);
        Burst burst = default;
        for (int i = 0; i < Burst.Capacity; i++)
        {
            Assert.False(burst.IsFull);
            Assert.True(pool.TryAllocate(out PacketBuffer buffer));
            burst.Add(buffer);
        }

        Assert.True(burst.IsFull);
        Assert.True(pool.TryAllocate(out PacketBuffer extra));
        TrapAssert.Traps(() => burst.Add(extra));
        Assert.Equal(Burst.Capacity, burst.Buffers.ToArray().Distinct().Count());
        pool.Free(ref burst);
        Assert.Equal((0, Burst.Capacity), (burst.Count, pool.FreeCount));
    }

    [Fact]
    public void TheNullPortFreesWhatItIsGiven()
    {
        using PortBench bench = new();
        PacketPool pool = bench.CreatePool(4);
        NullPort port = new(pool);
        Burst burst = default;
        Assert.True(pool.TryAllocate(out PacketBuffer first));
        Assert.True(pool.TryAllocate(out PacketBuffer second));
        burst.Add(first);
        burst.Add(second);
        Assert.Equal(0, port.Transmit(ref burst));
        Assert.Equal((0, 4), (burst.Count, pool.FreeCount));
        Assert.Equal(0, port.Receive(ref burst));
        Assert.Equal(PortState.Down, port.State);
    }
}
