using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Security.Cryptography;
using System.Threading;
using Sos.Cores.BackEnds;
using Sos.Cores.Loading;
using Sos.Cores.Reading;
using Sos.Image;
using Sos.Sdk.Control;

namespace Sos.Cores.Running;

/// <summary>What to start.</summary>
public sealed record StartRequest
{
    /// <summary>The image file, for the record.</summary>
    public required string ImagePath { get; init; }

    /// <summary>The image; verified already.</summary>
    public required ServiceImage Image { get; init; }

    /// <summary>Sizes and parameters; cards and ports are added from <see cref="Device"/>.</summary>
    public required ServiceConfiguration Configuration { get; init; }

    /// <summary>The network device to give to it, or null.</summary>
    public INetworkDevice? Device { get; init; }

    /// <summary>Whether it is a restart: should it fail, the record stays, so that it can be tried again.</summary>
    public bool IsRestart { get; init; }

    /// <summary>For a restart: the card as the service had it before. It stays with SOS, quiet, should the restart fail.</summary>
    public CardRecord? FormerCard { get; init; }

    /// <summary>How it was asked for, for the record.</summary>
    public StartSettings? Settings { get; init; }

    /// <summary>How long it may go without a poll before the driver ends it; null for no watchdog.</summary>
    public TimeSpan? Watchdog { get; init; }

    /// <summary>A table to load before the first poll, generation 1; empty for none.</summary>
    public ReadOnlyMemory<byte> Table { get; init; }

    /// <summary>The file that the table was made of, for the record.</summary>
    public string? RulesPath { get; init; }

    /// <summary>What the rule counters stand for, for the record.</summary>
    public IReadOnlyList<string> RuleCounters { get; init; } = [];
}

/// <summary>Starts services: claims the card, loads the image, starts it, moves the card's addresses to the host port; or undoes all of it.</summary>
public static class ServiceStart
{
    /// <summary>A service that is not polling after that has failed to initialise, or hangs.</summary>
    private static readonly TimeSpan InitialiseTimeout = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan UndoTimeout = TimeSpan.FromSeconds(1);

    /// <summary>Starts a service on a reserved core, as the core's only user meanwhile.</summary>
    /// <param name="core">The core; Reserved.</param>
    /// <param name="request">What to start.</param>
    /// <param name="notes">What a person should know though it works.</param>
    /// <returns>The record, written.</returns>
    /// <exception cref="SosException">It could not be started; everything is as before.</exception>
    public static CoreRecord Start(IServiceCore core, StartRequest request, List<string> notes)
    {
        using CoreLock exclusive = CoreLock.Take(core.Cpu);
        return Start(core, request, notes, exclusive);
    }

    /// <summary>Starts a service on a reserved core.</summary>
    /// <param name="core">The core; Reserved.</param>
    /// <param name="request">What to start.</param>
    /// <param name="notes">What a person should know though it works.</param>
    /// <param name="exclusive">The core's lock.</param>
    /// <returns>The record, written.</returns>
    /// <exception cref="SosException">It could not be started; everything is as before, but for a restart.</exception>
    public static CoreRecord Start(IServiceCore core, StartRequest request, List<string> notes, CoreLock exclusive)
    {
        ArgumentNullException.ThrowIfNull(exclusive);
        CoreState state = core.GetStatus().State;
        if (state != CoreState.Reserved)
        {
            throw new SosException(
                SosError.Refused, $"core {core.Cpu} has a service already ({state}): 'sosctl service stop {core.Cpu}' ends and unloads it");
        }

        if (!request.IsRestart)
        {
            CheckNothingIsLeft(core.Cpu);
        }

        CheckTable(request);
        CoreRecord record = MakeRecord(core.Cpu, request);
        record.Write();
        try
        {
            request.Device?.Take();
            ServiceConfiguration configuration = request.Device?.Configure(request.Configuration) ?? request.Configuration;
            LoadedService loaded = ServiceLoader.Load(core.BeginLoad(configuration), request.Image, configuration);
            record = record with
            {
                Control = new SharedRegion(loaded.Control.MapOffset, loaded.Control.Size),
                Tables = [.. Describe(loaded.Tables)],
                SharedMemory = [.. loaded.SharedMemory.Select(region => new SharedMemoryRecord(region.Index, region.MapOffset, region.Size))],
                Card = record.Card is null ? null : record.Card with
                {
                    HostPort = loaded.HostPorts[0].Name,
                    Confined = record.Card.Netdev is null ? loaded.Confined : null,
                },
            };
            record.Write();
            if (!request.Table.IsEmpty)
            {
                RequestTable(core, record, request.Table);
            }

            core.Start(loaded.Entry, loaded.StackTop, loaded.ControlAddress, request.Watchdog);
            AwaitInitialisation(core, record, notes);
            if (record.Card is { } card)
            {
                notes.AddRange(request.Device!.MoveNetwork(card));
                record = record with { Card = card with { Moved = true } };
            }

            record = record with { RestartPending = false };
            record.Write();
            return record;
        }
        catch
        {
            Undo(core, request, record, notes, exclusive);
            throw;
        }
    }

