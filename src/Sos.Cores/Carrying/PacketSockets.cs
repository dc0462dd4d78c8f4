using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Linq;
using Sos.Cores.Network;
using Sos.Linux;

namespace Sos.Cores.Carrying;

/// <summary>
/// Packet sockets of programs that are bound to a device: DHCP clients, LLDP daemons, captures. The device's end unbinds them; each is bound again. A thing is
/// the number of a socket.
/// </summary>
internal sealed unsafe class PacketSockets : ICarriedKind
{
    private const int Packet = 17; // AF_PACKET
    private const int IndexOffset = 4; // in struct sockaddr_ll, behind family and protocol
    private const int AddressSize = 20;
    private const int Nowhere = -1; // the index of a socket whose device has gone

    /// <inheritdoc/>
    public string Name => "packet sockets";

    /// <inheritdoc/>
    public IReadOnlyList<byte[]> Read(CarriedDevice device)
        => [.. PacketSocket.List().Where(socket => socket.Device == (int)device.Link.Index).Select(socket => BitConverter.GetBytes(socket.Id))];

    /// <inheritdoc/>
    public void Apply(CarriedDevice device, IReadOnlyList<byte[]> things)
    {
        HashSet<ulong> wanted = [.. things.Select(thing => BitConverter.ToUInt64(thing))];
        foreach (ProgramSocket socket in wanted.Count > 0 ? ProgramSocket.All(wanted) : [])
        {
            if (AddressOf(socket) is { } address && BinaryPrimitives.ReadInt32LittleEndian(address.AsSpan(IndexOffset)) == Nowhere)
            {
                BinaryPrimitives.WriteInt32LittleEndian(address.AsSpan(IndexOffset), (int)device.Link.Index);
                fixed (byte* start = address)
                {
                    _ = NetworkCalls.Bind(socket.Handle.Descriptor, start, AddressSize); // looked at below
                }
            }
        }

        // A program that has ended meanwhile misses nothing.
        int left = wanted.Count == 0 ? 0 : PacketSocket.List().Count(socket => socket.Device == Nowhere && wanted.Contains(socket.Id));
        if (left > 0)
        {
            device.Problems.Add($"{left} packet socket(s) of programs (DHCP clients, captures) are not bound to {device.Link.Name} again: start these programs "
                + "again ('ss -0pe' shows sockets and programs)");
        }
    }

    private static byte[]? AddressOf(ProgramSocket socket)
    {
        byte[] address = new byte[AddressSize];
        uint size = AddressSize;
        fixed (byte* start = address)
        {
            return socket.Family == Packet && NetworkCalls.GetName(socket.Handle.Descriptor, start, &size) == 0 ? address : null;
        }
    }
}
