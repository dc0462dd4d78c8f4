using System;
using System.Collections.Generic;
using System.Linq;
using Sos.Cores.Network;
using Sos.Sdk.Control;

namespace Sos.Cores.Carrying;

/// <summary>
/// All that Linux knows of a card's network device, and would lose with it. It goes to the host port when the card is claimed, and back when it is
/// returned, so that the host keeps its addresses, its routes, its settings and its connections. All of it by netlink: it needs no program.
/// </summary>
/// <param name="Name">Name of the network device.</param>
/// <param name="Mac">Its address.</param>
/// <param name="Mtu">Its MTU.</param>
/// <param name="Up">Whether it was up.</param>
/// <param name="Index">Its number.</param>
/// <param name="ReadAtMs">When it was read, in milliseconds of this boot.</param>
/// <param name="Things">All else, by kind, as the kernel said it.</param>
public sealed record InterfaceConfiguration(
    string Name, string Mac, int Mtu, bool Up, uint Index, long ReadAtMs, IReadOnlyDictionary<string, IReadOnlyList<byte[]>>? Things)
{
    private const ushort SetLink = 19; // RTM_SETLINK
    private const ushort Address = 1; // IFLA_ADDRESS
    private const ushort MtuAttribute = 4; // IFLA_MTU
    private const uint SwitchedOn = 1; // IFF_UP

    /// <summary>All kinds, in the order in which they are given.</summary>
    private static readonly ICarriedKind[] Kinds =
    [
        new CardFeatures(), CardHardware.OfCard, CardHardware.OfLink, new CardHash(), new QueueSettings("/sys", "/proc/1/root/sys"), new LinkSettings(),
        new OtherNames(),
        new DeviceSysctls(afterAddresses: false), new BondPort(), new BridgePort(), new SwitchingOn(), new DeviceAddresses(),
        new DeviceSysctls(afterAddresses: true), new LinkGroups(), new StackedDevices(), new NexthopObjects(), new DeviceRoutes(), new DeviceNeighbours(),
        new TrafficControl(), new GroupMembers(), new PacketSockets(), new PacketGroups(),
    ];

    /// <summary>Reads the configuration of a network device in this network namespace.</summary>
    /// <exception cref="SosException">There is no such device.</exception>
    public static InterfaceConfiguration Read(string name)
    {
        using CarriedDevice device = Open(name);
        string mac = string.Join(':', device.Link.Mac.Select(part => $"{part:x2}"));
        return new InterfaceConfiguration(
            device.Link.Name, mac, device.Link.Mtu, device.Link.IsUp, device.Link.Index, Environment.TickCount64,
            Kinds.ToDictionary(kind => kind.Name, kind => kind.Read(device)));
    }

    /// <summary>Finds what of a network device no host port can be given.</summary>
    /// <returns>A sentence each; empty when nothing would be lost.</returns>
    /// <exception cref="SosException">There is no such device.</exception>
    public static IReadOnlyList<string> FindLosses(string name)
    {
        using CarriedDevice device = Open(name);
        return CarryingObstacles.Find(device, HostPortLayout.MtuMax);
    }

    /// <summary>Reads it again from the host port that has it now. What a host port cannot have stays as it was on the card.</summary>
    /// <param name="port">Name of the host port.</param>
    /// <param name="afterMove">
    /// What the host port had as it had just taken the card's place, if something was refused then: that is the card's still. Null where all was taken.
    /// </param>
    /// <exception cref="SosException">There is no such device.</exception>
    public InterfaceConfiguration ReadAgain(string port, InterfaceConfiguration? afterMove = null) => Merge(Read(port), afterMove);

    /// <summary>Joins what was read of the card with what was read of its host port.</summary>
    /// <param name="now">The host port as it is.</param>
    /// <param name="afterMove">The host port as it was when it had just taken the card's place; null where all was taken.</param>
    internal InterfaceConfiguration Merge(InterfaceConfiguration now, InterfaceConfiguration? afterMove)
    {
        Dictionary<string, IReadOnlyList<byte[]>> things = new(now.Things!);
        foreach (ICarriedKind kind in Kinds)
        {
            things[kind.Name] = kind.IsOfCard ? ThingsOf(kind) : Merge(kind, now, now.Index == Index ? afterMove : null);
        }

        int mtu = Mtu > HostPortLayout.MtuMax && now.Mtu == HostPortLayout.MtuMax ? Mtu : now.Mtu;
        return now with { Name = Name, Index = Index, Mtu = mtu, Things = things };
    }

    /// <summary>Gives all of it to a network device in this network namespace, which begins anew: it is switched off first.</summary>
    /// <param name="name">The device that takes it.</param>
    /// <param name="isCard">Whether it is the card; else its host port.</param>
    /// <returns>What could not be given, a sentence each; empty when all went well.</returns>
    /// <exception cref="SosException">There is no such device.</exception>
    public IReadOnlyList<string> Apply(string name, bool isCard)
    {
        // What stood in the way may be gone a moment later: udev, or a network manager, works on the device as well.
        return ApplyOnce(name, isCard) is { Count: > 0 } ? ApplyOnce(name, isCard) : [];
    }

    private List<string> ApplyOnce(string name, bool isCard)
    {
        List<string> problems = [];
        NetworkLink found;
        using (CarriedDevice before = Open(name))
        {
            before.Give(RouteMessage.Link(SetLink, RouteSocket.Change, before.Link.Index, 0, SwitchedOn), "that it is switched off");
            problems.AddRange(before.Problems);
            found = DeviceIndex.Give(before.Link, Index, problems);
        }

        using CarriedDevice device = new(found)
        {
            FormerIndex = Index,
            FormerName = Name,
            WasUp = Up,
            IsCard = isCard,
            Age = TimeSpan.FromMilliseconds(Math.Max(0, Environment.TickCount64 - ReadAtMs)),
        };
        GiveFrame(device, isCard);
        foreach (ICarriedKind kind in Kinds.Where(kind => isCard || !kind.IsOfCard))
        {
            try
            {
                kind.Apply(device, ThingsOf(kind));
            }
            catch (SosException e)
            {
                device.Problems.Add($"not all of {kind.Name} is on {device.Link.Name}: {e.Message}");
            }
        }

        return [.. problems, .. device.Problems];
    }

    private static CarriedDevice Open(string name) => new(NetworkLink.Find(name)
        ?? throw new SosException(SosError.NotFound, $"no network device is called {name}: 'ip link show' shows those there are"));

    private IReadOnlyList<byte[]> ThingsOf(ICarriedKind kind)
        => Things is not null && Things.TryGetValue(kind.Name, out IReadOnlyList<byte[]>? found) ? found : [];

    private List<byte[]> Merge(ICarriedKind kind, InterfaceConfiguration now, InterfaceConfiguration? afterMove)
    {
        IReadOnlyList<byte[]> original = ThingsOf(kind);
        IReadOnlyList<byte[]> moved = afterMove?.ThingsOf(kind) ?? [];
        IReadOnlyList<byte[]> there = afterMove is null ? now.ThingsOf(kind) : WithRefused(kind, original, moved, now.ThingsOf(kind));
        return [.. there.Select(thing => Find(kind, original, thing) is { } first ? kind.Merge(first, Find(kind, moved, thing), thing) : thing)];
    }

    private static byte[]? Find(ICarriedKind kind, IReadOnlyList<byte[]> things, byte[] like)
        => kind.IdentityOf(like) is { } identity ? things.FirstOrDefault(thing => kind.IdentityOf(thing) == identity) : null;

    /// <summary>Adds what the host port never had to what it has now; what somebody has changed or removed there meanwhile stays so.</summary>
    private static List<byte[]> WithRefused(
        ICarriedKind kind, IReadOnlyList<byte[]> original, IReadOnlyList<byte[]> afterMove, IReadOnlyList<byte[]> now)
    {
        List<byte[]> all = [.. now];
        foreach (byte[] thing in original)
        {
            if (kind.IdentityOf(thing) is not { } identity)
            {
                continue;
            }

            bool IsIt(byte[] other) => kind.IdentityOf(other) == identity;
            byte[]? taken = afterMove.FirstOrDefault(IsIt);
            int place = all.FindIndex(IsIt);
            if (taken is null && place < 0)
            {
                all.Add(thing);
            }
            else if (kind.IsSetting && taken is not null && place >= 0
                && !taken.AsSpan().SequenceEqual(thing) && taken.AsSpan().SequenceEqual(all[place]))
            {
                all[place] = thing;
            }
        }

        return all;
    }

    private void GiveFrame(CarriedDevice device, bool isCard)
    {
        byte[] mac = Convert.FromHexString(Mac.Replace(":", "", StringComparison.Ordinal));
        if (mac.Length == device.Link.Mac.Length && !mac.AsSpan().SequenceEqual(device.Link.Mac))
        {
            device.Give(RouteMessage.Link(SetLink, RouteSocket.Change, device.Link.Index).Add(Address, mac), $"the address {Mac}");
        }

        int mtu = isCard ? Mtu : Math.Min(Mtu, HostPortLayout.MtuMax);
        if (mtu > 0 && mtu != device.Link.Mtu)
        {
            device.Give(RouteMessage.Link(SetLink, RouteSocket.Change, device.Link.Index).Add(MtuAttribute, (uint)mtu), $"the MTU {mtu}");
        }
    }
}
