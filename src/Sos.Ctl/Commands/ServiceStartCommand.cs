using System;
using System.Collections.Generic;
using System.CommandLine;
using System.IO;
using Sos.Cores;
using Sos.Cores.BackEnds;
using Sos.Cores.Isolation;
using Sos.Cores.Loading;
using Sos.Cores.Running;
using Sos.Ctl.Output;
using Sos.Image;

namespace Sos.Ctl.Commands;

/// <summary><c>sosctl service start</c>: verifies an image and starts it on a reserved core.</summary>
internal static class ServiceStartCommand
{
    private static readonly Argument<int> Cpu = CoreCommands.CpuArgument();
    private static readonly Argument<string> Image = ImageCommands.Argument();
    private static readonly Option<string?> Device = new("--device") { Description = "The card to give to it: PCI address, or name of its network device" };
    private static readonly Option<string?> HostPort = new("--host-port") { Description = "Name of the network device for Linux; by default the card's" };
    private static readonly Option<string?> Rules = new("--rules") { Description = "nftables rules to start with (the firewall)" };
    private static readonly Option<string[]> Parameter = new("--parameter", "-p") { Description = "A setting of the service, NAME=VALUE; may be repeated" };
    private static readonly Option<bool> Force = new("--force") { Description = "Take the card even if the default route goes through it" };
    private static readonly Option<bool> ForceUnconfined = new("--force-unconfined")
    {
        Description = "Take the card even if the IOMMU does not confine it: 'device list' says why",
    };

    private static readonly Option<bool> BusyPoll = new("--busy-poll") { Description = "Isolated cores: let a CPU of Linux poll the card all the time" };
    private static readonly Option<string?> PcapIn = new("--pcap-in") { Description = "Isolated cores: replay this capture in place of a card" };
    private static readonly Option<string?> PcapOut = new("--pcap-out") { Description = "Where to write what the service passes on to Linux" };
    private static readonly Option<SchedulingWish> Scheduling = new("--scheduling")
    {
        Description = "Isolated cores: auto (SCHED_FIFO where Linux does not throttle it), fifo (lifts the throttle until the service stops), other",
    };
    private static readonly Option<ulong> ArenaSize = Sizes.Option("--arena", "Memory of the service's own; by default what its image asks for");
    private static readonly Option<ulong> PacketMemory =
        Sizes.Option("--packet-memory", "Memory for packets", ServiceConfiguration.DefaultPacketMemorySize);
    private static readonly Option<ulong> TableSize =
        Sizes.Option("--table-size", "Memory of each of the two table slots", ServiceConfiguration.DefaultTableSlotSize);

    private static readonly Option<string?> WatchdogTime = new("--watchdog")
    {
        Description = "End the service when it does not poll for this time (milliseconds, or as 5s), or 'off'; by default its image's bound, at least 2 s",
        HelpName = "MS|off",
    };

    private static readonly Option<string> Restart = new("--restart")
    {
        Description = "When sosd starts it again: never, on-fault, or always (also when it ends by itself)",
        DefaultValueFactory = _ => "never",
    };

    private static readonly Option<int> RestartLimit = new("--restart-limit")
    {
        Description = "How often in a row it is started again; 0 for no limit",
        DefaultValueFactory = _ => RestartPolicy.DefaultLimit,
    };

