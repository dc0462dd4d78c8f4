using System;
using System.Collections.Generic;
using System.CommandLine;
using System.Globalization;
using System.Linq;
using System.Threading;
using Sos.Cores;
using Sos.Cores.BackEnds;
using Sos.Cores.Loading;
using Sos.Cores.Native;
using Sos.Cores.Running;
using Sos.Ctl.Output;
using Sos.Image;
using Sos.Timer.Broker;
using Sos.Timer.Client;
using Sos.Timer.Layout;

namespace Sos.Ctl.Commands;

/// <summary><c>sosctl timer</c>: serves exact timers to Linux programs, and shows them.</summary>
internal static class TimerCommands
{
    private const string Service = "timer";
    private const string DefaultImage = "/usr/lib/sos/timer.sosimg";

    public static Command Create(Terminal terminal)
    {
        Argument<int> cpu = CoreCommands.CpuArgument();
        Option<string> image = new("--image") { Description = "The timer service's image", DefaultValueFactory = _ => DefaultImage };
        Option<string> socket = new("--socket") { Description = "Where clients connect", DefaultValueFactory = _ => TimerClient.DefaultPath };
        Option<uint[]> allow = new("--allow") { Description = "User id that may have timers, beside root; may be repeated" };
        Option<string[]> parameter = new("--parameter", "-p") { Description = "A setting of the service, NAME=VALUE; may be repeated" };
        Command serve = new("serve", "Start the timer service on a reserved core and serve clients until interrupted")
        {
            cpu, image, socket, allow, parameter,
        };
        serve.SetAction(result => Serve(
            terminal, result.GetValue(cpu), result.GetValue(image)!, result.GetValue(socket)!, [.. result.GetValue(allow) ?? []],
            ServiceStartCommand.ParseParameters(result.GetValue(parameter) ?? [])));

        Argument<int?> statCpu = OptionalCpu();
        Command stat = new("stat", "Show what the timer service counted") { statCpu };
        stat.SetAction(result => Stat(terminal, result.GetValue(statCpu)));

        Argument<int?> listCpu = OptionalCpu();
        Command list = new("list", "Show the timers that are armed or have expired") { listCpu };
        list.SetAction(result => List(terminal, result.GetValue(listCpu)));
        return new Command("timer", "Serve exact timers to Linux programs, and show them") { serve, stat, list };
    }

    private static Argument<int?> OptionalCpu() => new("CPU")
    {
        Description = "The core that runs the timer service; may be left out if there is one",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private static int Serve(
        Terminal terminal, int cpu, string imagePath, string socket, HashSet<uint> allowed, Dictionary<string, string> parameters)
    {
        ServiceImage image = ImageCommands.ReadVerified(imagePath);
        using IServiceCore core = new CoreBackEnds().Open(cpu);
        List<string> notes = [];

        // From before the start until after the stop: a signal in between must not leave the service behind.
        using EndSignals end = new();
        CoreRecord record = ServiceStart.Start(
            core,
            new StartRequest
            {
                ImagePath = imagePath,
                Image = image,
                Configuration = new ServiceConfiguration
                {
                    PacketMemorySize = 0,
                    TableSlotSize = 0,
                    SharedMemory = [TimerAdmin.Size, .. Enumerable.Repeat((ulong)TimerArea.TotalSize, TimerAdmin.ClientsMax)],
                    Parameters = parameters,
                },
            },
            notes);
        bool ended;
        try
        {
            using IProgramAccess access = core.OpenPrograms(record);
            using CoreTimerHost host = new(core, record, access);
            using TimerBroker broker = new(host, socket, allowed);
            terminal.Write(new TimerServedDocument(cpu, socket), Documents.Current.TimerServedDocument, output =>
                output.WriteLine($"the timer service runs on core {cpu}; clients connect to {socket}; Ctrl-C or SIGTERM ends it"));
            ended = AwaitEnd(host, end.Token);
        }
        finally
        {
            using CoreLock exclusive = CoreLock.Take(cpu);
            if (CoreRecord.Read(cpu)?.Started == record.Started)
            {
                ServiceStop.Stop(core, TimeSpan.FromSeconds(2), notes, exclusive);
            }

            notes.ForEach(terminal.Note);
        }

        return ended ? throw new SosException(SosError.Failed, $"the timer service on core {cpu} has ended: see the kernel log") : 0;
    }

    // Until a signal comes, or the service ends by itself.
    private static bool AwaitEnd(CoreTimerHost host, CancellationToken end)
    {
        while (!end.WaitHandle.WaitOne(TimeSpan.FromMilliseconds(200)))
        {
            if (!host.IsRunning)
            {
                return true;
            }
        }

        return false;
    }

    private static unsafe int Stat(Terminal terminal, int? cpu)
    {
        using IServiceCore core = Find(cpu, out CoreRecord record);
        using CoreTimerHost host = new(core, record);
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
        terminal.Write(document, Documents.Current.TimerStatDocument, output =>
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
        using CoreTimerHost host = new(core, record);
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

        terminal.Write(new TimerListDocument(core.Cpu, timers), Documents.Current.TimerListDocument, output => Terminal.WriteTable(
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
        CoreBackEnds backEnds = new();
        backEnds.CheckUsable();
        foreach ((int candidate, ICoreBackEnd backEnd) in backEnds.ListCores())
        {
            if ((cpu is null || cpu == candidate) && CoreRecord.Read(candidate) is { Service: Service } found)
            {
                record = found;
                return backEnd.Open(candidate);
            }
        }

        throw new SosException(
            SosError.NotFound,
            $"{(cpu is null ? "no core runs" : $"core {cpu} does not run")} the timer service: 'sosctl timer serve CPU' starts it");
    }
}
