using System;
using System.Runtime.CompilerServices;
using Sos.Sdk.Statistics;

namespace Sos.Sdk.Scheduling;

/// <summary>The counters of a task: PREFIX0.polls, PREFIX0.busy_polls and PREFIX0.work.</summary>
public readonly struct TaskCounters
{
    private readonly Counter _polls;
    private readonly Counter _busyPolls;
    private readonly Counter _work;

    /// <summary>Adds a task's counters; traps when they do not fit.</summary>
    /// <param name="registry">The service's counters.</param>
    /// <param name="prefix">What the task is, for example "task".</param>
    /// <param name="index">Which.</param>
    public TaskCounters(CounterRegistry registry, ReadOnlySpan<byte> prefix, uint index)
    {
        _polls = registry.Add(prefix, index, "polls"u8);
        _busyPolls = registry.Add(prefix, index, "busy_polls"u8);
        _work = registry.Add(prefix, index, "work"u8);
    }

    /// <summary>Counts a turn in which <paramref name="work"/> units were done.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Count(int work)
    {
        _polls.Increment();
        if (work != 0)
        {
            _busyPolls.Increment();
            _work.Add(work);
        }
    }
}
