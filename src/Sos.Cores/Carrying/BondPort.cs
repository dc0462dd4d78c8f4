using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;
using Sos.Cores.Network;

namespace Sos.Cores.Carrying;

/// <summary>
/// A device's being the port of a bond. A thing begins with a letter: M, the bond's number, address and name; A, the address that the device gets back when it
/// leaves the bond; S, a setting.
/// </summary>
internal sealed class BondPort : ICarriedKind
{
    private const ushort SetLink = 19; // RTM_SETLINK
    private const ushort Address = 1; // IFLA_ADDRESS
    private const int AddressSize = 6;
    private const ushort OwnAddress = 4; // IFLA_BOND_SLAVE_PERM_HWADDR
    private const string Kind = "bond";

    private static readonly ushort[] Settings = [5, 9]; // IFLA_BOND_SLAVE_QUEUE_ID, IFLA_BOND_SLAVE_PRIO

    /// <inheritdoc/>
    public string Name => "bond port";

    /// <inheritdoc/>
    public bool IsSetting => true;

    /// <inheritdoc/>
    public string IdentityOf(byte[] thing) => thing is [(byte)'S', var low, var high, ..] ? $"S{low | (high << 8)}" : $"{(char)thing[0]}";

    /// <inheritdoc/>
    public IReadOnlyList<byte[]> Read(CarriedDevice device)
    {
        if (PortSettings.MasterOf(device, Kind) is not { } bond || bond.Mac.Length != AddressSize)
        {
            return [];
        }

        return
        [
            [(byte)'M', .. BitConverter.GetBytes(bond.Index), .. bond.Mac, .. Encoding.UTF8.GetBytes(bond.Name)],
            .. PortSettings.Read(device, [OwnAddress]).Select(own => (byte[])[(byte)'A', .. own.Value]),
            .. PortSettings.Read(device, Settings).Select(setting => (byte[])[(byte)'S', .. BitConverter.GetBytes(setting.Type), .. setting.Value]),
        ];
    }

    /// <inheritdoc/>
    public void Apply(CarriedDevice device, IReadOnlyList<byte[]> things)
    {
        if (things.FirstOrDefault(thing => thing is [(byte)'M', ..]) is not { } joined || joined.Length < 1 + sizeof(uint) + AddressSize)
        {
            return;
        }

        uint bond = BitConverter.ToUInt32(joined.AsSpan(1));
        byte[] address = joined[(1 + sizeof(uint))..(1 + sizeof(uint) + AddressSize)];
        if (NetworkLink.Read(device.Link.Index)?.Master != bond && things.FirstOrDefault(thing => thing is [(byte)'A', ..]) is { } own)
        {
            // A bond remembers the address with which a port joins, and gives the port its own.
            device.Give(
                RouteMessage.Link(SetLink, RouteSocket.Change, device.Link.Index).Add(Address, own[1..]), "the address that it has outside of its bond");
        }

        if (!PortSettings.Join(device, bond, Kind, Encoding.UTF8.GetString(joined.AsSpan(1 + sizeof(uint) + AddressSize))))
        {
            return;
        }

        if (NetworkLink.Read(bond) is { } now && !now.Mac.AsSpan().SequenceEqual(address))
        {
            // As its last port left, it made one up.
            device.Give(RouteMessage.Link(SetLink, RouteSocket.Change, bond).Add(Address, address), $"the address of {now.Name}");
        }

        PortSettings.Give(device, Kind, [.. things.Where(thing => thing is [(byte)'S', _, _, ..])
            .Select(thing => new RouteAttribute(BitConverter.ToUInt16(thing.AsSpan(1)), thing[3..]))]);
    }
}
