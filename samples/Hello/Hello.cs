using Sos.Sdk.Services;
using Sos.Sdk.Statistics;

namespace Hello;

/// <summary>The smallest service: it counts its polls, and the TSC cycles between two of them.</summary>
public struct HelloService : IService
{
    private Counter _polls;
    private Counter _gapMax;
    private ulong _last;

    /// <inheritdoc/>
    public long Initialize(ref ServiceSetup setup)
    {
        bool ready = setup.Statistics.TryAdd("hello.polls"u8, out _polls)
            && setup.Statistics.TryAdd("hello.gap_cycles_max"u8, out _gapMax);
        return ready ? 0 : 1;
    }

    /// <inheritdoc/>
    public void Poll(ulong now)
    {
        _polls.Increment();
        if (_last != 0)
        {
            _gapMax.Maximum(now - _last);
        }

        _last = now;
    }
}
