using System;
using System.Collections.Generic;
using System.CommandLine;
using System.Globalization;
using System.Linq;
using Sos.Cores;
using Sos.Cores.Operations;
using Sos.Verbs;

namespace Sos.Ctl.Commands;

/// <summary><c>sosctl core</c>: takes cpus from Linux and gives them back.</summary>
internal static class CoreCommands
{
    /// <summary>The command's name, which stands in front of a keeper's.</summary>
    public const string Name = "core";

    private const string NoLease = "never";

    public static Command Create(Terminal terminal)
    {
        Command list = new("list", "Show the cpus, and who has them");
        list.SetAction(_ => List(terminal));

        Argument<int> reserveCpu = CoreArguments.Cpu();
        Option<bool> force = new("--force") { Description = "Take it even from threads that may run nowhere else; Linux then moves them" };
        Option<bool> isolated = new("--isolated") { Description = "Fence it off while Linux keeps it: needs no driver" };
        Option<bool> auto = new("--auto") { Description = "Take the best back end that this machine has, and say why" };
        Option<string?> lease = new("--lease")
        {
            Description = "Give it back by itself after this time, as 10m, unless 'core renew' comes before; by default never",
            HelpName = "TIME",
        };
        CoreRunOptions run = new();
        Command reserve = new("reserve", "Take a cpu from Linux") { reserveCpu, force, isolated, auto, lease };
        run.AddTo(reserve);
        reserve.SetAction(result => Reserve(
            terminal, result.GetValue(reserveCpu), result.GetValue(force),
            Choose(result.GetValue(isolated), result.GetValue(auto), run.Read(result, new CoreOptions())),
            ParseLease(result.GetValue(lease))));

        Argument<int> renewCpu = CoreArguments.Cpu();
        Argument<string?> renewTime = new("TIME")
        {
            Description = "From now, as 10m, or 'never'; by default as long as it was given for",
            Arity = ArgumentArity.ZeroOrOne,
        };
        Command renew = new("renew", "Renew, change or end a core's lease") { renewCpu, renewTime };
        renew.SetAction(result => Renew(terminal, result.GetValue(renewCpu), result.GetValue(renewTime)));

        Argument<int> releaseCpu = CoreArguments.Cpu();
        Command release = new("release", "Give a cpu back to Linux; a service on it is stopped first") { releaseCpu };
        release.SetAction(result => Release(terminal, result.GetValue(releaseCpu)));

        return new Command(Name, "Take cpus from Linux and give them back") { list, reserve, renew, release, KeepLease(), KeepFences() };
    }

    /// <summary>The keeper of an isolated core's lease; sosctl starts it by itself.</summary>
    private static Command KeepLease()
    {
        Argument<int> cpu = CoreArguments.Cpu();
        Command keep = new(Keepers.LeaseCommand, "Give an isolated core back when its lease is over; 'core reserve --lease' starts it") { cpu };
        keep.Hidden = true;
        keep.SetAction(result =>
        {
            Keepers.KeepLease(new CoreBackEnds(), result.GetValue(cpu));
            return 0;
        });
        return keep;
    }

    /// <summary>The keeper of all fences; sosctl starts it by itself.</summary>
    private static Command KeepFences()
    {
        Command keep = new(Keepers.FenceCommand, "Mend the fences of isolated cores each second; 'core reserve --isolated' starts it") { Hidden = true };
        keep.SetAction(_ =>
        {
            Keepers.KeepFences();
            return 0;
        });
        return keep;
    }

    private static int List(Terminal terminal)
    {
        CoreBackEnds backEnds = new();
        List<CoreEntry> cores = [.. new CoreOperations(backEnds).List().Select(Describe)];
        terminal.Write(new CoreListDocument(cores), Documents.Current.CoreListDocument, output =>
        {
            Terminal.WriteTable(
                output,
                ["CPU", "OWNER", "STATE", "BACK END", "FENCE", "LEASE", "PERFORMANCE", "SIBLINGS", "RESERVABLE"],
                cores.Select(core => (IReadOnlyList<string>)
                [
                    core.Cpu.ToString(CultureInfo.InvariantCulture), core.Owner, core.State ?? "-", core.BackEnd ?? "-", core.Fence ?? "-",
                    core.LeaseSeconds is { } left ? Durations.Format(TimeSpan.FromSeconds(left)) : "-", core.Performance ?? "-",
                    core.Siblings.Count == 0 ? "-" : CpuTopology.FormatList(core.Siblings), core.Reservable ? "yes" : "no",
                ]));
        });

        // Linux's side of the list is worth showing without the driver, and a machine that has none is no failure. One that cannot be asked is.
        if (backEnds.UnpluggingObstacle is { Error: not SosError.DriverMissing } obstacle && !terminal.Json)
        {
            terminal.Note(obstacle.Message);
        }

        return 0;
    }

