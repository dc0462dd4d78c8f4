using System;
using System.Collections.Generic;
using System.Threading;
using CsCheck;
using Sos.Sdk.Rings;
using Xunit;

namespace Sos.Sdk.Tests.Rings;

public sealed unsafe class SpscRingTests
{
    [Fact]
    public void KeepsTheOrderAndSaysWhenItIsFullOrEmpty()
    {
        using TestArena arena = new();
        Assert.True(SpscRing<ulong>.TryCreate(arena.Arena, 4, out SpscRing<ulong> ring));
        Assert.Equal(4, ring.Capacity);
        Assert.False(ring.TryDequeue(out ulong value));
        Assert.Equal(0UL, value);
        Assert.Equal(4, ring.Enqueue([1, 2, 3, 4, 5]));
        Assert.False(ring.TryEnqueue(6));
        Assert.True(ring.TryDequeue(out value));
        Assert.Equal(1UL, value);
        Assert.True(ring.TryEnqueue(7));
        ulong[] taken = new ulong[8];
        Assert.Equal(4, ring.Dequeue(taken));
        Assert.Equal([2UL, 3, 4, 7], taken[..4]);
        Assert.Equal(0, ring.Dequeue(taken));
        Assert.Equal(0, ring.Enqueue([]));
    }

    [Fact]
    public void BehavesAsAQueueOfFixedCapacity()
        => Gen.Select(Gen.Int[0, 5], Gen.Select(Gen.Bool, Gen.Int[0, 40]).Array[1, 200]).Sample((log2, steps) =>
        {
            using TestArena arena = new(1 << 14);
            int capacity = 1 << log2;
            Assert.True(SpscRing<int>.TryCreate(arena.Arena, capacity, out SpscRing<int> ring));
            Queue<int> model = [];
            int next = 0;
            foreach ((bool enqueue, int count) in steps)
            {
                if (enqueue)
                {
                    int[] values = new int[count];
                    for (int i = 0; i < count; i++)
                    {
                        values[i] = next + i;
                    }

                    int taken = ring.Enqueue(values);
                    Assert.Equal(Math.Min(count, capacity - model.Count), taken);
                    for (int i = 0; i < taken; i++)
                    {
                        model.Enqueue(next++);
                    }
                }
                else
                {
                    int[] values = new int[count];
                    int taken = ring.Dequeue(values);
                    Assert.Equal(Math.Min(count, model.Count), taken);
                    for (int i = 0; i < taken; i++)
                    {
                        Assert.Equal(model.Dequeue(), values[i]);
                    }
                }
            }
        });

    [Fact]
    public void ItsIndicesWrapAround()
    {
        using TestArena arena = new();
        Assert.True(arena.Arena.TryAllocate(SpscRing<uint>.SizeOf(8), 64, out byte* memory));
        RingIndices* indices = (RingIndices*)memory;
        indices->Produced = indices->Consumed = indices->ProducedCache = indices->ConsumedCache = uint.MaxValue - 2;
        SpscRing<uint> ring = SpscRing<uint>.Over(memory, 8);
        for (uint i = 0; i < 20; i++)
        {
            Assert.Equal(8, ring.Enqueue([i, i + 1, i + 2, i + 3, i + 4, i + 5, i + 6, i + 7, i + 8]));
            uint[] taken = new uint[9];
            Assert.Equal(8, ring.Dequeue(taken));
            Assert.Equal([i, i + 1, i + 2, i + 3, i + 4, i + 5, i + 6, i + 7], taken[..8]);
        }
    }

    [Fact]
    public void AnIndexThatTheOtherSideCannotHaveTraps()
    {
        using TestArena arena = new();
        Assert.True(arena.Arena.TryAllocate(SpscRing<uint>.SizeOf(8), 64, out byte* memory));
        SpscRing<uint> ring = SpscRing<uint>.Over(memory, 8);
        RingIndices* indices = (RingIndices*)memory;
        indices->Produced = 9;
        TrapAssert.Traps(() => ring.TryDequeue(out _));
        indices->Produced = 0;
        indices->Consumed = 1;
        TrapAssert.Traps(() => ring.Enqueue(new uint[9]));
    }

    [Fact]
    public void ImpossibleRingsTrap()
    {
        using TestArena arena = new();
        Assert.True(arena.Arena.TryAllocate(4096, 64, out byte* memory));
        foreach (int capacity in new[] { 0, -8, 3, int.MinValue })
        {
            TrapAssert.Traps(() => SpscRing<byte>.Over(memory, capacity));
        }

        TrapAssert.Traps(() => SpscRing<byte>.Over(memory + 1, 4));
        TrapAssert.Traps(() => SpscRing<byte>.Over(null, 4));
        Assert.False(SpscRing<ulong>.TryCreate(arena.Arena, 1 << 20, out _));
    }

    [Fact]
    public void PassesEveryElementOnceAndInOrderBetweenTwoThreads()
    {
        const uint Count = 200_000;
        using TestArena arena = new();
        Assert.True(SpscRing<Element>.TryCreate(arena.Arena, 64, out SpscRing<Element> ring));
        using CancellationTokenSource failed = new(TimeSpan.FromMinutes(1));
        Thread producer = new(() => Produce(ring, Count, failed.Token));
        producer.Start();
        Element[] burst = new Element[24];
        uint next = 0;
        SpinWait wait = default;
        while (next < Count && !failed.IsCancellationRequested)
        {
            int taken = ring.Dequeue(burst);
            for (int i = 0; i < taken; i++, next++)
            {
                Assert.Equal(new Element(next, ~next), burst[i]);
            }

            Pause(ref wait, taken);
        }

        Assert.True(producer.Join(TimeSpan.FromMinutes(1)));
        Assert.Equal(Count, next);
        Assert.False(ring.TryDequeue(out _));
    }

    private static void Produce(SpscRing<Element> ring, uint count, CancellationToken failed)
    {
        Element[] burst = new Element[17];
        uint next = 0;
        SpinWait wait = default;
        while (next < count && !failed.IsCancellationRequested)
        {
            int length = (int)Math.Min((uint)burst.Length, count - next);
            for (int i = 0; i < length; i++)
            {
                burst[i] = new Element(next + (uint)i, ~(next + (uint)i));
            }

            int sent = ring.Enqueue(burst.AsSpan(0, length));
            next += (uint)sent;
            Pause(ref wait, sent);
        }
    }

    private static void Pause(ref SpinWait wait, int done)
    {
        if (done == 0)
        {
            wait.SpinOnce();
        }
        else
        {
            wait.Reset();
        }
    }

    /// <summary>Two halves that must arrive together.</summary>
    private readonly record struct Element(ulong Number, ulong Complement);
}
