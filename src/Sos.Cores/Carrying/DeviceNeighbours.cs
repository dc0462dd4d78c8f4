using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Linq;
using System.Net;
using Sos.Cores.Network;

namespace Sos.Cores.Carrying;

/// <summary>
/// Neighbours that somebody has set: permanent ones, those that a control plane has learned, and those that this host answers for (proxies). A thing is the
/// body of RTM_NEWNEIGH: struct ndmsg and its attributes.
/// </summary>
internal sealed class DeviceNeighbours : ICarriedKind
{
    private const ushort NewNeighbour = 28; // RTM_NEWNEIGH
    private const ushort GetNeighbour = 30; // RTM_GETNEIGH
    private const int FixedSize = 12; // struct ndmsg: family, two of padding, index, state, flags, type
    private const int IndexOffset = 4;
    private const int StateOffset = 8;
    private const int FlagsOffset = 10;
    private const byte Permanent = 0x80; // NUD_PERMANENT
    private const byte Proxy = 8; // NTF_PROXY
    private const byte Learned = 0x10; // NTF_EXT_LEARNED
    private const ushort Destination = 1; // NDA_DST
    private const ushort CacheInformation = 3; // NDA_CACHEINFO
    private const ushort Probes = 4; // NDA_PROBES

    /// <inheritdoc/>
    public string Name => "neighbours";

    /// <inheritdoc/>
    public string IdentityOf(byte[] thing) => $"{thing[FlagsOffset] & Proxy} {Convert.ToHexString(RouteSocket.Find(thing.AsSpan(FixedSize), Destination))}";

    /// <inheritdoc/>
    public IReadOnlyList<byte[]> Read(CarriedDevice device)
    {
        byte[] proxies = new byte[FixedSize];
        proxies[FlagsOffset] = Proxy;
        return [.. List(device, new byte[FixedSize]).Concat(List(device, proxies))];
    }

    /// <inheritdoc/>
    public void Apply(CarriedDevice device, IReadOnlyList<byte[]> things)
    {
        foreach (byte[] thing in device.WasUp ? things : [])
        {
            byte[] body = RouteAttribute.Join(
                device.WithIndex(thing.AsSpan(0, FixedSize), IndexOffset),
                RouteAttribute.Parse(thing.AsSpan(FixedSize)).Where(attribute => attribute.Kind is not (CacheInformation or Probes)));
            byte[] address = RouteSocket.Find(thing.AsSpan(FixedSize), Destination).ToArray();
            device.Give(
                RouteMessage.Of(NewNeighbour, RouteSocket.Replace, body),
                $"the neighbour {(address.Length is 4 or 16 ? new IPAddress(address).ToString() : "of another protocol")}");
        }
    }

    private static IEnumerable<byte[]> List(CarriedDevice device, byte[] request)
        => device.List(RouteMessage.Of(GetNeighbour, RouteSocket.Dump, request))
            .Where(thing => thing.Length > FixedSize && BinaryPrimitives.ReadUInt32LittleEndian(thing.AsSpan(IndexOffset)) == device.Link.Index
                && ((thing[StateOffset] & Permanent) != 0 || (thing[FlagsOffset] & (Proxy | Learned)) != 0));
}
