using System;
using System.Collections.Generic;
using System.Threading;
using Sos.Cores.Companions;
using Sos.Cores.Loading;
using Sos.Cores.Plan;
using Sos.Firewall.Control;
using Sos.RemoteConsole.Control;

namespace Sos.Guard.Control;

/// <summary>The guard's companion: the firewall's and the console's. Its verbs are theirs as well.</summary>
public sealed class GuardCompanion : ICompanion
{
    private readonly FirewallCompanion _firewall = new();
    private readonly ConsoleCompanion _console = new();

    /// <inheritdoc/>
    public string Service => "guard";

    /// <inheritdoc/>
    public IReadOnlyList<ServiceParameter> Parameters => [.. _firewall.Parameters, .. _console.Parameters];

    /// <inheritdoc/>
    public IReadOnlyList<StartOption> Options => [.. _firewall.Options, .. _console.Options];

    /// <inheritdoc/>
    public ServiceConfiguration Configure(ServiceConfiguration configuration, ServicePlan plan) => _console.Configure(configuration, plan);

    /// <inheritdoc/>
    public ServiceTable? BuildTable(TableRequest request) => _firewall.BuildTable(request);

    /// <inheritdoc/>
    public Action<CancellationToken>? Follow(FollowContext context) => _firewall.Follow(context);
}
