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

    /// <summary>Starts a service on a reserved core.</summary>
    /// <param name="core">The core; Reserved.</param>
    /// <param name="request">What to start.</param>
    /// <param name="notes">What a person should know though it works.</param>
    /// <returns>The record, written.</returns>
    /// <exception cref="SosException">It could not be started; everything is as before.</exception>
    public static CoreRecord Start(IServiceCore core, StartRequest request, List<string> notes)
    {
        CoreState state = core.GetStatus().State;
        if (state != CoreState.Reserved)
        {
            throw new SosException(
                SosError.Refused, $"core {core.Cpu} has a service already ({state}): 'sosctl service stop {core.Cpu}' ends and unloads it");
        }

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
            }

            return record;
        }
        catch when (request.FormerCard is null)
        {
            ServiceStop.Stop(core, TimeSpan.FromSeconds(1), notes);
            throw;
        }
        catch
        {
            ServiceStop.Unload(core, TimeSpan.FromSeconds(1));
            (record with { Control = null, Tables = [], Card = request.FormerCard }).Write();
            throw;
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
            CoreState.Failed => $"{record.Service} failed as it started: {FaultReport.Create(status.Fault!, record.ImagePath).Summary}",
            CoreState.Stopped => $"{record.Service} ended as it started: {ExitCodes.Explain(status.ExitCode)}",
            _ => $"{record.Service} did not start polling within {InitialiseTimeout.TotalSeconds} s",
        });
    }
}
