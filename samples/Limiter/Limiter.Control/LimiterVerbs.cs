using System.Collections.Generic;
using System.CommandLine;
using System.Globalization;
using System.IO;
using System.Linq;
using Sos.Cores;
using Sos.Cores.Companions;
using Sos.Cores.Operations;
using Sos.Verbs;

namespace Limiter.Control;

/// <summary><c>sosctl limiter</c>: shows what each host got, and gives a running limiter other limits.</summary>
public static class LimiterVerbs
{
    /// <summary>Makes the command.</summary>
    /// <param name="terminal">Where results go.</param>
    /// <param name="companions">What the control plane knows of services.</param>
    public static Command Create(Terminal terminal, CompanionCatalogue companions)
    {
        Argument<int> showCpu = CoreArguments.Cpu();
        Command show = new("show", "Show each limit, and what passed and was dropped") { showCpu };
        show.SetAction(result => Show(terminal, new ServiceReadings(new CoreBackEnds()).Read(result.GetValue(showCpu))));

        Argument<int> applyCpu = CoreArguments.Cpu();
        Argument<string> applyFile = new("FILE") { Description = "An address and its packets a second on each line" };
        Command apply = new("apply", "Give a running limiter other limits, without losing a packet") { applyCpu, applyFile };
        apply.SetAction(result => Apply(
            terminal, new ServiceOperations(new CoreBackEnds(), companions), result.GetValue(applyCpu), result.GetValue(applyFile)!));
        return new Command(LimiterCompanion.ServiceName, "Show and change what the limiter lets through, a sample of a whole service") { show, apply };
    }

    /// <summary>Explains a limiter's counters by its table's labels.</summary>
    /// <exception cref="SosException">The core runs something else.</exception>
    internal static LimiterDocument Describe(ServiceView view)
    {
        if (view.Record is not { Service: LimiterCompanion.ServiceName } record)
        {
            throw new SosException(
                SosError.NotFound,
                $"core {view.Cpu} has no limiter: 'sosctl service start {view.Cpu} limiter.sosimg --port wan=DEVICE --port lan=DEVICE' starts one");
        }

        return new LimiterDocument(
            view.Cpu, record.Plan.Options.GetValueOrDefault(LimiterCompanion.LimitsOption), view.TableGeneration,
            [.. record.TableLabels.Select((label, entry) => Describe(label.Split(' '), entry, view.Counters))]);
    }

    private static LimitCounterEntry Describe(string[] label, int entry, IReadOnlyDictionary<string, ulong> counters) => new(
        label[0], uint.Parse(label[1], CultureInfo.InvariantCulture),
        counters.GetValueOrDefault($"limit{entry}.passed"), counters.GetValueOrDefault($"limit{entry}.dropped"));

    private static int Show(Terminal terminal, ServiceView view)
    {
        LimiterDocument document = Describe(view);
        terminal.Write(document, LimiterDocuments.Default.LimiterDocument, output =>
        {
            output.WriteLine($"core {document.Cpu}: {document.Limits ?? "no limits"}, generation {document.Generation}");
            Terminal.WriteTable(output, ["ADDRESS", "PER SECOND", "PASSED", "DROPPED"], document.Entries.Select(entry => (IReadOnlyList<string>)
                [entry.Address, $"{entry.PacketsPerSecond}", $"{entry.Passed}", $"{entry.Dropped}"]));
        });
        return 0;
    }

    private static int Apply(Terminal terminal, ServiceOperations services, int cpu, string path)
    {
        SwapResult swapped = services.SwapTable(
            cpu, new Dictionary<string, string> { [LimiterCompanion.LimitsOption] = Path.GetFullPath(path) });
        LimitsAppliedDocument document = new(cpu, path, swapped.Generation, swapped.Table.Labels.Count);
        terminal.Write(document, LimiterDocuments.Default.LimitsAppliedDocument, output =>
            output.WriteLine($"core {cpu} uses {path} now: {document.Entries} entries, generation {document.Generation}"));
        return 0;
    }
}
