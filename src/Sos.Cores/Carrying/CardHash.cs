using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.InteropServices;
using Sos.Cores.Network;

namespace Sos.Cores.Carrying;

/// <summary>
/// How a card shares what it receives among its queues, as 'ethtool -X' and 'ethtool -N rx-flow-hash' set it. A thing begins with a kind of traffic, and what
/// of its frames goes into the hash follows; or with 0, and function, key and table follow.
/// </summary>
internal sealed class CardHash : ICarriedKind
{
    private const uint Hash = 0;

    // TCP, UDP, SCTP, AH and ESP of IPv4 and of IPv6; all else of both (TCP_V4_FLOW to AH_ESP_V6_FLOW, IPV4_FLOW, IPV6_FLOW).
    private static readonly uint[] Flows = [1, 2, 3, 4, 5, 6, 7, 8, 0x10, 0x11];

    /// <inheritdoc/>
    public string Name => "receive hash";

    /// <inheritdoc/>
    public bool IsOfCard => true;

    /// <inheritdoc/>
    public IReadOnlyList<byte[]> Read(CarriedDevice device)
    {
        List<byte[]> things = [.. Flows
            .Select(flow => (flow, ReceiveHash.TryReadFields(device.Link.Name, flow)))
            .Where(found => found.Item2 is not null)
            .Select(found => (byte[])[.. BitConverter.GetBytes(found.flow), .. BitConverter.GetBytes(found.Item2!.Value)])];
        if (ReceiveHash.TryRead(device.Link.Name) is { } hash)
        {
            things.Add([.. BitConverter.GetBytes(Hash), .. hash]);
        }

        return things;
    }

    /// <inheritdoc/>
    public void Apply(CarriedDevice device, IReadOnlyList<byte[]> things)
    {
        foreach (byte[] thing in things.Where(thing => thing.Length >= sizeof(uint) + sizeof(ulong)))
        {
            uint flow = BinaryPrimitives.ReadUInt32LittleEndian(thing);
            ReadOnlySpan<byte> value = thing.AsSpan(sizeof(uint));
            int errno = flow == Hash ? ReceiveHash.TrySet(device.Link.Name, value) : SetFields(device, flow, BinaryPrimitives.ReadUInt64LittleEndian(value));
            if (errno != 0)
            {
                string what = flow == Hash ? "the receive hash" : $"what of a frame goes into the receive hash (kind {flow})";
                device.Problems.Add(
                    $"{what} of {device.Link.Name} could not be set as before ({Marshal.GetPInvokeErrorMessage(errno)}): see 'ethtool -x {device.Link.Name}', "
                    + "and set it with 'ethtool -X' and 'ethtool -N ... rx-flow-hash'");
            }
        }
    }

    private static int SetFields(CarriedDevice device, uint flow, ulong fields)
        => ReceiveHash.TryReadFields(device.Link.Name, flow) == fields ? 0 : ReceiveHash.TrySetFields(device.Link.Name, flow, fields);
}