    /// <summary>Refuses when a card of a service before is still with SOS: its record is all that knows how to give it back.</summary>
    /// <param name="cpu">The core.</param>
    /// <exception cref="SosException">One is.</exception>
    public static void CheckNothingIsLeft(int cpu)
    {
        if (CoreRecord.Read(cpu) is { Card: { } card } record)
        {
            throw new SosException(
                SosError.Refused,
                $"{card.Address} is still with core {cpu} for {record.Service}: 'sosctl service restart {cpu}' starts that again, "
                + $"'sosctl service stop {cpu}' gives it back");
        }
    }

    /// <summary>Refuses a table that cannot fit, before anything is changed.</summary>
    internal static void CheckTable(StartRequest request)
    {
        ulong size = (ulong)request.Table.Length;
        if (size > AddressSpace.ToChunks(request.Configuration.TableSlotSize))
        {
            throw new SosException(
                SosError.BadRules,
                $"the table has {size} bytes, its slot {request.Configuration.TableSlotSize}: "
                    + $"start the service with --table-size {AddressSpace.ToChunks(size) >> 20}M");
        }
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
            CardRecord? card = request.FormerCard;
            if (card is null && record.Card is { } taken && !core.GiveBack(taken, notes))
            {
                card = taken with { HostPort = null };
            }

            (record with { Control = null, Tables = [], SharedMemory = [], Card = card }).Write();
        }
        catch (Exception e) when (e is SosException or IOException)
        {
            notes.Add($"what had been done could not be undone: {e.Message}; 'sosctl service stop {core.Cpu}' tries again");
        }
    }

    private static CoreRecord MakeRecord(int cpu, StartRequest request)
        => new()
        {
            Cpu = cpu,
            ImagePath = Path.GetFullPath(request.ImagePath),
            Service = request.Image.Descriptor.Name,
            Version = request.Image.Descriptor.Version,
            BuildId = Convert.ToHexStringLower(request.Image.BuildId.Span),
            ImageHash = Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(request.ImagePath))),
            Started = DateTimeOffset.UtcNow,
            Settings = request.Settings,
            RulesPath = request.RulesPath,
            RuleCounters = request.RuleCounters,
            Card = request.Device?.Describe(),
            RestartPending = request.IsRestart,
        };

    private static IEnumerable<SharedRegion> Describe(IReadOnlyList<TargetRegion> regions)
    {
        foreach (TargetRegion region in regions)
        {
            yield return new SharedRegion(region.MapOffset, region.Size);
        }
    }

    private static void RequestTable(IServiceCore core, CoreRecord record, ReadOnlyMemory<byte> table)
    {
        using RunningService running = RunningService.Attach(core, record);
        running.RequestTable(table.Span);
    }

    private static void AwaitInitialisation(IServiceCore core, CoreRecord record, List<string> notes)
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
                + (status.Fault is { } fault ? FaultReport.Create(fault, record.ImagePath).Summary : ExitCodes.Killed),
            CoreState.Stopped => $"{record.Service} ended as it started: {ExitCodes.Explain(status.ExitCode)}",
            _ => $"{record.Service} did not start polling within {InitialiseTimeout.TotalSeconds} s",
        });
    }
}
