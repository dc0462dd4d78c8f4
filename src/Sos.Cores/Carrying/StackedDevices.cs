using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Linq;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Sos.Cores.Network;

namespace Sos.Cores.Carrying;

/// <summary>A VLAN or macvlan that stands on a device.</summary>
/// <param name="Information">What kind of device it is, and how it was set up: the attributes of IFLA_LINKINFO by which one like it is made.</param>
/// <param name="Network">All that Linux knows of it.</param>
internal sealed record StackedDevice(byte[] Information, InterfaceConfiguration Network);

/// <summary>
/// VLANs and macvlans on a device, in its network namespace: Linux takes them away with it. Each is made again, with its number, and given all that it had, as
/// the device below itself. A thing is a <see cref="StackedDevice"/>.
/// </summary>
internal sealed class StackedDevices : ICarriedKind
{
    private const ushort NewLink = 16; // RTM_NEWLINK
    private const ushort GetLink = 18; // RTM_GETLINK
    private const int FixedSize = 16; // struct ifinfomsg
    private const ushort InterfaceName = 3; // IFLA_IFNAME
    private const ushort Lower = 5; // IFLA_LINK
    private const ushort Information = 18; // IFLA_LINKINFO
    private const ushort InformationKind = 1; // IFLA_INFO_KIND
    private const ushort InformationData = 2; // IFLA_INFO_DATA
    private const ushort Mode = 1; // IFLA_MACVLAN_MODE
    private const uint SourceMode = 16; // MACVLAN_MODE_SOURCE: its list of addresses is told in other words than it is set

    // What of a macvlan is set and not counted: IFLA_MACVLAN_MODE, FLAGS, BC_QUEUE_LEN, BC_CUTOFF.
    private static readonly ushort[] MacvlanSettings = [Mode, 2, 7, 9];

    /// <inheritdoc/>
    public string Name => "devices on it";

    /// <summary>Whether a device that stands on another one is made again.</summary>
    /// <param name="information">The value of its IFLA_LINKINFO.</param>
    public static bool IsMadeAgain(ReadOnlySpan<byte> information)
        => Encoding.UTF8.GetString(RouteSocket.Find(information, InformationKind).TrimEnd((byte)0)) switch
        {
            "vlan" => true,
            "macvlan" => RouteSocket.Find(RouteSocket.Find(information, InformationData), Mode) is { Length: sizeof(uint) } mode
                && BinaryPrimitives.ReadUInt32LittleEndian(mode) != SourceMode,
            _ => false,
        };

    /// <summary>Finds the devices that stand on a device and are made again.</summary>
    /// <param name="device">The device below.</param>
    public static IReadOnlyList<NetworkLink> On(CarriedDevice device)
        => [.. NetworkLink.List()
            .Where(link => link.Lower == device.Link.Index && link.Kind is ("vlan" or "macvlan") && IsMadeAgain(InformationOf(device, link)))
            .OrderBy(link => link.Index)];

    /// <inheritdoc/>
    public string? IdentityOf(byte[] thing) => Parse(thing)?.Network.Name;

    /// <inheritdoc/>
    public byte[] Merge(byte[] original, byte[]? afterMove, byte[] now)
        => Parse(original) is { } first && Parse(now) is { } last
            ? Format(last with { Network = first.Network.Merge(last.Network, afterMove is null ? null : Parse(afterMove)?.Network) })
            : now;

    /// <inheritdoc/>
    public IReadOnlyList<byte[]> Read(CarriedDevice device) => [.. On(device).Select(link => Format(new StackedDevice(
        InformationOf(device, link), InterfaceConfiguration.Read(link.Name))))];

    /// <inheritdoc/>
    public void Apply(CarriedDevice device, IReadOnlyList<byte[]> things)
    {
        foreach (StackedDevice stacked in things.Select(Parse).OfType<StackedDevice>())
        {
            string name = stacked.Network.Name;
            NetworkLink? there = NetworkLink.Find(name);
            if (there is null)
            {
                device.Give(MakingOf(device, stacked), $"{name}, which stood on it,");
                there = NetworkLink.Find(name);
            }
            else if (there.Lower != device.Link.Index || there.Kind is not ("vlan" or "macvlan"))
            {
                device.Problems.Add(
                    $"{name} is not on {device.Link.Name} again: another device has its name now; rename that ('ip link set'), and make it again");
                continue;
            }

            if (there is not null)
            {
                device.Problems.AddRange(stacked.Network.Apply(name, device.IsCard));
            }
        }
    }

    private static RouteMessage MakingOf(CarriedDevice device, StackedDevice stacked)
    {
        // Rules know it by its number, which is another's only if somebody made one meanwhile.
        uint index = NetworkLink.Read(stacked.Network.Index) is null ? stacked.Network.Index : 0;
        return RouteMessage.Link(NewLink, RouteSocket.Create, index)
            .Add(InterfaceName, stacked.Network.Name)
            .Add(Lower, device.Link.Index)
            .Add(Information, information => information.AddAll(stacked.Information));
    }

    /// <summary>Reads a device's kind and the settings with which it was made.</summary>
    private static byte[] InformationOf(CarriedDevice device, NetworkLink link)
    {
        byte[]? answer = device.Routes.TryQuery(RouteMessage.Link(GetLink, RouteSocket.Request, link.Index));
        return RouteAttribute.Join([], RouteAttribute.Parse(answer is null ? [] : RouteSocket.Find(answer.AsSpan(FixedSize), Information))
            .Where(attribute => attribute.Kind is InformationKind or InformationData)
            .Select(attribute => attribute.Kind != InformationData || link.Kind != "macvlan" ? attribute : attribute with
            {
                Value = RouteAttribute.Join([], RouteAttribute.Parse(attribute.Value).Where(setting => MacvlanSettings.Contains(setting.Kind))),
            }));
    }

    private static byte[] Format(StackedDevice stacked) => JsonSerializer.SerializeToUtf8Bytes(stacked, StackedDeviceJson.Default.StackedDevice);

    private static StackedDevice? Parse(byte[] thing)
    {
        try
        {
            return JsonSerializer.Deserialize(thing, StackedDeviceJson.Default.StackedDevice);
        }
        catch (JsonException)
        {
            return null; // Of a later version.
        }
    }
}

/// <summary>How things are written.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(StackedDevice))]
internal sealed partial class StackedDeviceJson : JsonSerializerContext;
