using System;
using System.IO;
using System.Runtime.InteropServices;
using System.Threading;
using Sos.Linux;

namespace Sos.Cores.Companions;

/// <summary>Waits for changes of what a table is built of.</summary>
public interface ITableWatch : IDisposable
{
    /// <summary>Waits for a change since the last call.</summary>
    /// <param name="timeout">How long at most.</param>
    /// <returns>Whether there was one, or there may have been.</returns>
    bool Wait(TimeSpan timeout);
}

/// <summary>
/// Keeps a table up to date whose source changes by itself. It renews the table's lease as long as nothing changes; after a change it stops
/// until the service has the new table. So whatever goes wrong, here or before, the old table is used for no longer than a lease.
/// </summary>
/// <param name="context">The service.</param>
/// <param name="watch">Waits for changes; it stays the caller's.</param>
/// <param name="clock">Measures how long a table takes; null for the machine's.</param>
public sealed class TableFollower(FollowContext context, ITableWatch watch, TimeProvider? clock = null)
{
    /// <summary>The longest that a table is used after its source changed.</summary>
    public static readonly TimeSpan Lease = TimeSpan.FromMilliseconds(600);

    /// <summary>Between renewals: two may be late before a lease ends.</summary>
    public static readonly TimeSpan Round = TimeSpan.FromMilliseconds(200);

    private const int Nice = -15; // as the programs that it starts

    private readonly TimeProvider _clock = clock ?? TimeProvider.System;
    private bool _isFresh;
    private string? _trouble;

    /// <summary>Follows until it is told to end, before other threads: each delay is one of the table.</summary>
    public void Run(CancellationToken end)
    {
        if (SchedulerCalls.SetNice(Nice) is not 0 and int errno)
        {
            context.Log($"its table follows no sooner than other programs run ({Marshal.GetPInvokeErrorMessage(errno)})");
        }

        while (!end.IsCancellationRequested)
        {
            Turn();
        }
    }

    /// <summary>Waits for a change for one round, and does what is due.</summary>
    internal void Turn()
    {
        // What a burst of changes leaves is one new table: only when they pause is it built.
        _isFresh &= !watch.Wait(Round);
        try
        {
            if (!_isFresh)
            {
                _isFresh = true; // Before the table is built: what changes meanwhile shows in the next round.
                long started = _clock.GetTimestamp();
                foreach (string note in context.Tables.Build(context.Record.Cpu))
                {
                    context.Log(note.ReplaceLineEndings("; "));
                }

                if (_clock.GetElapsedTime(started) > Lease - Round && watch.Wait(TimeSpan.Zero))
                {
                    Distrust("its source changed again while it was built, which takes long");
                    return; // With another lease it would be used for too long after that change.
                }
            }

            context.Tables.RenewLease(context.Record.Cpu, Lease);
            _trouble = null;
        }
        catch (Exception e) when (e is SosException or IOException or UnauthorizedAccessException)
        {
            Distrust(e.Message);
        }
    }

    /// <summary>Has the table built again, and says why once.</summary>
    private void Distrust(string reason)
    {
        _isFresh = false;
        if (_trouble != reason)
        {
            context.Log($"its table cannot be kept up to date, so that it passes everything: {reason.ReplaceLineEndings("; ")}");
        }

        _trouble = reason;
    }
}
