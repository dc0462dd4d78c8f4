using System;
using System.Collections.Generic;
using System.CommandLine;
using System.Globalization;
using System.IO;
using System.Linq;
using Sos.Cores;
using Sos.Cores.Companions;
using Sos.Cores.Enabled;
using Sos.Cores.Operations;
using Sos.Verbs;

namespace Sos.Ctl.Commands;

/// <summary><c>sosctl service enable</c>, <c>disable</c> and <c>check</c>: services that sosd starts after each boot.</summary>
internal static class ServiceEnableCommands
{
    private static readonly string[] BackEndNames = [.. BackEndKinds.Words, EnabledService.AnyBackEnd];

    public static Command CreateEnable(Terminal terminal, CompanionCatalogue companions)
    {
        Argument<string> name = NameArgument();
        Option<int> core = new("--core")
        {
            Description = "The cpu that becomes its core; without an image: the core whose service is kept as it runs",
            Required = true,
        };
        Option<string?> backEnd = new("--back-end") { Description = "offline (default), isolated, or auto for the best there is" };
        backEnd.AcceptOnlyFromAmong(BackEndNames);
        Option<bool> beforeNetwork = new("--before-network") { Description = "Hold the network's configuration back until it has its cards" };
        Option<int> order = new("--order") { Description = "Lower numbers are started first", DefaultValueFactory = _ => EnabledService.DefaultOrder };
        CoreRunOptions run = new();
        Option<bool> forceCore = new("--force-core") { Description = "Take the cpu even from threads that may run nowhere else" };
        PlanOptions plan = new(companions, imageIsOptional: true);
        Command command = new("enable", "Have sosd start a service after each boot") { name };
        plan.AddTo(command);
        List<Option> options = [core, backEnd, beforeNetwork, order, forceCore];
        options.ForEach(command.Options.Add);
        run.AddTo(command);
        command.SetAction(result =>
        {
            EnabledOperations operations = new(new CoreBackEnds(), companions);
            bool hasImage = plan.HasImage(result);
            if (!hasImage && result.GetValue(backEnd) is not null)
            {
                throw new SosException(
                    SosError.Usage, $"{backEnd.Name} is for an image: name one, or leave this away to keep the service on a core of the kind that it has");
            }

            EnabledService service = hasImage
                ? new EnabledService
                {
                    Name = result.GetValue(name)!,
                    Core = result.GetValue(core),
                    BackEnd = ReadBackEnd(result.GetValue(backEnd)),
                    Plan = plan.Read(result),
                }
                : operations.Of(result.GetValue(name)!, result.GetValue(core));
            return Enable(terminal, operations, service with
            {
                BeforeNetwork = result.GetValue(beforeNetwork),
                Order = result.GetValue(order),
                CoreOptions = run.Read(result, service.CoreOptions),
                ForceCore = result.GetValue(forceCore),
            });
        });
        return command;
    }

    public static Command CreateDisable(Terminal terminal, CompanionCatalogue companions)
    {
        Argument<string> name = NameArgument();
        Command command = new("disable", "Have sosd start a service no more after a boot; one that runs goes on") { name };
        command.SetAction(result =>
        {
            string path = new EnabledOperations(new CoreBackEnds(), companions).Disable(result.GetValue(name)!, new EnabledServices());
            terminal.Write(new ServiceDisabledDocument(result.GetValue(name)!, path), Documents.Current.ServiceDisabledDocument, output =>
                output.WriteLine($"{result.GetValue(name)} is not started any more after a boot ({path} is gone)"));
            return 0;
        });
        return command;
    }

    public static Command CreateCheck(Terminal terminal, CompanionCatalogue companions)
    {
        Argument<string?> name = new("NAME") { Description = "The service; by default all that are enabled", Arity = ArgumentArity.ZeroOrOne };
        Command command = new("check", "Check the files of enabled services, with their images and tables") { name };
        command.SetAction(result => Check(terminal, new EnabledOperations(new CoreBackEnds(), companions), result.GetValue(name)));
        return command;
    }

    /// <summary>Lists the enabled services with what became of them since boot.</summary>
    public static List<EnabledServiceEntry> List()
    {
        IReadOnlyDictionary<string, EnabledState>? states = EnabledState.ReadAll();
        return [.. new EnabledServices().List().Select(entry => new EnabledServiceEntry(
            entry.Name, entry.Service?.Core, entry.Service?.BackEndName, entry.Service?.Order,
            states?.GetValueOrDefault(entry.Name)?.Progress.ToString(), entry.Error?.Message ?? states?.GetValueOrDefault(entry.Name)?.Text))];
    }

    /// <summary>Writes the list for people, where there is anything to list.</summary>
    public static void WriteList(TextWriter output, IReadOnlyList<EnabledServiceEntry> entries)
    {
        if (entries.Count > 0)
        {
            output.WriteLine();
            Terminal.WriteTable(
                output, ["ENABLED", "CORE", "BACK END", "ORDER", "SINCE BOOT", "REMARK"],
                entries.Select(entry => (IReadOnlyList<string>)
                [
                    entry.Name, entry.Core?.ToString(CultureInfo.InvariantCulture) ?? "?", entry.BackEnd ?? "?",
                    entry.Order?.ToString(CultureInfo.InvariantCulture) ?? "?", entry.SinceBoot ?? "-", entry.Remark ?? "",
                ]));
        }
    }

    private static Argument<string> NameArgument() => new("NAME") { Description = "The service's name here, and that of its file in /etc/sos/services" };

    private static BackEndKind? ReadBackEnd(string? word) => word == EnabledService.AnyBackEnd ? null : BackEndKinds.Parse(word) ?? BackEndKinds.Default;

    private static int Enable(Terminal terminal, EnabledOperations operations, EnabledService service)
    {
        (string path, IReadOnlyList<string> notes) = operations.Enable(service, new EnabledServices());
        terminal.Write(new ServiceEnabledDocument(service.Name, path, notes), Documents.Current.ServiceEnabledDocument, output =>
        {
            output.WriteLine($"{service.Name} is started on core {service.Core} after each boot; {path} says how, and may be edited");
            Terminal.WriteNotes(output, notes);
        });
        return 0;
    }

    private static int Check(Terminal terminal, EnabledOperations operations, string? name)
    {
        EnabledServices services = new();
        IReadOnlyList<EnabledEntry> entries = name is null ? services.List() : [services.Find(name)];
        List<CheckedServiceEntry> results = [.. entries.Select(entry => Check(operations, entry))];
        terminal.Write(new ServiceCheckDocument(results), Documents.Current.ServiceCheckDocument, output =>
        {
            foreach (CheckedServiceEntry result in results)
            {
                output.WriteLine(result.Error is null ? $"{result.Name}: can be started" : $"{result.Name}: {result.Error}");
                Terminal.WriteNotes(output, result.Notes);
            }

            if (results.Count == 0)
            {
                output.WriteLine("no service is enabled: 'sosctl service enable NAME IMAGE --core CPU' has one started after each boot");
            }
        });
        return results.Any(result => result.Error is not null) ? (int)SosError.Refused : 0;
    }

    private static CheckedServiceEntry Check(EnabledOperations operations, EnabledEntry entry)
    {
        try
        {
            return new CheckedServiceEntry(entry.Name, entry.Error?.Message, entry.Service is null ? [] : operations.Check(entry.Service));
        }
        catch (Exception e) when (e is SosException or IOException or UnauthorizedAccessException)
        {
            return new CheckedServiceEntry(entry.Name, e.Message, e is SosException refused ? refused.Notes : []);
        }
    }
}
