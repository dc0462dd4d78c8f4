using System;
using System.Collections.Generic;
using System.Runtime.InteropServices;
using Xunit;

namespace Sos.Router.Tests.Differential;

/// <summary>One end of a cable: sends frames, and takes those that come, but for its own.</summary>
internal sealed unsafe partial class PacketSocket : IDisposable
{
    private const int PacketFamily = 17; // AF_PACKET
    private const ushort AllProtocols = 0x0300; // ETH_P_ALL as it is on the wire
    private const int AddressSize = 20; // struct sockaddr_ll
    private const int RawCloseOnExec = 3 | 0x80000; // SOCK_RAW | SOCK_CLOEXEC
    private const int LevelSocket = 1; // SOL_SOCKET
    private const int ReceiveBufferForce = 33; // SO_RCVBUFFORCE
    private const int DoNotWait = 0x40; // MSG_DONTWAIT

    private readonly int _socket;

    /// <summary>Opens a socket on a network device of this thread's namespace.</summary>
    public PacketSocket(int device)
    {
        _socket = Socket(PacketFamily, RawCloseOnExec, AllProtocols);
        Assert.True(_socket >= 0, $"packet sockets are root's: {Marshal.GetLastPInvokeErrorMessage()}");
        byte* address = stackalloc byte[AddressSize];
        new Span<byte>(address, AddressSize).Clear();
        *(ushort*)address = PacketFamily;
        *(ushort*)(address + 2) = AllProtocols;
        *(int*)(address + 4) = device;
        Assert.Equal(0, Bind(_socket, address, AddressSize));
        int size = 4 << 20;
        _ = SetOption(_socket, LevelSocket, ReceiveBufferForce, &size, sizeof(int));
    }

    /// <summary>Sends a frame.</summary>
    /// <returns>Whether the device took it.</returns>
    public bool Send(ReadOnlySpan<byte> frame)
    {
        fixed (byte* start = frame)
        {
            return Send(_socket, start, (nuint)frame.Length, 0) == frame.Length;
        }
    }

    /// <summary>Takes all frames that have come.</summary>
    public List<byte[]> Take()
    {
        List<byte[]> frames = [];
        byte* buffer = stackalloc byte[4096];
        while (true)
        {
            nint length = Receive(_socket, buffer, 4096, DoNotWait);
            if (length < 0)
            {
                return frames;
            }

            frames.Add(new ReadOnlySpan<byte>(buffer, (int)length).ToArray());
        }
    }

    public void Dispose() => _ = Close(_socket);

    [LibraryImport("libc", EntryPoint = "socket", SetLastError = true)]
    private static partial int Socket(int family, int type, int protocol);

    [LibraryImport("libc", EntryPoint = "bind", SetLastError = true)]
    private static partial int Bind(int socket, void* address, uint size);

    [LibraryImport("libc", EntryPoint = "setsockopt", SetLastError = true)]
    private static partial int SetOption(int socket, int level, int option, void* value, uint size);

    [LibraryImport("libc", EntryPoint = "send", SetLastError = true)]
    private static partial nint Send(int socket, void* data, nuint size, int flags);

    [LibraryImport("libc", EntryPoint = "recv", SetLastError = true)]
    private static partial nint Receive(int socket, void* data, nuint size, int flags);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int Close(int descriptor);
}
