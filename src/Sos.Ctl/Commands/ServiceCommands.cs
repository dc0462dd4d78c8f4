using System;
using System.Collections.Generic;
using System.CommandLine;
using System.Globalization;
using System.IO;
using System.Linq;
using Sos.Cores;
using Sos.Cores.Companions;
using Sos.Cores.Operations;
using Sos.Cores.Reading;
using Sos.Cores.Running;
using Sos.Cores.Services;
using Sos.Verbs;

namespace Sos.Ctl.Commands;

/// <summary><c>sosctl service</c>: starts and stops services, and shows what they do.</summary>
internal static class ServiceCommands
{
    public static Command Create(Terminal terminal, CompanionCatalogue companions)
    {
        Command list = new("list", "Show the services");
        list.SetAction(_ => List(terminal));

        Argument<int> stopCpu = CoreArguments.Cpu();
        Option<int> timeout = new("--timeout")
        {
            Description = "Milliseconds that the service may take before it is stopped by force",
            DefaultValueFactory = _ => 2000,
        };
        Command stop = new("stop", "Stop a service, and give its card and addresses back to Linux") { stopCpu, timeout };
        stop.SetAction(result => Stop(terminal, companions, result.GetValue(stopCpu), result.GetValue(timeout)));

        Argument<int> statusCpu = CoreArguments.Cpu();
        Command status = new("status", "Show a service's state and counters, or its fault") { statusCpu };
        status.SetAction(result => Status(terminal, result.GetValue(statusCpu)));

        Argument<int> logCpu = CoreArguments.Cpu();
        Option<bool> follow = new("--follow", "-f") { Description = "Go on with what is logged from now on" };
        Command log = new("log", "Show a service's log") { logCpu, follow };
        log.SetAction(result => Log(terminal, result.GetValue(logCpu), result.GetValue(follow)));

        return new Command("service", "Start and stop services, and show what they do")
        {
            list, ServiceStartCommand.CreateStart(terminal, companions), stop, ServiceStartCommand.CreateRestart(terminal, companions), status, log,
            ServiceEnableCommands.CreateEnable(terminal, companions), ServiceEnableCommands.CreateDisable(terminal, companions),
            ServiceEnableCommands.CreateCheck(terminal, companions),
        };
    }

    private static int List(Terminal terminal)
    {
        List<ServiceEntry> services = [.. new ServiceReadings(new CoreBackEnds()).ReadAll()
            .Where(view => view.Status.State != CoreState.Reserved)
            .Select(view => new ServiceEntry(
                view.Cpu, view.Status.State.ToString(), view.Record?.Service, view.Record?.Version, view.Record?.Started,
                view.Record?.Cards.FirstOrDefault()?.Device, view.Record?.Cards.FirstOrDefault()?.HostPort, view.BackEnd.ToString(),
                PortEntry.Of(view.Record)))];
        List<EnabledServiceEntry> enabled = ServiceEnableCommands.List();
        terminal.Write(new ServiceListDocument(services, enabled), Documents.Current.ServiceListDocument, output =>
        {
            Terminal.WriteTable(
                output, ["CPU", "STATE", "SERVICE", "VERSION", "CARD", "HOST PORT", "BACK END"],
                services.Select(service => (IReadOnlyList<string>)
                [
                    service.Cpu.ToString(CultureInfo.InvariantCulture), service.State, service.Service ?? "?", service.Version ?? "?",
                    Join(service.Ports.Select(port => port.Device)), Join(service.Ports.Select(port => port.HostPort ?? "-")), service.BackEnd,
                ]));
            ServiceEnableCommands.WriteList(output, enabled);
        });
        return 0;
    }

    private static string Join(IEnumerable<string> names) => string.Join(' ', names.DefaultIfEmpty("-"));

    private static int Stop(Terminal terminal, CompanionCatalogue companions, int cpu, int timeoutMs)
    {
        StopResult result = new ServiceOperations(new CoreBackEnds(), companions).Stop(cpu, TimeSpan.FromMilliseconds(timeoutMs));
        string? fault = result.State != CoreState.Failed ? null
            : result.Fault is null ? ExitCodes.Killed
            : FaultReport.Create(result.Fault, result.Record?.Plan.Image ?? "").Summary;
        terminal.Write(
            new ServiceStoppedDocument(cpu, result.State.ToString(), result.ExitCode, fault, result.Notes),
            Documents.Current.ServiceStoppedDocument,
            output =>
            {
                output.WriteLine($"{result.Record?.Service ?? "the service"} on core {cpu} {(fault is null ? Describe(result) : $"had failed: {fault}")}");
                Terminal.WriteNotes(output, result.Notes);
            });
        return result.IsComplete ? 0 : (int)SosError.Failed;
    }

