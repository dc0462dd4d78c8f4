using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Security.Cryptography;
using System.Threading;
using Sos.Cores.BackEnds;
using Sos.Cores.Companions;
using Sos.Cores.Loading;
using Sos.Cores.Plan;
using Sos.Cores.Reading;
using Sos.Cores.Running;
using Sos.Image;
using Sos.Sdk.Control;

namespace Sos.Cores.Services;

/// <summary>A network device for one port of a service.</summary>
/// <param name="Port">The port.</param>
/// <param name="Device">The device.</param>
public sealed record PortDevice(PortPlan Port, INetworkDevice Device);

/// <summary>A plan worked out: all that can be refused has been, and nothing is changed yet.</summary>
public sealed record StartRequest
{
    /// <summary>The plan.</summary>
    public required ServicePlan Plan { get; init; }

    /// <summary>The image; verified already.</summary>
    public required ServiceImage Image { get; init; }

    /// <summary>Sizes and parameters; network devices add their ports.</summary>
    public required ServiceConfiguration Configuration { get; init; }

    /// <summary>The network devices to give to it.</summary>
    public IReadOnlyList<PortDevice> Devices { get; init; } = [];

    /// <summary>Whether it is a restart: should it fail, the record stays, so that it can be tried again.</summary>
    public bool IsRestart { get; init; }

    /// <summary>For a restart: the cards as the service had them before. They stay with SOS, quiet, should the restart fail.</summary>
    public IReadOnlyList<CardRecord> FormerCards { get; init; } = [];

    /// <summary>How long it may go without a poll before it is ended; null for no watchdog.</summary>
    public TimeSpan? Watchdog { get; init; }

    /// <summary>A table to load before the first poll, generation 1; null for none.</summary>
    public ServiceTable? Table { get; init; }
}

/// <summary>Starts services: claims their cards, loads the image, starts it, moves the cards' addresses to the host ports; or undoes all of it.</summary>
public static class ServiceStart
{
    /// <summary>A service that is not polling after that has failed to initialise, or hangs.</summary>
    private static readonly TimeSpan InitialiseTimeout = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan UndoTimeout = TimeSpan.FromSeconds(1);

    /// <summary>Starts a service on a reserved core.</summary>
    /// <param name="core">The core; Reserved.</param>
    /// <param name="request">What to start.</param>
    /// <param name="notes">Takes what a person should know though it works.</param>
    /// <param name="exclusive">The core's lock.</param>
    /// <returns>The record, written.</returns>
    /// <exception cref="SosException">It could not be started; everything is as before, but for a restart.</exception>
    public static CoreRecord Start(IServiceCore core, StartRequest request, List<string> notes, CoreLock exclusive)
    {
        ArgumentNullException.ThrowIfNull(exclusive);
        CheckIsEmpty(core, exclusive.Folder, request.IsRestart);
        CheckTable(request);
        CoreRecord record = WriteRecord(core.Cpu, request, exclusive.Folder);
        try
        {
            (record, LoadedService loaded) = Load(core, request, record, exclusive);
            core.Start(loaded.Entry, loaded.StackTop, loaded.ControlAddress, request.Watchdog);
            AwaitInitialisation(core, record, notes);
            foreach (PortDevice port in request.Devices)
            {
                CardRecord card = record.Cards.First(candidate => candidate.Port == port.Port.Name);
                IReadOnlyList<string> refused = port.Device.MoveNetwork(card);
                notes.AddRange(refused);
                CardRecord moved = card with { Moved = true, AfterMove = refused.Count > 0 ? HostPortReading.TryReadAfterMove(card) : null };
                record = record with { Cards = [.. record.Cards.Select(other => other == card ? moved : other)] };
                record.Write(exclusive.Folder);
            }

            record = record with { RestartPending = false };
            record.Write(exclusive.Folder);
            return record;
        }
        catch
        {
            Undo(core, request, record, notes, exclusive);
            throw;
        }
    }

    /// <summary>
    /// Refuses a core that has a service, or whose former service's cards are still with SOS: its record is all that knows how to give them back.
    /// </summary>
    /// <param name="core">The core.</param>
    /// <param name="folder">Where its record is.</param>
    /// <param name="isRestart">Whether the cards of before are taken over.</param>
    /// <exception cref="SosException">It is not empty.</exception>
    internal static void CheckIsEmpty(ICoreReading core, string folder, bool isRestart = false)
    {
        int cpu = core.Cpu;
        CoreState state = core.GetStatus().State;
        if (state != CoreState.Reserved)
        {
            throw new SosException(SosError.Refused, $"core {cpu} has a service already ({state}): 'sosctl service stop {cpu}' ends and unloads it");
        }

        if (!isRestart && CoreRecord.Read(cpu, folder) is { Cards.Count: > 0 } record)
        {
            throw new SosException(
                SosError.Refused,
                $"{string.Join(" and ", record.Cards.Select(card => card.Device))} {(record.Cards.Count == 1 ? "is" : "are")} still with core {cpu} "
                + $"for {record.Service}: 'sosctl service restart {cpu}' starts that again, 'sosctl service stop {cpu}' gives it back");
        }
    }

