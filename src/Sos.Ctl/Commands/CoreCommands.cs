using System;
using System.Collections.Generic;
using System.CommandLine;
using System.Globalization;
using System.Linq;
using Sos.Cores;
using Sos.Cores.BackEnds;
using Sos.Cores.Isolation;
using Sos.Cores.Running;
using Sos.Ctl.Output;

namespace Sos.Ctl.Commands;

/// <summary><c>sosctl core</c>: takes cpus from Linux and gives them back.</summary>
internal static class CoreCommands
{
    private const string NoLease = "never";

    // For sosd, behind "release".
    private const string LeftoversOption = "--leftovers";

    /// <summary>The cpu that a command is about.</summary>
    public static Argument<int> CpuArgument() => new("CPU") { Description = "Logical id of the cpu, as in /proc/cpuinfo" };

    public static Command Create(Terminal terminal)
    {
        Command list = new("list", "Show the cpus, and who has them");
        list.SetAction(_ => List(terminal));

        Argument<int> reserveCpu = CpuArgument();
        Option<bool> force = new("--force") { Description = "Take it even from threads that may run nowhere else; Linux then moves them" };
        Option<bool> isolated = new("--isolated") { Description = "Fence it off while Linux keeps it: needs no driver" };
        Option<bool> auto = new("--auto") { Description = "Take the best back end that this machine has, and say why" };
        Option<string?> lease = new("--lease")
        {
            Description = "Give it back by itself after this time, as 10m, unless 'core renew' comes before; by default never",
            HelpName = "TIME",
        };
        Command reserve = new("reserve", "Take a cpu from Linux") { reserveCpu, force, isolated, auto, lease };
        reserve.SetAction(result => Reserve(
            terminal, result.GetValue(reserveCpu), result.GetValue(force), Choose(result.GetValue(isolated), result.GetValue(auto)),
            ParseLease(result.GetValue(lease))));

        Argument<int> renewCpu = CpuArgument();
        Argument<string?> renewTime = new("TIME")
        {
            Description = "From now, as 10m, or 'never'; by default as long as it was given for",
            Arity = ArgumentArity.ZeroOrOne,
        };
        Command renew = new("renew", "Renew, change or end a core's lease") { renewCpu, renewTime };
        renew.SetAction(result => Renew(terminal, result.GetValue(renewCpu), result.GetValue(renewTime)));

        Argument<int> releaseCpu = CpuArgument();
        Option<bool> leftovers = new(LeftoversOption) { Description = "Only what a service had whose core went back by itself", Hidden = true };
        Command release = new("release", "Give a cpu back to Linux; a service on it is stopped first") { releaseCpu, leftovers };
        release.SetAction(result => result.GetValue(leftovers)
            ? ReleaseLeftovers(terminal, result.GetValue(releaseCpu))
            : Release(terminal, result.GetValue(releaseCpu)));

        return new Command("core", "Take cpus from Linux and give them back") { list, reserve, renew, release, KeepLease(terminal), KeepFences() };
    }

    /// <summary>The keeper of an isolated core's lease; sosctl starts it by itself.</summary>
    private static Command KeepLease(Terminal terminal)
    {
        Argument<int> cpu = CpuArgument();
        Command keep = new(LeaseKeeper.CommandName, "Give an isolated core back when its lease is over; 'core reserve --lease' starts it") { cpu };
        keep.Hidden = true;
        keep.SetAction(result =>
        {
            // Whoever started it may want to unmount its folder.
            Environment.CurrentDirectory = "/";
            LeaseKeeper.Keep(result.GetValue(cpu), () => Release(
                terminal, result.GetValue(cpu), stillWanted: () => LeaseRecord.Read(result.GetValue(cpu)) is { IsOver: true }));
            return 0;
        });
        return keep;
    }

    /// <summary>The keeper of all fences; sosctl starts it by itself.</summary>
    private static Command KeepFences()
    {
        Command keep = new(FenceKeeper.CommandName, "Mend the fences of isolated cores each second; 'core reserve --isolated' starts it") { Hidden = true };
        keep.SetAction(_ =>
        {
            Environment.CurrentDirectory = "/";
            FenceKeeper.Keep();
            return 0;
        });
        return keep;
    }

    private static Dictionary<int, (ICoreBackEnd BackEnd, CoreStatus Status)> ReadStates(CoreBackEnds backEnds)
    {
        Dictionary<int, (ICoreBackEnd BackEnd, CoreStatus Status)> states = [];
        foreach ((int cpu, ICoreBackEnd backEnd) in backEnds.ListCores())
        {
            using IServiceCore core = backEnd.Open(cpu);
            states[cpu] = (backEnd, core.GetStatus());
        }

        return states;
    }

