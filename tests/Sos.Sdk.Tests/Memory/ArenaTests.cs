using System;
using System.Collections.Generic;
using CsCheck;
using Sos.Sdk.Memory;
using Xunit;

namespace Sos.Sdk.Tests.Memory;

public sealed unsafe class ArenaTests
{
    [Fact]
    public void AllocationsAreAlignedZeroedWithinTheArenaAndApart()
        => Gen.Select(Gen.Int[0, 3000], Gen.Int[0, 12]).Array[1, 60].Sample(requests =>
        {
            using TestArena memory = new(1 << 15);
            Arena arena = memory.Arena;
            List<(ulong First, ulong End)> taken = [];
            ulong low = ulong.MaxValue;
            foreach ((int size, int log2) in requests)
            {
                ulong free = arena.Free;
                if (!arena.TryAllocate((ulong)size, 1u << log2, out byte* address))
                {
                    Assert.True(address == null);
                    Assert.Equal(free, arena.Free);
                    Assert.True(free < (ulong)size + (1u << log2), "There was room.");
                    continue;
                }

                ulong first = (ulong)address;
                low = Math.Min(low, first);
                Assert.Equal(0UL, first & ((1u << log2) - 1));
                Assert.DoesNotContain(new Span<byte>(address, size).ToArray(), b => b != 0);
                new Span<byte>(address, size).Fill(0xff);
                Assert.DoesNotContain(taken, other => first < other.End && other.First < first + (ulong)size);
                taken.Add((first, first + (ulong)size));
                Assert.True(first + (ulong)size <= low + (1 << 15));
                Assert.Equal(1UL << 15, arena.Free + arena.Used);
            }
        });

    [Fact]
    public void TakesAllItHasAndNoMore()
    {
        using TestArena memory = new(4096);
        Assert.True(memory.Arena.TryAllocate(memory.Arena.Free, 1, out byte* last));
        last[4096 - 64 - 1] = 1;
        Assert.Equal(0UL, memory.Arena.Free);
        Assert.True(memory.Arena.TryAllocate(0, 1, out _));
        Assert.False(memory.Arena.TryAllocate(1, 1, out _));
        Assert.False(memory.Arena.TryAllocate(out ulong* value));
        Assert.True(value == null);
    }

    [Fact]
    public void RefusesSizesThatWouldOverflow()
    {
        using TestArena memory = new(4096);
        Assert.False(memory.Arena.TryAllocate(ulong.MaxValue, 64, out _));
        Assert.False(memory.Arena.TryAllocate(64, 1u << 31, out _) && memory.Arena.Used > 4096);
        Assert.False(memory.Arena.TryAllocate(-1, out MemoryBlock<byte> block));
        Assert.False(memory.Arena.TryAllocate(int.MaxValue, out MemoryBlock<ulong> large));
        Assert.Equal((0, 0), (block.Length, large.Length));
        Assert.Equal(64UL, memory.Arena.Used);
        TrapAssert.Traps(() => memory.Arena.TryAllocate(1, 3, out _));
        TrapAssert.Traps(() => memory.Arena.TryAllocate(1, 0, out _));
    }

    [Fact]
    public void NeedsAnAlignedPlaceForItsState()
    {
        using TestArena memory = new(4096);
        Assert.True(memory.Arena.TryAllocate(256, 64, out byte* place));
        Assert.False(Arena.TryCreate(null, 256, out _));
        Assert.False(Arena.TryCreate(place + 8, 128, out _));
        Assert.False(Arena.TryCreate(place, 63, out _));
        Assert.True(Arena.TryCreate(place, 64, out Arena smallest));
        Assert.Equal(0UL, smallest.Free);
    }

    [Fact]
    public void CopiesShareOneArena()
    {
        using TestArena memory = new(4096);
        Arena copy = memory.Arena;
        Assert.True(copy.TryAllocate(100, out MemoryBlock<byte> first));
        Assert.True(memory.Arena.TryAllocate(100, out MemoryBlock<byte> second));
        Assert.True(second.Pointer >= first.Pointer + 100);
        Assert.Equal(copy.Used, memory.Arena.Used);
    }
}
