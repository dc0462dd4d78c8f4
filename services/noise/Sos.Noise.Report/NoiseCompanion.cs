using System;
using System.Collections.Generic;
using Sos.Cores.Companions;
using Sos.Cores.Loading;
using Sos.Cores.Plan;
using Sos.Sdk.Control;

namespace Sos.Noise.Report;

/// <summary>The noise service's companion: its parameter, and the histogram that it shares.</summary>
public sealed class NoiseCompanion : ICompanion
{
    /// <summary>The parameter that says from which length a gap is an event, in nanoseconds.</summary>
    public const string ThresholdParameter = "threshold-ns";

    /// <inheritdoc/>
    public string Service => "noise";

    /// <inheritdoc/>
    public IReadOnlyList<ServiceParameter> Parameters { get; } = [ServiceParameter.Number(ThresholdParameter, 0, ulong.MaxValue)];

    /// <inheritdoc/>
    public ServiceConfiguration Configure(ServiceConfiguration configuration, ServicePlan plan)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        return configuration with { PacketMemorySize = 0, TableSlotSize = 0, SharedMemory = [HistogramLayout.TotalSize] };
    }
}
