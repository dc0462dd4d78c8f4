using System;
using System.Threading;
using System.Threading.Tasks;
using Sos.Cores;

namespace Sos.Daemon;

/// <summary>Work that goes on beside a running service, on a thread of its own. What fails is begun again, after a while.</summary>
/// <param name="started">When the service was started.</param>
/// <param name="work">The work.</param>
/// <param name="log">Takes a line for each failure that is not the one before.</param>
internal sealed class FollowingWork(DateTimeOffset started, Action<CancellationToken> work, Action<string> log) : IDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(5);

    private readonly CancellationTokenSource _end = new();
    private Task<string?>? _running;
    private DateTime _next = DateTime.MinValue;
    private string? _told;

    /// <summary>When the service was started that it is for.</summary>
    public DateTimeOffset Started => started;

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
        catch (SosException e)
        {
            return e.Message.ReplaceLineEndings("; ");
        }
    }
}
