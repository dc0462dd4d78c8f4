using Sos.Net;
using Sos.Router.Tables;
using Sos.Sdk.Memory;

namespace Sos.Router.StandIn;

/// <summary>
/// The cache holds what the core itself knows of neighbours as long as Linux is silent: those that packets go to, each with its place on the link and
/// when that was last confirmed. One that does not answer keeps its place: a frame to a host that may be gone is no worse than none.
/// </summary>
/// <param name="entries">Its memory, a power of two long.</param>
/// <param name="ticksPerSecond">TSC ticks of a second.</param>
/// <param name="seed">Makes the places of neighbours differ from start to start, so that nobody can choose addresses that share one.</param>
public struct NeighbourCache(MemoryBlock<NeighbourEntry> entries, ulong ticksPerSecond, ulong seed)
{
    /// <summary>Neighbours at most.</summary>
    public const int CountMax = 1024;

    private const int ProbesMax = 16;

    /// <summary>For how long a neighbour's answer counts: as Linux's base_reachable_time, at its least.</summary>
    private const uint FreshSeconds = 15;

    /// <summary>Questions that go to where the neighbour was last, before all of the link are asked (RFC 4861, 10: MAX_UNICAST_SOLICIT).</summary>
    private const uint AskedThereMax = 3;

    /// <summary>Questions a second apart, before they become rare.</summary>
    private const uint AskedOftenMax = 6;

    private const uint RareSeconds = 10;

    /// <summary>Questions after which one that is looked for gives way to another that is (RFC 4861, 10: MAX_MULTICAST_SOLICIT).</summary>
    private const uint SearchedMin = 3;

    /// <summary>After so long without use a neighbour gives way to others.</summary>
    private const uint IdleSeconds = 60;

    private readonly MemoryBlock<NeighbourEntry> _entries = entries;
    private readonly ulong _second = ticksPerSecond;
    private readonly ulong _seed = seed * 0x9e37_79b9_7f4a_7c15; // 2^64 by the golden ratio: each bit of the seed counts

    /// <summary>Forgets all.</summary>
    public readonly void Clear() => _entries.Span.Clear();

    /// <summary>Finds a neighbour, or begins to know it.</summary>
    /// <param name="place">Its interface and family, as in <see cref="Neighbour.Place"/>.</param>
    /// <param name="address">Its address.</param>
    /// <param name="mac">Its place on the link as far as is known; 0 if it is not.</param>
    /// <param name="now">The TSC.</param>
    /// <returns>Its number; -1 when there is no room for it.</returns>
    public readonly int FindOrAdd(ulong place, IpAddress address, ulong mac, ulong now)
    {
        int free = -1;
        int searched = -1;
        uint start = StartOf(place, address);
        for (uint step = 0; step < ProbesMax; step++)
        {
            int slot = (int)((start + step) & (uint)(_entries.Length - 1));
            ref NeighbourEntry entry = ref _entries[slot];
            if (entry.IsUsed && entry.Place == place && entry.Address == address)
            {
                entry.UsedAt = now;
                return slot;
            }

            if (!entry.IsUsed)
            {
                free = free < 0 ? slot : free;
                break;
            }

            bool isIdle = now - entry.UsedAt >= _second * (entry.Mac == 0 ? RareSeconds : IdleSeconds);
            free = free < 0 && isIdle ? slot : free;

            // One that is looked for, and not found, gives way: to one that is there at once, to another that is looked for after some questions.
            bool givesWay = entry.Mac == 0 && (mac != 0 || entry.Unanswered >= SearchedMin);
            searched = givesWay && (searched < 0 || now - entry.UsedAt > now - _entries[searched].UsedAt) ? slot : searched;
        }

        free = free < 0 ? searched : free;
        if (free >= 0)
        {
            _entries[free] = new NeighbourEntry
            {
                IsUsed = true,
                Place = place,
                Address = address,
                Mac = mac,
                UsedAt = now,
                ConfirmedAt = now - (_second * FreshSeconds),
                AskedAt = now - (_second * RareSeconds),
            };
        }

        return free;
    }

    /// <summary>A neighbour's place on the link; 0 when it is not known.</summary>
    public readonly ulong MacOf(int neighbour) => _entries[neighbour].Mac;

    /// <summary>Whether a neighbour is to be asked now, and where.</summary>
    /// <param name="neighbour">Its number.</param>
    /// <param name="now">The TSC.</param>
    /// <param name="isForAll">Whether all of the link are asked.</param>
    public readonly bool IsDue(int neighbour, ulong now, out bool isForAll)
    {
        ref NeighbourEntry entry = ref _entries[neighbour];
        isForAll = entry.Mac == 0 || entry.Unanswered >= AskedThereMax;
        bool isFresh = entry.Mac != 0 && now - entry.ConfirmedAt < _second * FreshSeconds;
        return !isFresh && now - entry.AskedAt >= _second * (entry.Unanswered < AskedOftenMax ? 1 : RareSeconds);
    }

    /// <summary>Takes that a neighbour was asked.</summary>
    public readonly void TakeAsked(int neighbour, ulong now)
    {
        _entries[neighbour].AskedAt = now;
        _entries[neighbour].Unanswered++;
    }

    /// <summary>Takes what a message tells of a neighbour. One that nothing is sent to stays unknown.</summary>
    /// <param name="place">Its interface and family.</param>
    /// <param name="address">Its address.</param>
    /// <param name="mac">Its place on the link.</param>
    /// <param name="isAnswer">Whether it was asked.</param>
    /// <param name="overrides">Whether that holds against what was known (RFC 4861, 7.2.5).</param>
    /// <param name="now">The TSC.</param>
    public readonly void Take(ulong place, IpAddress address, ulong mac, bool isAnswer, bool overrides, ulong now)
    {
        uint start = StartOf(place, address);
        for (uint step = 0; step < ProbesMax; step++)
        {
            ref NeighbourEntry entry = ref _entries[(int)((start + step) & (uint)(_entries.Length - 1))];
            if (!entry.IsUsed)
            {
                return;
            }

            if (entry.Place != place || entry.Address != address)
            {
                continue;
            }

            bool isSame = entry.Mac == mac;
            if (isSame || overrides || entry.Mac == 0)
            {
                entry.Mac = mac;
                entry.Unanswered = isAnswer ? 0 : entry.Unanswered;
                entry.ConfirmedAt = isAnswer ? now : isSame ? entry.ConfirmedAt : now - (_second * FreshSeconds);
            }

            return;
        }
    }

    private readonly uint StartOf(ulong place, IpAddress address) => RouterTable.HashNeighbour(address.High ^ _seed, address.Low + _seed, place);
}

/// <summary>A neighbour that the core knows itself.</summary>
public struct NeighbourEntry
{
    /// <summary>Whether there is one.</summary>
    public bool IsUsed;

    /// <summary>Its interface and family.</summary>
    public ulong Place;

    /// <summary>Its address.</summary>
    public IpAddress Address;

    /// <summary>Its place on the link; 0 when it is not known.</summary>
    public ulong Mac;

    /// <summary>When a packet last went to it.</summary>
    public ulong UsedAt;

    /// <summary>When it last answered.</summary>
    public ulong ConfirmedAt;

    /// <summary>When it was last asked.</summary>
    public ulong AskedAt;

    /// <summary>Questions since its last answer.</summary>
    public uint Unanswered;
}
