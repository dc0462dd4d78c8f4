using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Linq;
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
        => [.. ProgramSocket.All().Where(socket => AddressOf(socket) is { } address && IndexIn(address) == (int)device.Link.Index)
            .Select(socket => BitConverter.GetBytes(socket.Id))];

    /// <inheritdoc/>
    public void Apply(CarriedDevice device, IReadOnlyList<byte[]> things)
    {
        HashSet<ulong> wanted = [.. things.Select(thing => BitConverter.ToUInt64(thing))];
        foreach (ProgramSocket socket in wanted.Count > 0 ? ProgramSocket.All() : [])
        {
            if (wanted.Contains(socket.Id) && AddressOf(socket) is { } address && IndexIn(address) == Nowhere)
            {
                BinaryPrimitives.WriteInt32LittleEndian(address.AsSpan(IndexOffset), (int)device.Link.Index);
                fixed (byte* start = address)
                {
                    _ = NetworkCalls.Bind(socket.Handle.Descriptor, start, AddressSize); // a program that ends meanwhile misses nothing
                }
            }
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

    private static int IndexIn(byte[] address) => BinaryPrimitives.ReadInt32LittleEndian(address.AsSpan(IndexOffset));
}