    static ServiceStartCommand()
    {
        Restart.AcceptOnlyFromAmong("never", "on-fault", "always");
        WatchdogTime.Validators.Add(result =>
        {
            string text = result.Tokens[0].Value;
            if (text != "off" && !Durations.TryParse(text, "ms", out _))
            {
                result.AddError($"\"{text}\" is no time: give milliseconds, or a number with s, m, h or d behind it, or 'off'");
            }
        });
        RestartLimit.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() < 0)
            {
                result.AddError("--restart-limit wants a number that is not negative");
            }
        });
    }

    public static Command Create(Terminal terminal)
    {
        Command command = new("start", "Start a service on a reserved core")
        {
            Cpu, Image, Device, HostPort, Rules, Parameter, Force, ForceUnconfined, BusyPoll, PcapIn, PcapOut, Scheduling, ArenaSize, PacketMemory,
            TableSize, WatchdogTime, Restart, RestartLimit,
        };
        command.SetAction(result => Run(terminal, result));
        return command;
    }

    /// <summary>Reads settings as they are given on the command line.</summary>
    /// <exception cref="SosException">One has no "=", or a name is given twice.</exception>
    internal static Dictionary<string, string> ParseParameters(IEnumerable<string> settings)
    {
        Dictionary<string, string> parameters = [];
        foreach (string setting in settings)
        {
            int equals = setting.IndexOf('=', StringComparison.Ordinal);
            if (equals <= 0 || !parameters.TryAdd(setting[..equals], setting[(equals + 1)..]))
            {
                throw new SosException(SosError.Usage, $"\"{setting}\" is no setting NAME=VALUE, or its name is given twice");
            }
        }

        return parameters;
    }

    /// <summary>Refuses options that would do nothing: whoever gave them meant something else.</summary>
    /// <param name="settings">How it was asked for.</param>
    /// <param name="force">Whether --force was given.</param>
    /// <exception cref="SosException">There are such.</exception>
    internal static void CheckOptions(StartSettings settings, bool force)
    {
        if ((settings.CaptureInput is null) != (settings.CaptureOutput is null) || (settings.CaptureInput is not null && settings.Device is not null))
        {
            throw new SosException(SosError.Usage, "--pcap-in and --pcap-out come together, and in place of --device");
        }

        string? aboutCard = force ? "--force" : settings.ForceUnconfined ? "--force-unconfined" : settings.BusyPoll ? "--busy-poll" : null;
        if (settings.Device is null && aboutCard is not null)
        {
            throw new SosException(SosError.Usage, $"{aboutCard} is about a card: name it with --device, or leave this away");
        }

        // The rules may know a port without a card by that name.
        if (settings is { Device: null, HostPort: not null, Rules: null })
        {
            throw new SosException(SosError.Usage, "--host-port names Linux's side of a card: name that with --device, or leave this away");
        }
    }

    /// <summary>Refuses options that a core's back end does not have.</summary>
    /// <param name="settings">How it was asked for.</param>
    /// <param name="backEnd">What keeps the core.</param>
    /// <exception cref="SosException">There are such.</exception>
    internal static void CheckBackEnd(StartSettings settings, BackEndKind backEnd)
    {
        string? option = settings.BusyPoll ? "--busy-poll" : settings.Scheduling != SchedulingWish.Auto ? "--scheduling" : null;
        if (settings.ForceUnconfined && backEnd == BackEndKind.Isolated)
        {
            throw new SosException(SosError.Usage, "--force-unconfined is for unplugged cores: Linux drives the card of an isolated one; leave it away");
        }

        if (option is not null && backEnd != BackEndKind.Isolated)
        {
            throw new SosException(
                SosError.Usage, $"{option} is for isolated cores, and this one is unplugged: leave it away, "
                    + "or reserve one with 'sosctl core reserve CPU --isolated'");
        }
    }

    /// <summary>Reads how a service is asked for.</summary>
    /// <param name="result">The command line.</param>
    /// <exception cref="SosException">A setting is wrong.</exception>
    internal static StartSettings ReadSettings(ParseResult result)
    {
        StartSettings settings = new()
        {
            ImagePath = FullPath(result.GetValue(Image))!,
            Device = result.GetValue(Device),
            HostPort = result.GetValue(HostPort),
            BusyPoll = result.GetValue(BusyPoll),
            ForceUnconfined = result.GetValue(ForceUnconfined),
            CaptureInput = FullPath(result.GetValue(PcapIn)),
            CaptureOutput = FullPath(result.GetValue(PcapOut)),
            Scheduling = result.GetValue(Scheduling),
            Rules = FullPath(result.GetValue(Rules)),
            Parameters = ParseParameters(result.GetValue(Parameter) ?? []),
            ArenaSize = result.GetValue(ArenaSize),
            PacketMemorySize = result.GetValue(PacketMemory),
            TableSlotSize = result.GetValue(TableSize),
            Restart = new RestartPolicy(ParseRestart(result.GetValue(Restart)!), result.GetValue(RestartLimit)),
        };
        CheckOptions(settings, result.GetValue(Force));
        return settings;
    }

    private static int Run(Terminal terminal, ParseResult result)
    {
        int cpu = result.GetValue(Cpu);
        StartSettings settings = ReadSettings(result);
        ServiceImage image = ImageCommands.ReadVerified(settings.ImagePath);
        settings = settings with { Watchdog = ParseWatchdog(result.GetValue(WatchdogTime), image) };
        using IServiceCore core = new CoreBackEnds().Open(cpu);
        CheckBackEnd(settings, core.BackEnd);
        using CoreLock exclusive = CoreLock.Take(cpu);
        ServiceStart.CheckNothingIsLeft(cpu);
        INetworkDevice? device = settings.Device is null
            ? null
            : core.FindDevice(settings.Device, new DeviceOptions(result.GetValue(Force), settings.HostPort, settings.BusyPoll));
        StartRequest request = ServiceLaunch.Prepare(terminal, image, settings, device);
        return ServiceLaunch.Run(terminal, core, settings, notes => ServiceStart.Start(core, request, notes, exclusive));
    }

    // Whoever restarts it has another current folder. An empty path is for others to refuse.
    private static string? FullPath(string? path) => string.IsNullOrEmpty(path) ? path : Path.GetFullPath(path);

    private static TimeSpan? ParseWatchdog(string? text, ServiceImage image)
    {
        TimeSpan time = default;
        return text switch
        {
            null => Watchdog.ForImage(image),
            "off" => null,
            _ when Durations.TryParse(text, "ms", out time) => time,
            _ => throw new SosException(SosError.Usage, $"\"{text}\" is no time: give milliseconds, or a number with s, m, h or d behind it, or 'off'"),
        };
    }

    private static RestartMode ParseRestart(string text) => text switch
    {
        "on-fault" => RestartMode.OnFault,
        "always" => RestartMode.Always,
        _ => RestartMode.Never,
    };
}
