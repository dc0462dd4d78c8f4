using System;
using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;
using Sos.Cores;
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
    public ServiceConfiguration Configure(ServiceConfiguration configuration, ServicePlan plan)
        => _firewall.Configure(_console.Configure(configuration, plan), plan); // the console's page first, as both services expect

    /// <inheritdoc/>
    public ServiceTable? BuildTable(TableRequest request) => _firewall.BuildTable(request);

    /// <inheritdoc/>
    public IReadOnlyList<string> Notes(ServicePlan plan) => _console.Notes(plan);

    /// <inheritdoc/>
    public Action<CancellationToken>? Follow(FollowContext context)
    {
        Action<CancellationToken> console = _console.Follow(context)!;
        return _firewall.Follow(context) is not { } firewall ? console : end =>
        {
            using CancellationTokenSource both = CancellationTokenSource.CreateLinkedTokenSource(end);
            Task life = Task.Run(() => Live(console, both.Token), CancellationToken.None);
            try
            {
                firewall(end);
            }
            finally
            {
                both.Cancel();
                life.Wait(CancellationToken.None);
            }
        };
    }

    private static void Live(Action<CancellationToken> console, CancellationToken end)
    {
        try
        {
            console(end);
        }
        catch (SosException)
        {
            // The service is gone, which whoever follows the rules finds out and tells.
        }
    }
}
