using System;
using System.Collections.Generic;
using Sos.Cores.Companions;
using Sos.Cores.Loading;
using Sos.Cores.Plan;

namespace Limiter.Control;

/// <summary>The limiter's companion: its parameter, its start option, its table.</summary>
public sealed class LimiterCompanion : ICompanion
{
    /// <summary>The service's name.</summary>
    public const string ServiceName = "limiter";

    /// <summary>The start option that names the file of limits.</summary>
    public const string LimitsOption = "limits";

    /// <inheritdoc/>
    public string Service => ServiceName;

    /// <inheritdoc/>
    public IReadOnlyList<ServiceParameter> Parameters { get; } = [ServiceParameter.Number(LimiterService.BurstParameter, 1, LimiterService.BurstMax)];

    /// <inheritdoc/>
    public IReadOnlyList<StartOption> Options { get; } =
        [new(LimitsOption, "The limiter: a file with an address and its packets a second on each line", IsFile: true)];

    /// <inheritdoc/>
    public ServiceConfiguration Configure(ServiceConfiguration configuration, ServicePlan plan)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        ArgumentNullException.ThrowIfNull(plan);
        return configuration with { TableSlotSize = plan.TableSlotSize ?? LimitTable.SizeMax };
    }

    /// <inheritdoc/>
    public ServiceTable? BuildTable(TableRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        return request.Plan.Options.TryGetValue(LimitsOption, out string? path) ? LimitFile.Read(path) : null;
    }
}
