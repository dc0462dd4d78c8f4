using System;
using System.Numerics;
using System.Runtime.CompilerServices;
using Sos.Firewall.Connections;
using Sos.Firewall.Tables;
using Sos.Sdk.Memory;
using Sos.Sdk.Time;

namespace Sos.Firewall;

/// <summary>
/// Chooses the packets that pass, although they would be dropped, so that Linux itself logs or answers them: of each rule as many as its limit lets
/// through, or as Linux answers at most. A packet takes of a rule's share only when it would be dropped, since all others reach Linux anyway. Where the core
/// decides alone it notes the lines that rules write of a packet instead.
/// </summary>
public struct Samplers
{
    /// <summary>The limits of rules where the core decides alone.</summary>
    public RateLimits Limits;

    /// <summary>The quotas of rules where the core decides alone.</summary>
    public ByteQuotas Quotas;

    private const ulong NanosecondsPerMicrosecond = 1000;

    private Buckets _buckets;
    private AnswerPeers _peers;
    private ulong _answering;
    private ulong _noted;
    private ulong _now;
    private Lines _lines;
    private int _lineCount;

    /// <summary>Lines that a packet asked for since they were taken last: those that are more than are noted, too.</summary>
    public readonly int LineCount => _lineCount;

    /// <summary>Takes over the samplers of a table, each with its whole burst.</summary>
    /// <param name="table">A valid table.</param>
    /// <param name="clock">Turns its times into ticks.</param>
    /// <param name="now">The TSC.</param>
    public void Begin(in FirewallTable table, in TscClock clock, ulong now)
    {
        MemoryBlock<SetDescriptor> sets = table.Sets;
        _answering = 0;
        Limits.Begin(in table, clock.MonotonicNs(now));
        Quotas.Begin(in table);
        for (int i = 0; i < sets.Length; i++)
        {
            ref readonly SetDescriptor set = ref sets[i];
            if (set.Kind == SetKind.Sampler)
            {
                ulong ticks = clock.TicksFromNanoseconds(set.ThirdCount * NanosecondsPerMicrosecond);
                _buckets[(int)set.Count] = new TokenBucket(Math.Max(ticks, 1), set.SecondCount, now);
                if (set.Depth != 0)
                {
                    _answering |= 1UL << (int)set.Count;
                    _peers.Begin(clock.TicksFromNanoseconds(set.Depth * NanosecondsPerMicrosecond));
                }
            }
        }
    }

    /// <summary>Tells the time of the packets that follow.</summary>
    /// <param name="now">The TSC.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void SetTime(ulong now) => _now = now;

    /// <summary>Begins a packet's way through the rules.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Forget() => _noted = 0;

    /// <summary>Notes that a rule may log or answer the packet.</summary>
    /// <param name="number">The rule's sampler.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Note(uint number) => _noted |= 1UL << (int)number;

    /// <summary>Notes that a rule logs the packet. Some packets are logged by many rules; the first few are noted.</summary>
    /// <param name="set">The rule's <see cref="SetKind.Log"/>.</param>
    public void NoteLine(uint set)
    {
        if (_lineCount < FirewallHeader.LinesMax)
        {
            _lines[_lineCount] = set;
        }

        _lineCount++;
    }

    /// <summary>Takes the lines that were noted.</summary>
    /// <param name="sets">Room for <see cref="FirewallHeader.LinesMax"/>.</param>
    /// <returns>How many there are.</returns>
    public int TakeLines(Span<uint> sets)
    {
        int count = Math.Min(_lineCount, FirewallHeader.LinesMax);
        ((ReadOnlySpan<uint>)_lines)[..count].CopyTo(sets);
        _lineCount = 0;
        return count;
    }

    /// <summary>Takes a packet that would be dropped, out of the share of each rule that may log or answer it.</summary>
    /// <param name="key">The packet.</param>
    /// <returns>Whether one of them had a share left: then the packet passes.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryTake(in PacketKey key) => _noted != 0 && TakeNoted(in key);

    private bool TakeNoted(in PacketKey key)
    {
        // A peer that Linux would not answer takes nothing of what is left for others.
        ulong left = (_noted & _answering) != 0 && !_peers.TryTake(NameOf(in key), _now) ? _noted & ~_answering : _noted;
        bool isTaken = false;
        for (; left != 0; left &= left - 1)
        {
            isTaken |= _buckets[BitOperations.TrailingZeroCount(left)].TryTake(1, _now);
        }

        _noted = 0;
        return isTaken;
    }

    private static ulong NameOf(in PacketKey key)
    {
        Address128 source = key.Has(Field.Ipv6Source) ? key.Ipv6Source : new Address128(0, key.Value(Field.Ipv4Source));
        return ConnectionKey.Of(0, source, 0, source, 0) | 1;
    }

    [InlineArray(FirewallHeader.LinesMax)]
    private struct Lines
    {
        private uint _first;
    }

    [InlineArray(FirewallHeader.SamplersMax)]
    private struct Buckets
    {
        private TokenBucket _first;
    }
}
