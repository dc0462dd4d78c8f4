using System;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.InteropServices;
using CsCheck;
using Sos.Sdk.Memory;
using Sos.Sdk.Time;
using Xunit;

namespace Sos.Sdk.Tests.Time;

public sealed unsafe class DeadlineHeapTests : IDisposable
{
    private const int Capacity = 50;

    private readonly byte* _memory = (byte*)NativeMemory.AlignedAlloc(8192, 64);

    public void Dispose() => NativeMemory.AlignedFree(_memory);

    /// <summary>Any order of setting, moving and removing, against a dictionary.</summary>
    [Fact]
    public void TheEarliestIsAlwaysOnTop()
        => Gen.Select(Gen.UInt[0, Capacity - 1], Gen.ULong[0, 100], Gen.Int[0, 2]).Array[1, 300].Sample(steps =>
        {
            DeadlineHeap heap = Make();
            Dictionary<uint, ulong> model = [];
            foreach ((uint item, ulong deadline, int action) in steps)
            {
                if (action == 0)
                {
                    Assert.Equal(model.Remove(item), heap.Remove(item));
                }
                else
                {
                    heap.Set(item, deadline);
                    model[item] = deadline;
                }

                Assert.Equal((model.Count, model.ContainsKey(item)), (heap.Count, heap.Contains(item)));
                Assert.Equal(model.Count == 0 ? ulong.MaxValue : model.Values.Min(), heap.Earliest);
                if (model.Count > 0)
                {
                    Assert.Equal(heap.Earliest, model[heap.EarliestItem]);
                }
            }
        }, threads: 1);

    [Fact]
    public void ItHoldsAsManyAsItWasMadeForAndTrapsOnOthers()
    {
        DeadlineHeap heap = Make();
        for (uint i = 0; i < Capacity; i++)
        {
            heap.Set(i, Capacity - i);
        }

        Assert.Equal((Capacity, 1ul, Capacity - 1u), (heap.Count, heap.Earliest, heap.EarliestItem));
        Assert.Throws<NullReferenceException>(() => heap.Set(Capacity, 1));
        Assert.Throws<NullReferenceException>(() => heap.Remove(uint.MaxValue));
        Assert.Throws<NullReferenceException>(() => _ = Make().EarliestItem);
    }

    private DeadlineHeap Make()
    {
        NativeMemory.Clear(_memory, 8192);
        Assert.True(Arena.TryCreate(_memory, 8192, out Arena arena));
        Assert.True(DeadlineHeap.TryCreate(arena, Capacity, out DeadlineHeap heap));
        return heap;
    }
}