    private static int List(Terminal terminal)
    {
        CoreBackEnds backEnds = new();
        Dictionary<int, (ICoreBackEnd BackEnd, CoreStatus Status)> states = SteadyReading.Read(
            [.. backEnds.ListCores().Keys], () => ReadStates(backEnds));
        List<CoreEntry> cores = [.. new CpuTopology().List().Select(cpu => Describe(cpu, states))];
        terminal.Write(new CoreListDocument(cores), Documents.Current.CoreListDocument, output =>
        {
            Terminal.WriteTable(
                output,
                ["CPU", "OWNER", "STATE", "BACK END", "FENCE", "LEASE", "SIBLINGS", "RESERVABLE"],
                cores.Select(core => (IReadOnlyList<string>)
                [
                    core.Cpu.ToString(CultureInfo.InvariantCulture), core.Owner, core.State ?? "-", core.BackEnd ?? "-", core.Fence ?? "-",
                    core.LeaseSeconds is { } left ? Durations.Format(TimeSpan.FromSeconds(left)) : "-",
                    core.Siblings.Count == 0 ? "-" : CpuTopology.FormatList(core.Siblings), core.Reservable ? "yes" : "no",
                ]));
        });
        if (backEnds[BackEndKind.Offline].Obstacle is { } obstacle && !terminal.Json)
        {
            // Linux's side of the list is worth showing without the driver.
            terminal.Note(obstacle.Message);
        }

        return 0;
    }

    private static CoreEntry Describe(CpuInfo cpu, Dictionary<int, (ICoreBackEnd BackEnd, CoreStatus Status)> states)
    {
        bool ours = states.TryGetValue(cpu.Id, out (ICoreBackEnd BackEnd, CoreStatus Status) entry);
        string owner = ours ? "sos" : cpu.Online ? "linux" : "none";
        return new CoreEntry(
            cpu.Id, owner, ours ? entry.Status.State.ToString() : null, ours ? CoreRecord.Read(cpu.Id)?.Service : null,
            !ours && cpu.Online && cpu.Id != 0 && cpu.HotPluggable, cpu.Package < 0 ? null : cpu.Package, cpu.Core < 0 ? null : cpu.Core, cpu.Siblings,
            ours ? entry.BackEnd.Kind.ToString() : null, ours ? entry.Status.LeaseLeft?.TotalSeconds : null, ours ? entry.Status.Fence : null);
    }

    private static BackEndChoice Choose(bool isolated, bool auto)
    {
        if (isolated && auto)
        {
            throw new SosException(SosError.Usage, "--isolated and --auto exclude each other: --auto chooses by itself");
        }

        CoreBackEnds backEnds = new();
        return auto ? backEnds.Choose() : new BackEndChoice(backEnds[isolated ? BackEndKind.Isolated : BackEndKind.Offline], "");
    }

