using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using Sos.Cores.Plan;
using Sos.Sdk.Control;

namespace Sos.Cores.Enabled;

/// <summary>Reads an enabled service from TOML. Each key is known here; docs/enabled.md lists them.</summary>
internal static class EnabledServiceReader
{
    /// <summary>The host port of a port that leaves Linux none.</summary>
    public const string NoHostPort = "none";

    private const long SizeMax = 1L << 50;

    /// <summary>Reads a file's text.</summary>
    /// <param name="name">The service's name.</param>
    /// <param name="path">The file's path, for messages.</param>
    /// <param name="text">Its text.</param>
    /// <exception cref="SosException">Something in it is wrong; the message names the line.</exception>
    public static EnabledService Read(string name, string path, string text)
    {
        TomlEntries entries = TomlEntries.Parse(path, text);
        EnabledService service = new()
        {
            Name = name,
            Core = (int)(entries.Number(int.MaxValue, "core") ?? throw entries.Missing("core", "the cpu that becomes the service's core, as in 'core = 3'")),
            BackEnd = BackEndKinds.Parse(entries.Word([.. BackEndKinds.Words, EnabledService.AnyBackEnd], "back-end")),
            ForceCore = entries.Flag("force-core"),
            CoreOptions = new CoreOptions(
                entries.Flag("share-core"),
                OneOf<CorePerformance>(entries, "performance"),
                (uint?)entries.Number(CoreOptions.ResctrlClassMax, "resctrl-class")),
            BeforeNetwork = entries.Flag("before-network"),
            Order = (int)(entries.Number(EnabledService.OrderMax, "order") ?? EnabledService.DefaultOrder),
            Plan = ReadPlan(entries),
        };
        entries.RefuseRest();
        return service;
    }

    private static ServicePlan ReadPlan(TomlEntries entries)
    {
        string image = entries.Text("image") ?? throw entries.Missing("image", "the service's .sosimg file, as in 'image = \"/usr/lib/sos/NAME.sosimg\"'");
        if (!Path.IsPathFullyQualified(image))
        {
            throw entries.Missing("the whole path of image", $"\"{image}\" depends on a current folder, which sosd has not");
        }

        return new ServicePlan
        {
            Image = image,
            Ports = [.. entries.Names("ports").Select(port => ReadPort(entries, port))],
            Options = ReadTable(entries, "options"),
            Parameters = ReadTable(entries, "parameters"),
            ArenaSize = (ulong)(entries.Number(SizeMax, "arena-bytes") ?? 0),
            PacketMemorySize = (ulong?)entries.Number(SizeMax, "packet-memory-bytes"),
            TableSlotSize = (ulong?)entries.Number(SizeMax, "table-slot-bytes"),
            ForceUnconfined = entries.Flag("force-unconfined"),
            Scheduling = OneOf<SchedulingWish>(entries, "scheduling"),
            Watchdog = entries.Number((long)TimeSpan.FromDays(366).TotalMilliseconds, "watchdog-ms") is { } ms ? TimeSpan.FromMilliseconds(ms) : null,
            Restart = ReadRestart(entries),
        };
    }

    private static RestartPolicy ReadRestart(TomlEntries entries)
    {
        RestartMode mode = RestartModeWords.Parse(entries.Word(RestartModeWords.All, "restart", "mode"));
        return new RestartPolicy(mode, (int)(entries.Number(int.MaxValue, "restart", "limit") ?? RestartPolicy.DefaultLimit));
    }

    private static PortPlan ReadPort(TomlEntries entries, string name)
    {
        if (!PortName.IsValid(Encoding.UTF8.GetBytes(name)))
        {
            throw entries.Missing("a port's name", $"[ports.{name}] is none: use lower-case letters, digits and '-'");
        }

        string? hostPort = entries.Text("ports", name, "host-port");
        return new PortPlan
        {
            Name = name,
            Device = entries.Text("ports", name, "device"),
            HostPort = hostPort == NoHostPort ? null : hostPort,
            HasHostPort = hostPort != NoHostPort,
            Force = entries.Flag("ports", name, "force"),
            BusyPoll = entries.Flag("ports", name, "busy-poll"),
            Open = entries.Word(["closed", "open"], "ports", name, "on-failure") == "open",
        };
    }

    private static Dictionary<string, string> ReadTable(TomlEntries entries, string table)
        => entries.Names(table).ToDictionary(name => name, name => entries.Text(table, name)!);

    private static T OneOf<T>(TomlEntries entries, string key)
        where T : struct, Enum
        => entries.Word([.. Enum.GetNames<T>().Select(name => name.ToLowerInvariant())], key) is { } word ? Enum.Parse<T>(word, ignoreCase: true) : default;
}
