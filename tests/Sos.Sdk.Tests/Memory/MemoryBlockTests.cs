using Sos.Sdk.Memory;
using Xunit;

namespace Sos.Sdk.Tests.Memory;

public sealed unsafe class MemoryBlockTests
{
    [Fact]
    public void GivesItsElementsAndTrapsOutsideOfThem()
    {
        using TestArena arena = new();
        Assert.True(arena.Arena.TryAllocate(5, out MemoryBlock<int> block));
        for (int i = 0; i < 5; i++)
        {
            block[i] = i * i;
            Assert.Equal(i * i, block[(uint)i]);
        }

        Assert.Equal([0, 1, 4, 9, 16], block.Span.ToArray());
        foreach (int index in new[] { -1, 5, int.MinValue, int.MaxValue })
        {
            TrapAssert.Traps(() => block[index] = 1);
            TrapAssert.Traps(() => block[(uint)index] = 1);
        }

        TrapAssert.Traps(() => default(MemoryBlock<int>)[0] = 1);
    }

    [Fact]
    public void SlicesLieWithin()
    {
        using TestArena arena = new();
        Assert.True(arena.Arena.TryAllocate(8, out MemoryBlock<short> block));
        MemoryBlock<short> part = block.Slice(2, 4);
        part[0] = 7;
        Assert.Equal((4, (short)7), (part.Length, block[2]));
        TrapAssert.Traps(() => part[4] = 1);
        Assert.Equal(0, block.Slice(8, 0).Length);
        foreach ((int start, int length) in new[] { (-1, 1), (0, 9), (8, 1), (9, 0), (4, -1), (1, int.MaxValue), (int.MaxValue, 1) })
        {
            TrapAssert.Traps(() => block.Slice(start, length));
        }

        TrapAssert.Traps(() => new MemoryBlock<short>(null, -1));
    }
}
