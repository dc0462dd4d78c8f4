using System;
using System.Collections.Generic;
using System.CommandLine;
using System.Globalization;
using System.IO;
using System.Linq;
using Sos.Cores;
using Sos.Cores.BackEnds;
using Sos.Cores.Reading;
using Sos.Cores.Running;
using Sos.Ctl.Output;
using Sos.Firewall.Rules;

namespace Sos.Ctl.Commands;

/// <summary><c>sosctl firewall</c>: checks rules, loads them into a running firewall, shows what they counted.</summary>
internal static class FirewallCommands
{
    private static readonly TimeSpan SwitchTimeout = TimeSpan.FromSeconds(5);

    public static Command Create(Terminal terminal)
    {
        Argument<string> checkFile = FileArgument();
        Option<string[]> port = new("--port") { Description = "A name that iifname may have in the rules; may be repeated" };
        Command check = new("check", "Compile nftables rules and show what the firewall cannot honour") { checkFile, port };
        check.SetAction(result => Check(terminal, result.GetValue(checkFile)!, result.GetValue(port) ?? []));

        Argument<int> applyCpu = CoreCommands.CpuArgument();
        Argument<string> applyFile = FileArgument();
        Command apply = new("apply", "Give a running firewall other rules, without losing a packet") { applyCpu, applyFile };
        apply.SetAction(result => Apply(terminal, result.GetValue(applyCpu), result.GetValue(applyFile)!));

        Argument<int> showCpu = CoreCommands.CpuArgument();
        Command show = new("show", "Show the active rules' file and counters") { showCpu };
        show.SetAction(result => Show(terminal, result.GetValue(showCpu)));
        return new Command("firewall", "Check, apply and show the firewall's rules") { check, apply, show };
    }

    /// <summary>The names under which rules may know the firewall's port.</summary>
    public static IReadOnlyList<string> PortNames(string? card, string? hostPort)
        => [.. new[] { card, hostPort }.OfType<string>().Distinct()];

    /// <summary>What each counter of a table stands for.</summary>
    public static IReadOnlyList<string> CounterNames(CompiledTable table)
        => [.. table.Counters.Select(counter => counter.RuleText is null ? counter.Place : $"{counter.Place}: {counter.RuleText}")];

    /// <summary>Compiles a file.</summary>
    /// <exception cref="SosException">nft or the compiler refuses it.</exception>
    public static CompiledTable Compile(Terminal terminal, string path, IReadOnlyList<string> portNames)
    {
        CompileResult result = CompileFile(path, portNames);
        if (result.Table is not { } table)
        {
            throw new SosException(
                SosError.BadRules,
                "the rules cannot be honoured:\n" + string.Join('\n', result.Diagnostics.Where(item => item.Severity == RuleSeverity.Error)));
        }

        foreach (RuleDiagnostic note in result.Diagnostics)
        {
            terminal.Note(note.ToString());
        }

        return table;
    }

    private static Argument<string> FileArgument() => new("FILE") { Description = "Rules as 'nft -f' takes them" };

    private static CompileResult CompileFile(string path, IReadOnlyList<string> portNames)
    {
        if (!File.Exists(path))
        {
            throw new SosException(SosError.NotFound, $"{path}: there is no such file");
        }

        try
        {
            return RulesetLoader.CompileFile(path, new CompileOptions { PortNames = portNames });
        }
        catch (RulesetLoadException e)
        {
            throw new SosException(SosError.BadRules, e.Message, e);
        }
    }

    private static int Check(Terminal terminal, string path, IReadOnlyList<string> portNames)
    {
        CompileResult result = CompileFile(path, portNames);
        List<RuleEntry> diagnostics = [.. result.Diagnostics.Select(item => new RuleEntry(
            item.Severity == RuleSeverity.Error ? "error" : "note", item.Id, item.Message, item.Place, item.RuleText))];
        terminal.Write(
            new RulesCheckedDocument(
                path, result.Table is not null, result.Table?.RuleCount, result.Table?.ElementCount, result.Table?.Bytes.Length, diagnostics),
            Documents.Current.RulesCheckedDocument,
            output =>
            {
                foreach (RuleDiagnostic diagnostic in result.Diagnostics)
                {
                    output.WriteLine(diagnostic);
                }

                output.WriteLine(result.Table is { } table
                    ? $"{path}: {table.RuleCount} rules, {table.ElementCount} set elements, a table of {table.Bytes.Length} bytes"
                    : $"{path}: the firewall cannot honour these rules");
            });
        return result.Table is null ? (int)SosError.BadRules : 0;
    }

    private static int Apply(Terminal terminal, int cpu, string path)
    {
        using IServiceCore core = new CoreBackEnds().Open(cpu);
        using CoreLock exclusive = CoreLock.Take(cpu);
        CoreRecord? record = CoreRecord.Read(cpu);
        using RunningService running = RunningService.Attach(core, record);
        if (core.GetStatus().State != CoreState.Running)
        {
            throw new SosException(SosError.Refused, $"the service on core {cpu} does not run: see 'sosctl service status {cpu}'");
        }

        CompiledTable table = Compile(terminal, path, PortNames(record!.Card?.Network?.Name, record.Card?.HostPort));
        ulong generation = running.RequestTable(table.Bytes);
        running.AwaitTable(SwitchTimeout);
        (record with { RulesPath = Path.GetFullPath(path), RuleCounters = CounterNames(table) }).Write();
        terminal.Write(
            new RulesAppliedDocument(cpu, path, generation, table.RuleCount, table.ElementCount, table.Bytes.Length),
            Documents.Current.RulesAppliedDocument,
            output => output.WriteLine(
                $"core {cpu} uses {path} now: {table.RuleCount} rules, {table.ElementCount} set elements, "
                + $"{table.Bytes.Length} bytes, generation {generation}"));
        return 0;
    }

    private static int Show(Terminal terminal, int cpu)
    {
        FirewallDocument document = SteadyReading.Read([cpu], () => Read(cpu));
        terminal.Write(document, Documents.Current.FirewallDocument, output =>
        {
            output.WriteLine($"core {cpu}: {document.Rules ?? "no rules"}, generation {document.Generation}");
            Terminal.WriteTable(output, ["PACKETS", "BYTES", "RULE"], document.Counters.Select(counter => (IReadOnlyList<string>)
                [Text(counter.Packets), Text(counter.Bytes), counter.Rule]));
            Terminal.WriteTable(output, ["COUNTER", "VALUE"], document.Statistics.Select(pair => (IReadOnlyList<string>)[pair.Key, Text(pair.Value)]));
        });
        return 0;
    }

    private static FirewallDocument Read(int cpu)
    {
        using IServiceCore core = new CoreBackEnds().Open(cpu);
        CoreRecord? record = CoreRecord.Read(cpu);
        using RunningService running = RunningService.Attach(core, record);
        Dictionary<string, ulong> statistics = new(running.ReadStatistics());
        List<RuleCounterEntry> counters = [.. record!.RuleCounters.Select((name, index) => new RuleCounterEntry(
            name, statistics.GetValueOrDefault($"rule_counter{index}.packets"), statistics.GetValueOrDefault($"rule_counter{index}.bytes")))];
        Dictionary<string, ulong> totals = statistics.Where(pair => !pair.Key.StartsWith("rule_counter", StringComparison.Ordinal)).ToDictionary();
        return new FirewallDocument(cpu, record.RulesPath, running.TableGeneration, counters, totals);
    }

    private static string Text(ulong value) => value.ToString(CultureInfo.InvariantCulture);
}
