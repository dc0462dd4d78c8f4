using System;
using System.Collections.Generic;
using Sos.Abi;
using Sos.Cores.Devices;
using Sos.Cores.InProcess;
using Sos.Cores.Isolation.Network;
using Sos.Cores.Loading;
using Sos.Cores.Native;
using Sos.Cores.Plan;
using Sos.Linux;
using Sos.Sdk.Control;
using Sos.Sdk.Ports;

namespace Sos.Cores.Isolation;

/// <summary>The address space of a service on an isolated core, while it is loaded: its memory, its socket and its TAP device.</summary>
internal sealed unsafe class IsolatedTarget : IServiceTarget, IDisposable
{
    // Each ring of a socket has a part of the port's address range; the shared words come first.
    private const ulong PartSize = AddressSpace.PortStride / 8;

    private readonly List<(XskSocket Socket, ulong Shared)> _sockets = [];
    private readonly List<(FileDescriptor Tap, ulong HostPort)> _taps = [];

    /// <summary>Loads into the folder of a core.</summary>
    public IsolatedTarget(string folder, ServiceConfiguration configuration)
    {
        Captures = configuration.Captures is null ? null : CaptureFiles.Open(configuration.Captures);
        Memory = new RunnerMemory(folder);
        Scheduling = configuration.Scheduling;
    }

    /// <summary>The captures in place of a network, or null.</summary>
    public CaptureFiles? Captures { get; }

    /// <summary>How the service's thread is to be scheduled.</summary>
    public SchedulingWish Scheduling { get; }

    /// <summary>The service is ended when it does not poll for this time; 0 for never.</summary>
    public ulong WatchdogNs { get; set; }

    /// <summary>The service's memory.</summary>
    public RunnerMemory Memory { get; }

    /// <summary>The AF_XDP sockets, and where their shared words are.</summary>
    public IReadOnlyList<(XskSocket Socket, ulong Shared)> Sockets => _sockets;

    /// <summary>The TAP devices through which frames come back, and where their host ports are.</summary>
    public IReadOnlyList<(FileDescriptor Tap, ulong HostPort)> Taps => _taps;

    /// <summary>Whether its keeper has packets to move, and so wants its notifications.</summary>
    public bool MovesPackets => _sockets.Count > 0 || _taps.Count > 0 || Captures is not null;

    /// <inheritdoc/>
    public ClaimedDevice Claim(PciAddress address)
        => throw new SosException(SosError.Refused, $"a service on an isolated core cannot drive {address} by itself: name its network device");

    /// <inheritdoc/>
    public TargetRegion AddRegion(RegionRequest request) => Memory.Add(request);

    /// <inheritdoc/>
    public HostPortResult AddHostPort(PortRequest request, ulong address)
    {
        CheckCount(_taps.Count);
        FrameWay way = request.Way ?? throw new SosException(SosError.Usage, $"the host port {request.Name} belongs to no network device");
        _taps.Add((TapDevice.Make(way), address));
        ulong size = AddressSpace.ToChunks(MemoryPort.SizeFor(request.Slots));
        TargetRegion region = Memory.Add(new RegionRequest(RegionKind.Memory, address, size, RegionProtection.Read | RegionProtection.Write));
        using MappedMemory memory = Memory.Map(region);
        return MemoryPort.TryFormat(memory.Address, size, request.Slots, (uint)request.Mtu, request.Mac)
            ? new HostPortResult(request.Name, (int)way.Device, size)
            : throw new SosException(SosError.Usage, $"a host port of {request.Slots} slots and MTU {request.Mtu} is not allowed");
    }

    /// <inheritdoc/>
    public XskLayout AddXskPort(XskRequest request, ulong address)
    {
        CheckCount(_sockets.Count);
        XskSocket socket;
        using (MappedMemory frames = Memory.MapAt(AddressSpace.PacketMemory))
        {
            // The kernel keeps the pages of the frame memory, not this mapping of them.
            socket = XskSocket.Open(request, frames);
        }

        _sockets.Add((socket, address));
        Memory.Add(new RegionRequest(RegionKind.Memory, address, AddressSpace.PageSize, RegionProtection.Read | RegionProtection.Write));
        XskLayout layout = new()
        {
            Magic = XskLayout.MagicValue,
            FrameMemory = AddressSpace.PacketMemory,
            FrameMemorySize = Memory.At(AddressSpace.PacketMemory).Size,
            Shared = address,
            Mtu = (uint)request.Mtu,
            Receive = AddRing(address + PartSize, socket, 0, 0, sizeof(XskDescriptor)),
            Transmit = AddRing(address + (2 * PartSize), socket, 1, XskSocket.TransmitOffset, sizeof(XskDescriptor)),
            Fill = AddRing(address + (3 * PartSize), socket, 2, XskSocket.FillOffset, sizeof(ulong)),
            Completion = AddRing(address + (4 * PartSize), socket, 3, XskSocket.CompletionOffset, sizeof(ulong)),
        };
        for (int i = 0; i < request.Mac.Length; i++)
        {
            layout.Mac[i] = request.Mac[i];
        }

        return layout;
    }

    /// <inheritdoc/>
    public MappedMemory Map(TargetRegion region) => Memory.Map(region);

    /// <inheritdoc/>
    public ulong[] GetDmaAddresses(TargetRegion region, uint device)
        => throw new SosException(SosError.Refused, "a service on an isolated core has no device, and so no bus addresses");

    /// <inheritdoc/>
    public void Dispose()
    {
        _sockets.ForEach(each => each.Socket.Dispose());
        _taps.ForEach(each => each.Tap.Dispose());
        Captures?.Dispose();
        Memory.Dispose();
    }

    private static void CheckCount(int count)
    {
        if (count == KeeperPage.PortsMax)
        {
            throw new SosException(SosError.Usage, $"a service on an isolated core has {KeeperPage.PortsMax} network devices at most");
        }
    }

    private XskRing AddRing(ulong address, XskSocket socket, int ring, ulong mapOffset, int entrySize)
    {
        ref readonly XskSocket.RingOffsets offsets = ref socket.Offsets[ring];
        RegionRequest request = new(
            RegionKind.Memory, address, XskSocket.SizeOf(in offsets, entrySize), RegionProtection.Read | RegionProtection.Write);

        // The region is closed with its handle, the socket with another: each has a descriptor of its own.
        int own = ProcessCalls.Fcntl(socket.Socket.Descriptor, ProcessCalls.DuplicateCloseOnExec, 0);
        Memory.Add(request, FileDescriptor.Raise(own, "sharing an AF_XDP socket"), mapOffset);
        return XskSocket.ToRing(in offsets, address);
    }
}
