using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Runtime.InteropServices;
using Sos.Cores.Native;
using Sos.Linux;

namespace Sos.Cores.Network;

/// <summary>A netlink socket in the network namespace of the thread that makes it.</summary>
public sealed unsafe class NetlinkSocket : IDisposable
{
    /// <summary>NETLINK_ROUTE.</summary>
    public const int Route = 0;

    /// <summary>NETLINK_NETFILTER.</summary>
    public const int Netfilter = 12;

    private const ushort ErrorType = 2; // NLMSG_ERROR
    private const ushort DoneType = 3; // NLMSG_DONE
    private const ushort DumpInterrupted = 0x10; // NLM_F_DUMP_INTR
    private const int DatagramMax = 256 << 10;
    private const int AttemptsMax = 10;

    // What waits while a million routes are dumped.
    private const int ReceiveBuffer = 128 << 20;

    private const string Making = "making a netlink socket";

    private readonly byte[] _datagram = new byte[DatagramMax];
    private readonly FileDescriptor _socket;
    private uint _sequence;

    /// <summary>Opens a socket.</summary>
    /// <param name="protocol">Its protocol.</param>
    /// <param name="groups">The news that it takes.</param>
    /// <exception cref="SosException">The kernel refuses.</exception>
    public NetlinkSocket(int protocol, params ReadOnlySpan<int> groups)
        : this(FileDescriptor.Raise(Open(protocol), Making), groups)
    {
    }

    private NetlinkSocket(FileDescriptor socket, ReadOnlySpan<int> groups)
    {
        _socket = socket;
        try
        {
            Prepare(groups);
        }
        catch
        {
            _socket.Dispose();
            throw;
        }
    }

    /// <summary>Goes on with something else at each datagram of an answer: a million routes take seconds.</summary>
    public Action? Heard { get; set; }

    /// <summary>Opens a socket of a protocol that this kernel may not have.</summary>
    /// <param name="protocol">Its protocol.</param>
    /// <param name="groups">The news that it takes.</param>
    /// <returns>Null when the kernel does not know the protocol; not when it refuses a socket.</returns>
    /// <exception cref="SosException">The kernel refuses.</exception>
    public static NetlinkSocket? TryOpen(int protocol, params ReadOnlySpan<int> groups)
    {
        int descriptor = Open(protocol);
        return descriptor < 0 && Marshal.GetLastPInvokeError() is Errno.NoProtocol or Errno.NoFamily
            ? null
            : new NetlinkSocket(FileDescriptor.Raise(descriptor, Making), groups);
    }

    /// <summary>Sends a message, which nobody answers.</summary>
    /// <param name="request">The message.</param>
    /// <returns>Whether the kernel took it.</returns>
    public bool TrySend(NetlinkRequest request)
    {
        byte[] bytes = request.ToArray(++_sequence);
        fixed (byte* start = bytes)
        {
            return NetworkCalls.Send(_socket.Descriptor, start, (nuint)bytes.Length, 0) == bytes.Length;
        }
    }

    /// <summary>Asks, and takes the answers; on a socket without news.</summary>
    /// <param name="request">The question.</param>
    /// <param name="take">Takes each answer.</param>
    /// <returns>
    /// 0, or the errno that the kernel answers with. EINTR when something has changed in the middle of each of some answers: then none is taken, since what
    /// was heard may be half of each.
    /// </returns>
    public int Ask(NetlinkRequest request, Action<NetlinkMessage> take)
    {
        for (int attempt = 0; attempt < AttemptsMax; attempt++)
        {
            List<NetlinkMessage> answers = [];
            int errno = AskOnce(request, answers, out bool interrupted);
            if (!interrupted)
            {
                answers.ForEach(take);
                return errno;
            }
        }

        return Errno.Interrupted;
    }

    /// <summary>Takes the news that are there.</summary>
    /// <param name="take">Takes each.</param>
    /// <returns>False when the kernel had no room for some: all must be asked for anew.</returns>
    public bool TakeNews(Action<NetlinkMessage> take)
    {
        bool complete = true;
        while (true)
        {
            int received = Receive(NetworkCalls.DoNotWait);
            if (received >= 0)
            {
                foreach (NetlinkMessage message in NetlinkMessage.ReadAll(_datagram.AsMemory(0, received).ToArray()))
                {
                    take(message);
                }

                continue;
            }

            if (-received == Errno.NoBuffers)
            {
                complete = false;
                continue;
            }

            return -received == Errno.TryAgain
                ? complete
                : throw Errno.ToException("following Linux's network", -received, null);
        }
    }

    /// <summary>Waits until one of some sockets has news.</summary>
    /// <param name="timeout">How long at most; a signal cuts it short.</param>
    /// <param name="sockets">The sockets.</param>
    public static void Wait(TimeSpan timeout, params ReadOnlySpan<NetlinkSocket> sockets)
    {
        Libc.PollDescriptor* entries = stackalloc Libc.PollDescriptor[sockets.Length];
        for (int i = 0; i < sockets.Length; i++)
        {
            entries[i] = new Libc.PollDescriptor { Descriptor = sockets[i]._socket.Descriptor, Events = Libc.PollIn };
        }

        _ = Libc.Poll(entries, (nuint)sockets.Length, (int)timeout.TotalMilliseconds);
    }

    /// <inheritdoc/>
    public void Dispose() => _socket.Dispose();

    private static int Open(int protocol)
        => NetworkCalls.Socket(NetworkCalls.FamilyNetlink, NetworkCalls.TypeRaw | NetworkCalls.CloseOnExec, protocol);

    private static void Check(int result, string what)
    {
        if (result < 0)
        {
            throw Errno.ToException(what, Marshal.GetLastPInvokeError(), null);
        }
    }

    private void Prepare(ReadOnlySpan<int> groups)
    {
        int size = ReceiveBuffer;
        _ = NetworkCalls.SetOption(_socket.Descriptor, NetworkCalls.LevelSocket, NetworkCalls.ReceiveBufferForce, &size, sizeof(int));

        // The kernel chooses the number. One without is told nothing: the kernel takes it for itself.
        const int addressSize = 12; // struct sockaddr_nl
        byte* address = stackalloc byte[addressSize];
        new Span<byte>(address, addressSize).Clear();
        *(ushort*)address = NetworkCalls.FamilyNetlink;
        Check(NetworkCalls.Bind(_socket.Descriptor, address, addressSize), "binding a netlink socket");
        foreach (int group in groups)
        {
            int value = group;
            Check(
                NetworkCalls.SetOption(_socket.Descriptor, NetworkCalls.LevelNetlink, NetworkCalls.AddMembership, &value, sizeof(int)),
                "following Linux's network");
        }
    }

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

            Heard?.Invoke();
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
                        return message.Body.Length >= sizeof(int) ? -BinaryPrimitives.ReadInt32LittleEndian(message.Body.Span) : Errno.NoBuffers;
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
                received = NetworkCalls.Receive(_socket.Descriptor, start, DatagramMax, flags);
            }

            int errno = received < 0 ? Marshal.GetLastPInvokeError() : 0;
            if (errno != Errno.Interrupted)
            {
                return received < 0 ? -errno : (int)received;
            }
        }
    }
}
