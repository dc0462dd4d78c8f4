using System;
using System.Runtime.CompilerServices;
using Sos.Sdk.Statistics;

namespace Sos.Sdk.Scheduling;

/// <summary>
/// Gives each of two tasks a turn per pass, in order, run to completion. It is a task itself: more are composed by nesting,
/// <c>PollScheduler&lt;A, PollScheduler&lt;B, C&gt;&gt;</c>.
/// </summary>
/// <typeparam name="TFirst">The first task.</typeparam>
/// <typeparam name="TSecond">The second.</typeparam>
public struct PollScheduler<TFirst, TSecond> : IPollTask
    where TFirst : unmanaged, IPollTask
    where TSecond : unmanaged, IPollTask
{
    private readonly TaskCounters _firstCounters;
    private readonly TaskCounters _secondCounters;
#pragma warning disable IDE0044 // A task changes its own fields: a readonly field would be copied, and the change lost.
    private TFirst _first;
    private TSecond _second;
#pragma warning restore IDE0044

    /// <summary>Composes tasks and adds their counters; traps when these do not fit.</summary>
    /// <param name="registry">The service's counters.</param>
    /// <param name="prefix">Prefix of the counters' names.</param>
    /// <param name="index">Number of the first task; the second has the next.</param>
    /// <param name="first">The first task.</param>
    /// <param name="second">The second.</param>
    public PollScheduler(CounterRegistry registry, ReadOnlySpan<byte> prefix, uint index, TFirst first, TSecond second)
    {
        _firstCounters = new TaskCounters(registry, prefix, index);
        _secondCounters = new TaskCounters(registry, prefix, index + 1);
        _first = first;
        _second = second;
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Run(ulong now)
    {
        int first = _first.Run(now);
        _firstCounters.Count(first);
        int second = _second.Run(now);
        _secondCounters.Count(second);
        return first + second;
    }
}
