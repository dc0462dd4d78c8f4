using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Security.Cryptography;
using System.Text;
using System.Threading;
using Sos.Cores;
using Sos.Cores.Companions;
using Sos.Cores.Loading;
using Sos.Cores.Plan;
using Sos.Cores.Running;
using Sos.Firewall.Capture;
using Sos.Firewall.Control.Following;
using Sos.Firewall.Rules;
using Sos.Firewall.Rules.Prefilter;
using Sos.Firewall.Sets;
using Sos.Firewall.Tables;
using Sos.Firewall.Tracking;

namespace Sos.Firewall.Control;

/// <summary>A firewall's table, with what a person wants to know of it.</summary>
/// <param name="Bytes">Its bytes.</param>
/// <param name="Labels">For each rule counter, the rule.</param>
/// <param name="RuleCount">Rules compiled.</param>
/// <param name="ElementCount">Elements of all sets.</param>
public sealed record FirewallRules(ReadOnlyMemory<byte> Bytes, IReadOnlyList<string> Labels, int RuleCount, int ElementCount)
    : ServiceTable(Bytes, Labels);

/// <summary>The firewall's companion: its parameters, and its rules.</summary>
public sealed class FirewallCompanion : ICompanion
{
    /// <summary>The service's name.</summary>
    public const string ServiceName = "firewall";

    /// <summary>The start option that names the rules by which the core decides alone.</summary>
    public const string RulesOption = "rules";

    /// <summary>The start option that says that the core is to decide alone.</summary>
    public const string AuthoritativeOption = "authoritative";

    // What the core recorded of connections is then replaced by what is still alive of them.
    private static readonly TimeSpan Refresh = TimeSpan.FromMinutes(1);

    // What firewall and guard need beside connections.
    private const ulong OtherArena = 14 << 20;

    private readonly LiveRules _live = new();

    /// <inheritdoc/>
    public string Service => ServiceName;

    /// <inheritdoc/>
    public IReadOnlyList<ServiceParameter> Parameters { get; } =
    [
        new(
            "non-ip", "accept, drop, or a list of the EtherTypes that pass, as in \"arp,lldp,0x88f7\"",
            value => value is "accept" or "drop" || EtherTypeList.TryRead(Encoding.UTF8.GetBytes(value), out _)),
        ServiceParameter.OneOf("vlan", "evaluate", "accept", "drop"),
        ServiceParameter.OneOf("fragments", "evaluate", "accept", "drop"),
        ServiceParameter.OneOf("dhcp", "pass", "rules"),
        new(
            FlowSettings.CapacityName, $"a number of connections from {FlowTable.CapacityMin} to {FlowTable.CapacityMax}",
            value => ReadCapacity(value) is not null),
        ServiceParameter.OneOf("tcp-window", "strict", "liberal"),
        new(
            SetSettings.MemoryName, $"MiB for sets that packets fill, from 1 to {SetSettings.MemoryMax}",
            value => ReadSetMemory(value) is not null),
    ];

    /// <inheritdoc/>
    public IReadOnlyList<StartOption> Options { get; } =
    [
        new(RulesOption, "nftables rules by which the core decides alone; without, it drops what Linux's own rules would drop (the firewall)", IsFile: true),
        new(AuthoritativeOption, "The core decides alone, by --rules (the firewall)", IsFile: false, IsFlag: true),
    ];

    /// <inheritdoc/>
    public ServiceConfiguration Configure(ServiceConfiguration configuration, ServicePlan plan)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        ArgumentNullException.ThrowIfNull(plan);
        Dictionary<string, string> parameters = configuration.Parameters.ToDictionary();
        int? capacity = parameters.TryGetValue(FlowSettings.CapacityName, out string? text) ? ReadCapacity(text) : null;

