using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using System.Text.Json;
using Sos.Cores;
using Sos.Cores.Network;
using Sos.Firewall.Connections;
using Sos.Firewall.Rules.Prefilter;
using Sos.Firewall.Tables;
using Sos.Linux;

namespace Sos.Firewall.Control;

/// <summary>Reads what of this machine decides how much a prefilter can prove, beside its rules. What cannot be read counts as what proves least.</summary>
internal static class LivePort
{
    private const string Devices = "/sys/class/net";
    private const string Settings = "/proc/sys/net";
    private const uint EthernetType = 1; // ARPHRD_ETHER

    /// <summary>The options for rules of a file: of a host that forwards nothing, behind an Ethernet card like any other.</summary>
    /// <param name="names">The names of the port.</param>
    public static PrefilterOptions OfFile(IReadOnlyList<string> names) => new()
    {
        PortNames = names,
        ForwardsExceptIpv4 = null,
        ForwardsExceptIpv6 = null,
        PortGroup = 0,
        PortType = EthernetType,
        Answers = AnswerLimit.Default,
    };

    /// <summary>Reads the options for a port.</summary>
    /// <param name="names">The names under which Linux knows it.</param>
    /// <param name="backEnd">What keeps the core.</param>
    /// <param name="activeGeneration">Generation of the table that the service uses; 0 when it does not run yet.</param>
    public static PrefilterOptions Read(IReadOnlyList<string> names, BackEndKind backEnd, ulong activeGeneration)
    {
        KnownConnections? connections = RecordsConnections(names, backEnd) ? ReadConnections(activeGeneration) : null;
        bool isLocalFirst = Answers("ip", "-j", "rule", "list") is { } rules4 && IsLocalFirst(rules4)
            && Answers("ip", "-j", "-6", "rule", "list") is { } rules6 && IsLocalFirst(rules6);
        return new PrefilterOptions
        {
            PortNames = names,
            IsLeased = true,
            RecordsConnections = connections is not null,
            Connections = connections,
            HasOtherTranslation = HasLines("/proc/net/ip_tables_names") || HasLines("/proc/net/ip6_tables_names"),
            ForwardsExceptIpv4 = Forwards("ipv4", names) ? isLocalFirst ? Own(AddressFamily.InterNetwork) : [] : null,
            ForwardsExceptIpv6 = Forwards("ipv6", names) ? isLocalFirst ? Own(AddressFamily.InterNetworkV6) : [] : null,
            OwnAddresses = isLocalFirst ? Own(AddressFamily.InterNetwork, onlyUp: true) : [], // of IPv6 one may be tentative, and not local yet
            // Before the service runs, a card of Linux's own stands where its host port will be.
            PortGroup = activeGeneration == 0 ? null : DeviceNumber(names, "netdev_group"),
            PortType = activeGeneration == 0 ? null : DeviceNumber(names, "type"),
            Answers = AnswerSettings.Read(Settings),
            Obstacle = FindObstacle(names, backEnd, isRunning: activeGeneration != 0),
        };
    }

    /// <summary>Whether Linux forwards no packet that arrives by a port.</summary>
    /// <param name="names">The names under which Linux knows the port.</param>
    public static bool ForwardsNothing(IReadOnlyList<string> names) => !Forwards("ipv4", names) && !Forwards("ipv6", names);

    // The service sees what Linux sends where it stands in the way, and Linux has no other way, nor sends anything wrapped up.
    private static bool RecordsConnections(IReadOnlyList<string> names, BackEndKind backEnd)
        => backEnd.LeavesLinux()
            && OtherWay(names) is null
            && Output("ip", "xfrm", "policy") is { Length: 0 };

    /// <summary>Returns a network device by which packets may come or go beside a port; null where there is none.</summary>
    /// <param name="names">The names under which Linux knows the port.</param>
    public static string? OtherWay(IReadOnlyList<string> names) => Directory.GetDirectories(Devices).Select(path => Path.GetFileName(path))
        .FirstOrDefault(name => name != "lo" && !names.Contains(name) && !IsDown(name));

    /// <summary>Returns the group of the device that has a port's name now: 0 where there is none yet, null where several names differ.</summary>
    /// <param name="names">The names under which Linux knows the port.</param>
    public static uint? GroupOf(IReadOnlyList<string> names)
        => names.Any(name => Directory.Exists(Path.Combine(Devices, name))) ? DeviceNumber(names, "netdev_group") : 0;

    private static uint? DeviceNumber(IReadOnlyList<string> names, string property)
    {
        List<uint?> all = [.. names.Select(name => Path.Combine(Devices, name, property)).Where(File.Exists)
            .Select(path => uint.TryParse(File.ReadAllText(path).Trim(), out uint number) ? (uint?)number : null).Distinct()];
        return all.Count == 1 ? all[0] : null;
    }

    private static bool IsDown(string name)
    {
        string path = Path.Combine(Devices, name, "flags");
        return File.Exists(path) && (Convert.ToUInt32(File.ReadAllText(path).Trim(), 16) & 1) == 0; // IFF_UP
    }

    private static KnownConnections? ReadConnections(ulong activeGeneration)
        => activeGeneration == 0 || TrackedConnections.TryRead() is not { } all ? null : new KnownConnections(
            [.. all.Select(one => ConnectionKey.Of(
                one.Protocol, ToAddress(one.Source), PortOf(one, one.SourcePort), ToAddress(one.Destination), PortOf(one, one.DestinationPort)))],
            activeGeneration)
        {
            // Before Linux 6.0 it may assign helpers by itself.
            HaveHelpers = all.Any(one => one.HasHelper) || IsSet($"{Settings}/netfilter/nf_conntrack_helper"),
        };

