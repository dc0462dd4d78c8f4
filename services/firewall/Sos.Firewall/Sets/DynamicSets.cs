using System;
using System.Runtime.CompilerServices;
using Sos.Firewall.Tables;
using Sos.Firewall.Tracking;
using Sos.Sdk.Memory;

namespace Sos.Firewall.Sets;

/// <summary>
/// The elements of sets that packets fill, and of those whose elements go by themselves: hash tables in memory that is taken when the service starts. A set
/// takes its part of that when a table brings it. It goes on with its elements where the next table declares it the same.
/// </summary>
public unsafe struct DynamicSets
{
    private const uint None = 0;
    private const ulong NanosecondsPerMillisecond = 1_000_000;

    // An element's first word: the next one of its bucket, flags, and what its key hashes to.
    private const ulong InUse = 1UL << 32;
    private const ulong IsListed = 1UL << 33;
    private const ulong HasLimit = 1UL << 34;
    private const int HashShift = 35;

    // Each element is looked at once in as many milliseconds, as often as Linux does (nft_set_gc_interval).
    private const int SweepShift = 10;
    private const ulong SweepMillisecondsMax = 4;
    private const uint SweepAttempts = 64;

    private MemoryBlock<ulong> _memory;
    private FlowSecret _secret;
    private SetCounters _counters;
    private States _states;
    private int _count;
    private ulong _now;
    private ulong _swept;

    /// <summary>Whether the table has such a set.</summary>
    public readonly bool IsUsed => _count != 0;

    /// <summary>Bytes of memory.</summary>
    public readonly ulong MemorySize => (ulong)_memory.Length * sizeof(ulong);

    /// <summary>Bytes of memory that a set takes.</summary>
    public static long BytesFor(in DynamicSet set) => SetState.BytesFor(in set);

    /// <summary>Takes memory.</summary>
    /// <param name="arena">The service's memory.</param>
    /// <param name="size">Bytes.</param>
    /// <param name="secret">What puts elements into buckets.</param>
    /// <param name="counters">Where elements are counted.</param>
    /// <returns>Whether there was enough.</returns>
    public bool TryMake(Arena arena, ulong size, FlowSecret secret, SetCounters counters)
    {
        _secret = secret;
        _counters = counters;
        return size / sizeof(ulong) <= int.MaxValue && arena.TryAllocate((int)(size / sizeof(ulong)), out _memory);
    }

    /// <summary>Takes over the sets of a table. Those that it declares as the table before did keep what packets put into them.</summary>
    /// <param name="table">A valid table.</param>
    /// <param name="now">The time in ns.</param>
    public void Begin(in FirewallTable table, ulong now)
    {
        _now = now;
        _swept = now;
        MemoryBlock<SetDescriptor> sets = table.Sets;
        int formerCount = _count;
        _count = 0;
        States former = _states;
        for (int i = 0; i < sets.Length; i++)
        {
            if (sets[i].Kind == SetKind.DynamicSet)
            {
                _states[_count++] = TakeOver(in table.DynamicSet(in sets[i]), ref former, formerCount);
            }
        }

        if (_count + formerCount != 0)
        {
            int used = Compact();
            Place(used);
            AddListed(in table);
            CountAll();
        }
    }

    /// <summary>Tells the time of the packets that follow, and forgets elements whose time is over, a few at once.</summary>
    /// <param name="now">The time in ns.</param>
    public void SetTime(ulong now)
    {
        _now = now;
        ulong elapsed = (now - _swept) / NanosecondsPerMillisecond;
        if (elapsed == 0)
        {
            return;
        }

        _swept = now; // also where the clock went back
        uint steps = (uint)Math.Min(elapsed, SweepMillisecondsMax);
        for (int i = 0; i < _count; i++)
        {
            ref SetState state = ref _states[i];
            if (state.Count != 0)
            {
                Sweep(ref state, ((state.Fresh >> SweepShift) + 1) * steps);
            }
        }
    }

