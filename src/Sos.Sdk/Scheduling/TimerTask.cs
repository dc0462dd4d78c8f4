using Sos.Sdk.Memory;
using Sos.Sdk.Time;

namespace Sos.Sdk.Scheduling;

/// <summary>Serves the timers of a wheel, up to a budget a turn; the rest stay due.</summary>
/// <typeparam name="THandler">What is done when a deadline has come.</typeparam>
public struct TimerTask<THandler> : IPollTask
    where THandler : unmanaged, ITimerHandler
{
    private readonly TimingWheel _wheel;
    private readonly int _budget;
#pragma warning disable IDE0044 // A task changes its own fields: a readonly field would be copied, and the change lost.
    private THandler _handler;
#pragma warning restore IDE0044

    /// <summary>Makes the task.</summary>
    /// <param name="wheel">The timers.</param>
    /// <param name="handler">What is done when a deadline has come.</param>
    /// <param name="budget">Timers a turn.</param>
    public TimerTask(TimingWheel wheel, THandler handler, int budget)
    {
        Trap.Unless(budget > 0, TrapCode.BadArgument);
        _wheel = wheel;
        _handler = handler;
        _budget = budget;
    }

    /// <inheritdoc/>
    public int Run(ulong now)
    {
        int expired = 0;
        while (expired < _budget && _wheel.TryExpire(now, out ulong cookie))
        {
            _handler.Expired(cookie, now);
            expired++;
        }

        return expired;
    }
}
