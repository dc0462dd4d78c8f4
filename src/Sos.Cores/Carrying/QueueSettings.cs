using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text;
using Sos.Cores.Native;
using Sos.Cores.Network;

namespace Sos.Cores.Carrying;

/// <summary>
/// How Linux shares a card's work among cpus and puts frames together: RPS and XPS of its queues, its threads, its waiting, the largest frames of GSO and GRO.
/// A thing is "queues/rx-0/rps_cpus 3", the file below the device's folder in sysfs, or "gso_max_size 65536".
/// </summary>
/// <param name="roots">Where sysfs may be mounted for the network namespace of this thread.</param>
internal sealed class QueueSettings(params IReadOnlyList<string> roots) : ICarriedKind
{
    private const ushort GetLink = 18; // RTM_GETLINK
    private const ushort SetLink = 19; // RTM_SETLINK
    private const int FixedSize = 16; // struct ifinfomsg

    private static readonly string[] OfDevice = ["threaded", "gro_flush_timeout", "napi_defer_hard_irqs"];
    private static readonly string[] OfQueue = ["rps_cpus", "rps_flow_cnt", "xps_cpus", "xps_rxqs", "tx_maxrate"];

    private static readonly Dictionary<string, ushort> OfLink = new()
    {
        ["gso_max_size"] = 41, // IFLA_GSO_MAX_SIZE
        ["gro_max_size"] = 58, // IFLA_GRO_MAX_SIZE
    };

    /// <inheritdoc/>
    public string Name => "queue settings";

    /// <inheritdoc/>
    public bool IsOfCard => true;

    /// <inheritdoc/>
    public IReadOnlyList<byte[]> Read(CarriedDevice device)
    {
        IEnumerable<(string Name, string? Value)> files = FolderOf(device) is { } folder
            ? FilesOf(folder).Select(name => (name, LinuxFile.TryRead(Path.Combine(folder, name))))
            : [];
        return [.. files.Concat(OfLink.Select(size => (size.Key, NumberOf(device, size.Value))))
            .Where(setting => setting.Item2 is { Length: > 0 })
            .Select(setting => Encoding.UTF8.GetBytes($"{setting.Item1} {setting.Item2}"))];
    }

    /// <inheritdoc/>
    public void Apply(CarriedDevice device, IReadOnlyList<byte[]> things)
    {
        string? folder = FolderOf(device);
        foreach (string[] fields in things.Select(thing => Encoding.UTF8.GetString(thing).Split(' ', 2)).Where(fields => fields.Length == 2))
        {
            (string name, string value) = (fields[0], fields[1]);
            if (OfLink.TryGetValue(name, out ushort attribute))
            {
                if (NumberOf(device, attribute) != value && uint.TryParse(value, CultureInfo.InvariantCulture, out uint size))
                {
                    device.Give(RouteMessage.Link(SetLink, RouteSocket.Change, device.Link.Index).Add(attribute, size), $"{name} {value}");
                }
            }
            else if (folder is null)
            {
                device.Problems.Add($"the setting {name} = {value} is not on {device.Link.Name}: no sysfs shows that device");
            }
            else if (FilesOf(folder).Contains(name) && LinuxFile.TryRead(Path.Combine(folder, name)) != value
                && LinuxFile.TryWrite(Path.Combine(folder, name), value) is { } problem)
            {
                device.Problems.Add($"the setting {name} = {value} is not on {device.Link.Name}: {problem}");
            }
        }
    }

    /// <summary>The folder of a device; null where sysfs shows another network namespace's, in which that name, or that number, is another device.</summary>
    private string? FolderOf(CarriedDevice device)
    {
        if (NetworkLink.Read(device.Link.Index) is not { } link)
        {
            return null;
        }

        string address = string.Join(':', Convert.ToHexStringLower(link.Mac).Chunk(2).Select(digits => new string(digits)));
        return roots.Select(root => Path.Combine(root, "class/net", link.Name)).FirstOrDefault(
            folder => LinuxFile.TryRead(Path.Combine(folder, "ifindex")) == link.Index.ToString(CultureInfo.InvariantCulture)
                && LinuxFile.TryRead(Path.Combine(folder, "address")) == address);
    }

    private static IEnumerable<string> FilesOf(string folder)
    {
        string queues = Path.Combine(folder, "queues");
        IEnumerable<string> ofQueues = Directory.Exists(queues)
            ? Directory.EnumerateDirectories(queues).Order(StringComparer.Ordinal)
                .SelectMany(queue => OfQueue.Select(name => $"queues/{Path.GetFileName(queue)}/{name}"))
            : [];
        return OfDevice.Concat(ofQueues).Where(name => File.Exists(Path.Combine(folder, name)));
    }

    private static string? NumberOf(CarriedDevice device, ushort attribute)
    {
        byte[]? answer = device.Routes.TryQuery(RouteMessage.Link(GetLink, RouteSocket.Request, device.Link.Index));
        List<RouteAttribute> found = answer is null ? [] : [.. RouteAttribute.Parse(answer.AsSpan(FixedSize)).Where(each => each.Kind == attribute)];
        return found.Count == 0 ? null : found[0].Number.ToString(CultureInfo.InvariantCulture);
    }
}