    /// <summary>Looks a packet's element up, adds or removes it.</summary>
    /// <param name="table">A valid table.</param>
    /// <param name="instruction">An instruction of it that asks for that.</param>
    /// <param name="packet">The packet.</param>
    /// <returns>Whether the rule goes on.</returns>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public bool Use(in FirewallTable table, in Instruction instruction, in PacketKey packet)
    {
        ref readonly SetDescriptor use = ref table.Sets[instruction.A];
        ref readonly SetAccess access = ref table.SetAccess(in use);
        SetKey key = default;
        if (!access.TryRead(in packet, ref key))
        {
            return false; // NFT_BREAK
        }

        ref readonly SetDescriptor descriptor = ref table.Sets[use.Count];
        ref readonly DynamicSet set = ref table.DynamicSet(in descriptor);
        ref SetState state = ref _states[(int)descriptor.Count];
        uint hash = _secret.Hash(in key);
        uint number = state.Length == 0 ? None : FindLive(ref state, in key, hash);
        if (access.Operation == SetOperation.LookUp)
        {
            bool isThere = number != None;
            return isThere == (instruction.Negate == 0) && (!isThere || IsLetOn(in state, number, in set, packet.Length));
        }

        if (access.Operation == SetOperation.Delete)
        {
            if (number != None)
            {
                Remove(ref state, number);
                _counters.Count.Add(ulong.MaxValue);
            }

            return true;
        }

        ulong timeout = access.TimeoutNs != 0 ? access.TimeoutNs : set.TimeoutNs;
        if (number == None)
        {
            number = Add(ref state, in key, hash, timeout);
            if (number == None)
            {
                return false;
            }

            SetLimit(in state, number, in set, access.HasLimit != 0);
        }
        else if (access.Operation == SetOperation.Update && Element(in state, number)[1] != 0)
        {
            Element(in state, number)[1] = _now + timeout;
        }

        return IsLetOn(in state, number, in set, packet.Length);
    }

    private readonly bool IsLetOn(in SetState state, uint number, in DynamicSet set, uint length)
    {
        Span<ulong> element = Element(in state, number);
        return (element[0] & HasLimit) == 0
            || Unsafe.As<ulong, RateBucket>(ref element.Slice(SetState.HeadLength, SetState.LimitLength)[0]).Take(in set.Limit, length, _now);
    }

    private readonly void SetLimit(in SetState state, uint number, in DynamicSet set, bool hasLimit)
    {
        if (hasLimit && set.HasLimit != 0)
        {
            Span<ulong> element = Element(in state, number);
            RateBucket bucket = RateBucket.Full(in set.Limit, _now);
            element[0] |= HasLimit;
            element[SetState.HeadLength] = bucket.Tokens;
            element[SetState.HeadLength + 1] = bucket.Last;
        }
    }

    private readonly Span<ulong> Element(in SetState state, uint number)
        => _memory.Slice(state.Start + state.BucketsLength + (int)((number - 1) * (uint)state.ElementLength), state.ElementLength).Span;

    private readonly ref uint Bucket(in SetState state, uint hash)
    {
        MemoryBlock<ulong> words = _memory.Slice(state.Start, state.BucketsLength);
        return ref new MemoryBlock<uint>((uint*)words.Pointer, words.Length * 2)[hash & state.BucketMask];
    }

    /// <summary>Finds an element; one whose time is over goes.</summary>
    private readonly uint FindLive(ref SetState state, in SetKey key, uint hash)
    {
        hash >>= HashShift - 32;
        uint number = Bucket(in state, hash);
        while (number != None)
        {
            Span<ulong> element = Element(in state, number);
            if ((uint)(element[0] >> HashShift) == hash && IsSame(element[state.KeyAt..], in key))
            {
                return RemoveExpired(ref state, number) ? None : number;
            }

            number = (uint)element[0];
        }

        return None;
    }

    private static bool IsSame(Span<ulong> words, in SetKey key)
    {
        for (int i = 0; i < words.Length; i++)
        {
            if (words[i] != key[i])
            {
                return false;
            }
        }

        return true;
    }

    private uint Add(ref SetState state, in SetKey key, uint hash, ulong timeout)
    {
        if (state.Length == 0)
        {
            return None;
        }

        uint number = TakePlace(ref state);
        if (number == None)
        {
            _counters.Full.Increment();
            return None;
        }

        hash >>= HashShift - 32;
        ref uint bucket = ref Bucket(in state, hash);
        Span<ulong> element = Element(in state, number);
        element[0] = bucket | InUse | ((ulong)hash << HashShift);
        element[1] = timeout == 0 ? 0 : _now + timeout;
        Span<ulong> words = element[state.KeyAt..];
        for (int i = 0; i < words.Length; i++)
        {
            words[i] = key[i];
        }

        bucket = number;
        state.Count++;
        _counters.Count.Increment();
        return number;
    }

    private readonly uint TakePlace(ref SetState state)
    {
        if (state.Free == None && state.Fresh < state.Capacity)
        {
            return ++state.Fresh;
        }

        if (state.Free == None)
        {
            Sweep(ref state, SweepAttempts);
        }

        uint number = state.Free;
        if (number != None)
        {
            state.Free = (uint)Element(in state, number)[0];
        }

        return number;
    }

    private readonly void Remove(ref SetState state, uint number)
    {
        Span<ulong> element = Element(in state, number);
        ref uint bucket = ref Bucket(in state, (uint)(element[0] >> HashShift));
        if (bucket == number)
        {
            bucket = (uint)element[0];
        }
        else
        {
            uint before = bucket;
            while ((uint)Element(in state, before)[0] != number)
            {
                before = (uint)Element(in state, before)[0];
            }

            ref ulong link = ref Element(in state, before)[0];
            link = (link & ~(ulong)uint.MaxValue) | (uint)element[0];
        }

        state.Listed -= (element[0] & IsListed) != 0 ? 1u : 0;
        element[0] = state.Free;
        state.Free = number;
        state.Count--;
    }

