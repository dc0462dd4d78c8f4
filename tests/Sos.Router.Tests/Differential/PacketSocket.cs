using System;
using System.Collections.Generic;
using System.Runtime.InteropServices;
using Sos.Router.Control.Netlink;
using Xunit;

namespace Sos.Router.Tests.Differential;

/// <summary>One end of a cable: sends frames, and takes those that come, but for its own.</summary>
internal sealed unsafe class PacketSocket : IDisposable
{
    private const int PacketFamily = 17; // AF_PACKET
    private const ushort AllProtocols = 0x0300; // ETH_P_ALL as it is on the wire
    private const int AddressSize = 20; // struct sockaddr_ll
    private const int ReceiveBufferForce = 33; // SO_RCVBUFFORCE

    private readonly int _socket;

    /// <summary>Opens a socket on a network device of this thread's namespace.</summary>
    public PacketSocket(int device)
    {
        _socket = NetlinkCalls.Socket(PacketFamily, NetlinkCalls.RawCloseOnExec, AllProtocols);
        Assert.True(_socket >= 0, $"packet sockets are root's: {Marshal.GetLastPInvokeErrorMessage()}");
        byte* address = stackalloc byte[AddressSize];
        new Span<byte>(address, AddressSize).Clear();
        *(ushort*)address = PacketFamily;
        *(ushort*)(address + 2) = AllProtocols;
        *(int*)(address + 4) = device;
        Assert.Equal(0, NetlinkCalls.Bind(_socket, address, AddressSize));
        int size = 4 << 20;
        _ = NetlinkCalls.SetOption(_socket, NetlinkCalls.LevelSocket, ReceiveBufferForce, &size, sizeof(int));
    }

    /// <summary>Sends a frame.</summary>
    /// <returns>Whether the device took it.</returns>
    public bool Send(ReadOnlySpan<byte> frame)
    {
        fixed (byte* start = frame)
        {
            return NetlinkCalls.Send(_socket, start, (nuint)frame.Length, 0) == frame.Length;
        }
    }

    /// <summary>Takes all frames that have come.</summary>
    public List<byte[]> Take()
    {
        List<byte[]> frames = [];
        byte* buffer = stackalloc byte[4096];
        while (true)
        {
            nint length = NetlinkCalls.Receive(_socket, buffer, 4096, NetlinkCalls.DoNotWait);
            if (length < 0)
            {
                return frames;
            }

            frames.Add(new ReadOnlySpan<byte>(buffer, (int)length).ToArray());
        }
    }

    public void Dispose() => _ = NetlinkCalls.Close(_socket);
}
