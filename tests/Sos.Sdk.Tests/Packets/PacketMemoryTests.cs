using System.Collections.Generic;
using CsCheck;
using Sos.Sdk.Packets;
using Sos.Sdk.Tests.Ports;
using Xunit;

namespace Sos.Sdk.Tests.Packets;

public sealed unsafe class PacketMemoryTests
{
    private const ulong Chunk = PacketMemory.ChunkSize;

    [Fact]
    public void NothingCrossesAChunkAndADeviceReachesTheSameBytes()
        => Gen.Select(Gen.OneOf(Gen.Int[1, 8192], Gen.Int[1, 1 << 20]), Gen.Int[0, 12]).Array[1, 40].Sample(requests =>
        {
            using PortBench bench = new();
            List<(ulong First, ulong End)> taken = [];
            foreach ((int size, int log2) in requests)
            {
                if (!bench.Memory.TryAllocate((ulong)size, 1u << log2, out byte* address))
                {
                    continue;
                }

                Assert.Equal(0UL, (ulong)address & ((1u << log2) - 1));
                Assert.True(bench.Memory.ToBusMap(null).TryTranslate(address, out ulong bus));
                Assert.Equal(0UL, bus & ((1u << log2) - 1));

                // The bench's translation fails the test for what leaves a chunk.
                Assert.True(bench.Translate(bus, (ulong)size) == address);
                ulong first = (ulong)address;
                Assert.DoesNotContain(taken, other => first < other.End && other.First < first + (ulong)size);
                taken.Add((first, first + (ulong)size));
            }
        }, iter: 50);

    [Fact]
    public void GoesOnInTheNextChunkWhenOneIsTooFull()
    {
        using PortBench bench = new();
        Assert.True(bench.Memory.TryAllocate(64, 64, out byte* first));
        Assert.True(bench.Memory.TryAllocate(Chunk, 64, out byte* second));
        Assert.Equal(Chunk, (ulong)(second - first));
        Assert.Equal(0UL, bench.Memory.Free);
        Assert.False(bench.Memory.TryAllocate(1, 1, out byte* none));
        Assert.True(none == null);
    }

    [Fact]
    public void ExactlyFilledChunksAreUsedToTheLastByte()
    {
        using PortBench bench = new();
        for (int i = 0; i < (int)(PortBench.PacketBytes / 4096); i++)
        {
            Assert.True(bench.Memory.TryAllocate(4096, 4096, out _));
        }

        Assert.Equal(0UL, bench.Memory.Free);
    }

    [Fact]
    public void RefusesWhatNoChunkHolds()
    {
        using PortBench bench = new();
        Assert.False(bench.Memory.TryAllocate(Chunk + 1, 64, out _));
        Assert.False(bench.Memory.TryAllocate(ulong.MaxValue, 64, out _));
        Assert.Equal(PortBench.PacketBytes, bench.Memory.Free);
        TrapAssert.Traps(() => bench.Memory.TryAllocate(1, 8192, out _));
        TrapAssert.Traps(() => bench.Memory.TryAllocate(1, 3, out _));
        TrapAssert.Traps(() => bench.Memory.TryAllocate(0, 1, out _));
    }

    [Fact]
    public void WithoutADeviceThereAreNoBusAddresses()
    {
        using TestArena arena = new();
        byte* bytes = PortBench.Zeroed(Chunk);
        Assert.True(PacketMemory.TryCreate(arena.Arena, bytes, Chunk, null, out PacketMemory memory));
        Assert.True(memory.TryAllocate(100, 64, out byte* address));
        Assert.True(address == bytes);
        Assert.True(memory.ToBusMap(null).IsEmpty);
        PortBench.Release(bytes);
    }

    [Fact]
    public void EveryDeviceHasItsOwnBusAddressesOfTheSameBytes()
    {
        using PortBench bench = new();
        ulong* others = stackalloc ulong[] { 0x7000_0000, 0x5000_0000 };
        Assert.True(bench.Memory.TryAllocate(Chunk, 64, out byte* first));
        Assert.True(bench.Memory.TryAllocate(4096, 64, out byte* second));
        BusMap own = bench.Memory.ToBusMap(null);
        BusMap other = bench.Memory.ToBusMap(others);
        Assert.True(own.TryTranslate(second + 100, out ulong ownBus) && bench.Translate(ownBus, 1) == second + 100);
        Assert.True(other.TryTranslate(second + 100, out ulong otherBus));
        Assert.Equal(0x5000_0000UL + 100, otherBus);
        Assert.True(other.TryTranslate(first + 7, out otherBus));
        Assert.Equal(0x7000_0000UL + 7, otherBus);
        Assert.False(other.TryTranslate(first - 1, out _));
        Assert.False(other.TryTranslate(first + PortBench.PacketBytes, out _));
    }

    [Fact]
    public void MemoryThatIsNotPageAlignedIsRefused()
    {
        using TestArena arena = new();
        byte* bytes = PortBench.Zeroed(8192);
        Assert.False(PacketMemory.TryCreate(arena.Arena, bytes + 64, 4096, null, out _));
        Assert.False(PacketMemory.TryCreate(arena.Arena, null, 4096, null, out _));
        PortBench.Release(bytes);
    }
}