    /// <summary>Refuses a table that cannot fit, before anything is changed.</summary>
    internal static void CheckTable(StartRequest request)
    {
        ulong size = (ulong)(request.Table?.Bytes.Length ?? 0);
        if (size > AddressSpace.ToChunks(request.Configuration.TableSlotSize))
        {
            throw new SosException(
                SosError.BadTable,
                $"the table has {size} bytes, its slot {request.Configuration.TableSlotSize}: "
                    + $"start the service with --table-size {AddressSpace.ToChunks(size) >> 20}M");
        }
    }

    private static (CoreRecord Record, LoadedService Loaded) Load(ICoreLifeCycle core, StartRequest request, CoreRecord record, CoreLock exclusive)
    {
        ServiceConfiguration configuration = request.Configuration;
        foreach (PortDevice port in request.Devices)
        {
            port.Device.Take();
            configuration = port.Device.Configure(configuration, port.Port);
        }

        LoadedService loaded = ServiceLoader.Load(core.BeginLoad(configuration), request.Image, configuration);
        record = record with
        {
            Control = new SharedRegion(loaded.Control.MapOffset, loaded.Control.Size),
            Tables = [.. loaded.Tables.Select(region => new SharedRegion(region.MapOffset, region.Size))],
            SharedMemory = [.. loaded.SharedMemory.Select(region => new SharedMemoryRecord(region.Index, region.MapOffset, region.Size))],
            Cards = [.. record.Cards.Select(card => card with
            {
                HostPort = loaded.HostPorts.FirstOrDefault(host => host.Port == card.Port)?.Name,
                Confined = loaded.Confined.TryGetValue(card.Port, out bool confined) ? confined : null,
            })],
        };
        record.Write(exclusive.Folder);
        if (request.Table is { } table)
        {
            using RunningService running = RunningService.Attach(core, record);
            running.RequestTable(table.Bytes.Span);
        }

        return (record, loaded);
    }

    // Why it failed is what the user must see, not what else did.
    private static void Undo(IServiceCore core, StartRequest request, CoreRecord record, List<string> notes, CoreLock exclusive)
    {
        try
        {
            if (!request.IsRestart)
            {
                ServiceStop.Stop(core, UndoTimeout, notes, exclusive);
                return;
            }

            ServiceStop.Unload(core, UndoTimeout);
            List<CardRecord> kept = [.. request.FormerCards];
            kept.AddRange(record.Cards
                .Where(taken => !request.FormerCards.Any(former => former.Port == taken.Port) && !core.GiveBack(taken, notes))
                .Select(taken => taken with { HostPort = null }));
            (record with { Control = null, Tables = [], SharedMemory = [], Cards = kept }).Write(exclusive.Folder);
        }
        catch (Exception e) when (e is SosException or IOException)
        {
            notes.Add($"what had been done could not be undone: {e.Message}; 'sosctl service stop {core.Cpu}' tries again");
        }
    }

    /// <summary>Writes who has the devices, unless another core's service has one meanwhile: nothing of that is touched, then.</summary>
    private static CoreRecord WriteRecord(int cpu, StartRequest request, string folder)
    {
        using IDisposable alone = DeviceOwners.Lock(folder);
        CoreRecord record = MakeRecord(cpu, request);
        foreach (CardRecord card in record.Cards)
        {
            DeviceOwners.CheckFree(card, cpu, folder);
        }

        record.Write(folder);
        return record;
    }

    private static CoreRecord MakeRecord(int cpu, StartRequest request)
        => new()
        {
            Cpu = cpu,
            Plan = request.Plan,
            Service = request.Image.Descriptor.Name,
            Version = request.Image.Descriptor.Version,
            BuildId = Convert.ToHexStringLower(request.Image.BuildId.Span),
            ImageHash = Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(request.Plan.Image))),
            Started = DateTimeOffset.UtcNow,
            TableLabels = request.Table?.Labels ?? [],
            Cards = [.. request.Devices.Select(port => port.Device.Describe() with { Port = port.Port.Name })],
            RestartPending = request.IsRestart,
        };

    private static void AwaitInitialisation(ICoreReading core, CoreRecord record, List<string> notes)
    {
        using RunningService running = RunningService.Attach(core, record);
        DateTime end = DateTime.UtcNow + InitialiseTimeout;
        while (running.State == ServiceState.Fresh && core.GetStatus().State == CoreState.Running && DateTime.UtcNow < end)
        {
            Thread.Sleep(1);
        }

        CoreStatus status = core.GetStatus();
        if (status.State == CoreState.Running && running.State == ServiceState.Initialised)
        {
            return;
        }

        foreach (Sdk.Logging.LogEntry entry in running.ReadLog())
        {
            notes.Add($"{record.Service} said: {entry.Text} ({entry.Value})");
        }

        throw new SosException(SosError.Failed, status.State switch
        {
            CoreState.Failed => $"{record.Service} failed as it started: "
                + (status.Fault is { } fault ? FaultReport.Create(fault, record.Plan.Image).Summary : ExitCodes.Killed),
            CoreState.Stopped => $"{record.Service} ended as it started: {ExitCodes.Explain(status.ExitCode)}",
            _ => $"{record.Service} did not start polling within {InitialiseTimeout.TotalSeconds} s",
        });
    }
}
