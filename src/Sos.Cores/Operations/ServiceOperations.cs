using System;
using System.Collections.Generic;
using System.Linq;
using Sos.Cores.BackEnds;
using Sos.Cores.Companions;
using Sos.Cores.Plan;
using Sos.Cores.Running;
using Sos.Cores.Services;
using Sos.Image;

namespace Sos.Cores.Operations;

/// <summary>A service that was started.</summary>
/// <param name="Record">What was started.</param>
/// <param name="BackEnd">What keeps its core.</param>
/// <param name="Notes">What a person should know though it works.</param>
public sealed record StartResult(CoreRecord Record, BackEndKind BackEnd, IReadOnlyList<string> Notes);

/// <summary>A table that a service switched to.</summary>
/// <param name="Generation">Its generation.</param>
/// <param name="Table">The table.</param>
/// <param name="Notes">What a person should know though it works.</param>
public sealed record SwapResult(ulong Generation, ServiceTable Table, IReadOnlyList<string> Notes);

/// <summary>The operations on services. Long work, such as building tables, is done before a core's lock is taken.</summary>
/// <param name="backEnds">The back ends.</param>
/// <param name="companions">What the control plane knows of services.</param>
public sealed class ServiceOperations(CoreBackEnds backEnds, CompanionCatalogue companions)
{
    private static readonly TimeSpan SwitchTimeout = TimeSpan.FromSeconds(5);

    /// <summary>Starts a service on a reserved, empty core.</summary>
    /// <param name="cpu">The core.</param>
    /// <param name="plan">What the service is given.</param>
    /// <exception cref="SosException">It could not be started; everything is as before.</exception>
    public StartResult Start(int cpu, ServicePlan plan)
    {
        ServiceImage image = VerifiedImage.Read(plan.Image);
        using IServiceCore core = backEnds.Open(cpu);
        return Start(core, image, plan);
    }

    /// <summary>Starts a service on an open core, which stays the caller's.</summary>
    /// <inheritdoc cref="Start(int, ServicePlan)"/>
    /// <param name="core">The core.</param>
    /// <param name="image">The plan's image, verified.</param>
    /// <param name="plan">What the service is given.</param>
    public StartResult Start(IServiceCore core, ServiceImage image, ServicePlan plan)
    {
        List<string> notes = [];
        return SosException.Noting(notes, () =>
        {
            plan = ServicePreparation.FitPorts(plan, image);
            ServicePreparation.CheckBackEnd(plan, core.BackEnd);
            ServiceStart.CheckIsEmpty(core, backEnds.Folder);
            List<PortDevice> devices = [.. plan.Ports.Where(port => port.Device is not null).Select(port => new PortDevice(
                port, core.FindDevice(port.Device!, new DeviceOptions(port.Force, port.HostPort, port.BusyPoll, port.Open))))];
            StartRequest request = ServicePreparation.Prepare(companions, plan, image, KnownPorts(plan, devices), core.BackEnd, notes) with
            {
                Devices = devices,
            };
            using CoreLock exclusive = CoreLock.Take(core.Cpu, backEnds.Folder);
            CoreRecord record = ServiceStart.Start(core, request, notes, exclusive);
            NoteMissingDaemon(plan, notes);
            return new StartResult(record, core.BackEnd, notes);
        });
    }

    /// <summary>Checks all of a plan that needs neither a core nor its devices: image, ports, parameters, options, table.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="backEnd">What will keep its core; null when that is not known.</param>
    /// <returns>What a person should know though it works.</returns>
    /// <exception cref="SosException">The plan would be refused.</exception>
    public IReadOnlyList<string> Check(ServicePlan plan, BackEndKind? backEnd)
    {
        ArgumentNullException.ThrowIfNull(plan);
        List<string> notes = [];
        return SosException.Noting(notes, () =>
        {
            ServiceImage image = VerifiedImage.Read(plan.Image);
            plan = ServicePreparation.FitPorts(plan, image);
            if (backEnd is { } kind)
            {
                ServicePreparation.CheckBackEnd(plan, kind);
            }

            IReadOnlyList<KnownPort> ports = [.. plan.Ports.Select(port => new KnownPort(
                port.Name, [.. new[] { port.Device, port.HostPort }.OfType<string>().Distinct()]))];
            ServicePreparation.Prepare(companions, plan, image, ports, backEnd ?? BackEndKinds.Assumed, notes);
            return notes;
        });
    }