    private static string Describe(StopResult result) => result.State switch
    {
        CoreState.Running or CoreState.Stopping => "stopped",
        CoreState.Stopped => $"had ended: {ExitCodes.Explain(result.ExitCode)}",
        _ when result.Record?.Cards.Count > 0 => "did not run; what it had is given back",
        _ => "did not run",
    };

    private static int Status(Terminal terminal, int cpu)
    {
        ServiceView view = new ServiceReadings(new CoreBackEnds()).Read(cpu);
        ServiceStatusDocument document = Describe(view);
        terminal.Write(document, Documents.Current.ServiceStatusDocument, output =>
        {
            string service = document.Service is null ? "" : $", {document.Service} {document.Version}";
            output.WriteLine($"core {cpu} ({document.BackEnd}): {document.State}{service}");
            foreach (string remark in document.Remarks)
            {
                output.WriteLine(remark);
            }

            if (view.Status.State == CoreState.Stopped)
            {
                output.WriteLine(ExitCodes.Explain(view.Status.ExitCode));
            }

            WriteFault(output, document.Fault);
            output.WriteLine($"polls {document.Polls}, starts {document.Starts}, faults {document.Faults}, NMIs {document.Nmis}, "
                + $"interrupts raised {document.Notifications}");
            WritePorts(output, document.Ports);
            if (document.Counters.Count > 0)
            {
                Terminal.WriteTable(
                    output, ["COUNTER", "VALUE"],
                    document.Counters.Where(counter => counter.Value != 0)
                        .Select(counter => (IReadOnlyList<string>)[counter.Key, counter.Value.ToString(CultureInfo.InvariantCulture)]));
            }
        });
        return 0;
    }

    private static void WriteFault(TextWriter output, FaultEntry? fault)
    {
        if (fault is null)
        {
            return;
        }

        output.WriteLine($"fault: {fault.Summary}");
        output.WriteLine($"  at {fault.At}");
        foreach (string caller in fault.Callers)
        {
            output.WriteLine($"  from {caller}");
        }
    }

    private static void WritePorts(TextWriter output, IReadOnlyList<PortEntry> ports)
    {
        if (ports.Count > 1)
        {
            Terminal.WriteTable(
                output, ["PORT", "CARD", "HOST PORT", "CONFINED"],
                ports.Select(port => (IReadOnlyList<string>)
                    [port.Port, port.Device, port.HostPort ?? "-", port.Confined switch { true => "yes", false => "no", null => "-" }]));
        }

        foreach (PortEntry port in ports.Where(port => port.Confined == false))
        {
            output.WriteLine($"no IOMMU confines {(ports.Count == 1 ? "its card" : port.Device)}: it can reach all memory");
        }
    }

    private static ServiceStatusDocument Describe(ServiceView view)
    {
        CoreStatus status = view.Status;
        CoreRecord? record = view.Record;
        CardRecord? card = record?.Cards.FirstOrDefault();
        FaultReport? fault = view.Fault;
        return new ServiceStatusDocument(
            view.Cpu, view.BackEnd.ToString(), status.State.ToString(), record?.Service, record?.Version, record?.BuildId, record?.ImageHash,
            record?.Started, card?.Device, card?.HostPort, card?.Confined, status.Watchdog?.TotalMilliseconds, view.Polls, view.TableGeneration,
            status.State == CoreState.Stopped ? status.ExitCode : null, status.Starts, status.Faults, status.Nmis, status.Notifications,
            fault is null ? null : Describe(fault), view.Counters, view.Remarks, PortEntry.Of(record));
    }

    private static FaultEntry Describe(FaultReport report)
        => new(
            report.Summary, report.Fault.VectorName, report.Fault.Vector, report.Fault.ErrorCode, report.Fault.Address,
            report.Fault.InstructionPointer, report.Fault.StackPointer, report.Place.ToString(), [.. report.Callers.Select(caller => caller.ToString())],
            FaultRecord.RegisterNames.Zip(report.Fault.Registers).ToDictionary(pair => pair.First, pair => pair.Second));

    private static int Log(Terminal terminal, int cpu, bool follow)
    {
        foreach (LogLine line in new ServiceReadings(new CoreBackEnds()).ReadLog(cpu, follow))
        {
            terminal.Write(
                new LogDocument(line.Number, line.Time, line.Severity.ToString(), line.Text, line.Value),
                Documents.Current.LogDocument,
                output => output.WriteLine(string.Create(
                    CultureInfo.InvariantCulture, $"{line.Time.ToLocalTime():yyyy-MM-dd HH:mm:ss.ffffff} {line.Severity,-13} {line.Text} ({line.Value})")));
        }

        return 0;
    }
}
