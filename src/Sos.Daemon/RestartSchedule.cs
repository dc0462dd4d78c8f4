using System;
using Sos.Cores;
using Sos.Cores.Plan;

namespace Sos.Daemon;

/// <summary>When a service that ended is to be started again: back-off and limit. Times are the caller's, so that it can be tested.</summary>
internal sealed class RestartSchedule
{
    /// <summary>The first wait; each further one in a row is twice as long.</summary>
    public static readonly TimeSpan FirstDelay = TimeSpan.FromSeconds(1);

    /// <summary>The longest wait.</summary>
    public static readonly TimeSpan DelayMax = TimeSpan.FromMinutes(1);

    /// <summary>A service that ran for so long counts as well: the next end is the first of a new row.</summary>
    public static readonly TimeSpan Steady = TimeSpan.FromMinutes(5);

    private DateTime _lastStart = DateTime.MaxValue;

    /// <summary>Restarts in a row so far.</summary>
    public int Tries { get; private set; }

    /// <summary>Whether a policy wants a service back that is in this state.</summary>
    public static bool Wants(RestartMode mode, CoreState state) => state switch
    {
        CoreState.Failed => mode != RestartMode.Never,
        CoreState.Stopped => mode == RestartMode.Always,
        _ => false,
    };

    /// <summary>A restart was tried.</summary>
    public void Started(DateTime now)
    {
        Tries++;
        _lastStart = now;
    }

    /// <summary>The service ended, or a restart failed.</summary>
    /// <param name="policy">Its policy.</param>
    /// <param name="now">The time.</param>
    /// <returns>How long to wait before the next restart; null when the limit is reached.</returns>
    public TimeSpan? Ended(RestartPolicy policy, DateTime now)
    {
        if (_lastStart != DateTime.MaxValue && now - _lastStart >= Steady)
        {
            Tries = 0;
        }

        if (policy.Limit != 0 && Tries >= policy.Limit)
        {
            return null;
        }

        // 2^16 seconds are far beyond the longest wait.
        TimeSpan delay = FirstDelay * (1 << Math.Min(Tries, 16));
        return delay > DelayMax ? DelayMax : delay;
    }
}
