using System;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.InteropServices;
using Sos.Firewall.Tables;
using Sos.Firewall.Tracking;
using Sos.Sdk.Memory;
using Sos.Sdk.Wire;
using Xunit;

namespace Sos.Firewall.Tests.Tracking;

/// <summary>The table of flows: what it finds, what it forgets to make room, and what it never does.</summary>
public sealed unsafe class FlowTableTests : IDisposable
{
    private const int Capacity = FlowTable.CapacityMin;
    private const uint Long = 1_000_000;

    private readonly void* _memory;
    private readonly FlowSecret _secret = new(default, default);
    private FlowTable _table;
    private MillisecondClock _clock;

    public FlowTableTests()
    {
        nuint size = (nuint)FlowTable.BytesFor(Capacity) + 64;
        _memory = NativeMemory.AlignedAlloc(size, 64);
        NativeMemory.Clear(_memory, size);
        Assert.True(Arena.TryCreate(_memory, size, out Arena arena));
        Assert.True(_table.TryMake(arena, Capacity));
        _clock.Begin(1, 0);
    }

    public void Dispose() => NativeMemory.AlignedFree(_memory);

    [Fact]
    public void A_Flood_Takes_The_Place_Of_What_Was_Never_Answered_And_Never_Of_What_Is_Kept()
    {
        uint[] kept = [.. Enumerable.Range(0, Capacity / 2).Select(i => Add((uint)i, FlowQueue.Kept))];
        uint[] passing = [.. Enumerable.Range(0, Capacity / 4).Select(i => Add(10_000 + (uint)i, FlowQueue.Passing))];
        for (uint i = 0; i < 10 * Capacity; i++)
        {
            Assert.NotEqual(FlowTable.None, Add(1_000_000 + i, FlowQueue.Unanswered));
        }

        Assert.Equal((uint)Capacity, _table.Count);
        Assert.All(Enumerable.Range(0, kept.Length), i => Assert.Equal(kept[i], Find((uint)i)));
        Assert.All(Enumerable.Range(0, passing.Length), i => Assert.Equal(passing[i], Find(10_000 + (uint)i)));
        Assert.NotEqual(FlowTable.None, Find(1_000_000 + (10 * Capacity) - 1)); // the newest of the flood, and not its oldest
        Assert.Equal(FlowTable.None, Find(1_000_000));
    }

    [Fact]
    public void What_Is_Over_Goes_Where_Nothing_Unanswered_Is_Left_And_Then_Nothing_Finds_A_Place()
    {
        for (uint i = 0; i < Capacity - 1; i++)
        {
            _ = Add(i, FlowQueue.Kept);
        }

        _ = Add(5_000, FlowQueue.Passing);
        Assert.NotEqual(FlowTable.None, Add(6_000, FlowQueue.Kept));
        Assert.Equal(FlowTable.None, Find(5_000));
        Assert.Equal(1ul, _table.Evicted);
        Assert.Equal(FlowTable.None, Add(7_000, FlowQueue.Kept));
        Assert.Equal(1ul, _table.Refused);
        Assert.All(Enumerable.Range(0, Capacity - 1), i => Assert.NotEqual(FlowTable.None, Find((uint)i)));
    }

    [Fact]
    public void Flows_That_Expired_Make_Room_Even_Where_All_Are_Kept()
    {
        for (uint i = 0; i < Capacity; i++)
        {
            _ = Add(i, FlowQueue.Kept);
        }

        _clock.Advance(Long);
        Assert.NotEqual(FlowTable.None, Add(7_000, FlowQueue.Kept));
        Assert.True(_table.Expired > 0);
        for (ulong at = Long; at < Long + 20_000; at++)
        {
            _clock.Advance(at);
            _table.Sweep(in _clock);
        }

        Assert.Equal(1u, _table.Count);
        Assert.NotEqual(FlowTable.None, Find(7_000));
    }

