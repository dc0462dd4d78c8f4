using System;
using System.Threading;
using System.Threading.Tasks;
using Sos.Cores.Running;

namespace Sos.Daemon;

/// <summary>Work that goes on beside a running service, on a thread of its own. What fails is begun again, after a while.</summary>
/// <param name="record">The service that it is for.</param>
/// <param name="work">The work.</param>
/// <param name="log">Takes a line for each failure that is not the one before.</param>
internal sealed class FollowingWork(CoreRecord record, Action<CancellationToken> work, Action<string> log) : IDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(5);

    private readonly CancellationTokenSource _end = new();
    private Task<string?>? _running;
    private DateTime _next = DateTime.MinValue;
    private string? _told;

    /// <summary>
    /// Returns whether it is for a service as a record tells of it: each start, and each other source of its table, is another one. So is a record that was
    /// read before the start had written all of it.
    /// </summary>
    public bool IsFor(CoreRecord now) => now.Started == record.Started && now.Control == record.Control && now.Plan.HasSameOptions(record.Plan);

    /// <summary>Begins the work, or begins it again.</summary>
    public void Look(DateTime now)
    {
        if (_running is { IsCompleted: true })
        {
            if (_running.Result is { } failure && failure != _told)
            {
                log(failure);
                _told = failure;
            }

            _running = null;
            _next = now + Pause;
        }

        if (_running is null && now >= _next)
        {
            _running = Task.Factory.StartNew(Run, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _end.Cancel();
        _running?.Wait();
        _end.Dispose();
    }

    private string? Run()
    {
        try
        {
            work(_end.Token);
            return null;
        }
        catch (Exception e)
        {
            // Whatever becomes of one service's work: the others are watched all the same.
            return e.Message.ReplaceLineEndings("; ");
        }
    }
}
