using System;
using System.Numerics;
using System.Runtime.CompilerServices;
using Sos.Firewall.Tables;
using Sos.Sdk.Memory;

namespace Sos.Firewall.Tracking;

/// <summary>
/// The flows that the core knows, as many as fit into memory that is taken at load. Buckets of linked flows; a flow is a number from 1 on. Where the table
/// is full a new flow takes the place of the oldest that the network began and nobody answered, then of the oldest that was a question and its answer, waits
/// for an answer to Linux, or is over. Flows that are assured are never forgotten before their time, however many packets of strangers come.
/// </summary>
public struct FlowTable
{
    /// <summary>No flow.</summary>
    public const uint None = 0;

    /// <summary>Flows at most: their numbers and hashes have room for more, but 512 MiB are a lot for one service.</summary>
    public const int CapacityMax = 1 << 22;

    /// <summary>Flows at least.</summary>
    public const int CapacityMin = 1 << 10;

    /// <summary>The time in which all flows are looked at once, so that those that expired make room.</summary>
    private const uint SweepMilliseconds = 16_384;

    /// <summary>Milliseconds that are made up for at once: more would take as long as many packets.</summary>
    private const uint SweepStepMax = 4;

    private const int Queues = 2;

    private MemoryBlock<Flow> _flows;
    private MemoryBlock<uint> _buckets;
    private QueueEnds _queues;
    private uint _free;
    private uint _fresh;
    private uint _sweep;
    private uint _sweepTime;
    private uint _bucketMask;

    /// <summary>Flows that there is room for; 0 when there is no memory.</summary>
    public readonly int Capacity => Math.Max(_flows.Length - 1, 0);

    /// <summary>The highest number that a flow has had since the table was empty: behind it are none.</summary>
    public readonly uint HighestNumber => _fresh;

    /// <summary>Flows in the table.</summary>
    public uint Count { get; private set; }

    /// <summary>Flows that took the place of another so far.</summary>
    public ulong Evicted { get; private set; }

    /// <summary>Flows that found no place so far.</summary>
    public ulong Refused { get; private set; }

    /// <summary>Flows that expired so far.</summary>
    public ulong Expired { get; private set; }

    /// <summary>Bytes of memory for so many flows.</summary>
    public static ulong BytesFor(int capacity)
        => ((ulong)(capacity + 1) * Flow.Size) + (BitOperations.RoundUpToPowerOf2((uint)capacity) * sizeof(uint)) + (2 * Arena.DefaultAlignment);

    /// <summary>Takes memory.</summary>
    /// <param name="arena">The service's memory.</param>
    /// <param name="capacity">Flows, <see cref="CapacityMin"/> to <see cref="CapacityMax"/>.</param>
    /// <returns>Whether there was enough.</returns>
    public bool TryMake(Arena arena, int capacity)
    {
        Trap.Unless(capacity is >= CapacityMin and <= CapacityMax, TrapCode.BadArgument);
        if (arena.Free < BytesFor(capacity))
        {
            return false;
        }

        int buckets = (int)BitOperations.RoundUpToPowerOf2((uint)capacity);
        _bucketMask = (uint)buckets - 1;
        return arena.TryAllocate(capacity + 1, out _flows) && arena.TryAllocate(buckets, out _buckets);
    }

    /// <summary>Forgets all flows. Takes as long as writing four bytes for each that there is room for.</summary>
    public void Clear()
    {
        _buckets.Span.Clear();
        _queues = default;
        _free = None;
        _fresh = 0;
        _sweep = 0;
        Count = 0;
    }

