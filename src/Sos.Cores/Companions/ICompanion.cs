using System;
using System.Collections.Generic;
using System.Threading;
using Sos.Cores.Loading;
using Sos.Cores.Plan;

namespace Sos.Cores.Companions;

/// <summary>
/// The control side of one service: what Linux must know of it to start it well. Generic code reaches a service's own knowledge through
/// this alone. An image without a companion is started as it is.
/// </summary>
public interface ICompanion
{
    /// <summary>The service's name, as its image states it.</summary>
    string Service { get; }

    /// <summary>The parameters that the service reads; others are refused.</summary>
    IReadOnlyList<ServiceParameter> Parameters { get; }

    /// <summary>Options of <c>sosctl service start</c> that only this service has.</summary>
    IReadOnlyList<StartOption> Options => [];

    /// <summary>Adds what the service needs beside the plan: shared memory, sizes.</summary>
    /// <param name="configuration">What the plan gives.</param>
    /// <param name="plan">The plan.</param>
    ServiceConfiguration Configure(ServiceConfiguration configuration, ServicePlan plan) => configuration;

    /// <summary>Returns what a person should know of a plan though it works, a line each.</summary>
    /// <param name="plan">The plan, which <see cref="Configure"/> has taken.</param>
    IReadOnlyList<string> Notes(ServicePlan plan) => [];

    /// <summary>Builds the table that the service starts with, from the plan's options. It can take minutes; nothing is locked meanwhile.</summary>
    /// <param name="request">What to build it of.</param>
    /// <returns>Null when the service starts without a table.</returns>
    /// <exception cref="SosException">The table cannot be built; the message says why.</exception>
    ServiceTable? BuildTable(TableRequest request) => null;

    /// <summary>Gives the work that goes on beside a running service: following what its table is made of. sosd does it, on a thread of its own.</summary>
    /// <param name="context">The service, and what can be done with its table.</param>
    /// <returns>The work, which comes to its end with the service, or when it is told to; null when there is none.</returns>
    Action<CancellationToken>? Follow(FollowContext context) => null;
}

/// <summary>An option of <c>sosctl service start</c> that one service has.</summary>
/// <param name="Name">Its name, without the dashes.</param>
/// <param name="Description">What it does, for the help.</param>
/// <param name="IsFile">Whether its value is a path, which is kept as a full one.</param>
/// <param name="IsFlag">Whether it has no value.</param>
public sealed record StartOption(string Name, string Description, bool IsFile, bool IsFlag = false)
{
    /// <summary>The value of a flag that is given.</summary>
    public const string IsSet = "true";
}

/// <summary>The source of a table.</summary>
/// <param name="Plan">The plan; its options name the source.</param>
/// <param name="Ports">The ports with the names by which Linux knows them.</param>
/// <param name="Note">Takes what a person should know though it works.</param>
public sealed record TableRequest(ServicePlan Plan, IReadOnlyList<KnownPort> Ports, Action<string> Note)
{
    /// <summary>The kind of back end that keeps the core.</summary>
    public required BackEndKind BackEnd { get; init; }

    /// <summary>Generation of the table that the running service uses as the request is made; 0 when it does not run yet.</summary>
    public ulong ActiveGeneration { get; init; }
}

/// <summary>A port, and the names that rules or routes may know it by.</summary>
/// <param name="Port">The port's name in the service.</param>
/// <param name="Interfaces">Names of its network devices in Linux, the device's own first.</param>
public sealed record KnownPort(string Port, IReadOnlyList<string> Interfaces)
{
    /// <summary>Whether its network device is in this program's network namespace, as far as is known.</summary>
    public bool IsHere { get; init; } = true;
}

/// <summary>A table ready for a slot.</summary>
/// <param name="Bytes">Its bytes; the generation is filled in as it is written.</param>
/// <param name="Labels">What the companion must know later to explain the table's counters; kept in the core's record.</param>
public record ServiceTable(ReadOnlyMemory<byte> Bytes, IReadOnlyList<string> Labels);