    private readonly bool RemoveExpired(ref SetState state, uint number)
    {
        Span<ulong> element = Element(in state, number);
        if ((element[0] & InUse) == 0 || element[1] == 0 || _now < element[1])
        {
            return false;
        }

        Remove(ref state, number);
        _counters.Expired.Increment();
        _counters.Count.Add(ulong.MaxValue);
        return true;
    }

    private readonly void Sweep(ref SetState state, uint count)
    {
        count = Math.Min(count, state.Fresh);
        for (uint i = 0; i < count; i++)
        {
            state.Swept = state.Swept >= state.Fresh ? 1 : state.Swept + 1;
            RemoveExpired(ref state, state.Swept);
        }
    }

    private static SetState TakeOver(in DynamicSet set, ref States former, int formerCount)
    {
        SetState made = new(in set);
        for (int i = 0; i < formerCount; i++)
        {
            if (former[i].Length != 0 && former[i].IsAs(in made))
            {
                made = former[i];
                former[i].Length = 0;
                return made;
            }
        }

        return made;
    }

    /// <summary>Moves the sets that go on together, in the order in which they lie.</summary>
    /// <returns>Words that they take.</returns>
    private int Compact()
    {
        int used = 0;
        while (true)
        {
            int next = -1;
            for (int i = 0; i < _count; i++)
            {
                ref readonly SetState state = ref _states[i];
                if (state.Length != 0 && state.Start >= used && (next < 0 || state.Start < _states[next].Start))
                {
                    next = i;
                }
            }

            if (next < 0)
            {
                return used;
            }

            ref SetState moved = ref _states[next];
            if (moved.Start != used)
            {
                _memory.Slice(moved.Start, moved.Length).Span.CopyTo(_memory.Slice(used, moved.Length).Span);
                moved.Start = used;
            }

            used += moved.Length;
        }
    }

    /// <summary>Gives memory to the sets that have none yet.</summary>
    private void Place(int used)
    {
        int without = 0;
        for (int i = 0; i < _count; i++)
        {
            ref SetState state = ref _states[i];
            if (state.Length != 0)
            {
                continue;
            }

            if (state.NeededLength > _memory.Length - used)
            {
                without++;
                continue;
            }

            state.Start = used;
            state.Length = (int)state.NeededLength;
            _memory.Slice(used, state.BucketsLength).Span.Clear();
            used += state.Length;
        }

        _counters.WithoutMemory.Set((ulong)without);
    }

    /// <summary>Puts the elements of the table in place of those that the table before brought.</summary>
    private void AddListed(in FirewallTable table)
    {
        MemoryBlock<SetDescriptor> sets = table.Sets;
        for (int i = 0; i < sets.Length; i++)
        {
            ref readonly SetDescriptor descriptor = ref sets[i];
            if (descriptor.Kind != SetKind.DynamicSet || _states[(int)descriptor.Count].Length == 0)
            {
                continue;
            }

            ref SetState state = ref _states[(int)descriptor.Count];
            RemoveListed(ref state);
            ref readonly DynamicSet set = ref table.DynamicSet(in descriptor);
            int length = (int)set.KeyLength + 1;
            MemoryBlock<ulong> words = table.ListedElements(in descriptor);
            for (int at = 0; at < words.Length; at += length)
            {
                AddOne(ref state, in set, words.Slice(at, length).Span, descriptor.ThirdCount != 0);
            }
        }
    }

    private void AddOne(ref SetState state, in DynamicSet set, ReadOnlySpan<ulong> words, bool hasLimit)
    {
        SetKey key = default;
        foreach (ulong word in words[1..])
        {
            key.Append((uint)word);
            key.Append((uint)(word >> 32));
        }

        uint hash = _secret.Hash(in key);
        uint number = FindLive(ref state, in key, hash);
        if (number == None)
        {
            number = Add(ref state, in key, hash, words[0]);
            if (number == None)
            {
                return;
            }

            SetLimit(in state, number, in set, hasLimit);
        }

        Span<ulong> element = Element(in state, number);
        element[0] |= IsListed;
        element[1] = words[0] == 0 ? 0 : _now + words[0];
        state.Listed++;
    }

    private readonly void RemoveListed(ref SetState state)
    {
        for (uint number = 1; state.Listed != 0 && number <= state.Fresh; number++)
        {
            if ((Element(in state, number)[0] & IsListed) != 0)
            {
                Remove(ref state, number);
            }
        }
    }

    private readonly void CountAll()
    {
        ulong count = 0;
        for (int i = 0; i < _count; i++)
        {
            count += _states[i].Count;
        }

        _counters.Count.Set(count);
    }

    [InlineArray(FirewallHeader.DynamicSetsMax)]
    private struct States
    {
        private SetState _first;
    }
}
