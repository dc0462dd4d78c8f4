using System.Collections.Generic;
using System.Linq;
using System.Runtime.Intrinsics.X86;
using Sos.Cores;

namespace Sos.Noise.Report;

/// <summary>The counts at a moment of the measurement.</summary>
/// <param name="Ns">CLOCK_MONOTONIC.</param>
/// <param name="Linux">What Linux counted of the cpu.</param>
/// <param name="Smis">System management interrupts, null if unknown.</param>
/// <param name="Nmis">NMIs that the monitor of a service core swallowed.</param>
public sealed record CountSample(ulong Ns, LinuxCounts Linux, uint? Smis, ulong Nmis);

/// <summary>Tells what may have caused a gap: what was counted between the two samples around it.</summary>
public static class GapCauses
{
    private static readonly bool HasHypervisor = X86Base.IsSupported && (X86Base.CpuId(1, 0).Ecx & (1 << 31)) != 0;

    /// <summary>Explains a gap.</summary>
    /// <param name="endNs">CLOCK_MONOTONIC at its end.</param>
    /// <param name="samples">In the order of time.</param>
    public static string Explain(ulong endNs, IReadOnlyList<CountSample> samples)
    {
        CountSample? before = samples.LastOrDefault(sample => sample.Ns < endNs);
        CountSample? after = samples.FirstOrDefault(sample => sample.Ns >= endNs);
        if (before is null || after is null)
        {
            return "not known: it lies before or after the samples";
        }

        LinuxCounts linux = after.Linux.Since(before.Linux);
        List<string> causes = [];
        Add(causes, linux.TimerInterrupts, "timer interrupt");
        Add(causes, linux.DeviceInterrupts, "device interrupt");
        Add(causes, linux.RescheduleInterrupts, "reschedule interrupt");
        Add(causes, linux.CallInterrupts, "function call interrupt");
        Add(causes, linux.OtherInterrupts, "other interrupt");
        Add(causes, linux.SoftInterrupts, "softirq");
        Add(causes, linux.ContextSwitches, "context switch");
        Add(causes, after.Smis - before.Smis ?? 0, "SMI");
        Add(causes, after.Nmis - before.Nmis, "NMI");
        string span = $"in the {(after.Ns - before.Ns) / 1_000_000} ms around it";
        return causes.Count > 0 ? $"{string.Join(", ", causes)} {span}"
            : HasHypervisor ? "nothing that Linux counts: the hypervisor ran something else"
            : after.Smis is null ? "nothing that Linux counts; this CPU does not tell SMIs"
            : "nothing that Linux counts, and no SMI: bus, cache or a sibling thread";
    }

    private static void Add(List<string> causes, ulong count, string name)
    {
        if (count > 0)
        {
            causes.Add($"{count} {name}{(count == 1 ? "" : name.EndsWith("ch", System.StringComparison.Ordinal) ? "es" : "s")}");
        }
    }
}
