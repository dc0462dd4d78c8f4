using System;
using System.Collections.Generic;
using Sos.Cores.Running;

namespace Sos.Cores.Companions;

/// <summary>The context in which a companion follows a running service.</summary>
/// <param name="Record">The service.</param>
/// <param name="Tables">What can be done with its table.</param>
/// <param name="Log">Takes what a person should know, a line each.</param>
public sealed record FollowContext(CoreRecord Record, IServiceTables Tables, Action<string> Log);

/// <summary>The operations of a follower on the table of a running service.</summary>
public interface IServiceTables
{
    /// <summary>Builds the table anew and has the service switch to it.</summary>
    /// <returns>What a person should know.</returns>
    IReadOnlyList<string> Build(int cpu);

    /// <summary>Renews the lease of the service's table.</summary>
    void RenewLease(int cpu, TimeSpan length);
}
