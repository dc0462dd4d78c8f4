using Sos.Sdk.Control;
using Sos.Sdk.Services;
using Sos.Sdk.Statistics;
using Sos.Sdk.Time;

namespace Sos.Noise;

/// <summary>
/// Reads the TSC again and again and records the time between each two readings: what is much longer than the shortest is time in which
/// the core ran something else, or nothing. The same image measures a service core and a thread of Linux.
/// </summary>
public struct NoiseService : IService
{
    /// <summary>Exit code: the shared memory is missing or too small.</summary>
    public const long NoSharedMemory = 1;

    /// <summary>Exit code: threshold-ns is no number.</summary>
    public const long BadParameter = 2;

    /// <summary>A gap from here on is an event, unless the parameter "threshold-ns" says otherwise.</summary>
    public const ulong DefaultThresholdNs = 1000;

    // So long that the way through the poll loop does not show, so short that a stop is obeyed at once.
    private const int ReadingsPerPass = 4096;

    // Caches, and the first touch of every page, are not the noise that is looked for.
    private const ulong WarmUpNs = 20_000_000;

    private Histogram _histogram;
    private Resource _memory;
    private ulong _thresholdTicks;
    private ulong _begin;
    private ulong _last;

    /// <inheritdoc/>
    public unsafe long Initialize(ref ServiceSetup setup)
    {
        ulong thresholdNs = DefaultThresholdNs;
        if (setup.Parameters.TryFind("threshold-ns"u8, out _) && !setup.Parameters.TryGetUInt64("threshold-ns"u8, out thresholdNs))
        {
            return BadParameter;
        }

        _thresholdTicks = setup.Clock.TicksFromNanoseconds(thresholdNs);
        _last = Tsc.Read();
        _begin = _last + setup.Clock.TicksFromNanoseconds(WarmUpNs);
        return setup.TryFindResource(ResourceKind.Shared, 0, out _memory)
            && Histogram.TryCreate((void*)_memory.Address, _memory.ByteCount, _thresholdTicks, _last, out _histogram)
            ? ExitCode.Stopped
            : NoSharedMemory;
    }

    /// <inheritdoc/>
    public void Poll(ulong now)
    {
        ulong last = _last;
        for (int i = 0; i < ReadingsPerPass; i++)
        {
            ulong reading = Tsc.Read();
            _histogram.Record(reading - last, reading);
            last = reading;
        }

        _last = last;
        if (_begin != 0 && last >= _begin)
        {
            Begin();
        }
    }

    private unsafe void Begin()
    {
        _begin = 0;
        _ = Histogram.TryCreate((void*)_memory.Address, _memory.ByteCount, _thresholdTicks, Tsc.Read(), out _histogram);
        _last = Tsc.Read();
    }
}
