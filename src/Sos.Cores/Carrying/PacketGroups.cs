using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Linq;
using Sos.Cores.Network;
using Sos.Linux;

namespace Sos.Cores.Carrying;

/// <summary>
/// Wishes of programs' packet sockets to a device (PACKET_ADD_MEMBERSHIP): frames to an address, as of an LLDP daemon, or all frames, as of a capture. The
/// device's end takes them out of the socket; they are made again there. A thing is the number of a socket, how often it asked, what for, and the address.
/// </summary>
internal sealed unsafe class PacketGroups : ICarriedKind
{
    private const int LevelPacket = 263; // SOL_PACKET
    private const int AddMembership = 1; // PACKET_ADD_MEMBERSHIP
    private const int CountOffset = sizeof(ulong);
    private const int KindOffset = CountOffset + sizeof(uint);
    private const int AddressOffset = KindOffset + sizeof(ushort);
    private const int RequestMin = 16; // struct packet_mreq
    private const int RequestAddressOffset = 8;

    /// <inheritdoc/>
    public string Name => "packet groups";

    /// <inheritdoc/>
    public IReadOnlyList<byte[]> Read(CarriedDevice device) => [.. MembershipsOn(device).Select(found => Format(found.Socket, found.Membership))];

    /// <inheritdoc/>
    public string IdentityOf(byte[] thing) => Convert.ToHexString([.. thing[..CountOffset], .. thing[KindOffset..]]);

    /// <inheritdoc/>
    public void Apply(CarriedDevice device, IReadOnlyList<byte[]> things)
    {
        List<byte[]> missing = Missing(device, things);
        foreach (ProgramSocket socket in missing.Count > 0 ? ProgramSocket.All(missing.Select(IdOf).ToHashSet()) : [])
        {
            foreach (byte[] thing in missing.Where(thing => IdOf(thing) == socket.Id))
            {
                Join(socket, thing, device.Link.Index);
            }
        }

        // A program that has ended meanwhile misses nothing.
        HashSet<ulong> alive = missing.Count > 0 ? [.. PacketSocket.List().Select(socket => socket.Id)] : [];
        int left = missing.Count == 0 ? 0 : Missing(device, missing).Count(thing => alive.Contains(IdOf(thing)));
        if (left > 0)
        {
            device.Problems.Add($"{left} wish(es) of packet sockets (PACKET_ADD_MEMBERSHIP: promiscuous, or frames to a group) are not on {device.Link.Name}: "
                + "start the programs again ('ss -0pe' shows sockets and programs)");
        }
    }

    private static IEnumerable<(ulong Socket, PacketMembership Membership)> MembershipsOn(CarriedDevice device)
        => PacketSocket.List().SelectMany(socket => (socket.Memberships ?? [])
            .Where(membership => membership.Device == device.Link.Index)
            .Select(membership => (socket.Id, membership)));

    /// <summary>The things that sockets have not asked this device for; of one that asked fewer times, the rest.</summary>
    private List<byte[]> Missing(CarriedDevice device, IReadOnlyList<byte[]> things)
    {
        Dictionary<string, uint> there = things.Count == 0
            ? []
            : MembershipsOn(device).ToDictionary(found => IdentityOf(Format(found.Socket, found.Membership)), found => found.Membership.Count);
        List<byte[]> missing = [];
        foreach (byte[] thing in things.Where(thing => thing.Length >= AddressOffset))
        {
            uint count = CountOf(thing) - Math.Min(CountOf(thing), there.GetValueOrDefault(IdentityOf(thing)));
            if (count > 0)
            {
                byte[] rest = [.. thing];
                BinaryPrimitives.WriteUInt32LittleEndian(rest.AsSpan(CountOffset), count);
                missing.Add(rest);
            }
        }

        return missing;
    }

    private static void Join(ProgramSocket socket, byte[] thing, uint index)
    {
        int size = thing.Length - AddressOffset;
        byte[] request = new byte[Math.Max(RequestMin, RequestAddressOffset + size)];
        BinaryPrimitives.WriteUInt32LittleEndian(request, index);
        thing.AsSpan(KindOffset, sizeof(ushort)).CopyTo(request.AsSpan(sizeof(uint)));
        BinaryPrimitives.WriteUInt16LittleEndian(request.AsSpan(sizeof(uint) + sizeof(ushort)), (ushort)size);
        thing.AsSpan(AddressOffset).CopyTo(request.AsSpan(RequestAddressOffset));
        fixed (byte* start = request)
        {
            bool taken = true;
            for (uint times = CountOf(thing); times > 0 && taken; times--)
            {
                taken = NetworkCalls.SetOption(socket.Handle.Descriptor, LevelPacket, AddMembership, start, (uint)request.Length) == 0;
            }
        }
    }

    private static byte[] Format(ulong socket, PacketMembership membership)
        => [.. BitConverter.GetBytes(socket), .. BitConverter.GetBytes(membership.Count), .. BitConverter.GetBytes(membership.Kind), .. membership.Address];

    private static ulong IdOf(byte[] thing) => BinaryPrimitives.ReadUInt64LittleEndian(thing);

    private static uint CountOf(byte[] thing) => BinaryPrimitives.ReadUInt32LittleEndian(thing.AsSpan(CountOffset));
}
