using System;
using System.Runtime.InteropServices;
using System.Threading;
using Sos.Abi;
using Sos.Linux;
using Sos.Sdk.Control;

namespace Sos.Runner;

/// <summary>Makes the system calls of an AF_XDP socket: the kernel sends, and where the driver wants it goes on receiving, within one.</summary>
internal unsafe struct SocketKeeper
{
    private const long TransmitRingOffset = 0x8000_0000; // XDP_PGOFF_TX_RING
    private const int UpAndRunning = 0x41; // IFF_UP | IFF_RUNNING
    private const int NameSize = 16; // IFNAMSIZ
    private const int Again = 11; // EAGAIN
    private const int Busy = 16; // EBUSY
    private const int NoDevice = 19; // ENODEV
    private const int NoBuffers = 105; // ENOBUFS

    private KeeperPage* _page;
    private KeeperSocket _socket;
    private XskShared* _shared;
    private uint* _producer;
    private uint* _consumer;

    /// <summary>Whether the last call sent nothing though there is something to send.</summary>
    public bool IsStuck { get; private set; }

    /// <summary>Whether a call is due.</summary>
    public readonly bool HasWork => !IsStuck
        && (Volatile.Read(ref *_producer) != Volatile.Read(ref *_consumer) || Volatile.Read(ref _shared->ReceiveWanted) != 0);

    /// <summary>Maps what it needs.</summary>
    /// <returns>0 or an errno.</returns>
    public static int Create(KeeperPage* page, in KeeperSocket socket, out SocketKeeper keeper)
    {
        keeper = default;

        const int readWrite = Libc.ProtectRead | Libc.ProtectWrite;
        void* ring = Libc.Mmap(null, (nuint)socket.TransmitSize, readWrite, Libc.MapShared, socket.Socket, unchecked((nint)TransmitRingOffset));
        void* shared = Libc.Mmap(null, XskShared.Size, readWrite, Libc.MapShared, socket.Shared, 0);
        if (ring == Libc.MapFailed || shared == Libc.MapFailed)
        {
            return Marshal.GetLastPInvokeError();
        }

        keeper._page = page;
        keeper._socket = socket;
        keeper._shared = (XskShared*)shared;
        keeper._producer = (uint*)((byte*)ring + socket.TransmitProducer);
        keeper._consumer = (uint*)((byte*)ring + socket.TransmitConsumer);
        return 0;
    }

    /// <summary>Makes the calls that are due.</summary>
    /// <returns>Whether there was one.</returns>
    public bool Work()
    {
        bool worked = false;
        uint consumed = Volatile.Read(ref *_consumer);
        IsStuck = false;
        if (Volatile.Read(ref *_producer) != consumed)
        {
            _page->SocketCalls++;
            nint sent = NetworkCalls.SendTo(_socket.Socket, null, 0, NetworkCalls.DoNotWait, null, 0);
            int errno = sent < 0 ? Marshal.GetLastPInvokeError() : 0;
            _page->Errno = errno is 0 or Again or Busy or NoBuffers ? _page->Errno : errno;
            IsStuck = Volatile.Read(ref *_consumer) == consumed && errno != 0;
            worked = !IsStuck;
        }

        if (Volatile.Read(ref _shared->ReceiveWanted) != 0 || _page->BusyPoll != 0)
        {
            Volatile.Write(ref _shared->ReceiveWanted, 0);
            _page->SocketCalls++;
            _ = NetworkCalls.ReceiveFrom(_socket.Socket, null, 0, NetworkCalls.DoNotWait, null, null);
        }

        return worked;
    }

    /// <summary>Asks the service for a notification, or takes that back.</summary>
    public readonly void Arm(bool armed) => Volatile.Write(ref _shared->Armed, armed ? 1u : 0u);

    /// <summary>Tells the service whether its network device is up.</summary>
    public readonly void ReadLink()
    {
        // struct ifreq: the name, then index or flags. By its index, since it may get another name.
        byte* request = stackalloc byte[40];
        new Span<byte>(request, 40).Clear();
        *(uint*)(request + NameSize) = _socket.Device;
        bool told = Libc.Ioctl(_page->Information, NetworkCalls.GetInterfaceName, request) == 0
            && Libc.Ioctl(_page->Information, NetworkCalls.GetInterfaceFlags, request) == 0;
        bool gone = !told && Marshal.GetLastPInvokeError() == NoDevice;
        bool up = told && (*(short*)(request + NameSize) & UpAndRunning) == UpAndRunning;
        Volatile.Write(ref _shared->LinkUp, gone ? XskShared.LinkGone : up ? 1u : 0u);
    }
}
