using System;
using System.Collections.Generic;
using System.CommandLine;
using System.Globalization;
using System.IO;
using System.Linq;
using Sos.Cores;
using Sos.Cores.Companions;
using Sos.Cores.Operations;
using Sos.Cores.Running;
using Sos.Firewall.Rules;
using Sos.Firewall.Sets;
using Sos.Verbs;

namespace Sos.Firewall.Control;

/// <summary><c>sosctl firewall</c>: checks rules, loads them into a running firewall, shows what they counted.</summary>
public static class FirewallVerbs
{
    private static FirewallDocuments? _documents;

    internal static FirewallDocuments Documents
        => _documents ??= Terminal.Readable(FirewallDocuments.Default.Options, options => new FirewallDocuments(options));

    /// <summary>Makes the command.</summary>
    /// <param name="terminal">Where results go.</param>
    /// <param name="companions">What the control plane knows of services.</param>
    public static Command Create(Terminal terminal, CompanionCatalogue companions)
    {
        Argument<string> checkFile = FileArgument();
        Option<string[]> port = new("--port") { Description = "The device that packets arrive by, as the rules name it; may be repeated. Without, any" };
        Option<bool> authoritative = new("--authoritative") { Description = "Show what the core cannot honour where it decides alone" };
        Command check = new("check", "Show which drops of nftables rules the core can take, and why not the rest") { checkFile, port, authoritative };
        check.SetAction(result => result.GetValue(authoritative)
            ? Check(terminal, result.GetValue(checkFile)!, result.GetValue(port) ?? [])
            : PrefilterCheck.Run(terminal, Documents, result.GetValue(checkFile)!, result.GetValue(port) ?? []));

        Argument<string[]> packet = new("PACKET")
        {
            Description = "PROTOCOL SOURCE DESTINATION [FLAGS or TYPE], as in: tcp 192.0.2.7:40000 10.0.0.1:22 syn",
            Arity = ArgumentArity.ZeroOrMore,
        };
        Option<string> explainRules = new("--rules") { Description = "A file of rules in place of those that are loaded here" };
        Option<string[]> explainPort = new("--port") { Description = "The device that the packet arrives by, as the rules name it; may be repeated" };
        Option<string> capture = new("--capture") { Description = "Takes the packet from a capture (pcap or pcapng): FILE, or FILE:NUMBER from 1" };
        Option<bool> connection = new("--connection") { Description = "The packet may belong to a connection; without, it certainly belongs to none" };
        Command explain = new("explain", "Follow one packet through the rules as the core judges it before Linux")
        {
            packet, explainRules, explainPort, capture, connection,
        };
        explain.SetAction(result => ExplainVerb.Run(terminal, Documents, new ExplainRequest(
            result.GetValue(packet) ?? [], result.GetValue(explainRules), result.GetValue(explainPort) ?? [], result.GetValue(capture),
            result.GetValue(connection))));

        Argument<int> applyCpu = CoreArguments.Cpu();
        Argument<string> applyFile = FileArgument();
        Command apply = new("apply", "Let a running firewall decide alone by other rules, without losing a packet") { applyCpu, applyFile };
        apply.SetAction(result => Apply(
            terminal, new ServiceOperations(new CoreBackEnds(), companions), result.GetValue(applyCpu), result.GetValue(applyFile)!));

        Argument<int> showCpu = CoreArguments.Cpu();
        Command show = new("show", "Show the active rules' file and counters") { showCpu };
        show.SetAction(result => Show(terminal, result.GetValue(showCpu)));

        Argument<int> flowsCpu = CoreArguments.Cpu();
        Command flows = new("flows", "Show the connections that a firewall's core tracks") { flowsCpu };
        flows.SetAction(result => FlowsVerb.Run(terminal, result.GetValue(flowsCpu)));

        Argument<int> logCpu = CoreArguments.Cpu();
        Option<int> logCount = new("--count", "-c") { Description = "Ends after so many lines; without, with the service or by Ctrl-C" };
        Command log = new("log", "Show what the rules of a firewall's core log, as it comes") { logCpu, logCount };
        log.SetAction(result => LogVerb.Run(terminal, result.GetValue(logCpu), result.GetValue(logCount)));
        return new Command(FirewallCompanion.ServiceName, "Check, apply and show the firewall's rules") { check, explain, apply, show, flows, log };
    }

    private static Argument<string> FileArgument() => new("FILE") { Description = "Rules as 'nft -f' takes them" };

