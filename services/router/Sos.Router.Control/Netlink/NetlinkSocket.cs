using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Runtime.InteropServices;
using Sos.Cores;

namespace Sos.Router.Control.Netlink;

/// <summary>A netlink socket in the network namespace of the thread that makes it.</summary>
internal sealed unsafe class NetlinkSocket : IDisposable
{
    /// <summary>NETLINK_ROUTE.</summary>
    public const int Route = 0;

    /// <summary>NETLINK_NETFILTER.</summary>
    public const int Netfilter = 12;

    private const ushort ErrorType = 2; // NLMSG_ERROR
    private const ushort DoneType = 3; // NLMSG_DONE
    private const ushort DumpInterrupted = 0x10; // NLM_F_DUMP_INTR
    private const int DatagramMax = 256 << 10;

    // What waits while a million routes are dumped.
    private const int ReceiveBuffer = 128 << 20;

    private readonly byte[] _datagram = new byte[DatagramMax];
    private int _socket;
    private uint _sequence;

    /// <summary>Opens a socket.</summary>
    /// <param name="protocol">Its protocol.</param>
    /// <param name="groups">The news that it takes.</param>
    /// <exception cref="SosException">The kernel refuses.</exception>
    public NetlinkSocket(int protocol, params ReadOnlySpan<int> groups)
    {
        _socket = Check(NetlinkCalls.Socket(NetlinkCalls.Family, NetlinkCalls.RawCloseOnExec, protocol), "making a netlink socket");
        int size = ReceiveBuffer;
        _ = NetlinkCalls.SetOption(_socket, NetlinkCalls.LevelSocket, NetlinkCalls.ReceiveBufferForce, &size, sizeof(int));

        // The kernel chooses the number. One without is told nothing: the kernel takes it for itself.
        const int addressSize = 12; // struct sockaddr_nl
        byte* address = stackalloc byte[addressSize];
        new Span<byte>(address, addressSize).Clear();
        *(ushort*)address = NetlinkCalls.Family;
        Check(NetlinkCalls.Bind(_socket, address, addressSize), "binding a netlink socket");
        foreach (int group in groups)
        {
            int value = group;
            Check(NetlinkCalls.SetOption(_socket, NetlinkCalls.LevelNetlink, NetlinkCalls.AddMembership, &value, sizeof(int)), "following Linux's network");
        }
    }

    /// <summary>The descriptor, for poll(2).</summary>
    public int Descriptor => _socket;

    /// <summary>Sends a message, which nobody answers.</summary>
    /// <returns>Whether the kernel took it.</returns>
    public bool TrySend(NetlinkRequest request)
    {
        byte[] bytes = request.ToArray(++_sequence);
        fixed (byte* start = bytes)
        {
            return NetlinkCalls.Send(_socket, start, (nuint)bytes.Length, 0) == bytes.Length;
        }
    }

    /// <summary>Asks, and takes the answers; on a socket without news.</summary>
    /// <param name="request">The question.</param>
    /// <param name="take">Takes each answer.</param>
    /// <returns>0, or the errno that the kernel answers with.</returns>
    /// <exception cref="SosException">The kernel does not answer.</exception>
    public int Ask(NetlinkRequest request, Action<NetlinkMessage> take)
    {
        for (int attempt = 0; ; attempt++)
        {
            List<NetlinkMessage> answers = [];
            int errno = AskOnce(request, answers, out bool interrupted);
            if (interrupted && attempt < 10)
            {
                continue; // Something changed in the middle: what was heard may be half of each.
            }

            answers.ForEach(take);
            return errno;
        }
    }

    /// <summary>Takes the news that are there.</summary>
    /// <param name="take">Takes each.</param>
    /// <returns>False when the kernel had no room for some: all must be asked for anew.</returns>
    public bool TakeNews(Action<NetlinkMessage> take)
    {
        bool complete = true;
        while (true)
        {
            int received = Receive(NetlinkCalls.DoNotWait);
            if (received >= 0)
            {
                foreach (NetlinkMessage message in NetlinkMessage.ReadAll(_datagram.AsMemory(0, received).ToArray()))
                {
                    take(message);
                }

                continue;
            }

            if (-received == NetlinkCalls.NoBuffers)
            {
                complete = false;
                continue;
            }

            return -received == NetlinkCalls.WouldBlock
                ? complete
                : throw new SosException(SosError.Failed, $"following Linux's network failed: {Marshal.GetPInvokeErrorMessage(-received)}");
        }
    }

    /// <summary>Waits until one of some sockets has news.</summary>
    public static void Wait(TimeSpan timeout, params ReadOnlySpan<NetlinkSocket> sockets)
    {
        NetlinkCalls.PollEntry* entries = stackalloc NetlinkCalls.PollEntry[sockets.Length];
        for (int i = 0; i < sockets.Length; i++)
        {
            entries[i] = new NetlinkCalls.PollEntry { Descriptor = sockets[i]._socket, Events = NetlinkCalls.PollIn };
        }

        _ = NetlinkCalls.Poll(entries, (nuint)sockets.Length, (int)timeout.TotalMilliseconds);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_socket >= 0)
        {
            _ = NetlinkCalls.Close(_socket);
            _socket = -1;
        }
    }

    private static int Check(int result, string what)
        => result >= 0 ? result : throw new SosException(SosError.Failed, $"{what} failed: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}");

    private int AskOnce(NetlinkRequest request, List<NetlinkMessage> answers, out bool interrupted)
    {
        interrupted = false;
        if (!TrySend(request))
        {
            return Marshal.GetLastPInvokeError();
        }

        bool isDump = (BinaryPrimitives.ReadUInt16LittleEndian(request.ToArray(0).AsSpan(6)) & NetlinkRequest.Dump) == NetlinkRequest.Dump;
        while (true)
        {
            int received = Receive(0);
            if (received < 0)
            {
                return -received;
            }

            foreach (NetlinkMessage message in NetlinkMessage.ReadAll(_datagram.AsMemory(0, received).ToArray()))
            {
                if (message.Sequence != _sequence)
                {
                    continue; // Of a question before, which was given up.
                }

                interrupted |= (message.Flags & DumpInterrupted) != 0;
                switch (message.Type)
                {
                    case ErrorType:
                        return message.Body.Length >= sizeof(int) ? -BinaryPrimitives.ReadInt32LittleEndian(message.Body.Span) : NetlinkCalls.NoBuffers;
                    case DoneType:
                        return 0;
                    default:
                        answers.Add(message);
                        break;
                }
            }

            if (!isDump && answers.Count > 0)
            {
                return 0;
            }
        }
    }

    // Bytes received, or the negative errno.
    private int Receive(int flags)
    {
        while (true)
        {
            nint received;
            fixed (byte* start = _datagram)
            {
                received = NetlinkCalls.Receive(_socket, start, DatagramMax, flags);
            }

            int errno = received < 0 ? Marshal.GetLastPInvokeError() : 0;
            if (errno != NetlinkCalls.Interrupted)
            {
                return received < 0 ? -errno : (int)received;
            }
        }
    }
}
