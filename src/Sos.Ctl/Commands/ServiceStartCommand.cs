using System.Collections.Generic;
using System.CommandLine;
using Sos.Cores.Companions;
using Sos.Cores.Operations;
using Sos.Cores.Running;
using Sos.Verbs;

namespace Sos.Ctl.Commands;

/// <summary><c>sosctl service start</c> and <c>restart</c>: an image is verified and started on a reserved core, or what was started is again.</summary>
internal static class ServiceStartCommand
{
    public static Command CreateStart(Terminal terminal, CompanionCatalogue companions)
    {
        Argument<int> cpu = CoreArguments.Cpu();
        PlanOptions options = new(companions);
        Command command = new("start", "Start a service on a reserved core") { cpu };
        options.AddTo(command);
        command.SetAction(result => Report(
            terminal, new ServiceOperations(new CoreBackEnds(), companions).Start(result.GetValue(cpu), options.Read(result))));
        return command;
    }

    public static Command CreateRestart(Terminal terminal, CompanionCatalogue companions)
    {
        Argument<int> cpu = CoreArguments.Cpu();
        Option<string[]> parameter = CoreArguments.Parameter();
        Command command = new("restart", "Start a service again as it was started before, whether it runs, has ended or has failed") { cpu, parameter };
        command.SetAction(result => Report(
            terminal, new ServiceOperations(new CoreBackEnds(), companions).Restart(
                result.GetValue(cpu), CoreArguments.ParseParameters(result.GetValue(parameter)))));
        return command;
    }

    private static int Report(Terminal terminal, StartResult started)
    {
        CoreRecord record = started.Record;
        List<PortEntry> ports = PortEntry.Of(record);
        PortEntry? first = ports.Count > 0 ? ports[0] : null;
        terminal.Write(
            new ServiceStartedDocument(record.Cpu, record.Service, record.Version, first?.Device, first?.HostPort, first?.Confined,
                started.Notes, started.BackEnd.ToString(), ports),
            Documents.Current.ServiceStartedDocument,
            output =>
            {
                output.WriteLine($"{record.Service} {record.Version} runs on core {record.Cpu}");
                foreach (PortEntry port in ports)
                {
                    string name = ports.Count == 1 ? "it has" : $"its port {port.Port} has";
                    output.WriteLine(port.OnFailure is { } onFailure
                        ? $"{name} the frames that {port.Device} receives; without the service they are {(onFailure == "open" ? "Linux's" : "dropped")}"
                        : $"{name} {port.Device}; Linux has its network as {port.HostPort}");
                    if (port.Confined == false)
                    {
                        output.WriteLine($"no IOMMU confines {(ports.Count == 1 ? "the card" : port.Device)}: it, and so the service, can reach all memory");
                    }
                }

                Terminal.WriteNotes(output, started.Notes);
            });
        return 0;
    }
}
