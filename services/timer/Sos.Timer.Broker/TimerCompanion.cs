using System;
using System.Collections.Generic;
using System.Linq;
using Sos.Cores.Companions;
using Sos.Cores.Loading;
using Sos.Cores.Plan;
using Sos.Timer.Layout;

namespace Sos.Timer.Broker;

/// <summary>The timer service's companion: its parameters, and the memory that it shares with broker and clients.</summary>
public sealed class TimerCompanion : ICompanion
{
    /// <summary>The service's name.</summary>
    public const string ServiceName = "timer";

    /// <inheritdoc/>
    public string Service => ServiceName;

    /// <inheritdoc/>
    public IReadOnlyList<ServiceParameter> Parameters { get; } = [ServiceParameter.Number("tolerance-ns", 0, ulong.MaxValue), .. ServiceParameter.Idle];

    /// <inheritdoc/>
    public ServiceConfiguration Configure(ServiceConfiguration configuration, ServicePlan plan)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        return configuration with
        {
            PacketMemorySize = 0,
            TableSlotSize = 0,
            SharedMemory = [TimerAdmin.Size, .. Enumerable.Repeat((ulong)TimerArea.TotalSize, TimerAdmin.ClientsMax)],
        };
    }
}
