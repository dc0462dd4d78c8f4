using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using Sos.Cores.Native;

namespace Sos.Cores.Network;

/// <summary>Something that a packet socket asked a network device for (PACKET_ADD_MEMBERSHIP of packet(7)).</summary>
/// <param name="Device">Index of the device.</param>
/// <param name="Kind">The wish: frames to an address (PACKET_MR_MULTICAST, PACKET_MR_UNICAST), or all (PACKET_MR_PROMISC, PACKET_MR_ALLMULTI).</param>
/// <param name="Address">The address; empty for all.</param>
/// <param name="Count">How often it asked.</param>
internal sealed record PacketMembership(uint Device, ushort Kind, byte[] Address, uint Count);

/// <summary>A packet socket of a program of this thread's network namespace.</summary>
/// <param name="Id">Which socket it is, the number that Linux gave it.</param>
/// <param name="Device">Index of the device that it is bound to; 0 for none, -1 when that is gone.</param>
/// <param name="Memberships">Its wishes; null where the kernel does not tell.</param>
internal sealed record PacketSocket(ulong Id, int Device, IReadOnlyList<PacketMembership>? Memberships)
{
    private const int Diagnosis = 4; // NETLINK_SOCK_DIAG
    private const ushort ByFamily = 20; // SOCK_DIAG_BY_FAMILY
    private const byte Packet = 17; // AF_PACKET
    private const uint ShowInformation = 1; // PACKET_SHOW_INFO
    private const uint ShowMemberships = 2; // PACKET_SHOW_MCLIST
    private const int FixedSize = 16; // struct packet_diag_msg
    private const int IdOffset = 4;
    private const ushort Information = 0; // PACKET_DIAG_INFO
    private const ushort MembershipList = 1; // PACKET_DIAG_MCLIST
    private const int MembershipSize = 44; // struct packet_diag_mclist
    private const int AddressOffset = 12;
    private const int AddressMax = 32; // MAX_ADDR_LEN

    /// <summary>Lists them.</summary>
    /// <exception cref="SosException">Linux does not say.</exception>
    public static IReadOnlyList<PacketSocket> List()
    {
        using RouteSocket socket = new(Diagnosis);
        byte[] request = new byte[20]; // struct packet_diag_req
        request[0] = Packet;
        BinaryPrimitives.WriteUInt32LittleEndian(request.AsSpan(8), ShowInformation | ShowMemberships);
        IReadOnlyList<byte[]>? answers = socket.TryQueryAll(RouteMessage.Of(ByFamily, RouteSocket.Dump, request), out int errno);
        return answers is not null
            ? [.. answers.Where(answer => answer.Length >= FixedSize).Select(Parse)]
            : errno is Errno.NoEntry or Errno.Invalid or Errno.NotSupported
                ? Parse(LinuxFile.TryRead("/proc/thread-self/net/packet") ?? "")
                : throw Errno.ToException("listing the packet sockets", errno, null);
    }

    /// <summary>Reads /proc/net/packet: a line of titles, and one for each socket, whose fifth field is its device and the ninth its number.</summary>
    internal static IReadOnlyList<PacketSocket> Parse(string text)
        => [.. text.Split('\n').Skip(1)
            .Select(line => line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))
            .Where(fields => fields.Length >= 9)
            .Select(fields => new PacketSocket(
                ulong.Parse(fields[8], CultureInfo.InvariantCulture), int.Parse(fields[4], CultureInfo.InvariantCulture), null))];

    private static PacketSocket Parse(byte[] answer)
    {
        ReadOnlySpan<byte> attributes = answer.AsSpan(FixedSize);
        ReadOnlySpan<byte> information = RouteSocket.Find(attributes, Information);
        ReadOnlySpan<byte> list = RouteSocket.Find(attributes, MembershipList);
        List<PacketMembership> memberships = [];
        for (; list.Length >= MembershipSize; list = list[MembershipSize..])
        {
            int size = Math.Min(BinaryPrimitives.ReadUInt16LittleEndian(list[10..]), (ushort)AddressMax);
            memberships.Add(new PacketMembership(
                BinaryPrimitives.ReadUInt32LittleEndian(list), BinaryPrimitives.ReadUInt16LittleEndian(list[8..]),
                list.Slice(AddressOffset, size).ToArray(), BinaryPrimitives.ReadUInt32LittleEndian(list[4..])));
        }

        return new PacketSocket(
            BinaryPrimitives.ReadUInt32LittleEndian(answer.AsSpan(IdOffset)),
            information.Length >= sizeof(int) ? BinaryPrimitives.ReadInt32LittleEndian(information) : 0,
            memberships);
    }
}
