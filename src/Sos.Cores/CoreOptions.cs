namespace Sos.Cores;

/// <summary>The frequency that a service core asks its CPU for (enum sos_performance).</summary>
public enum CorePerformance
{
    /// <summary>The highest, which may vary with the temperature.</summary>
    Max = 0,

    /// <summary>At least the nominal one, more as the CPU likes.</summary>
    Nominal = 1,

    /// <summary>The nominal one and no other.</summary>
    Fixed = 2,
}

/// <summary>By which a CPU was asked (enum sos_mechanism).</summary>
public enum CoreMechanism
{
    /// <summary>The CPU lets nobody ask, as in most virtual machines.</summary>
    None = 0,

    /// <summary>Intel's hardware-controlled performance states.</summary>
    Hwp = 1,

    /// <summary>AMD's collaborative processor performance control.</summary>
    Cppc = 2,

    /// <summary>The older control register of either.</summary>
    PerfCtl = 3,
}

/// <summary>How a core of the driver is to run.</summary>
/// <param name="ShareCore">Whether the other threads of its physical core stay Linux's where either can read the other.</param>
/// <param name="Performance">The frequency to ask for.</param>
/// <param name="ResctrlClass">Class of service (CLOSID) for cache and memory bandwidth, as resctrl has set it up; null for Linux's default.</param>
public sealed record CoreOptions(bool ShareCore = false, CorePerformance Performance = CorePerformance.Max, uint? ResctrlClass = null)
{
    /// <summary>The highest class that any processor has: IA32_PQR_ASSOC and CPUID have 16 bits for its number.</summary>
    public const uint ResctrlClassMax = ushort.MaxValue;
}

/// <summary>How a core left Linux.</summary>
/// <param name="DurationNs">Nanoseconds that it took.</param>
/// <param name="Siblings">Other threads of the physical core that left with it.</param>
public sealed record CoreArrival(ulong DurationNs, int Siblings);