    /// <summary>Starts a service again as it was started before, with the table that it had last. Its cards never go back to Linux meanwhile.</summary>
    /// <param name="cpu">The core, in any state.</param>
    /// <param name="parameters">Parameters that replace those of before, by name; null for none.</param>
    /// <exception cref="SosException">
    /// The restart was refused, and the service that runs is untouched; or it failed, and the record is kept for the next try.
    /// </exception>
    public StartResult Restart(int cpu, IReadOnlyDictionary<string, string>? parameters = null)
    {
        List<string> notes = [];
        return SosException.Noting(notes, () =>
        {
            using IServiceCore core = backEnds.Open(cpu);
            CoreRecord former = SteadyReading.Read([cpu], () => CoreRecord.Read(cpu, backEnds.Folder), backEnds.Folder) ?? throw new SosException(
                SosError.NotFound, $"core {cpu} has no service that could be started again: 'sosctl service start {cpu} IMAGE' starts one");
            ServicePlan plan = former.Plan with { Parameters = Merge(former.Plan.Parameters, parameters) };
            StartRequest request = ServicePreparation.Prepare(companions, plan, VerifiedImage.Read(plan.Image), former.KnownPorts, core.BackEnd, notes);
            using CoreLock exclusive = CoreLock.Take(cpu, backEnds.Folder);
            CoreRecord now = CheckUnchanged(former, $"'sosctl service restart {cpu}' starts again what there is now");
            if (!HasSameTable(now, former))
            {
                throw new SosException(
                    SosError.Refused, $"core {cpu} got another table while this restart was prepared: 'sosctl service restart {cpu}' starts again with that");
            }

            CoreRecord record = ServiceRestart.Restart(core, now, request, notes, exclusive);
            NoteMissingDaemon(plan, notes);
            return new StartResult(record, core.BackEnd, notes);
        });
    }

    /// <summary>Stops a service and gives back what it had.</summary>
    /// <param name="cpu">The core.</param>
    /// <param name="timeout">How long the service may take to obey.</param>
    /// <exception cref="SosException">There is none, or it still runs with all that it has.</exception>
    public StopResult Stop(int cpu, TimeSpan timeout)
    {
        using IServiceCore core = backEnds.Open(cpu);
        using CoreLock exclusive = CoreLock.Take(cpu, backEnds.Folder);
        if (core.GetStatus().State == CoreState.Reserved && CoreRecord.Read(cpu, backEnds.Folder) is null)
        {
            throw new SosException(SosError.NotFound, $"core {cpu} has no service: 'sosctl service start {cpu} IMAGE' starts one");
        }

        List<string> notes = [];
        return SosException.Noting(notes, () => ServiceStop.Stop(core, timeout, notes, exclusive));
    }

    /// <summary>Stops a service that this program started, unless somebody has stopped it, or started another, since.</summary>
    /// <param name="core">The core.</param>
    /// <param name="record">What was started.</param>
    /// <param name="timeout">How long the service may take to obey.</param>
    /// <returns>What did not work.</returns>
    public IReadOnlyList<string> StopIfStill(IServiceCore core, CoreRecord record, TimeSpan timeout)
    {
        ArgumentNullException.ThrowIfNull(core);
        ArgumentNullException.ThrowIfNull(record);
        using CoreLock exclusive = CoreLock.Take(core.Cpu, backEnds.Folder);
        List<string> notes = [];
        if (CoreRecord.Read(core.Cpu, backEnds.Folder)?.Started == record.Started)
        {
            ServiceStop.Stop(core, timeout, notes, exclusive);
        }

        return notes;
    }

