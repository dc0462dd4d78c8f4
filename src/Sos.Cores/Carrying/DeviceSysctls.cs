using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using Sos.Cores.Native;

namespace Sos.Cores.Carrying;

/// <summary>
/// The sysctls of a device, in the network namespace of this thread. A thing is "ipv6/conf accept_ra 0". All of them are there before the device is switched
/// on: a host that refuses router advertisements must not believe the first one.
/// </summary>
/// <param name="afterAddresses">Whether these are the few that must wait until the addresses are there.</param>
internal sealed class DeviceSysctls(bool afterAddresses) : ICarriedKind
{
    // A device follows its own changes: setting one may change another, for which a second look is enough.
    private const int PassesMax = 3;
    private const string Root = "/proc/sys/net";

    private static readonly string[] Folders = ["ipv4/conf", "ipv6/conf", "ipv4/neigh", "ipv6/neigh", "mpls/conf"];

    /// <summary>
    /// Those that wait, and their values meanwhile. Addresses that were proven to be nobody else's would be out of use while Linux proves it again, and new
    /// temporary ones would be made beside those that are carried; the MTU of IPv6 is the device's as that is switched on.
    /// </summary>
    private static readonly (string Start, string? Meanwhile)[] Late =
        [("ipv6/conf accept_dad ", "0"), ("ipv6/conf use_tempaddr ", "0"), ("ipv6/conf mtu ", null)];

    /// <inheritdoc/>
    public string Name => afterAddresses ? "sysctls after addresses" : "sysctls";

    /// <inheritdoc/>
    public bool IsSetting => true;

    /// <inheritdoc/>
    public string IdentityOf(byte[] thing) => string.Join(' ', Encoding.UTF8.GetString(thing).Split(' ', 3).Take(2));

    /// <inheritdoc/>
    public IReadOnlyList<byte[]> Read(CarriedDevice device)
        => [.. Folders.SelectMany(folder => ReadFolder(folder, device)).Where(setting => IsLate(setting) == afterAddresses)
            .Select(setting => Encoding.UTF8.GetBytes(setting))];

    /// <inheritdoc/>
    public void Apply(CarriedDevice device, IReadOnlyList<byte[]> things)
    {
        if (!afterAddresses)
        {
            foreach ((string start, string? meanwhile) in Late)
            {
                string[] fields = start.Split(' ');
                _ = meanwhile is null ? null : LinuxFile.TryWrite(PathOf(fields[0], fields[1], device), meanwhile);
            }
        }

        List<string> refused = [];
        for (int pass = 0; pass < PassesMax; pass++)
        {
            refused = [];
            bool changed = false;
            foreach (string[] fields in things.Select(thing => Encoding.UTF8.GetString(thing).Split(' ', 3)).Where(fields => fields.Length == 3))
            {
                string path = PathOf(fields[0], fields[1], device);
                if (LinuxFile.TryRead(path) == fields[2])
                {
                    continue;
                }

                changed = true;
                if (LinuxFile.TryWrite(path, fields[2]) is { } problem)
                {
                    refused.Add($"the setting {fields[0]}/{fields[1]} = {fields[2]} is not on {device.Link.Name}: {problem}");
                }
            }

            if (!changed)
            {
                break;
            }
        }

        device.Problems.AddRange(refused);
    }

    private static bool IsLate(string setting) => Late.Any(late => setting.StartsWith(late.Start, StringComparison.Ordinal));

    private static IEnumerable<string> ReadFolder(string folder, CarriedDevice device)
    {
        string path = Path.Combine(Root, folder, device.Link.Name);
        IEnumerable<string> files = Directory.Exists(path) ? Directory.EnumerateFiles(path) : [];
        foreach (string file in files.Order(StringComparer.Ordinal))
        {
            string name = Path.GetFileName(file);

            // A secret that was never set cannot be read; an MTU of IPv6 that is the device's follows that.
            if (LinuxFile.TryRead(file) is { Length: > 0 } value && (name != "mtu" || value != $"{device.Link.Mtu}"))
            {
                yield return $"{folder} {name} {value}";
            }
        }
    }

    private static string PathOf(string folder, string name, CarriedDevice device) => Path.Combine(Root, folder, device.Link.Name, name);
}
