using System;
using System.Collections.Generic;
using System.CommandLine;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Threading;
using Sos.Cores;
using Sos.Cores.BackEnds;
using Sos.Cores.Companions;
using Sos.Cores.Native;
using Sos.Cores.Operations;
using Sos.Cores.Plan;
using Sos.Cores.Running;
using Sos.Image;
using Sos.Timer.Broker;
using Sos.Timer.Client;
using Sos.Timer.Layout;
using Sos.Verbs;

namespace Sos.Timer.Control;

/// <summary><c>sosctl timer</c>: serves exact timers to Linux programs, and shows them.</summary>
public static class TimerVerbs
{
    private const string DefaultImage = "/usr/lib/sos/timer.sosimg";

    private static TimerDocuments? _documents;

    internal static TimerDocuments Documents
        => _documents ??= Terminal.Readable(TimerDocuments.Default.Options, options => new TimerDocuments(options));

    /// <summary>Makes the command.</summary>
    /// <param name="terminal">Where results go.</param>
    /// <param name="companions">What the control plane knows of services.</param>
    public static Command Create(Terminal terminal, CompanionCatalogue companions)
    {
        Argument<int> cpu = CoreArguments.Cpu();
        Option<string> image = new("--image") { Description = "The timer service's image", DefaultValueFactory = _ => DefaultImage };
        Option<string> socket = new("--socket") { Description = "Where clients connect", DefaultValueFactory = _ => TimerClient.DefaultPath };
        Option<uint[]> allow = new("--allow") { Description = "User id that may have timers, beside root; may be repeated" };
        Option<string[]> parameter = CoreArguments.Parameter();
        RestartOptions restart = new();
        Option<bool> background = new("--background") { Description = "Leave the clients to sosd and return: timers then outlive this shell" };
        Command serve = new("serve", "Start the timer service on a reserved core and serve clients until interrupted")
        {
            cpu, image, socket, allow, parameter, restart.Mode, restart.Limit, background,
        };
        serve.SetAction(result =>
        {
            ServiceOperations services = new(new CoreBackEnds(), companions);
            ServicePlan plan = new()
            {
                Image = Path.GetFullPath(result.GetValue(image)!),
                Parameters = CoreArguments.ParseParameters(result.GetValue(parameter)),
                Restart = restart.Read(result),
            };
            string path = Path.GetFullPath(result.GetValue(socket)!);
            HashSet<uint> allowed = [.. result.GetValue(allow) ?? []];
            return result.GetValue(background)
                ? TimerBackground.Serve(terminal, services, result.GetValue(cpu), plan, path, allowed)
                : Serve(terminal, services, result.GetValue(cpu), plan, path, allowed);
        });

        Argument<int?> statCpu = OptionalCpu();
        Command stat = new("stat", "Show what the timer service counted") { statCpu };
        stat.SetAction(result => Stat(terminal, result.GetValue(statCpu)));

        Argument<int?> listCpu = OptionalCpu();
        Command list = new("list", "Show the timers that are armed or have expired") { listCpu };
        list.SetAction(result => List(terminal, result.GetValue(listCpu)));
        return new Command("timer", "Serve exact timers to Linux programs, and show them") { serve, stat, list };
    }

    private static Argument<int?> OptionalCpu() => CoreArguments.OptionalCpu("The core that runs the timer service; may be left out if there is one");

    private static int Serve(Terminal terminal, ServiceOperations services, int cpu, ServicePlan plan, string socket, HashSet<uint> allowed)
    {
        ServiceImage image = VerifiedImage.Read(plan.Image);
        using IServiceCore core = new CoreBackEnds().Open(cpu);

        // From before the start until after the stop: a signal in between must not leave the service behind.
        using EndSignals end = new();
        StartResult started = services.Start(core, image, plan);
        CoreRecord? record = started.Record;
        CoreRecord last = record;
        List<string> notes = [.. started.Notes];
        try
        {
            for (bool first = true; record is not null; first = false)
            {
                last = record;
                using IProgramAccess access = core.OpenPrograms(record);
                using TimerHost host = new(core, record, access);
                using TimerBroker broker = new(host, socket, allowed);
                if (first)
                {
                    terminal.Write(new TimerServedDocument(cpu, socket), Documents.TimerServedDocument, output =>
                        output.WriteLine($"the timer service runs on core {cpu}; clients connect to {socket}; Ctrl-C or SIGTERM ends it"));
                }
                else
                {
                    terminal.Note($"the timer service on core {cpu} was started again; its clients connect anew");
                }

                record = AwaitEnd(host, end.Token) ? null : AwaitRestart(core, record, end.Token);
            }
        }
        finally
        {
            notes.AddRange(services.StopIfStill(core, last, TimeSpan.FromSeconds(2)));
            notes.ForEach(terminal.Note);
        }

        return end.Token.IsCancellationRequested
            ? 0
            : throw new SosException(SosError.Failed, $"the timer service on core {cpu} has ended: see 'sosctl service status {cpu}' and the kernel log");
    }