    [Fact]
    public void Whatever_Comes_It_Holds_What_A_Dictionary_Holds()
    {
        Random random = new(7);
        Dictionary<uint, uint> model = [];
        for (int step = 0; step < 50_000; step++)
        {
            uint name = (uint)random.Next(2 * Capacity);
            if (!model.TryGetValue(name, out uint number))
            {
                Assert.Equal(FlowTable.None, Find(name));
                if (model.Count < Capacity)
                {
                    model.Add(name, Add(name, (FlowQueue)random.Next(3)));
                }
            }
            else
            {
                Assert.Equal(number, Find(name));
                if (random.Next(3) == 0)
                {
                    _table.MoveTo(number, (FlowQueue)random.Next(3));
                }
                else
                {
                    _table.Remove(number);
                    model.Remove(name);
                }
            }

            Assert.Equal((uint)model.Count, _table.Count);
        }

        Assert.Equal(0ul, _table.Evicted);
        Assert.All(model, pair => Assert.Equal(pair.Value, Find(pair.Key)));
        _table.Clear();
        Assert.All(model, pair => Assert.Equal(FlowTable.None, Find(pair.Key)));
        Assert.NotEqual(FlowTable.None, Add(1, FlowQueue.Unanswered));
    }

    [Fact]
    public void Where_Not_Even_The_Fewest_Flows_Have_Room_There_Are_None()
    {
        const int Size = 1 << 16;
        void* memory = NativeMemory.AlignedAlloc(Size, 64);
        try
        {
            NativeMemory.Clear(memory, Size);
            Assert.True(Arena.TryCreate(memory, Size, out Arena arena));
            ConnectionTracker tracker = default;
            Assert.False(default(FlowSettings).TryMake(ref tracker, arena, _secret));
        }
        finally
        {
            NativeMemory.AlignedFree(memory);
        }
    }

    [Fact]
    public void Buckets_Are_Used_Evenly_And_Differently_With_Another_Secret()
    {
        FlowSecret other = new(default, default);
        int[] buckets = new int[256];
        int same = 0;
        for (uint i = 0; i < 25_600; i++)
        {
            FlowTuple tuple = Tuple(i);
            buckets[_secret.Hash(in tuple) % 256]++;
            same += _secret.Hash(in tuple) % 256 == other.Hash(in tuple) % 256 ? 1 : 0;
        }

        Assert.All(buckets, count => Assert.InRange(count, 40, 200)); // 100 each, if by chance
        Assert.InRange(same, 0, 1_000);
    }

    /// <summary>Ports alone make the difference, as of a flood from one address, whatever the secret.</summary>
    [Fact]
    public void Ports_Alone_Use_All_Buckets_With_Every_Secret()
    {
        int[] buckets = new int[256];
        for (int round = 0; round < 400; round++)
        {
            FlowSecret secret = new(default, default);
            Array.Clear(buckets);
            for (uint port = 0; port < 25_600; port++)
            {
                FlowTuple tuple = Tuple(0) with { Ports = port };
                buckets[secret.Hash(in tuple) % 256]++;
            }

            Assert.All(buckets, count => Assert.InRange(count, 40, 200));
        }
    }

    [Fact]
    public void A_Clock_That_Learns_Its_Frequency_Never_Goes_Back()
    {
        MillisecondClock clock = default;
        clock.Begin(0, 5_000_000_000);
        clock.Advance(5_000_000_000 + 4_000_000);
        Assert.Equal(2u, clock.Now); // as of a guess
        clock.Begin(1_000_000, 5_000_000_000 + 4_000_000);
        Assert.Equal(2u, clock.Now);
        clock.Advance(5_000_000_000 + 7_000_000);
        Assert.Equal(5u, clock.Now);
        clock.Advance(5_000_000_000);
        Assert.Equal(5u, clock.Now);
    }

    private static FlowTuple Tuple(uint name)
    {
        _ = FlowTuple.Make(4, IpProtocol.Udp, new Address128(0, name), new Address128(0, uint.MaxValue), 1000, 53, out FlowTuple tuple);
        return tuple;
    }

    private uint Find(uint name)
    {
        FlowTuple tuple = Tuple(name);
        return _table.Find(in tuple, _secret.Hash(in tuple));
    }

    private uint Add(uint name, FlowQueue queue)
    {
        Flow flow = new() { Tuple = Tuple(name), Expiry = _clock.Now + Long };
        flow.Hash = _secret.Hash(in flow.Tuple);
        uint number = _table.Add(in flow, in _clock);
        if (number != FlowTable.None)
        {
            _table.MoveTo(number, queue);
        }

        return number;
    }
}
