using System;
using System.Runtime.InteropServices;
using Sos.Cores.Loading;
using Sos.Cores.Native;
using Sos.Linux;
using Sos.Sdk.Control;

namespace Sos.Cores.Isolation.Network;

/// <summary>
/// An AF_XDP socket (Documentation/networking/af_xdp.rst) on queue 0 of a network device, with the packet memory of a service as its
/// frame memory. The rings are mapped in the service; the descriptors live in the runner and in the keeper.
/// </summary>
internal sealed unsafe class XskSocket : IDisposable
{
    /// <summary>1024 frames in each ring: a millisecond of a million frames a second, and a quarter of the buffers of a pool.</summary>
    public const uint RingEntries = 1024;

    /// <summary>Where the fill ring is mapped from; as <see cref="TransmitOffset"/> and its like in linux/if_xdp.h.</summary>
    public const ulong FillOffset = 0x1_0000_0000;

    /// <summary>XDP_UMEM_PGOFF_COMPLETION_RING.</summary>
    public const ulong CompletionOffset = 0x1_8000_0000;

    /// <summary>XDP_PGOFF_TX_RING.</summary>
    public const ulong TransmitOffset = 0x8000_0000;

    private const int LevelXdp = 283; // SOL_XDP
    private const int MmapOffsets = 1; // XDP_MMAP_OFFSETS
    private const int ReceiveRing = 2; // XDP_RX_RING
    private const int TransmitRing = 3; // XDP_TX_RING
    private const int FrameMemory = 4; // XDP_UMEM_REG
    private const int FillRing = 5; // XDP_UMEM_FILL_RING
    private const int CompletionRing = 6; // XDP_UMEM_COMPLETION_RING
    private const int SocketOptions = 8; // XDP_OPTIONS
    private const ushort UseNeedWakeup = 8; // XDP_USE_NEED_WAKEUP
    private const uint ZeroCopyOption = 1; // XDP_OPTIONS_ZEROCOPY

    private const int BusyPollMicroseconds = 20;
    private const int BusyPollFrames = 64;

    private readonly XskRequest _request;
    private readonly FrameWay _way;
    private readonly FileDescriptor _sockets;
    private readonly uint _interfaceIndex;

    private XskSocket(XskRequest request, FrameWay way, uint interfaceIndex, FileDescriptor socket, FileDescriptor sockets, RingOffsets[] offsets)
        => (_request, _way, _interfaceIndex, Socket, _sockets, Offsets) = (request, way, interfaceIndex, socket, sockets, offsets);

    /// <summary>The socket.</summary>
    public FileDescriptor Socket { get; }

    /// <summary>The request that it was made for.</summary>
    public XskRequest Request => _request;

    /// <summary>Index of the network device whose frames it gets.</summary>
    public uint Device => _way.Device;

    /// <summary>Where the parts of the four rings lie in their mappings: receive, transmit, fill, completion.</summary>
    public RingOffsets[] Offsets { get; }

