using System;
using System.Collections.Generic;
using System.Globalization;
using System.Text;
using System.Threading;
using Sos.Cores;
using Sos.Cores.Companions;
using Sos.Cores.Loading;
using Sos.Cores.Plan;
using Sos.Router.Filter;
using Sos.Router.Tables;
using Sos.Sdk.Services;

namespace Sos.Router.Control;

/// <summary>The router's companion: its memory, and the follower of Linux's routes.</summary>
public sealed unsafe class RouterCompanion : ICompanion
{
    /// <summary>The service's name.</summary>
    public const string ServiceName = "router";

    /// <summary>The start option that says what a ruleset of Linux means.</summary>
    public const string NetfilterOption = "netfilter";

    /// <summary>Its value for filtering on the core, as far as that can be.</summary>
    public const string OnCore = "core";

    /// <summary>Its value for leaving to Linux whatever it has a ruleset for.</summary>
    public const string ToLinux = "linux";

    /// <summary>Its value for forwarding past a ruleset.</summary>
    public const string Bypass = "bypass";

    /// <summary>The start option that says how one of several ways is chosen.</summary>
    public const string FlowHashOption = "flow-hash";

    /// <summary>Its value for the same way in both directions of a flow.</summary>
    public const string Symmetric = "symmetric";

    /// <inheritdoc/>
    public string Service => ServiceName;

    /// <inheritdoc/>
    public IReadOnlyList<ServiceParameter> Parameters { get; } =
    [
        PowerOfTwo("ipv4-groups", 2, 1 << 15),
        PowerOfTwo("ipv6-lines", 16, 1 << 24),
        ServiceParameter.Number("next-hops", 16, RouterCapacity.NextHopsMax),
        PowerOfTwo("hop-members", 64, 1 << 20),
        PowerOfTwo("neighbours", 64, 1 << 20),
    ];

    /// <inheritdoc/>
    public IReadOnlyList<StartOption> Options { get; } =
    [
        new(
            NetfilterOption, "Linux's ruleset for forwarded packets. \"core\": the core filters by it where it can, else Linux (the router's default); "
                + "\"linux\": these packets are Linux's; \"bypass\": forward past it",
            IsFile: false),
        new(
            FlowHashOption, "of several ways, \"direction\": each direction of a flow takes one by itself (the router's default); \"symmetric\": both the same",
            IsFile: false),
    ];

    /// <inheritdoc/>
    public ServiceConfiguration Configure(ServiceConfiguration configuration, ServicePlan plan)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        ArgumentNullException.ThrowIfNull(plan);
        CheckOption(plan, NetfilterOption, OnCore, ToLinux, Bypass);
        CheckOption(plan, FlowHashOption, "direction", Symmetric);

        StringBuilder text = new();
        foreach ((string name, string setting) in plan.Parameters)
        {
            text.Append(CultureInfo.InvariantCulture, $"{name}={setting}\n");
        }

        byte[] bytes = Encoding.UTF8.GetBytes(text.ToString());
        fixed (byte* start = bytes)
        {
            return RouterParameters.TryRead(new Parameters(start, bytes.Length), out RouterCapacity capacity)
                ? configuration with { TableSlotSize = 0, SharedMemory = [RouterTable.SizeFor(in capacity), FilterMemory.Size] }
                : throw new SosException(SosError.Usage, "the router's table cannot be laid out with these parameters: docs/router.md has their limits");
        }
    }

    /// <inheritdoc/>
    public Action<CancellationToken>? Follow(FollowContext context) => end => RouterCore.Follow(context.Record.Cpu, context.Log, end);

    private static void CheckOption(ServicePlan plan, string option, params ReadOnlySpan<string> values)
    {
        if (plan.Options.TryGetValue(option, out string? value) && !values.Contains(value))
        {
            throw new SosException(SosError.Usage, $"--{option} cannot be \"{value}\": it takes {string.Join(" or ", values)}");
        }
    }

    private static ServiceParameter PowerOfTwo(string name, uint least, uint most) => new(
        name, string.Create(CultureInfo.InvariantCulture, $"a power of two from {least} to {most}"),
        value => uint.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out uint number)
            && number >= least && number <= most && uint.IsPow2(number));
}
