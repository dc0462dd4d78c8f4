using System;
using System.Collections.Generic;
using System.Linq;
using Sos.Cores;
using Sos.Cores.BackEnds;
using Sos.Cores.Loading;
using Sos.Cores.Running;
using Sos.Ctl.Output;
using Sos.Firewall.Rules;
using Sos.Image;

namespace Sos.Ctl.Commands;

/// <summary>Starts a service as its settings say, for the first time or again, and reports it.</summary>
internal static class ServiceLaunch
{
    /// <summary>Says what to start; compiles the rules.</summary>
    /// <param name="terminal">Where to show what the compiler notes.</param>
    /// <param name="image">The image, verified.</param>
    /// <param name="settings">How it was asked for.</param>
    /// <param name="device">Its network device, or null.</param>
    public static StartRequest Prepare(Terminal terminal, ServiceImage image, StartSettings settings, INetworkDevice? device)
    {
        CompiledTable? table = settings.Rules is null
            ? null
            : FirewallCommands.Compile(terminal, settings.Rules, FirewallCommands.PortNames(device?.Interface, settings.HostPort));
        return new StartRequest
        {
            ImagePath = settings.ImagePath,
            Image = image,
            Configuration = AddCaptures(new ServiceConfiguration
            {
                ArenaSize = settings.ArenaSize,
                PacketMemorySize = settings.PacketMemorySize,
                ForceUnconfined = settings.ForceUnconfined,
                TableSlotSize = settings.TableSlotSize,
                Scheduling = settings.Scheduling,
                Parameters = settings.Parameters.ToDictionary(),
            }, settings),
            Device = device,
            Settings = settings,
            Watchdog = settings.Watchdog,
            Table = table?.Bytes.ToArray() ?? [],
            RulesPath = settings.Rules,
            RuleCounters = table is null ? [] : FirewallCommands.CounterNames(table),
        };
    }

    /// <summary>Starts it.</summary>
    /// <param name="terminal">Where to report.</param>
    /// <param name="core">The core.</param>
    /// <param name="settings">How it was asked for.</param>
    /// <param name="start">Does it; adds what a person should know.</param>
    public static int Run(Terminal terminal, IServiceCore core, StartSettings settings, Func<List<string>, CoreRecord> start)
    {
        List<string> notes = [];
        CoreRecord record;
        try
        {
            record = start(notes);
        }
        catch (SosException)
        {
            notes.ForEach(terminal.Note);
            throw;
        }

        if (settings.Restart.Mode != RestartMode.Never && !DaemonPresence.IsThere())
        {
            notes.Add("sosd does not run, and nothing else restarts the service: start it with 'systemctl start sosd', or as 'sosd &'");
        }

        Report(terminal, core.BackEnd, record, notes);
        return 0;
    }

    /// <summary>Two memory ports, between captures.</summary>
    private static ServiceConfiguration AddCaptures(ServiceConfiguration configuration, StartSettings settings)
    {
        if (settings is not { CaptureInput: { } input, CaptureOutput: { } output })
        {
            return configuration;
        }

        const int mtu = 1500;
        byte[] mac = [2, 0, 0, 0, 0, 1]; // nobody but the service sees it
        return configuration with
        {
            Captures = new CaptureRequest(input, output),
            MemoryPorts = [new PortRequest("card", mac, mtu), new PortRequest("host", mac, mtu)],
        };
    }

    private static void Report(Terminal terminal, BackEndKind backEnd, CoreRecord record, List<string> notes)
    {
        terminal.Write(
            new ServiceStartedDocument(record.Cpu, record.Service, record.Version, record.Card?.Address, record.Card?.HostPort, record.Card?.Confined,
                notes, backEnd.ToString()),
            Documents.Current.ServiceStartedDocument,
            output =>
            {
                output.WriteLine($"{record.Service} {record.Version} runs on core {record.Cpu}");
                if (record.Card is { } card)
                {
                    output.WriteLine($"it has {card.Address}; Linux has its network as {card.HostPort}");
                    if (card.Confined == false)
                    {
                        output.WriteLine("no IOMMU confines the card: it, and so the service, can reach all memory");
                    }
                }

                notes.ForEach(note => output.WriteLine($"note: {note}"));
            });
    }
}
