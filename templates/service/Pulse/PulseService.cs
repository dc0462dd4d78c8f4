using System.Runtime.CompilerServices;
using Sos.Sdk.Control;
using Sos.Sdk.Logging;
using Sos.Sdk.Services;
using Sos.Sdk.Statistics;

namespace Pulse;

/// <summary>Counts a beat in each period. Parameter "period-ms": its length, 1 to 3,600,000; 1,000 if not given.</summary>
public struct PulseService : IService
{
    private const ulong PeriodMsDefault = 1_000;
    private const ulong PeriodMsMax = 3_600_000;

    private Counter _beats;
    private Log _log;
    private ulong _period;
    private ulong _next;

    /// <inheritdoc/>
    public long Initialize(ref ServiceSetup setup)
    {
        if (!setup.Parameters.TryGetUInt64("period-ms"u8, out ulong periodMs))
        {
            periodMs = PeriodMsDefault;
        }

        if (periodMs is 0 or > PeriodMsMax || !setup.Statistics.TryAdd("pulse.beats"u8, out _beats))
        {
            return 1;
        }

        _log = setup.Log;
        _period = periodMs * setup.Clock.TscKhz;
        _log.Write(LogSeverity.Notice, "pulse starts, ms:"u8, periodMs);
        return 0;
    }

    /// <inheritdoc/>
    public void Poll(ulong now)
    {
        if (_next == 0)
        {
            _next = now + _period;
        }
        else if (now >= _next)
        {
            Beat();
        }
    }

    // Rare: out of the way of the polls that find nothing to do.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Beat()
    {
        _next += _period;
        _beats.Increment();
        _log.Write(LogSeverity.Debug, "beat"u8, _beats.Value);
    }
}