    private static int Reserve(Terminal terminal, int cpu, bool force, BackEndChoice choice, TimeSpan? lease)
    {
        if (choice.BackEnd.Obstacle is { } obstacle)
        {
            throw obstacle;
        }

        CpuTopology topology = new();
        IReadOnlyDictionary<int, ICoreBackEnd> held = new CoreBackEnds().ListCores();
        if (held.ContainsKey(cpu))
        {
            throw CoreBackEnds.AlreadyReserved(cpu);
        }

        topology.CheckReservable(cpu, force, held.Keys);
        IReadOnlyList<int> siblings = topology.List().First(info => info.Id == cpu).Siblings;
        using CoreLock exclusive = CoreLock.Take(cpu);
        if (CoreRecord.Read(cpu) is not null && new CoreBackEnds().Holds(cpu))
        {
            throw CoreBackEnds.AlreadyReserved(cpu); // Somebody was faster.
        }

        List<string> notes = [];
        if (!ServiceStop.GiveBackLeftovers(cpu, notes, exclusive))
        {
            throw new SosException(SosError.Failed, string.Join("; ", notes));
        }

        Reservation reservation = choice.BackEnd.Reserve(cpu, lease);
        notes.AddRange(reservation.Notes);
        double durationMs = reservation.DurationNs / 1e6;
        string? reason = choice.Reason.Length == 0 ? null : choice.Reason;
        CoreReservedDocument document = new(
            cpu, durationMs, siblings, choice.BackEnd.Kind.ToString(), reservation.Method, reason, lease?.TotalSeconds, notes);
        terminal.Write(document, Documents.Current.CoreReservedDocument, output =>
        {
            output.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"cpu {cpu} is a service core now: {document.BackEnd}, {document.Method} (took {durationMs:F1} ms)"));
            if (reason is not null)
            {
                output.WriteLine($"chosen since {reason}");
            }

            if (siblings.Count > 0)
            {
                output.WriteLine($"Linux still runs on cpu {CpuTopology.FormatList(siblings)}, which shares the physical core with it: "
                    + "reserve or offline that one too for the service's full speed");
            }

            if (lease is not null)
            {
                output.WriteLine($"it goes back by itself in {Durations.Format(lease.Value)}, unless 'sosctl core renew {cpu}' comes before");
            }

            notes.ForEach(note => output.WriteLine($"note: {note}"));
        });
        return 0;
    }

    private static TimeSpan? ParseLease(string? text)
    {
        TimeSpan time = default;
        return text switch
        {
            null or NoLease => null,
            _ when Durations.TryParse(text, null, out time) => time,
            _ => throw new SosException(
                SosError.Usage, $"\"{text}\" is no time: give a number with ms, s, m, h or d behind it, as in 10m, or '{NoLease}'"),
        };
    }

    private static int Renew(Terminal terminal, int cpu, string? time)
    {
        TimeSpan? wanted = ParseLease(time);
        using IServiceCore core = new CoreBackEnds().Open(cpu);
        TimeSpan? lease = time switch
        {
            NoLease => null,
            null => core.GetStatus().LeaseLength ?? throw new SosException(
                SosError.Refused, $"core {cpu} has no lease to renew: 'sosctl core renew {cpu} TIME' gives it one"),
            _ => wanted,
        };
        core.SetLease(lease);
        terminal.Write(new CoreLeaseDocument(cpu, lease?.TotalSeconds), Documents.Current.CoreLeaseDocument, output => output.WriteLine(
            lease is null ? $"core {cpu} is held until 'sosctl core release {cpu}'" : $"core {cpu} goes back by itself in {Durations.Format(lease.Value)}"));
        return 0;
    }

    private static int Release(Terminal terminal, int cpu, Func<bool>? stillWanted = null)
    {
        CoreBackEnds backEnds = new();
        using CoreLock exclusive = CoreLock.Take(cpu);
        if (stillWanted is not null && !stillWanted())
        {
            return 0; // While we waited for the lock, somebody gave the core back, and perhaps reserved it again.
        }

        if (CoreRecord.Read(cpu) is not null && !backEnds.Holds(cpu))
        {
            return GiveBackLeftovers(terminal, cpu, exclusive);
        }

        using IServiceCore core = backEnds.Open(cpu);
        List<string> notes = [];
        if (CoreRecord.Read(cpu) is not null)
        {
            TryStop(core, notes, exclusive);
        }

        ulong durationNs = core.Release();
        bool returned = true;
        if (CoreRecord.Read(cpu) is not null)
        {
            // What stood in the way may be gone with the core.
            notes.Clear();
            returned = ServiceStop.GiveBackLeftovers(cpu, notes, exclusive);
        }

        terminal.Write(new CoreReleasedDocument(cpu, durationNs / 1e6, notes), Documents.Current.CoreReleasedDocument, output =>
        {
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"cpu {cpu} is back with Linux (took {durationNs / 1e6:F1} ms)"));
            notes.ForEach(note => output.WriteLine($"note: {note}"));
        });
        return returned ? 0 : (int)SosError.Failed;
    }

    /// <summary>What its service had goes back first: the back end knows nothing of addresses and routes.</summary>
    private static void TryStop(IServiceCore core, List<string> notes, CoreLock exclusive)
    {
        try
        {
            ServiceStop.Stop(core, TimeSpan.FromSeconds(2), notes, exclusive);
        }
        catch (SosException e)
        {
            // The core goes back all the same, whatever runs there.
            notes.Add(e.Message);
        }
    }

    /// <summary>As sosd does when it finds a record without a core: somebody may have reserved the core again since.</summary>
    private static int ReleaseLeftovers(Terminal terminal, int cpu)
    {
        using CoreLock exclusive = CoreLock.Take(cpu);
        if (CoreRecord.Read(cpu) is not null && !new CoreBackEnds().Holds(cpu))
        {
            return GiveBackLeftovers(terminal, cpu, exclusive);
        }

        List<string> notes = [$"nothing is left over of core {cpu}"];
        terminal.Write(new CoreReleasedDocument(cpu, 0, notes), Documents.Current.CoreReleasedDocument, output => notes.ForEach(output.WriteLine));
        return 0;
    }

    private static int GiveBackLeftovers(Terminal terminal, int cpu, CoreLock exclusive)
    {
        List<string> notes = [];
        bool returned = ServiceStop.GiveBackLeftovers(cpu, notes, exclusive);
        terminal.Write(new CoreReleasedDocument(cpu, 0, notes), Documents.Current.CoreReleasedDocument, output => notes.ForEach(output.WriteLine));
        return returned ? 0 : (int)SosError.Failed;
    }
}
