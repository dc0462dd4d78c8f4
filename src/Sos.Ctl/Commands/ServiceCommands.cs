using System;
using System.Collections.Generic;
using System.CommandLine;
using System.Globalization;
using System.Linq;
using Sos.Cores;
using Sos.Cores.BackEnds;
using Sos.Cores.Reading;
using Sos.Cores.Running;
using Sos.Ctl.Output;
using Sos.Sdk.Logging;

namespace Sos.Ctl.Commands;

/// <summary><c>sosctl service</c>: starts and stops services, and shows what they do.</summary>
internal static class ServiceCommands
{
    public static Command Create(Terminal terminal)
    {
        Command list = new("list", "Show the services");
        list.SetAction(_ => List(terminal));

        Argument<int> stopCpu = CoreCommands.CpuArgument();
        Option<int> timeout = new("--timeout")
        {
            Description = "Milliseconds that the service may take before it is stopped by force",
            DefaultValueFactory = _ => 2000,
        };
        Command stop = new("stop", "Stop a service, and give its card and addresses back to Linux") { stopCpu, timeout };
        stop.SetAction(result => Stop(terminal, result.GetValue(stopCpu), result.GetValue(timeout)));

        Argument<int> statusCpu = CoreCommands.CpuArgument();
        Command status = new("status", "Show a service's state and counters, or its fault") { statusCpu };
        status.SetAction(result => Status(terminal, result.GetValue(statusCpu)));

        Argument<int> logCpu = CoreCommands.CpuArgument();
        Option<bool> follow = new("--follow", "-f") { Description = "Go on with what is logged from now on" };
        Command log = new("log", "Show a service's log") { logCpu, follow };
        log.SetAction(result => Log(terminal, result.GetValue(logCpu), result.GetValue(follow)));

        return new Command("service", "Start and stop services, and show what they do")
        {
            list, ServiceStartCommand.Create(terminal), stop, ServiceRestartCommand.Create(terminal), status, log,
        };
    }

    private static List<ServiceEntry> ReadServices(CoreBackEnds backEnds)
    {
        List<ServiceEntry> services = [];
        foreach ((int cpu, ICoreBackEnd backEnd) in backEnds.ListCores())
        {
            using IServiceCore core = backEnd.Open(cpu);
            CoreStatus status = core.GetStatus();
            CoreRecord? record = CoreRecord.Read(cpu);
            if (status.State != CoreState.Reserved)
            {
                services.Add(new ServiceEntry(
                    cpu, status.State.ToString(), record?.Service, record?.Version, record?.Started, record?.Card?.Address, record?.Card?.HostPort,
                    backEnd.Kind.ToString()));
            }
        }

        return services;
    }

    private static int List(Terminal terminal)
    {
        CoreBackEnds backEnds = new();
        backEnds.CheckUsable();
        List<ServiceEntry> services = SteadyReading.Read([.. backEnds.ListCores().Keys], () => ReadServices(backEnds));
        terminal.Write(new ServiceListDocument(services), Documents.Current.ServiceListDocument, output => Terminal.WriteTable(
            output, ["CPU", "STATE", "SERVICE", "VERSION", "CARD", "HOST PORT", "BACK END"],
            services.Select(service => (IReadOnlyList<string>)
            [
                service.Cpu.ToString(CultureInfo.InvariantCulture), service.State, service.Service ?? "?", service.Version ?? "?",
                service.Card ?? "-", service.HostPort ?? "-", service.BackEnd,
            ])));
        return 0;
    }

    private static int Stop(Terminal terminal, int cpu, int timeoutMs)
    {
        using IServiceCore core = new CoreBackEnds().Open(cpu);
        using CoreLock exclusive = CoreLock.Take(cpu);
        if (core.GetStatus().State == CoreState.Reserved && CoreRecord.Read(cpu) is null)
        {
            throw new SosException(SosError.NotFound, $"core {cpu} has no service: 'sosctl service start {cpu} IMAGE' starts one");
        }

        List<string> notes = [];
        StopResult result = ServiceStop.Stop(core, TimeSpan.FromMilliseconds(timeoutMs), notes, exclusive);
        string? fault = result.State != CoreState.Failed ? null
            : result.Fault is null ? ExitCodes.Killed
            : FaultReport.Create(result.Fault, result.Record?.ImagePath ?? "").Summary;
        terminal.Write(
            new ServiceStoppedDocument(cpu, result.State.ToString(), result.ExitCode, fault, notes),
            Documents.Current.ServiceStoppedDocument,
            output =>
            {
                string end = fault is not null ? $"had failed: {fault}"
                    : result.State == CoreState.Stopped ? $"stopped: {ExitCodes.Explain(result.ExitCode)}"
                    : "did not run";
                output.WriteLine($"{result.Record?.Service ?? "the service"} on core {cpu} {end}");
                notes.ForEach(note => output.WriteLine($"note: {note}"));
            });
        return result.IsComplete ? 0 : (int)SosError.Failed;
    }