    /// <summary>Builds another table for a running service and has it switch to that, without losing a packet.</summary>
    /// <param name="cpu">The core.</param>
    /// <param name="options">The start options that say what the table is built of; they replace those of before.</param>
    /// <exception cref="SosException">The table was refused; the service goes on with the one before.</exception>
    public SwapResult SwapTable(int cpu, IReadOnlyDictionary<string, string> options)
    {
        List<string> notes = [];
        return SosException.Noting(notes, () =>
        {
            using IServiceCore core = backEnds.Open(cpu);
            CoreRecord former = SteadyReading.Read([cpu], () => CheckRuns(core), backEnds.Folder);
            ServicePlan plan = former.Plan with { Options = Merge(former.Plan.Options, options) };
            TableRequest request = new(plan, former.KnownPorts, notes.Add)
            {
                BackEnd = core.BackEnd,
                ActiveGeneration = ActiveGeneration(core, former),
            };
            ServiceTable table = companions.Find(former.Service)?.BuildTable(request) ?? throw new SosException(
                SosError.Refused, $"{former.Service} on core {cpu} takes no table");
            using CoreLock exclusive = CoreLock.Take(cpu, backEnds.Folder);
            CoreRecord now = CheckUnchanged(former, "nothing was changed; give the command again");
            CheckRuns(core);
            if (!HasSameTable(now, former))
            {
                notes.Add($"somebody gave core {cpu} another table while this one was built: this one replaces it");
            }

            using RunningService running = RunningService.Attach(core, now);
            ulong generation = running.RequestTable(table.Bytes.Span);
            running.AwaitTable(SwitchTimeout);
            (now with { Plan = now.Plan with { Options = Merge(now.Plan.Options, options) }, TableLabels = table.Labels }).Write(backEnds.Folder);
            return new SwapResult(generation, table, notes);
        });
    }

    private static ulong ActiveGeneration(ICoreReading core, CoreRecord record)
    {
        using RunningService running = RunningService.Attach(core, record);
        return running.TableGeneration;
    }

    private CoreRecord CheckRuns(ICoreReading core)
    {
        CoreRecord record = CoreRecord.Read(core.Cpu, backEnds.Folder) ?? throw new SosException(
            SosError.NotFound, $"core {core.Cpu} has no service: start one with 'sosctl service start {core.Cpu} IMAGE'");
        return core.GetStatus().State == CoreState.Running
            ? record
            : throw new SosException(SosError.Refused, $"the service on core {core.Cpu} does not run: see 'sosctl service status {core.Cpu}'");
    }

    // Under the lock: what was worked out before it was taken stands on this record.
    private CoreRecord CheckUnchanged(CoreRecord former, string advice)
        => CoreRecord.Read(former.Cpu, backEnds.Folder) is { } now && now.Started == former.Started
            ? now
            : throw new SosException(SosError.Refused, $"somebody stopped or started core {former.Cpu}'s service while this was prepared: {advice}");

    private static bool HasSameTable(CoreRecord one, CoreRecord other)
        => one.TableLabels.SequenceEqual(other.TableLabels) && one.Plan.HasSameOptions(other.Plan);

    private static IReadOnlyDictionary<string, string> Merge(
        IReadOnlyDictionary<string, string> former, IReadOnlyDictionary<string, string>? changes)
    {
        Dictionary<string, string> merged = new(former);
        foreach ((string name, string value) in changes ?? new Dictionary<string, string>())
        {
            merged[name] = value;
        }

        return merged;
    }

    private static IReadOnlyList<KnownPort> KnownPorts(ServicePlan plan, IReadOnlyList<PortDevice> devices)
        => [.. plan.Ports.Select(port => new KnownPort(
            port.Name,
            [.. new[] { devices.FirstOrDefault(device => device.Port == port)?.Device.Interface, port.HostPort }.OfType<string>().Distinct()]))];

    private void NoteMissingDaemon(ServicePlan plan, List<string> notes)
    {
        if (plan.Restart.Mode != RestartMode.Never && !DaemonPresence.IsThere(backEnds.Folder))
        {
            notes.Add("sosd does not run, and nothing else restarts the service: start it with 'systemctl start sosd', or as 'sosd &'");
        }
    }
}