    /// <summary>Waits until a signal comes, or the service ends or is another.</summary>
    /// <returns>Whether a signal came.</returns>
    private static bool AwaitEnd(TimerHost host, CancellationToken end)
    {
        while (!end.WaitHandle.WaitOne(TimeSpan.FromMilliseconds(200)))
        {
            if (!host.IsRunning)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Waits for a restart of a service that has ended, as long as one may come: by sosd, or by a person who is at it.</summary>
    /// <returns>The record of the service that runs again; null when none will.</returns>
    private static CoreRecord? AwaitRestart(IServiceCore core, CoreRecord former, CancellationToken end)
    {
        do
        {
            bool isBusy = CoreLock.IsTaken(core.Cpu);
            if (CoreRecord.Read(core.Cpu) is not { } record || record.Service != former.Service)
            {
                return null;
            }

            if (record.Started != former.Started && !isBusy && core.GetStatus().State == CoreState.Running)
            {
                return record;
            }

            if (!isBusy && !record.RestartPending && record.Started == former.Started
                && (former.Plan.Restart.Mode == RestartMode.Never || !DaemonPresence.IsThere()))
            {
                return null;
            }
        }
        while (!end.WaitHandle.WaitOne(TimeSpan.FromMilliseconds(200)));
        return null;
    }

    private static unsafe int Stat(Terminal terminal, int? cpu)
    {
        using IServiceCore core = Find(cpu, out CoreRecord record);
        using TimerHost host = new(core, record);
        TimerAdmin admin = *(TimerAdmin*)host.Admin.Address;
        List<TimerClientEntry> clients = [];
        for (int client = 0; client < TimerAdmin.ClientsMax; client++)
        {
            if (admin.Clients[client].Served != 0)
            {
                using MappedMemory memory = host.MapArea(client);
                TimerArea area = *(TimerArea*)memory.Address;
                clients.Add(new TimerClientEntry(client, area.Armed, area.Expirations, area.Misses, area.BadRequests, area.Broken != 0));
            }
        }

        double latenessMaxNs = admin.LatenessMax * 1e6 / host.TscKhz;
        double toleranceNs = admin.ToleranceTicks * 1e6 / host.TscKhz;
        TimerStatDocument document = new(
            core.Cpu, admin.Armed, admin.Expirations, admin.Misses, admin.Overruns, admin.ClockSteps, latenessMaxNs, toleranceNs, clients);
        terminal.Write(document, Documents.TimerStatDocument, output =>
        {
            output.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"core {core.Cpu}: {admin.Armed} timers armed, {admin.Expirations} expirations, {admin.Misses} misses (later than {toleranceNs:F0} ns), "
                + $"{admin.Overruns} overruns, {admin.ClockSteps} clock steps; latest by {latenessMaxNs:F0} ns"));
            if (clients.Count > 0)
            {
                Terminal.WriteTable(
                    output, ["CLIENT", "ARMED", "EXPIRATIONS", "MISSES", "BAD REQUESTS"],
                    clients.Select(client => (IReadOnlyList<string>)
                        [$"{client.Client}", $"{client.Armed}", $"{client.Expirations}", $"{client.Misses}", $"{client.BadRequests}"]));
            }
        });
        return 0;
    }

    private static unsafe int List(Terminal terminal, int? cpu)
    {
        using IServiceCore core = Find(cpu, out CoreRecord record);
        using TimerHost host = new(core, record);
        List<TimerEntry> timers = [];
        for (int client = 0; client < TimerAdmin.ClientsMax; client++)
        {
            if (((TimerAdmin*)host.Admin.Address)->Clients[client].Served == 0)
            {
                continue;
            }

            using MappedMemory memory = host.MapArea(client);
            TimerSlot* slots = (TimerSlot*)(memory.Address + TimerArea.SlotsOffset);
            for (int timer = 0; timer < TimerArea.Timers; timer++)
            {
                TimerSlot slot = slots[timer];
                if (slot.State is TimerState.Armed or TimerState.Expired)
                {
                    timers.Add(new TimerEntry(
                        client, timer, slot.State.ToString(), slot.Expirations, slot.Misses, slot.Overruns, slot.LatenessMax * 1e6 / host.TscKhz));
                }
            }
        }

        terminal.Write(new TimerListDocument(core.Cpu, timers), Documents.TimerListDocument, output => Terminal.WriteTable(
            output, ["CLIENT", "TIMER", "STATE", "EXPIRATIONS", "MISSES", "OVERRUNS", "LATEST NS"],
            timers.Select(timer => (IReadOnlyList<string>)
            [
                $"{timer.Client}", $"{timer.Timer}", timer.State, $"{timer.Expirations}", $"{timer.Misses}", $"{timer.Overruns}",
                timer.LatenessMaxNs.ToString("F0", CultureInfo.InvariantCulture),
            ])));
        return 0;
    }

    private static IServiceCore Find(int? cpu, out CoreRecord record)
    {
        (IServiceCore core, record) = new ServiceReadings(new CoreBackEnds()).Find(TimerCompanion.ServiceName, cpu) ?? throw new SosException(
            SosError.NotFound,
            $"{(cpu is null ? "no core runs" : $"core {cpu} does not run")} the timer service: 'sosctl timer serve CPU' starts it");
        return core;
    }
}
