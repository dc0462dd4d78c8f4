using System;
using System.Collections.Generic;
using System.CommandLine;
using System.IO;
using System.Linq;
using Sos.Cores;
using Sos.Cores.Companions;
using Sos.Cores.Plan;
using Sos.Verbs;

namespace Sos.Ctl.Commands;

/// <summary>The arguments and options that make a <see cref="ServicePlan"/>. Made anew for each command that has them.</summary>
internal sealed class PlanOptions
{
    private const string NoHostPort = "none";

    private readonly Argument<string> _image = ImageCommands.Argument();
    private readonly Option<string?> _device = new("--device") { Description = "The card to give to it: PCI address, or name of its network device" };
    private readonly Option<string[]> _port = new("--port")
    {
        Description = "A port of the service and its card, NAME=DEVICE; repeat it for each port",
        HelpName = "NAME=DEVICE",
    };

    private readonly Option<string[]> _hostPort = new("--host-port")
    {
        Description = "Unplugged cores: name of the network device for Linux, by default the card's, or 'none'; with several ports PORT=NAME, repeated",
        HelpName = "[PORT=]NAME",
    };

    private readonly Option<string[]> _parameter = CoreArguments.Parameter();
    private readonly Option<bool> _force = new("--force") { Description = "Take a card even if the default route goes through it" };
    private readonly Option<bool> _forceUnconfined = new("--force-unconfined")
    {
        Description = "Unplugged cores: take a card even if the IOMMU does not confine it; 'device list' says why",
    };

    private readonly Option<bool> _busyPoll = new("--busy-poll") { Description = "Isolated cores: let a CPU of Linux poll the cards all the time" };
    private readonly Option<string> _onFailure = new("--on-failure")
    {
        Description = "Isolated cores: closed drops what the cards receive while the service does not run, open lets it pass to Linux",
        DefaultValueFactory = _ => "closed",
    };

    private readonly Option<string?> _captureInput = new("--pcap-in") { Description = "Isolated cores: replay this capture in place of a card" };
    private readonly Option<string?> _captureOutput = new("--pcap-out") { Description = "Where to write what the service passes on to Linux" };
    private readonly Option<SchedulingWish> _scheduling = new("--scheduling")
    {
        Description = "Isolated cores: auto (SCHED_FIFO where Linux does not throttle it), fifo (lifts the throttle until the service stops), other",
    };

    private readonly Option<ulong> _arena = Sizes.Option("--arena", "Memory of the service's own; by default what its image asks for");
    private readonly Option<ulong?> _packetMemory = Sizes.OptionalOption("--packet-memory", "Memory for packets; by default 8M for each port");
    private readonly Option<ulong?> _tableSize = Sizes.OptionalOption("--table-size", "Memory of each of the two table slots; by default 16M");
    private readonly Option<string?> _watchdog = new("--watchdog")
    {
        Description = "End the service when it does not poll for this time (milliseconds, or as 5s), or 'off'; by default its image's bound, at least 2 s",
        HelpName = "MS|off",
    };

    private readonly RestartOptions _restart = new();
    private readonly List<(StartOption Known, Option Given)> _ofServices;

    private IEnumerable<Option> All =>
    [
        _device, _port, _hostPort, .. _ofServices.Select(option => option.Given), _parameter, _force, _forceUnconfined, _busyPoll, _onFailure,
        _captureInput, _captureOutput, _scheduling, _arena, _packetMemory, _tableSize, _watchdog, _restart.Mode, _restart.Limit,
    ];

    /// <param name="companions">What the control plane knows of services.</param>
    /// <param name="imageIsOptional">Whether the image may be left out; <see cref="HasImage"/> says whether it was.</param>
    public PlanOptions(CompanionCatalogue companions, bool imageIsOptional = false)
    {
        if (imageIsOptional)
        {
            _image.Arity = ArgumentArity.ZeroOrOne;
        }

        _ofServices = [.. companions.Options.Select(known => (known, OptionOf(known)))];
        _onFailure.AcceptOnlyFromAmong("closed", "open");
        _watchdog.Validators.Add(result =>
        {
            string text = result.Tokens[0].Value;
            if (text != "off" && !Durations.TryParse(text, "ms", out _))
            {
                result.AddError($"\"{text}\" is no time: give milliseconds, or a number with s, m, h or d behind it, or 'off'");
            }
        });
    }

    public void AddTo(Command command)
    {
        command.Arguments.Add(_image);
        foreach (Option option in All)
        {
            command.Options.Add(option);
        }
    }

    /// <summary>Returns whether an image was named.</summary>
    /// <exception cref="SosException">None was, and an option is given that is of no use then.</exception>
    public bool HasImage(ParseResult result)
    {
        bool hasImage = result.GetValue(_image) is not null;
        Option? idle = hasImage ? null : All.FirstOrDefault(option => result.GetResult(option) is { Implicit: false });
        return idle is null ? hasImage : throw new SosException(
            SosError.Usage, $"{idle.Name} is for an image: name one, or leave this away to keep the service that runs as it runs");
    }