    /// <summary>Makes a socket. Frames arrive from <see cref="Take"/> on.</summary>
    /// <param name="request">The device.</param>
    /// <param name="frames">Packet memory.</param>
    /// <exception cref="SosException">The kernel refuses; nothing is left behind.</exception>
    public static XskSocket Open(XskRequest request, MappedMemory frames)
    {
        uint index = NetworkCalls.InterfaceIndex(request.Interface);
        if (index == 0)
        {
            throw new SosException(SosError.NotFound, $"no network device is called {request.Interface}: 'ip link show' shows those there are");
        }

        int descriptor = NetworkCalls.Socket(NetworkCalls.FamilyXdp, NetworkCalls.TypeRaw | NetworkCalls.CloseOnExec, 0);
        FileDescriptor socket = FileDescriptor.Raise(descriptor, "making an AF_XDP socket (has the kernel CONFIG_XDP_SOCKETS?)");
        try
        {
            Prepare(socket, frames, request.BusyPoll);
            if (request.Way.Mark != 0)
            {
                Set(socket, NetworkCalls.LevelSocket, NetworkCalls.Mark, request.Way.Mark, "marking what an AF_XDP socket sends");
            }

            RingOffsets[] offsets = ReadOffsets(socket);
            return new XskSocket(request, request.Way, index, socket, BpfObject.MakeSocketMap(1), offsets);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Binds the socket to its queue. All who map its rings must have done so: xsk_mmap() refuses a socket that is bound, up to Linux 6.3.
    /// </summary>
    /// <returns>How the kernel moves its packets, in a few words.</returns>
    /// <exception cref="SosException">The kernel refuses.</exception>
    public string Bind()
    {
        SocketAddress address = new() { Family = NetworkCalls.FamilyXdp, Flags = UseNeedWakeup, InterfaceIndex = _interfaceIndex };
        Check(NetworkCalls.Bind(Socket.Descriptor, &address, (uint)sizeof(SocketAddress)), $"binding an AF_XDP socket to {_request.Interface}");
        BpfObject.PutSocket(_sockets, 0, Socket);
        uint options = 0;
        uint size = sizeof(uint);
        bool zeroCopy = NetworkCalls.GetOption(Socket.Descriptor, LevelXdp, SocketOptions, &options, &size) == 0 && (options & ZeroCopyOption) != 0;
        return $"{_way}; AF_XDP {(zeroCopy ? "without copies" : "copies")}{(_request.BusyPoll ? ", busy poll" : "")}";
    }

    /// <summary>Gives the device's frames to the service, from this call on and at once. The programs that do so outlive us.</summary>
    /// <exception cref="SosException">The kernel refuses.</exception>
    public void Take()
    {
        using FileDescriptor program = FramePrograms.ToSocket(_way.Names.Cpu, _sockets, _way is { IsNative: true, Open: true });
        int errno = XdpAttachment.TryPut(_interfaceIndex, program, _way.Names.Cpu);
        if (errno != 0)
        {
            throw Errno.ToException(
                $"putting an XDP program before {_request.Interface}", errno,
                errno is Errno.Exists or Errno.Busy ? "somebody else's is there: 'ip link show' tells its id, 'bpftool prog show id ID' whose it is" : null);
        }

        if (!_way.IsNative)
        {
            using FileDescriptor take = FramePrograms.Take(
                _way.Names.Cpu, _sockets, NetworkCalls.InterfaceIndex(_way.Names.Take), _way.Mark, _way.Open);
            IngressHook.Put(_way.Device, take, _way.Names.Cpu);
        }
    }

    /// <summary>Bytes of a ring's mapping.</summary>
    public static ulong SizeOf(in RingOffsets ring, int entrySize) => AddressSpace.ToPages(ring.Entries + ((ulong)RingEntries * (ulong)entrySize));

    /// <summary>A ring as the service sees it.</summary>
    /// <param name="ring">Its parts.</param>
    /// <param name="address">Where it is mapped.</param>
    public static XskRing ToRing(in RingOffsets ring, ulong address) => new()
    {
        Producer = address + ring.Producer,
        Consumer = address + ring.Consumer,
        Flags = address + ring.Flags,
        Entries = address + ring.Entries,
        Count = RingEntries,
    };

    /// <inheritdoc/>
    public void Dispose()
    {
        _sockets.Dispose();
        Socket.Dispose();
    }

    private static void Prepare(FileDescriptor socket, MappedMemory frames, bool busyPoll)
    {
        MemoryRegistration memory = new() { Address = (ulong)frames.Address, Size = frames.Size, ChunkSize = XskLayout.ChunkSize };
        int errno = NetworkCalls.SetOption(socket.Descriptor, LevelXdp, FrameMemory, &memory, (uint)sizeof(MemoryRegistration));
        Check(errno, "giving packet memory to an AF_XDP socket");
        foreach (int ring in new[] { FillRing, CompletionRing, ReceiveRing, TransmitRing })
        {
            Set(socket, LevelXdp, ring, (int)RingEntries, "making the rings of an AF_XDP socket");
        }

        if (busyPoll)
        {
            Set(socket, NetworkCalls.LevelSocket, NetworkCalls.PreferBusyPoll, 1, "asking for busy polling (Linux 5.11 and later)");
            Set(socket, NetworkCalls.LevelSocket, NetworkCalls.BusyPoll, BusyPollMicroseconds, "asking for busy polling");
            Set(socket, NetworkCalls.LevelSocket, NetworkCalls.BusyPollBudget, BusyPollFrames, "asking for busy polling");
        }
    }

    private static RingOffsets[] ReadOffsets(FileDescriptor socket)
    {
        RingOffsets[] offsets = new RingOffsets[4];
        fixed (RingOffsets* start = offsets)
        {
            uint size = (uint)(offsets.Length * sizeof(RingOffsets));
            Check(NetworkCalls.GetOption(socket.Descriptor, LevelXdp, MmapOffsets, start, &size), "asking for the rings of an AF_XDP socket");
            return size == offsets.Length * sizeof(RingOffsets)
                ? offsets
                : throw new SosException(SosError.Failed, "this kernel's AF_XDP sockets have no flags in their rings: Linux 5.4 or later is needed");
        }
    }

    private static void Set(FileDescriptor socket, int level, int option, int value, string what)
        => Check(NetworkCalls.SetOption(socket.Descriptor, level, option, &value, sizeof(int)), what);

    private static void Check(int result, string what)
    {
        if (result < 0)
        {
            throw Errno.ToException(what, Marshal.GetLastPInvokeError(), null);
        }
    }

    /// <summary>struct xdp_ring_offset.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct RingOffsets
    {
        public ulong Producer;
        public ulong Consumer;
        public ulong Entries;
        public ulong Flags;
    }

    /// <summary>struct xdp_umem_reg.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 32)]
    private struct MemoryRegistration
    {
        public ulong Address;
        public ulong Size;
        public uint ChunkSize;
        public uint Headroom;
        public uint Flags;
    }

    /// <summary>struct sockaddr_xdp.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct SocketAddress
    {
        public ushort Family;
        public ushort Flags;
        public uint InterfaceIndex;
        public uint Queue;
        public uint SharedDescriptor;
    }
}
