using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Runtime.InteropServices;
using Sos.Cores.Native;
using Sos.Linux;

namespace Sos.Cores.Network;

/// <summary>One direction of a connection that Linux tracks.</summary>
/// <param name="Protocol">Its transport protocol.</param>
/// <param name="Source">Source address, 4 or 16 bytes.</param>
/// <param name="SourcePort">Source port; for ICMP its identifier, for protocols without ports 0.</param>
/// <param name="Destination">Destination address.</param>
/// <param name="DestinationPort">Destination port, as above.</param>
public sealed record TrackedDirection(byte Protocol, byte[] Source, ushort SourcePort, byte[] Destination, ushort DestinationPort)
{
    /// <summary>Whether its connection has a helper, which may announce others; it outlives the rule that assigned it.</summary>
    public bool HasHelper { get; init; }
}

/// <summary>The connections that Linux tracks in this process's network namespace (nfnetlink, as conntrack(8) reads them).</summary>
public static unsafe class TrackedConnections
{
    private const int FamilyNetlink = 16; // AF_NETLINK
    private const int ProtocolNetfilter = 12; // NETLINK_NETFILTER
    private const ushort GetConnections = (1 << 8) | 1; // NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_GET
    private const ushort ErrorType = 2; // NLMSG_ERROR
    private const ushort DoneType = 3; // NLMSG_DONE
    private const ushort Interrupted = 0x10; // NLM_F_DUMP_INTR
    private const int HeaderSize = 16; // struct nlmsghdr
    private const int BodyOffset = HeaderSize + 4; // struct nfgenmsg
    private const int AnswerSize = 256 << 10;
    private const int TriesMax = 3;

    // enum ctattr_type and those below it.
    private const ushort Original = 1;
    private const ushort Reply = 2;
    private const ushort Help = 5;
    private const ushort Addresses = 1;
    private const ushort Transport = 2;

    /// <summary>Reads both directions of each connection.</summary>
    /// <returns>Null when Linux does not tell all: its connection tracking has no netlink, or others changed it while it was read.</returns>
    public static IReadOnlyList<TrackedDirection>? TryRead()
    {
        for (int i = 0; i < TriesMax; i++)
        {
            List<TrackedDirection> all = [];
            switch (TryDump(all))
            {
                case true:
                    return all;
                case false:
                    return null;
            }
        }

        return null;
    }

    /// <returns>Whether all were read; null when some may be missing.</returns>
    private static bool? TryDump(List<TrackedDirection> all)
    {
        using FileDescriptor socket = FileDescriptor.Raise(
            NetworkCalls.Socket(FamilyNetlink, NetworkCalls.TypeRaw | NetworkCalls.CloseOnExec, ProtocolNetfilter), "making a netlink socket");
        Span<byte> request = stackalloc byte[BodyOffset];
        request.Clear();
        BinaryPrimitives.WriteInt32LittleEndian(request, request.Length);
        BinaryPrimitives.WriteUInt16LittleEndian(request[4..], GetConnections);
        BinaryPrimitives.WriteUInt16LittleEndian(request[6..], RouteSocket.Dump);
        fixed (byte* start = request)
        {
            if (NetworkCalls.Send(socket.Descriptor, start, (nuint)request.Length, 0) < 0)
            {
                return false;
            }
        }

        byte[] answer = new byte[AnswerSize];
        bool isWhole = true;
        while (true)
        {
            int received;
            fixed (byte* start = answer)
            {
                received = (int)NetworkCalls.Receive(socket.Descriptor, start, AnswerSize, 0);
            }

            if (received <= 0 && Marshal.GetLastPInvokeError() != Errno.Interrupted)
            {
                return false;
            }

            if (received > 0 && Take(answer.AsSpan(0, received), all, ref isWhole) is { } done)
            {
                return done ? isWhole ? true : null : false;
            }
        }
    }

    /// <returns>Null when more is to come; else whether it ended well.</returns>
    private static bool? Take(ReadOnlySpan<byte> datagram, List<TrackedDirection> all, ref bool isWhole)
    {
        while (datagram.Length >= HeaderSize)
        {
            int length = BinaryPrimitives.ReadInt32LittleEndian(datagram);
            if (length < HeaderSize || length > datagram.Length)
            {
                return false;
            }

            isWhole &= (BinaryPrimitives.ReadUInt16LittleEndian(datagram[6..]) & Interrupted) == 0;
            switch (BinaryPrimitives.ReadUInt16LittleEndian(datagram[4..]))
            {
                case ErrorType:
                    return false;
                case DoneType:
                    return true;
                default:
                    if (length < BodyOffset || !TryAdd(datagram[BodyOffset..length], all))
                    {
                        return false;
                    }

                    break;
            }

            datagram = datagram[Math.Min((length + 3) & ~3, datagram.Length)..];
        }

        return null;
    }

    private static bool TryAdd(ReadOnlySpan<byte> attributes, List<TrackedDirection> all)
    {
        bool hasHelper = !RouteSocket.Find(attributes, Help).IsEmpty;
        return TryReadDirection(RouteSocket.Find(attributes, Original), hasHelper, all)
            && TryReadDirection(RouteSocket.Find(attributes, Reply), hasHelper, all);
    }

    private static bool TryReadDirection(ReadOnlySpan<byte> tuple, bool hasHelper, List<TrackedDirection> all)
    {
        ReadOnlySpan<byte> addresses = RouteSocket.Find(tuple, Addresses);
        ReadOnlySpan<byte> transport = RouteSocket.Find(tuple, Transport);
        ReadOnlySpan<byte> source = RouteSocket.Find(addresses, 1); // CTA_IP_V4_SRC
        ReadOnlySpan<byte> destination = RouteSocket.Find(addresses, 2);
        if (source.IsEmpty)
        {
            source = RouteSocket.Find(addresses, 3); // CTA_IP_V6_SRC
            destination = RouteSocket.Find(addresses, 4);
        }

        ReadOnlySpan<byte> protocol = RouteSocket.Find(transport, 1); // CTA_PROTO_NUM
        if (source.Length is not (4 or 16) || destination.Length != source.Length || protocol.IsEmpty)
        {
            return false;
        }

        ushort identifier = (ushort)(Port(transport, 4) | Port(transport, 7)); // CTA_PROTO_ICMP_ID, CTA_PROTO_ICMPV6_ID
        ushort first = (ushort)(Port(transport, 2) | identifier); // CTA_PROTO_SRC_PORT
        ushort second = (ushort)(Port(transport, 3) | identifier); // CTA_PROTO_DST_PORT
        all.Add(new TrackedDirection(protocol[0], source.ToArray(), first, destination.ToArray(), second) { HasHelper = hasHelper });
        return true;
    }

    private static ushort Port(ReadOnlySpan<byte> transport, ushort type)
        => RouteSocket.Find(transport, type) is { Length: >= 2 } value ? BinaryPrimitives.ReadUInt16BigEndian(value) : (ushort)0;
}