    private static int Check(Terminal terminal, string path, IReadOnlyList<string> interfaces)
    {
        CompileResult result = FirewallCompanion.Compile(
            path, new CompileOptions { PortNames = interfaces, IsPortOpen = interfaces.Count == 0, ForwardsNothing = true, Sent = SentFrames.Judged });
        List<RuleDiagnostic> found = [.. result.Diagnostics];
        if (result is { Table: { } compiled, OpenRuleCount: 0 } && DhcpRemark.Find(compiled) is { } remark)
        {
            found.Add(remark);
        }

        if (result.Table is { SetMemory: > (long)SetSettings.MemoryDefault << 20 } large)
        {
            found.Add(new RuleDiagnostic(
                RuleSeverity.Note, RuleDiagnosticIds.Set,
                $"the sets take {FirewallCompanion.MebibytesOf(large.SetMemory)} MiB of the core's memory: start the service with the parameter "
                    + $"{SetSettings.MemoryName}={FirewallCompanion.MebibytesOf(large.SetMemory)}",
                string.Empty, null));
        }

        List<RuleEntry> diagnostics = [.. found.Select(item => new RuleEntry(
            item.Severity == RuleSeverity.Error ? "error" : "note", item.Id, item.Message, item.Place, item.RuleText))];
        terminal.Write(
            new RulesCheckedDocument(
                path, result.Table is not null, result.Table?.RuleCount, result.Table?.ElementCount, result.Table?.Bytes.Length, diagnostics),
            Documents.RulesCheckedDocument,
            output =>
            {
                foreach (RuleDiagnostic diagnostic in found)
                {
                    output.WriteLine(diagnostic);
                }

                output.WriteLine(result.Table is { } table
                    ? $"{path}: {table.RuleCount} rules, {table.ElementCount} set elements, a table of {table.Bytes.Length} bytes"
                    : $"{path}: the core cannot honour these rules alone. The prefilter takes them: see the check without --authoritative");
            });
        return result.Table is null ? (int)SosError.BadTable : 0;
    }

    private static int Apply(Terminal terminal, ServiceOperations services, int cpu, string path)
    {
        SwapResult swapped = services.SwapTable(
            cpu, new Dictionary<string, string> { [FirewallCompanion.RulesOption] = Path.GetFullPath(path) });
        foreach (string note in swapped.Notes)
        {
            terminal.Note(note);
        }

        FirewallRules rules = (FirewallRules)swapped.Table;
        terminal.Write(
            new RulesAppliedDocument(cpu, path, swapped.Generation, rules.RuleCount, rules.ElementCount, rules.Bytes.Length),
            Documents.RulesAppliedDocument,
            output => output.WriteLine(
                $"core {cpu} uses {path} now: {rules.RuleCount} rules, {rules.ElementCount} set elements, "
                + $"{rules.Bytes.Length} bytes, generation {swapped.Generation}"));
        return 0;
    }

    private static int Show(Terminal terminal, int cpu)
    {
        ServiceView view = new ServiceReadings(new CoreBackEnds()).Read(cpu);
        if (view.Record is not { Control: not null } record)
        {
            throw new SosException(SosError.NotFound, $"core {cpu} has no service: start one with 'sosctl service start {cpu} IMAGE'");
        }

        FirewallDocument document = Describe(view, record);
        terminal.Write(document, Documents.FirewallDocument, output =>
        {
            output.WriteLine($"core {cpu}: {document.Rules ?? "Linux's own rules"}, generation {document.Generation}");
            Terminal.WriteTable(output, ["PACKETS", "BYTES", "RULE"], document.Counters.Select(counter => (IReadOnlyList<string>)
                [Text(counter.Packets), Text(counter.Bytes), counter.Rule]));
            Terminal.WriteTable(output, ["COUNTER", "VALUE"], document.Statistics.Select(pair => (IReadOnlyList<string>)[pair.Key, Text(pair.Value)]));
        });
        return 0;
    }

    private static FirewallDocument Describe(ServiceView view, CoreRecord record)
    {
        List<RuleCounterEntry> counters = [.. record.TableLabels.Select((name, index) => new RuleCounterEntry(
            name, view.Counters.GetValueOrDefault($"rule_counter{index}.packets"), view.Counters.GetValueOrDefault($"rule_counter{index}.bytes")))];
        Dictionary<string, ulong> totals = view.Counters.Where(pair => !pair.Key.StartsWith("rule_counter", StringComparison.Ordinal)).ToDictionary();
        return new FirewallDocument(
            view.Cpu, record.Plan.Options.GetValueOrDefault(FirewallCompanion.RulesOption), view.TableGeneration, counters, totals);
    }

    private static string Text(ulong value) => value.ToString(CultureInfo.InvariantCulture);
}