    /// <summary>One of the flows.</summary>
    /// <param name="number">Its number.</param>
    public readonly ref Flow this[uint number]
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => ref _flows[number];
    }

    /// <summary>Asks for a bucket's memory ahead.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void PrefetchBucket(uint hash) => Prefetch.Read(ref _buckets[hash & _bucketMask]);

    /// <summary>Asks for the memory of a bucket's first flow ahead.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void PrefetchFlow(uint hash)
    {
        uint first = _buckets[hash & _bucketMask];
        if (first != None)
        {
            Prefetch.Lines(ref _flows[first], Flow.Size);
        }
    }

    /// <summary>Finds a flow.</summary>
    /// <param name="tuple">Its ends.</param>
    /// <param name="hash">Their hash.</param>
    /// <returns>Its number, or <see cref="None"/>. It may have expired.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly uint Find(in FlowTuple tuple, uint hash)
    {
        uint number = _buckets[hash & _bucketMask];
        while (number != None)
        {
            ref readonly Flow flow = ref _flows[number];
            if (flow.Hash == hash && flow.Tuple.Is(in tuple))
            {
                return number;
            }

            number = flow.Next;
        }

        return None;
    }

    /// <summary>Adds a flow that is not in the table; where it is full, in place of another.</summary>
    /// <param name="made">The flow, with its ends and their hash.</param>
    /// <param name="clock">The time.</param>
    /// <returns>Its number, or <see cref="None"/> where it finds no place.</returns>
    public uint Add(in Flow made, in MillisecondClock clock)
    {
        uint number = TakePlace(in clock);
        if (number == None)
        {
            Refused++;
            return None;
        }

        ref Flow flow = ref _flows[number];
        ref uint bucket = ref _buckets[made.Hash & _bucketMask];
        flow = made;
        flow.Next = bucket;
        bucket = number;
        flow.Queue = FlowQueue.Kept;
        Count++;
        return number;
    }

    /// <summary>Removes a flow.</summary>
    public void Remove(uint number)
    {
        ref Flow flow = ref _flows[number];
        ref uint link = ref _buckets[flow.Hash & _bucketMask];
        while (link != number)
        {
            link = ref _flows[link].Next;
        }

        link = flow.Next;
        MoveTo(number, FlowQueue.Kept);
        flow.Next = _free;
        flow.Status = FlowStatus.None;
        flow.Hash = 0;
        flow.Tuple.Kind = 0;
        _free = number;
        Count--;
    }

    /// <summary>Moves a flow to the end of a queue, or out of any.</summary>
    public void MoveTo(uint number, FlowQueue queue)
    {
        ref Flow flow = ref _flows[number];
        if (flow.Queue != FlowQueue.Kept)
        {
            ref QueueEnd left = ref _queues[(int)flow.Queue];
            (uint older, uint newer) = (flow.Older, flow.Newer);
            left.Oldest = older == None ? newer : left.Oldest;
            left.Newest = newer == None ? older : left.Newest;
            _flows[older].Newer = newer; // Flow 0 is nobody's, and takes what is nobody's.
            _flows[newer].Older = older;
        }

        flow.Queue = queue;
        flow.Newer = None;
        flow.Older = None;
        if (queue != FlowQueue.Kept)
        {
            ref QueueEnd end = ref _queues[(int)queue];
            flow.Older = end.Newest;
            end.Oldest = end.Oldest == None ? number : end.Oldest;
            _flows[end.Newest].Newer = number;
            end.Newest = number;
        }
    }

    /// <summary>Removes flows that expired: a few at a time, all within <see cref="SweepMilliseconds"/>.</summary>
    public void Sweep(in MillisecondClock clock)
    {
        uint elapsed = Math.Min(clock.Now - _sweepTime, SweepStepMax);
        if (elapsed != 0 && Count != 0)
        {
            SweepSome((((uint)Capacity / SweepMilliseconds) + 1) * elapsed, in clock);
        }

        _sweepTime = clock.Now;
    }

    private void SweepSome(uint count, in MillisecondClock clock)
    {
        for (uint i = 0; i < count; i++)
        {
            _sweep = _sweep >= _fresh ? 1 : _sweep + 1;
            RemoveExpired(_sweep, in clock);
        }
    }

    /// <summary>Removes a flow if it expired.</summary>
    /// <returns>Whether it did.</returns>
    public bool RemoveExpired(uint number, in MillisecondClock clock)
    {
        ref readonly Flow flow = ref _flows[number];
        if (flow.Tuple.Kind == 0 || !clock.IsPast(flow.Expiry))
        {
            return false;
        }

        Remove(number);
        Expired++;
        return true;
    }

    private uint TakePlace(in MillisecondClock clock)
    {
        const uint Attempts = 64;
        if (_free == None && _fresh < (uint)Capacity)
        {
            return ++_fresh;
        }

        if (_free == None)
        {
            uint oldest = _queues[0].Oldest != None ? _queues[0].Oldest : _queues[1].Oldest;
            if (oldest == None)
            {
                SweepSome(Attempts, in clock);
            }
            else if (!RemoveExpired(oldest, in clock))
            {
                Remove(oldest);
                Evicted++;
            }
        }

        uint number = _free;
        if (number != None)
        {
            _free = _flows[number].Next;
        }

        return number;
    }

    [InlineArray(Queues)]
    private struct QueueEnds
    {
        private QueueEnd _first;
    }

    private struct QueueEnd
    {
        public uint Oldest;
        public uint Newest;
    }
}
