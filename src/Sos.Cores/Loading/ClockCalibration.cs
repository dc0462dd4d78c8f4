using System.Runtime.Intrinsics.X86;
using System.Threading;
using Sos.Linux;
using Sos.Sdk.Control;
using Sos.Sdk.Memory;

namespace Sos.Cores.Loading;

/// <summary>How the TSC turns into Linux's clocks, measured against CLOCK_MONOTONIC.</summary>
/// <param name="TscKhz">Frequency in kHz.</param>
/// <param name="Mult">With <paramref name="Shift"/>: ns = (cycles * mult) >> shift.</param>
/// <param name="Shift">See <paramref name="Mult"/>.</param>
public sealed unsafe record ClockCalibration(ulong TscKhz, ulong Mult, uint Shift)
{
    /// <summary>32 fraction bits: an error of 2^-32 of the time is below that of the measurement, and mult stays below 2^64 for any TSC.</summary>
    private const int FractionBits = 32;

    /// <summary>100 ms, in which a bracket of below a microsecond makes an error of 10 ppm; what CPUID states is taken instead.</summary>
    private const int MeasureMs = 100;

    /// <summary>Brackets tried, of which the narrowest counts: another may have been interrupted.</summary>
    private const int Attempts = 32;

    /// <summary>Measures now; takes about 100 ms.</summary>
    public static ClockCalibration Measure()
    {
        (ulong Tsc, ulong Ns) first = Bracket();
        Thread.Sleep(MeasureMs);
        (ulong Tsc, ulong Ns) second = Bracket();
        ulong ticks = second.Tsc - first.Tsc;
        ulong ns = second.Ns - first.Ns;
        ulong khz = StatedKhz() is { } stated && IsNear(stated, ticks, ns) ? stated : (ulong)((System.UInt128)ticks * 1_000_000 / ns);
        return FromKhz(khz);
    }

    /// <summary>The conversion for a frequency.</summary>
    /// <param name="khz">Not 0.</param>
    public static ClockCalibration FromKhz(ulong khz)
        => new(khz, (ulong)(((System.UInt128)1_000_000 << FractionBits) / khz), FractionBits);

    /// <summary>Writes the conversion and the clocks as they are now into a control region.</summary>
    public void WriteTo(ClockLayout* clock)
    {
        uint sequence = clock->Sequence | 1;
        MemoryOrdering.StoreRelease(ref clock->Sequence, sequence);
        MemoryOrdering.StoreStoreFence();
        (ulong tsc, ulong monotonic) = Bracket();

        // The other clocks tick with CLOCK_MONOTONIC: their offsets from it need no bracket with the TSC.
        ulong before = Libc.NowNs(Libc.ClockMonotonic);
        ulong realtime = Libc.NowNs(Libc.ClockRealtime);
        ulong tai = Libc.NowNs(Libc.ClockTai);
        clock->Shift = Shift;
        clock->Mult = Mult;
        clock->BaseTsc = tsc;
        clock->MonotonicNs = monotonic;
        clock->RealtimeNs = realtime - (before - monotonic);
        clock->TaiNs = tai - (before - monotonic);
        clock->TscKhz = TscKhz;
        MemoryOrdering.StoreRelease(ref clock->Sequence, sequence + 1);
    }

    /// <summary>The TSC and CLOCK_MONOTONIC at one moment.</summary>
    internal static (ulong Tsc, ulong Ns) Bracket()
    {
        (ulong Tsc, ulong Ns) best = default;
        ulong width = ulong.MaxValue;
        for (int i = 0; i < Attempts; i++)
        {
            ulong before = TimeStampCounter.Read();
            ulong ns = Libc.NowNs(Libc.ClockMonotonic);
            ulong after = TimeStampCounter.Read();
            if (after - before < width)
            {
                width = after - before;
                best = (before + (width / 2), ns);
            }
        }

        return best;
    }

    // SDM vol. 3, 18.7.3: leaf 15h has the ratio of the TSC to the core crystal clock, and its frequency in Hz, or zeros.
    private static ulong? StatedKhz()
    {
        if (!X86Base.IsSupported || X86Base.CpuId(0, 0).Eax < 0x15)
        {
            return null;
        }

        (int denominator, int numerator, int crystalHz, _) = X86Base.CpuId(0x15, 0);
        return denominator == 0 || numerator == 0 || crystalHz == 0
            ? null
            : (ulong)(uint)crystalHz * (uint)numerator / (uint)denominator / 1000;
    }

    // A virtual machine may state what is not so.
    private static bool IsNear(ulong khz, ulong ticks, ulong ns)
    {
        double measured = ticks * 1e6 / ns;
        return khz > measured * 0.999 && khz < measured * 1.001;
    }
}