        // Another one for each start, and none that is kept.
        parameters[Encoding.UTF8.GetString(FlowSecret.ParameterName)] = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(FlowSecret.Size));
        return configuration with
        {
            Parameters = parameters,
            SharedMemory = [.. configuration.SharedMemory, LogRing.Offset + LogHeader.TotalSize],
            ArenaSize = configuration.ArenaSize == 0 ? ArenaFor(capacity, parameters, plan) : configuration.ArenaSize,
        };
    }

    /// <summary>The arena that parameters ask for; 0 where the image's own does. Linux's own rules fill no sets on the core.</summary>
    private static ulong ArenaFor(int? flows, Dictionary<string, string> parameters, ServicePlan plan)
    {
        bool hasSets = parameters.ContainsKey(SetSettings.MemoryName) || plan.Options.ContainsKey(RulesOption);
        return flows is null && !hasSets ? 0
            : OtherArena + FlowTable.BytesFor(flows ?? FlowSettings.CapacityDefault) + (hasSets ? SetMemoryOf(parameters) : 0);
    }

    /// <summary>Bytes that sets have which packets fill.</summary>
    private static ulong SetMemoryOf(IReadOnlyDictionary<string, string> parameters)
        => (ulong)(parameters.TryGetValue(SetSettings.MemoryName, out string? text) && ReadSetMemory(text) is { } memory
            ? memory : SetSettings.MemoryDefault) << 20;

    private static uint? ReadSetMemory(string text)
        => uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out uint memory) && memory is > 0 and <= SetSettings.MemoryMax
            ? memory : null;

    private static int? ReadCapacity(string text)
        => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int capacity)
            && capacity is >= FlowTable.CapacityMin and <= FlowTable.CapacityMax ? capacity : null;

    /// <inheritdoc/>
    public ServiceTable? BuildTable(TableRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        IReadOnlyList<string> interfaces = [.. request.Ports.SelectMany(port => port.Interfaces).Distinct()];
        return RulesOf(request.Plan) is { } path ? BuildFromFile(path, interfaces, request) : BuildFromLinux(interfaces, request);
    }

    /// <inheritdoc/>
    public Action<CancellationToken>? Follow(FollowContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        ServicePlan plan = context.Record.Plan;
        if (RulesOf(plan) is not null)
        {
            return end => LogFollower.Run(context.Record.Cpu, context.Log, end);
        }

        return plan.Ports.All(port => port.Device is null) ? null : end =>
        {
            using NetworkWatch watch = new(Refresh);
            using LiveRules live = _live;
            new TableFollower(context, watch).Run(end);
        };
    }

    private static string? RulesOf(ServicePlan plan)
    {
        string? path = plan.Options.GetValueOrDefault(RulesOption);
        return path is not null || !plan.Options.ContainsKey(AuthoritativeOption)
            ? path
            : throw new SosException(
                SosError.Usage, "--authoritative needs the rules by which the core is to decide: name them with --rules FILE, or leave it away");
    }

    private FirewallRules? BuildFromLinux(IReadOnlyList<string> interfaces, TableRequest request)
    {
        if (request.Plan.Ports.All(port => port.Device is null))
        {
            return null; // Linux's rules are about its own devices.
        }

        try
        {
            RulesetListing listing = _live.Read();
            PrefilterOptions options = listing.AddTo(LivePort.Read(interfaces, request.BackEnd, request.ActiveGeneration));
            if (request.Ports.Any(port => !port.IsHere))
            {
                options = options with { Obstacle = "its device is in another network namespace than this program: start sosd there ('ip netns exec')" };
            }

            PrefilterResult result = PrefilterCompiler.Compile(listing.Json, options);
            result.Notes.ToList().ForEach(request.Note);
            if (request.ActiveGeneration == 0 && !DaemonPresence.IsThere())
            {
                request.Note("sosd does not run, and nothing else tells the core when Linux's rules change: until you start it with 'systemctl start sosd' "
                    + "the core passes everything");
            }

            return Describe(result.Table);
        }
        catch (RulesetLoadException e)
        {
            request.Note($"the core passes everything to Linux, since its rules cannot be read: {e.Message}");
            return Describe(PrefilterCompiler.PassAll(e.Message).Table);
        }
    }

    private static FirewallRules Describe(CompiledTable table) => new(
        table.Bytes.ToArray(),
        [.. table.Counters.Select(counter => counter.RuleText is null ? counter.Place : $"{counter.Place}: {counter.RuleText}")],
        table.RuleCount, table.ElementCount);

    private static FirewallRules BuildFromFile(string path, IReadOnlyList<string> interfaces, TableRequest request)
    {
        CompileResult result = Compile(path, new CompileOptions
        {
            PortNames = interfaces,
            ForwardsNothing = LivePort.ForwardsNothing(interfaces),
            Sent = request.BackEnd.LeavesLinux() ? SentFrames.Judged : SentFrames.Unseen,
        });
        if (result.Table is not { } table)
        {
            throw new SosException(
                SosError.BadTable,
                "the rules cannot be honoured:\n" + string.Join('\n', result.Diagnostics.Where(item => item.Severity == RuleSeverity.Error)));
        }

        if ((ulong)table.SetMemory > SetMemoryOf(request.Plan.Parameters))
        {
            throw new SosException(SosError.BadTable, $"there is too little memory for the sets of these rules: start the service with the parameter "
                + $"{SetSettings.MemoryName}={MebibytesOf(table.SetMemory)}");
        }

        if (table.Mode == TableMode.Stateful && !request.BackEnd.LeavesLinux())
        {
            throw new SosException(
                SosError.BadTable,
                "these rules ask for connections, and an isolated core does not see what Linux sends: start the service on an unplugged core "
                    + "('sosctl core reserve' without --isolated), or without --rules, so that Linux judges connections behind the core");
        }

        foreach (RuleDiagnostic note in result.Diagnostics)
        {
            request.Note(note.ToString());
        }

        if (table.Mode == TableMode.Stateful && LivePort.OtherWay(interfaces) is { } other)
        {
            request.Note($"{other} is up, too: packets that go out by it and are answered by this port are of no connection that the core knows. Where routes "
                + "allow that, leave --rules away, so that Linux judges connections behind the core");
        }

        return Describe(table);
    }

    /// <summary>MiB that hold so many bytes.</summary>
    internal static long MebibytesOf(long bytes) => (bytes + (1 << 20) - 1) >> 20;

    /// <summary>Compiles a rules file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="options">What the rules do not say.</param>
    /// <exception cref="SosException">There is no such file, or nft refuses it.</exception>
    internal static CompileResult Compile(string path, CompileOptions options)
    {
        if (!File.Exists(path))
        {
            throw new SosException(SosError.NotFound, $"{path}: there is no such file");
        }

        try
        {
            return RulesetLoader.CompileFile(
                path, options with { TracksConnections = true, DecidesAlone = true, PortGroup = LivePort.GroupOf(options.PortNames) });
        }
        catch (RulesetLoadException e)
        {
            throw new SosException(SosError.BadTable, e.Message, e);
        }
    }
}