    private static CoreEntry Describe(CoreView view)
    {
        CpuInfo cpu = view.Cpu;
        string owner = view.BackEnd is not null ? "sos" : cpu.Online ? "linux" : "none";
        return new CoreEntry(
            cpu.Id, owner, view.Status?.State.ToString(), view.Service, view.IsReservable, cpu.Package < 0 ? null : cpu.Package,
            cpu.Core < 0 ? null : cpu.Core, cpu.Siblings, view.BackEnd?.ToString(), view.Status?.LeaseLeft?.TotalSeconds,
            view.Status is { } status ? FormatPerformance(status) : null, view.Status?.Fence);
    }

    // What is asked for, and by which register; a virtual machine's CPU seldom has one.
    private static string? FormatPerformance(CoreStatus status) => status switch
    {
        { Performance: null } => null,
        { Mechanism: CoreMechanism.None } => "not the CPU's to say",
        { Performance: { } wish } => $"{wish.ToString().ToLowerInvariant()} ({status.Mechanism.ToString().ToUpperInvariant()})",
    };

    private static BackEndChoice Choose(bool isolated, bool auto, CoreOptions options) => isolated && auto
        ? throw new SosException(SosError.Usage, "--isolated and --auto exclude each other: --auto chooses by itself")
        : new CoreBackEnds().Choose(auto ? null : isolated ? BackEndKind.Isolated : BackEndKinds.Default, options);

    private static int Reserve(Terminal terminal, int cpu, bool force, BackEndChoice choice, TimeSpan? lease)
    {
        ReserveResult reserved = new CoreOperations(new CoreBackEnds()).Reserve(cpu, choice, force, lease);
        double durationMs = reserved.DurationNs / 1e6;
        CoreReservedDocument document = new(
            cpu, durationMs, reserved.Siblings, reserved.BackEnd.ToString(), reserved.Method, reserved.Reason, lease?.TotalSeconds, reserved.Notes);
        terminal.Write(document, Documents.Current.CoreReservedDocument, output =>
        {
            output.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"cpu {cpu} is a service core now: {document.BackEnd}, {document.Method} (took {durationMs:F1} ms)"));
            if (reserved.Reason is { } reason)
            {
                output.WriteLine($"chosen since {reason}");
            }

            HashSet<int> online = [.. new CpuTopology().List().Where(info => info.Online).Select(info => info.Id)];
            List<int> running = [.. reserved.Siblings.Where(online.Contains)];
            if (running.Count > 0)
            {
                output.WriteLine($"Linux still runs on cpu {CpuTopology.FormatList(running)}, which shares the physical core with it: "
                    + "reserve or offline that one too for the service's full speed");
            }

            if (lease is not null)
            {
                output.WriteLine($"it goes back by itself in {Durations.Format(lease.Value)}, unless 'sosctl core renew {cpu}' comes before");
            }

            Terminal.WriteNotes(output, reserved.Notes);
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
        TimeSpan? lease = new CoreOperations(new CoreBackEnds()).Renew(cpu, former => time switch
        {
            NoLease => null,
            null => former ?? throw new SosException(
                SosError.Refused, $"core {cpu} has no lease to renew: 'sosctl core renew {cpu} TIME' gives it one"),
            _ => wanted,
        });
        terminal.Write(new CoreLeaseDocument(cpu, lease?.TotalSeconds), Documents.Current.CoreLeaseDocument, output => output.WriteLine(
            lease is null ? $"core {cpu} is held until 'sosctl core release {cpu}'" : $"core {cpu} goes back by itself in {Durations.Format(lease.Value)}"));
        return 0;
    }

    private static int Release(Terminal terminal, int cpu)
    {
        ReleaseResult released = new CoreOperations(new CoreBackEnds()).Release(cpu);
        terminal.Write(new CoreReleasedDocument(cpu, (released.DurationNs ?? 0) / 1e6, released.Notes), Documents.Current.CoreReleasedDocument, output =>
        {
            if (released.DurationNs is { } durationNs)
            {
                output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"cpu {cpu} is back with Linux (took {durationNs / 1e6:F1} ms)"));
                Terminal.WriteNotes(output, released.Notes);
                return;
            }

            foreach (string note in released.Notes)
            {
                output.WriteLine(note);
            }
        });
        return released.IsComplete ? 0 : (int)SosError.Failed;
    }
}
