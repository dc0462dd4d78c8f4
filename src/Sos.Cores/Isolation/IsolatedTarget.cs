using System;
using Sos.Cores.Devices;
using Sos.Cores.Isolation.Network;
using Sos.Cores.Loading;
using Sos.Cores.Native;
using Sos.Sdk.Control;
using Sos.Sdk.Ports;

namespace Sos.Cores.Isolation;

/// <summary>The address space of a service on an isolated core, while it is loaded: its memory, its socket and its TAP device.</summary>
internal sealed unsafe class IsolatedTarget : IServiceTarget, IDisposable
{
    // Each ring of a socket has a part of the port's address range; the shared words come first.
    private const ulong PartSize = AddressSpace.PortStride / 8;

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

    /// <summary>The AF_XDP socket, or null.</summary>
    public XskSocket? Socket { get; private set; }

    /// <summary>What it was made of.</summary>
    public XskRequest? SocketRequest { get; private set; }

    /// <summary>Where its shared words are.</summary>
    public ulong SocketShared { get; private set; }

    /// <summary>The TAP device of the host port, or null.</summary>
    public DriverHandle? Tap { get; private set; }

    /// <summary>Whether its keeper has packets to move, and so wants its notifications.</summary>
    public bool MovesPackets => Socket is not null || Tap is not null || Captures is not null;

    /// <summary>Where the host port is.</summary>
    public ulong HostPort { get; private set; }

    /// <inheritdoc/>
    public ClaimedDevice Claim(PciAddress address)
        => throw new SosException(SosError.Refused, $"a service on an isolated core cannot drive {address} by itself: name its network device");

    /// <inheritdoc/>
    public TargetRegion AddRegion(RegionRequest request) => Memory.Add(request);

    /// <inheritdoc/>
    public HostPortResult AddHostPort(PortRequest request, ulong address)
    {
        if (Tap is not null)
        {
            throw new SosException(SosError.Usage, "a service on an isolated core has one host port");
        }

        Tap = TapDevice.Make(request, out string name);
        HostPort = address;
        ulong size = AddressSpace.ToChunks(MemoryPort.SizeFor(request.Slots));
        TargetRegion region = Memory.Add(new RegionRequest(RegionKind.Memory, address, size, RegionProtection.Read | RegionProtection.Write));
        using MappedMemory memory = Memory.Map(region);
        return MemoryPort.TryFormat(memory.Address, size, request.Slots, (uint)request.Mtu, request.Mac)
            ? new HostPortResult(name, (int)NetworkCalls.InterfaceIndex(name), size)
            : throw new SosException(SosError.Usage, $"a host port of {request.Slots} slots and MTU {request.Mtu} is not allowed");
    }

    /// <inheritdoc/>
    public XskLayout AddXskPort(XskRequest request, ulong address)
    {
        if (Socket is not null)
        {
            throw new SosException(SosError.Usage, "a service on an isolated core has one network device");
        }

        using (MappedMemory frames = Memory.MapAt(AddressSpace.PacketMemory))
        {
            // The kernel keeps the pages of the frame memory, not this mapping of them.
            Socket = XskSocket.Open(request, frames);
        }

        (SocketRequest, SocketShared) = (request, address);
        Memory.Add(new RegionRequest(RegionKind.Memory, address, AddressSpace.PageSize, RegionProtection.Read | RegionProtection.Write));
        XskLayout layout = new()
        {
            Magic = XskLayout.MagicValue,
            FrameMemory = AddressSpace.PacketMemory,
            FrameMemorySize = Memory.At(AddressSpace.PacketMemory).Size,
            Shared = address,
            Mtu = (uint)request.Mtu,
            Receive = AddRing(address + PartSize, Socket.Offsets[0], 0, sizeof(XskDescriptor)),
            Transmit = AddRing(address + (2 * PartSize), Socket.Offsets[1], XskSocket.TransmitOffset, sizeof(XskDescriptor)),
            Fill = AddRing(address + (3 * PartSize), Socket.Offsets[2], XskSocket.FillOffset, sizeof(ulong)),
            Completion = AddRing(address + (4 * PartSize), Socket.Offsets[3], XskSocket.CompletionOffset, sizeof(ulong)),
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
    public ulong[] GetDmaAddresses(TargetRegion region)
        => throw new SosException(SosError.Refused, "a service on an isolated core has no device, and so no bus addresses");

    /// <inheritdoc/>
    public void Dispose()
    {
        Socket?.Dispose();
        Tap?.Dispose();
        Captures?.Dispose();
        Memory.Dispose();
    }

    private XskRing AddRing(ulong address, in XskSocket.RingOffsets offsets, ulong mapOffset, int entrySize)
    {
        RegionRequest request = new(
            RegionKind.Memory, address, XskSocket.SizeOf(in offsets, entrySize), RegionProtection.Read | RegionProtection.Write);

        // The region is closed with its handle, the socket with another: each has a descriptor of its own.
        int own = ProcessCalls.Fcntl(Socket!.Socket.Descriptor, ProcessCalls.DuplicateCloseOnExec, 0);
        Memory.Add(request, RunnerProcess.Raise(own, "sharing an AF_XDP socket"), mapOffset);
        return XskSocket.ToRing(in offsets, address);
    }
}