    private static ushort PortOf(TrackedDirection direction, ushort port)
        => ConnectionKey.HasPorts(direction.Protocol) || direction.Protocol is 1 or 58 ? port : (ushort)0; // ICMP's identifiers too

    private static Address128 ToAddress(byte[] bytes) => bytes.Length == 4
        ? new Address128(0, BinaryPrimitives.ReadUInt32BigEndian(bytes))
        : new Address128(BinaryPrimitives.ReadUInt64BigEndian(bytes), BinaryPrimitives.ReadUInt64BigEndian(bytes.AsSpan(8)));

    // What Linux puts on a device sees its frames before any rule does, or in the device's place.
    private static string? FindObstacle(IReadOnlyList<string> names, BackEndKind backEnd, bool isRunning)
    {
        if (isRunning && !names.Any(name => Directory.Exists(Path.Combine(Devices, name))))
        {
            return $"there is no network device {string.Join(" or ", names)} here";
        }

        foreach (string name in names.Where(name => Directory.Exists(Path.Combine(Devices, name))))
        {
            string? other = Directory.GetFileSystemEntries(Path.Combine(Devices, name)).Select(path => Path.GetFileName(path))
                .FirstOrDefault(entry => entry == "master" || entry.StartsWith("upper_", StringComparison.Ordinal));
            if (other is not null)
            {
                return $"{name} is a part of another network device, or others are on top of it ({other}), and they may take its frames";
            }

            // On an isolated core SOS itself takes and brings back frames there.
            if (backEnd.LeavesLinux() && Answers("tc", "-j", "qdisc", "show", "dev", name)?.EnumerateArray().Any(IsIngress) != false)
            {
                return $"tc filters may take or change {name}'s frames before the rules see them: see 'tc qdisc show dev {name}'";
            }

            if (backEnd.LeavesLinux() && HasTcxPrograms(name))
            {
                return $"BPF programs (tcx) may take or change {name}'s frames before the rules see them: see 'bpftool net show dev {name}'";
            }

            if (backEnd.LeavesLinux() && Answers("ip", "-j", "link", "show", "dev", name)?.EnumerateArray().Any(HasProgram) != false)
            {
                return $"an XDP program may take or change {name}'s frames before the rules see them: see 'ip link show dev {name}'";
            }
        }

        return HasLines("/proc/net/ip_vs", but: 3) ? "IPVS takes packets between the rules" : null;
    }

    private static bool IsIngress(JsonElement queue)
        => queue.TryGetProperty("kind", out JsonElement kind) && (kind.ValueEquals("ingress") || kind.ValueEquals("clsact"));

    private static bool HasTcxPrograms(string device)
    {
        try
        {
            return TcxList.TryRead(NetworkCalls.InterfaceIndex(device)) is { Count: > 0 };
        }
        catch (SosException)
        {
            return true;
        }
    }

    private static bool HasProgram(JsonElement device) => device.TryGetProperty("xdp", out _);

    // The first rule of routing leads to the table of the machine's own addresses, unless somebody changed that.
    private static bool IsLocalFirst(JsonElement rules)
        => rules.GetArrayLength() > 0 && rules[0].TryGetProperty("table", out JsonElement table) && table.ValueEquals("local")
            && rules[0].TryGetProperty("src", out JsonElement source) && source.ValueEquals("all")
            && rules[0].EnumerateObject().All(property => property.Name is "priority" or "src" or "table" or "protocol");

    private static bool Forwards(string family, IReadOnlyList<string> names)
        => names.Append("all").Any(name => IsSet($"{Settings}/{family}/conf/{name}/forwarding") || IsSet($"{Settings}/{family}/conf/{name}/mc_forwarding"));

    private static bool IsSet(string path) => File.Exists(path) && File.ReadAllText(path).Trim() != "0";

    private static bool HasLines(string path, int but = 0)
    {
        try
        {
            return File.Exists(path) && File.ReadLines(path).Skip(but).Any();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return true;
        }
    }

    private static List<string> Own(AddressFamily family, bool onlyUp = false)
        => [.. NetworkInterface.GetAllNetworkInterfaces()
            .Where(device => !onlyUp || device.OperationalStatus is OperationalStatus.Up or OperationalStatus.Unknown)
            .SelectMany(device => device.GetIPProperties().UnicastAddresses)
            .Select(address => address.Address).Where(address => address.AddressFamily == family)
            .Select(address => address.ToString().Split('%')[0]).Distinct()];

    private static JsonElement? Answers(string program, params string[] arguments)
    {
        if (Output(program, arguments) is not { } answer)
        {
            return null;
        }

        try
        {
            using JsonDocument document = JsonDocument.Parse(answer);
            return document.RootElement.ValueKind == JsonValueKind.Array ? document.RootElement.Clone() : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static string? Output(string program, params string[] arguments)
    {
        ProcessStartInfo start = new(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        try
        {
            using Process process = Process.Start(start)!;
            System.Threading.Tasks.Task<string> errors = process.StandardError.ReadToEndAsync();
            string answer = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            _ = errors.Result;
            return process.ExitCode == 0 ? answer : null;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }
}