    /// <summary>Reads the plan.</summary>
    /// <exception cref="SosException">An option is wrong, or would do nothing.</exception>
    public ServicePlan Read(ParseResult result)
    {
        string image = FullPath(result.GetValue(_image))!;
        Dictionary<string, string> options = [];
        foreach ((StartOption known, Option given) in _ofServices)
        {
            if (given is Option<bool> flag)
            {
                if (result.GetValue(flag))
                {
                    options[known.Name] = StartOption.IsSet;
                }
            }
            else if (result.GetValue((Option<string?>)given) is { } value)
            {
                options[known.Name] = known.IsFile ? FullPath(value)! : value;
            }
        }

        TimeSpan watchdog = default;
        ServicePlan plan = new()
        {
            Image = image,
            Options = options,
            Parameters = CoreArguments.ParseParameters(result.GetValue(_parameter)),
            ForceUnconfined = result.GetValue(_forceUnconfined),
            Scheduling = result.GetValue(_scheduling),
            ArenaSize = result.GetValue(_arena),
            PacketMemorySize = result.GetValue(_packetMemory),
            TableSlotSize = result.GetValue(_tableSize),
            Watchdog = result.GetValue(_watchdog) is not { } text ? null
                : text == "off" || !Durations.TryParse(text, "ms", out watchdog) ? TimeSpan.Zero : watchdog,
            Restart = _restart.Read(result),
        };
        return plan with { Ports = ReadPorts(result, options.Count > 0) };
    }

    private static Option OptionOf(StartOption known) => known.IsFlag
        ? new Option<bool>($"--{known.Name}") { Description = known.Description }
        : new Option<string?>($"--{known.Name}") { Description = known.Description };

    /// <summary>Reads "NAME=VALUE".</summary>
    internal static (string Name, string Value)? SplitName(string text)
    {
        int equals = text.IndexOf('=', StringComparison.Ordinal);
        return equals > 0 && equals < text.Length - 1 ? (text[..equals], text[(equals + 1)..]) : null;
    }

    private List<PortPlan> ReadPorts(ParseResult result, bool hasServiceOptions)
    {
        string? device = result.GetValue(_device);
        List<(string Name, string Device)> named = [.. (result.GetValue(_port) ?? []).Select(text => SplitName(text)
            ?? throw new SosException(SosError.Usage, $"--port {text} names no port and card: as in '--port wan=eth0'"))];
        (string? input, string? output) = (FullPath(result.GetValue(_captureInput)), FullPath(result.GetValue(_captureOutput)));
        if (device is not null && named.Count > 0)
        {
            throw new SosException(SosError.Usage, "--device is the short form for a service with one port: with --port leave it away");
        }

        if ((input is null) != (output is null) || (input is not null && (device is not null || named.Count > 0)))
        {
            throw new SosException(SosError.Usage, "--pcap-in and --pcap-out come together, and in place of --device and --port");
        }

        bool force = result.GetValue(_force);
        bool busyPoll = result.GetValue(_busyPoll);
        bool open = result.GetValue(_onFailure) == "open";
        string? option = force ? "--force"
            : result.GetValue(_forceUnconfined) ? "--force-unconfined"
            : busyPoll ? "--busy-poll"
            : open ? "--on-failure" : null;
        if (device is null && named.Count == 0 && option is not null)
        {
            throw new SosException(SosError.Usage, $"{option} is about a card: name it with --device, or leave this away");
        }

        List<PortPlan> ports = named.Count > 0
            ? [.. named.Select(port => new PortPlan { Name = port.Name, Device = port.Device, Force = force, BusyPoll = busyPoll, Open = open })]
            : device is not null ? [new PortPlan { Device = device, Force = force, BusyPoll = busyPoll, Open = open }]
            : input is not null ? [new PortPlan { Captures = new CaptureRequest(input, output!) }]
            : [];
        return NameHostPorts(ports, result.GetValue(_hostPort) ?? [], hasServiceOptions);
    }

    private static List<PortPlan> NameHostPorts(List<PortPlan> ports, string[] hostPorts, bool hasServiceOptions)
    {
        foreach (string text in hostPorts)
        {
            (string Name, string Value)? named = SplitName(text);
            if (ports.Count == 0)
            {
                // Rules may know a port without a card by that name.
                ports = hasServiceOptions && named is null
                    ? [new PortPlan { HostPort = text }]
                    : throw new SosException(SosError.Usage, "--host-port names Linux's side of a card: name that with --device, or leave this away");
                continue;
            }

            int index = named is { } pair ? ports.FindIndex(port => port.Name == pair.Name) : ports.Count == 1 ? 0 : -1;
            if (index < 0 || ports[index].HostPort is not null)
            {
                throw new SosException(
                    SosError.Usage,
                    $"--host-port {text} names none of the ports {string.Join(", ", ports.Select(port => port.Name))}, or one twice: as in "
                    + $"'--host-port {ports[0].Name}=inside'");
            }

            string wanted = named?.Value ?? text;
            ports[index] = wanted == NoHostPort ? ports[index] with { HasHostPort = false } : ports[index] with { HostPort = wanted };
        }

        return ports;
    }

    // Whoever restarts it has another current folder. An empty path is for others to refuse.
    private static string? FullPath(string? path) => string.IsNullOrEmpty(path) ? path : Path.GetFullPath(path);
}
