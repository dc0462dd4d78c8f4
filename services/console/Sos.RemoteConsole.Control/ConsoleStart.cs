using System.Collections.Generic;
using System.CommandLine;
using System.IO;
using System.Linq;
using Sos.Cores;
using Sos.Cores.Companions;
using Sos.Cores.Operations;
using Sos.Cores.Plan;
using Sos.Image;
using Sos.Ssh.Keys;
using Sos.Verbs;

namespace Sos.RemoteConsole.Control;

/// <summary><c>sosctl console start</c>: starts the console with what it needs and nothing else, and says how to log in.</summary>
internal sealed class ConsoleStart
{
    private const string ImageDefault = "/usr/lib/sos/console.sosimg";

    private readonly Argument<int> _cpu = CoreArguments.Cpu();
    private readonly Option<string> _image = new("--image") { Description = "The console's image", DefaultValueFactory = _ => ImageDefault };
    private readonly Option<string> _device = new("--device")
    {
        Description = "The card to share: PCI address, or name of its network device",
        Required = true,
    };

    private readonly Option<string?> _address = new("--address") { Description = "An IPv4 address of its own" };
    private readonly Option<string?> _address6 = new("--address6") { Description = "An IPv6 address of its own" };
    private readonly Option<bool> _automatic = new("--autoconf") { Description = "IPv6 addresses of the link and of what a router tells" };
    private readonly Option<string?> _allow = new("--allow") { Description = "Prefixes of those who are answered, as in 192.0.2.0/24; by default all" };
    private readonly Option<string?> _ssh = new($"--{ConsoleCompanion.SshOption}") { Description = "SSH, for the public keys in this file (authorized_keys)" };
    private readonly Option<string?> _hostKey = new($"--{ConsoleCompanion.HostKeyOption}")
    {
        Description = $"The host key's file, by default {SshParameters.HostKeyDefault}",
    };

    private readonly Option<int?> _port = new("--ssh-port") { Description = "The port of SSH, by default 22" };
    private readonly Option<string?> _telnet = new($"--{ConsoleCompanion.TelnetOption}")
    {
        Description = "Telnet, unencrypted, with the password whose hash is in this file",
    };

    private readonly Option<string?> _grant = new($"--{ConsoleCompanion.GrantOption}")
    {
        Description = $"What the console may do beside its card, with commas between: {GrantNames.List}",
    };

    private readonly Option<bool> _force = new("--force") { Description = "Take a card even if the default route goes through it" };

    private readonly Option<bool> _forceUnconfined = new("--force-unconfined")
    {
        Description = "Unplugged cores: take a card even if the IOMMU does not confine it; 'device list' says why",
    };

    /// <summary>Makes the command.</summary>
    public Command Create(Terminal terminal, CompanionCatalogue companions)
    {
        Command command = new("start", "Start a console on a reserved core, and say how to log in")
        {
            _cpu, _image, _device, _address, _address6, _automatic, _allow, _ssh, _hostKey, _port, _telnet, _grant, _force, _forceUnconfined,
        };
        command.SetAction(result =>
        {
            ServicePlan plan = Plan(result);
            StartResult started = new ServiceOperations(new CoreBackEnds(), companions).Start(result.GetValue(_cpu), plan);
            Report(terminal, started);
            return 0;
        });
        return command;
    }

    /// <summary>Reads the plan.</summary>
    internal ServicePlan Plan(ParseResult result)
    {
        Dictionary<string, string> parameters = [];
        Dictionary<string, string> options = [];
        AddIfGiven(parameters, ConsoleCompanion.Address, result.GetValue(_address));
        AddIfGiven(parameters, ConsoleCompanion.Address6, result.GetValue(_address6));
        AddIfGiven(parameters, ConsoleCompanion.Automatic, result.GetValue(_automatic) ? "true" : null);
        AddIfGiven(parameters, ConsoleCompanion.Sources, result.GetValue(_allow));
        AddIfGiven(parameters, ConsoleCompanion.SshPort, result.GetValue(_port)?.ToString(System.Globalization.CultureInfo.InvariantCulture));
        AddIfGiven(options, ConsoleCompanion.SshOption, FullPath(result.GetValue(_ssh)));
        AddIfGiven(options, ConsoleCompanion.HostKeyOption, FullPath(result.GetValue(_hostKey)));
        AddIfGiven(options, ConsoleCompanion.TelnetOption, FullPath(result.GetValue(_telnet)));
        AddIfGiven(options, ConsoleCompanion.GrantOption, result.GetValue(_grant));
        if (!options.ContainsKey(ConsoleCompanion.SshOption) && !options.ContainsKey(ConsoleCompanion.TelnetOption))
        {
            throw new SosException(
                SosError.Usage, $"nobody could log in: give the public keys that may with --{ConsoleCompanion.SshOption} FILE, as in ~/.ssh/authorized_keys");
        }

        return new ServicePlan
        {
            Image = Path.GetFullPath(result.GetValue(_image)!),
            Ports = [new PortPlan { Device = result.GetValue(_device), Force = result.GetValue(_force) }],
            Parameters = parameters,
            Options = options,
            ForceUnconfined = result.GetValue(_forceUnconfined),
        };
    }

    private static void Report(Terminal terminal, StartResult started)
    {
        ServicePlan plan = started.Record.Plan;
        HostKey? hostKey = plan.Options.ContainsKey(ConsoleCompanion.SshOption)
            ? SshParameters.ReadHostKey(plan.Options.GetValueOrDefault(ConsoleCompanion.HostKeyOption, SshParameters.HostKeyDefault))
            : null;
        string[] addresses = [.. ConsoleLogIn.Addresses(plan)];
        int port = ConsoleLogIn.Port(plan);
        ConsoleStartedDocument document = new(
            started.Record.Cpu, addresses, hostKey is null ? null : port, hostKey?.PublicKey.Fingerprint,
            hostKey is null ? [] : [.. addresses.Select(address => hostKey.PublicKey.ToKnownHostsLine(address, port))], started.Notes);
        terminal.Write(document, ConsoleVerbs.Documents.ConsoleStartedDocument, output =>
        {
            output.WriteLine($"the console runs on core {document.Cpu}");
            foreach (string address in hostKey is null ? [] : addresses)
            {
                output.WriteLine($"log in from another host: {ConsoleLogIn.Command(address, port)}");
            }

            if (hostKey is not null)
            {
                output.WriteLine($"its key is {document.Fingerprint}");
            }

            Terminal.WriteNotes(output, started.Notes);
        });
    }

    private static void AddIfGiven(Dictionary<string, string> values, string name, string? value)
    {
        if (value is not null)
        {
            values[name] = value;
        }
    }

    private static string? FullPath(string? path) => string.IsNullOrEmpty(path) ? path : Path.GetFullPath(path);
}