    private static int Status(Terminal terminal, int cpu)
    {
        (CoreStatus status, ServiceStatusDocument document) = SteadyReading.Read([cpu], () => ReadStatus(cpu));
        terminal.Write(document, Documents.Current.ServiceStatusDocument, output =>
        {
            string service = document.Service is null ? "" : $", {document.Service} {document.Version}";
            output.WriteLine($"core {cpu} ({document.BackEnd}): {document.State}{service}");
            foreach (string remark in document.Remarks)
            {
                output.WriteLine(remark);
            }

            if (status.State == CoreState.Stopped)
            {
                output.WriteLine(ExitCodes.Explain(status.ExitCode));
            }

            if (document.Fault is { } fault)
            {
                output.WriteLine($"fault: {fault.Summary}");
                output.WriteLine($"  at {fault.At}");
                foreach (string caller in fault.Callers)
                {
                    output.WriteLine($"  from {caller}");
                }
            }

            output.WriteLine($"polls {document.Polls}, starts {document.Starts}, faults {document.Faults}, NMIs {document.Nmis}, "
                + $"interrupts raised {document.Notifications}");
            if (document.Confined == false)
            {
                output.WriteLine("no IOMMU confines its card: it can reach all memory");
            }

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

    private static (CoreStatus Status, ServiceStatusDocument Document) ReadStatus(int cpu)
    {
        using IServiceCore core = new CoreBackEnds().Open(cpu);
        CoreStatus status = core.GetStatus();
        return (status, Describe(core, status, CoreRecord.Read(cpu)));
    }

    private static ServiceStatusDocument Describe(IServiceCore core, CoreStatus status, CoreRecord? record)
    {
        ulong polls = 0;
        ulong generation = 0;
        Dictionary<string, ulong> counters = [];
        if (record?.Control is not null && status.State != CoreState.Reserved)
        {
            using RunningService running = RunningService.Attach(core, record);
            (polls, generation) = (running.Polls, running.TableGeneration);
            counters = new Dictionary<string, ulong>(running.ReadStatistics());
        }

        FaultReport? fault = status.Fault is null ? null : FaultReport.Create(status.Fault, record?.ImagePath ?? "");
        bool pending = record is { RestartPending: true } && status.State == CoreState.Reserved && !CoreLock.IsTaken(core.Cpu);
        IReadOnlyList<string> remarks = pending ? [.. status.Remarks, PendingRemark(core.Cpu)] : status.Remarks;
        return new ServiceStatusDocument(
            core.Cpu, core.BackEnd.ToString(), status.State.ToString(), record?.Service, record?.Version, record?.BuildId, record?.ImageHash,
            record?.Started, record?.Card?.Address,
            record?.Card?.HostPort, record?.Card?.Confined, status.Watchdog?.TotalMilliseconds, polls, generation,
            status.State == CoreState.Stopped ? status.ExitCode : null,
            status.Starts, status.Faults, status.Nmis, status.Notifications, fault is null ? null : Describe(fault), counters, remarks);
    }

    private static string PendingRemark(int cpu)
        => $"it could not be restarted, and what it had waits for it: 'sosctl service restart {cpu}' tries again, 'sosctl service stop {cpu}' gives it back";

    private static FaultEntry Describe(FaultReport report)
        => new(
            report.Summary, report.Fault.VectorName, report.Fault.Vector, report.Fault.ErrorCode, report.Fault.Address,
            report.Fault.InstructionPointer, report.Fault.StackPointer, report.Place.ToString(), [.. report.Callers.Select(caller => caller.ToString())],
            FaultRecord.RegisterNames.Zip(report.Fault.Registers).ToDictionary(pair => pair.First, pair => pair.Second));

    private static int Log(Terminal terminal, int cpu, bool follow)
    {
        using IServiceCore core = new CoreBackEnds().Open(cpu);
        CoreRecord? record = null;
        using RunningService running = SteadyReading.Read([cpu], () => RunningService.Attach(core, record = CoreRecord.Read(cpu)));
        WriteLog(terminal, running);
        if (!follow)
        {
            return 0;
        }

        while (!core.Wait(TimeSpan.FromMilliseconds(200)))
        {
            WriteLog(terminal, running);
        }

        // What it said as it ended. Whoever unloads an unplugged core takes its memory away as we read.
        using CoreLock? exclusive = CoreLock.TryTake(cpu);
        if (core.BackEnd == BackEndKind.Isolated || (exclusive is not null && IsStillLoaded(core, record!)))
        {
            WriteLog(terminal, running);
        }

        return 0;
    }

    private static bool IsStillLoaded(IServiceCore core, CoreRecord record)
    {
        try
        {
            return core.GetStatus().State != CoreState.Reserved && CoreRecord.Read(core.Cpu)?.Started == record.Started;
        }
        catch (SosException)
        {
            // The core is no longer ours.
            return false;
        }
    }

    private static void WriteLog(Terminal terminal, RunningService running)
    {
        foreach (LogEntry entry in running.ReadLog())
        {
            DateTimeOffset time = running.TimeOf(entry.Tsc);
            terminal.Write(
                new LogDocument(entry.Number, time, entry.Severity.ToString(), entry.Text, entry.Value),
                Documents.Current.LogDocument,
                output => output.WriteLine(string.Create(
                    CultureInfo.InvariantCulture, $"{time.ToLocalTime():yyyy-MM-dd HH:mm:ss.ffffff} {entry.Severity,-13} {entry.Text} ({entry.Value})")));
        }
    }
}
