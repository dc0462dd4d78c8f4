using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Diagnostics;
using System.Threading;
using System.Threading.Tasks;

namespace Sos.Traffic.Clients;

/// <summary>
/// Issues requests at a fixed rate, whether earlier ones were answered or not, and counts latency from the moment each was due.
/// A client that waited for answers would ask less of a slow machine, and so hide how slow it is.
/// </summary>
/// <param name="clock">Time since the clients began.</param>
/// <param name="deadline">After this a request counts as lost.</param>
internal sealed class OpenLoop(Stopwatch clock, TimeSpan deadline)
{
    private readonly ConcurrentBag<Request> _done = [];

    /// <summary>The requests so far, in no order.</summary>
    public IReadOnlyCollection<Request> Done => _done;

    /// <summary>Issues requests until the end, and waits for the last ones.</summary>
    /// <param name="kind">What is asked for.</param>
    /// <param name="perSecond">Requests a second.</param>
    /// <param name="end">When to stop, on the clock.</param>
    /// <param name="ask">Asks once; true for the right answer. Its token is cancelled at the deadline.</param>
    public async Task RunAsync(RequestKind kind, double perSecond, TimeSpan end, Func<long, CancellationToken, Task<bool>> ask)
    {
        List<Task> open = [];
        TimeSpan start = clock.Elapsed;
        for (long number = 0; ; number++)
        {
            TimeSpan due = start + TimeSpan.FromSeconds(number / perSecond);
            if (due >= end)
            {
                break;
            }

            TimeSpan wait = due - clock.Elapsed;
            if (wait > TimeSpan.Zero)
            {
                await Task.Delay(wait);
            }

            open.Add(AskAsync(kind, number, due, ask));
        }

        await Task.WhenAll(open);
    }

    private async Task AskAsync(RequestKind kind, long number, TimeSpan due, Func<long, CancellationToken, Task<bool>> ask)
    {
        bool right = false;
        TimeSpan left = due + deadline - clock.Elapsed;
        if (left > TimeSpan.Zero)
        {
            using CancellationTokenSource limit = new(left);
            right = await ask(number, limit.Token);
        }

        TimeSpan latency = clock.Elapsed - due;
        bool served = right && latency <= deadline;
        _done.Add(new Request(kind, due.TotalSeconds, (served ? latency : deadline).TotalMilliseconds, served));
    }
}
