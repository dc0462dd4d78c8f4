using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Threading;
using Sos.Firewall.Tracking;
using Sos.Sdk.Memory;

namespace Sos.Firewall.Control;

/// <summary>A program's side of the memory in which a core shows its flows.</summary>
/// <param name="memory">Its first byte; it must stay mapped.</param>
internal sealed unsafe class ListedFlows(byte* memory)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    private readonly FlowListingHeader* _header = (FlowListingHeader*)memory;

    /// <summary>Whether a service laid the memory out for flows.</summary>
    public static bool IsLaidOut(byte* memory, ulong size)
        => size >= FlowListingHeader.TotalSize && ((FlowListingHeader*)memory)->Magic == FlowListingHeader.MagicValue;

    /// <summary>Reads all flows, part by part: each as it is then.</summary>
    /// <returns>Null where the core does not answer: it tracks nothing.</returns>
    public List<FlowRecord>? TryRead()
    {
        long start = Stopwatch.GetTimestamp();
        int seen = 0;
        return TryRead(answers =>
        {
            if (answers != seen)
            {
                (start, seen) = (Stopwatch.GetTimestamp(), answers);
            }

            Thread.Sleep(1);
            return Stopwatch.GetElapsedTime(start) < Patience;
        });
    }

    /// <summary>Reads all flows, and waits as the caller wants.</summary>
    /// <param name="wait">Waits a little; is told how many answers came so far, and returns false when it was long enough since the last.</param>
    /// <returns>Null where the core does not answer for so long.</returns>
    internal List<FlowRecord>? TryRead(Func<int, bool> wait)
    {
        List<FlowRecord> all = [];
        uint from = 1;
        for (int answers = 0; from != 0; answers++)
        {
            int count = answers;
            if (TryReadPart(from, all, () => wait(count)) is not { } next)
            {
                return null;
            }

            from = next;
        }

        return all;
    }

    // Whoever else asks meanwhile shows by the number of the question; then it is asked again.
    private uint? TryReadPart(uint from, List<FlowRecord> all, Func<bool> wait)
    {
        bool goesOn = true;
        while (goesOn)
        {
            ulong question = (ulong)Random.Shared.NextInt64() | 1;
            _header->From = from;
            MemoryOrdering.StoreRelease(ref _header->Question, question);
            while (goesOn && MemoryOrdering.LoadAcquire(ref _header->Answered) != question
                && MemoryOrdering.LoadAcquire(ref _header->Question) == question)
            {
                goesOn = wait();
            }

            if (MemoryOrdering.LoadAcquire(ref _header->Answered) != question)
            {
                continue;
            }

            int count = (int)Math.Min(_header->Count, FlowListingHeader.RecordCount);
            uint next = _header->Next;
            FlowRecord[] records = new ReadOnlySpan<FlowRecord>((byte*)_header + FlowListingHeader.Size, count).ToArray();
            MemoryOrdering.LoadLoadFence();
            if (MemoryOrdering.LoadAcquire(ref _header->Question) == question && (next == 0 || next > from))
            {
                all.AddRange(records);
                return next;
            }
        }

        return null;
    }
}
