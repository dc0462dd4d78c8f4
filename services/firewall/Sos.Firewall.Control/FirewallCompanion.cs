using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using Sos.Cores;
using Sos.Cores.Companions;
using Sos.Firewall.Rules;

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

    /// <summary>The start option that names the rules.</summary>
    public const string RulesOption = "rules";

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
    ];

    /// <inheritdoc/>
    public IReadOnlyList<StartOption> Options { get; } = [new(RulesOption, "nftables rules to start with (the firewall)", IsFile: true)];

    /// <inheritdoc/>
    public ServiceTable? BuildTable(TableRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        if (!request.Plan.Options.TryGetValue(RulesOption, out string? path))
        {
            return null;
        }

        CompileResult result = Compile(path, [.. request.Ports.SelectMany(port => port.Interfaces).Distinct()]);
        if (result.Table is not { } table)
        {
            throw new SosException(
                SosError.BadTable,
                "the rules cannot be honoured:\n" + string.Join('\n', result.Diagnostics.Where(item => item.Severity == RuleSeverity.Error)));
        }

        foreach (RuleDiagnostic note in result.Diagnostics)
        {
            request.Note(note.ToString());
        }

        return new FirewallRules(
            table.Bytes.ToArray(),
            [.. table.Counters.Select(counter => counter.RuleText is null ? counter.Place : $"{counter.Place}: {counter.RuleText}")],
            table.RuleCount, table.ElementCount);
    }

    /// <summary>Compiles a rules file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="interfaces">The names under which its rules may know the firewall's ports.</param>
    /// <exception cref="SosException">There is no such file, or nft refuses it.</exception>
    internal static CompileResult Compile(string path, IReadOnlyList<string> interfaces)
    {
        if (!File.Exists(path))
        {
            throw new SosException(SosError.NotFound, $"{path}: there is no such file");
        }

        try
        {
            return RulesetLoader.CompileFile(path, new CompileOptions { PortNames = interfaces });
        }
        catch (RulesetLoadException e)
        {
            throw new SosException(SosError.BadTable, e.Message, e);
        }
    }
}
