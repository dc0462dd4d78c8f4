using System;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.InteropServices;
using System.Text;
using Sos.Cores.Native;
using Sos.Image;
using Sos.Image.Verification;
using Sos.Sdk.Control;
using Sos.Sdk.Memory;
using Sos.Sdk.Ports;

namespace Sos.Cores.Loading;

/// <summary>A service that is loaded: where to start it, and where to find what it shares.</summary>
/// <param name="Entry">Address of the first instruction.</param>
/// <param name="StackTop">Initial stack pointer.</param>
/// <param name="ControlAddress">Address of the control region in the service.</param>
/// <param name="Control">The control region.</param>
/// <param name="Tables">The table slots; empty without.</param>
/// <param name="HostPorts">The host ports.</param>
/// <param name="SharedMemory">The memory that programs share with the service.</param>
/// <param name="Confined">For each port with a claimed device, whether that is confined.</param>
public sealed record LoadedService(
    ulong Entry, ulong StackTop, ulong ControlAddress, TargetRegion Control, IReadOnlyList<TargetRegion> Tables,
    IReadOnlyList<HostPortResult> HostPorts, IReadOnlyList<TargetRegion> SharedMemory, IReadOnlyDictionary<string, bool> Confined);

/// <summary>Lays a service out in the address space of a target and fills its regions.</summary>
public sealed unsafe class ServiceLoader
{
    private readonly IServiceTarget _target;
    private readonly ServiceImage _image;
    private readonly ServiceConfiguration _configuration;
    private readonly ControlLayout _layout;
    private readonly ProcessorFeatures _processor = ProcessorFeatures.Detect();
    private readonly List<Resource> _resources = [];
    private readonly List<VirtioPciLayout> _virtioLayouts = [];
    private readonly List<XskLayout> _xskLayouts = [];
    private readonly List<ClaimedDevice> _devices = [];
    private uint _barCount;
    private uint _portCount;

    private ServiceLoader(IServiceTarget target, ServiceImage image, ServiceConfiguration configuration)
    {
        _target = target;
        _image = image;
        _configuration = configuration;
        _layout = new ControlLayout(configuration);
    }

    /// <summary>Loads an image that the verifier accepts; it is verified here unless it was before. On failure the target is left with what was
    /// made so far, for its owner to unload.</summary>
    /// <param name="target">Where to.</param>
    /// <param name="image">The image.</param>
    /// <param name="configuration">What the service is given.</param>
    /// <exception cref="SosException">The verifier or the target refused, or the configuration cannot be met.</exception>
    public static LoadedService Load(IServiceTarget target, ServiceImage image, ServiceConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(image);
        if (!image.IsAccepted && ImageVerifier.Verify(image) is { IsEmpty: false } refusals)
        {
            throw new SosException(
                SosError.BadImage,
                $"the verifier refuses the image of {image.Descriptor.Name}: {refusals[0].Id} {refusals[0].Message}; 'sosctl image verify' shows all");
        }

        return new ServiceLoader(target, image, configuration).Load();
    }

    private LoadedService Load()
    {
        if (!_processor.RunsImages)
        {
            throw new SosException(SosError.Refused, $"the processor has no {ProcessorFeatures.Required}: 'sosctl doctor' says what to do");
        }

        // Devices first: packet memory comes from the DMA API of the first one.
        foreach (DeviceRequest device in _configuration.Devices)
        {
            AddDevice(device);
        }

        foreach (ImageSegment segment in _image.Segments)
        {
            AddSegment(segment);
        }

        ulong stackSize = AddressSpace.ToPages(_image.Descriptor.StackSize);
        stackSize = stackSize >= AddressSpace.ChunkSize ? AddressSpace.ToChunks(stackSize) : stackSize;
        AddMemory(AddressSpace.Stack, stackSize);
        AddArena();
        List<ulong[]> dmaAddresses = AddPacketMemory();
        AddXskPorts();
        List<TargetRegion> tables = AddTables();
        List<HostPortResult> hostPorts = AddHostPorts();
        AddMemoryRings(ResourceKind.MemoryPort, _configuration.MemoryPorts, 0);
        AddMemoryRings(ResourceKind.HostPort, _configuration.MemoryHostPorts, (uint)hostPorts.Count);
        List<TargetRegion> shared = AddSharedMemory();
        if (_configuration.LinuxMemory is { } linux)
        {
            AddLinuxMemory(linux);
        }

        if (_configuration.Actions != ServiceGrants.None)
        {
            // Bit by bit the same as enum sos_action.
            uint actions = (uint)_configuration.Actions;
            AddResource(ResourceKind.Actions, 0, 0, 0, GrantedActions.Pack(actions, _target.SetActions(actions)));
        }

        TargetRegion control = AddControl(dmaAddresses);
        return new LoadedService(
            AddressSpace.Image + _image.Entry, AddressSpace.Stack + stackSize, AddressSpace.Control, control, tables, hostPorts,
            shared, _configuration.Devices.Zip(_devices).ToDictionary(pair => pair.First.Port, pair => pair.Second.Confined));
    }

    private void AddDevice(DeviceRequest request)
    {
        ClaimedDevice device = _target.Claim(request.Address);
        Dictionary<int, ulong> addresses = [];
        Dictionary<int, ulong> sizes = [];
        foreach (int bar in request.Capabilities.Bars)
        {
            if (device.BarSizes[bar] == 0)
            {
                throw new SosException(SosError.Failed, $"{request.Address} has no memory BAR {bar}, where its virtio structures should be");
            }

            addresses[bar] = AddressSpace.Bar + (_barCount++ * AddressSpace.PortStride);
            sizes[bar] = AddressSpace.ToPages(device.BarSizes[bar]);
            _target.AddRegion(new RegionRequest(
                RegionKind.Bar, addresses[bar], sizes[bar], RegionProtection.Read | RegionProtection.Write, RegionFlags.None, device.Index, (uint)bar));
        }

        VirtioPciLayout layout = request.Capabilities.ToLayout(addresses, sizes, device.Vendor, device.Device, device.Iommu);
        ulong offset = _layout.VirtioLayouts + ((ulong)_virtioLayouts.Count * VirtioPciLayout.Size);
        AddResource(
            ResourceKind.VirtioNet, (uint)_devices.Count, AddressSpace.Control + offset, VirtioPciLayout.Size, DmaTable(_devices.Count), request.Port);
        _virtioLayouts.Add(layout);
        _devices.Add(device);
    }

    // A region of a chunk or more starts at a multiple of a chunk: a large segment that does not is made of two.
    private void AddSegment(ImageSegment segment)
    {
        ulong start = AddressSpace.Image + segment.Rva;
        ulong end = start + segment.MappedSize;
        ulong split = Math.Min(AddressSpace.ToChunks(start), end);
        if (end - start < AddressSpace.ChunkSize || split == start)
        {
            split = end;
        }

        AddSegmentPart(segment, start, split);
        if (split < end)
        {
            AddSegmentPart(segment, split, end);
        }
    }

    private void AddSegmentPart(ImageSegment segment, ulong start, ulong end)
    {
        TargetRegion region = _target.AddRegion(new RegionRequest(RegionKind.Memory, start, end - start, Protection(segment.Protection)));
        using MappedMemory memory = _target.Map(region);
        ulong skip = start - AddressSpace.Image - segment.Rva;
        if (skip < (ulong)segment.Data.Length)
        {
            ulong length = Math.Min((ulong)segment.Data.Length - skip, end - start);
            segment.Data.Span.Slice((int)skip, (int)length).CopyTo(memory.Slice(0, length));
        }

        Relocate(memory, start - AddressSpace.Image, end - AddressSpace.Image);
    }

    private void Relocate(MappedMemory memory, ulong startRva, ulong endRva)
    {
        foreach (ImageRelocation relocation in _image.Relocations)
        {
            WritePointer(memory, startRva, endRva, relocation.Rva, AddressSpace.Image + relocation.Addend);
        }

        if (_image.Descriptor.IsaVariableRva != 0)
        {
            WritePointer(memory, startRva, endRva, _image.Descriptor.IsaVariableRva, (ulong)_processor.ImageSets);
        }
    }

    // Byte by byte, since one may lie across the seam of a segment that was split.
    private static void WritePointer(MappedMemory memory, ulong startRva, ulong endRva, ulong rva, ulong value)
    {
        for (int i = 0; i < sizeof(ulong); i++)
        {
            ulong at = rva + (ulong)i;
            if (at >= startRva && at < endRva)
            {
                memory.Address[at - startRva] = (byte)(value >> (8 * i));
            }
        }
    }

    private TargetRegion AddMemory(ulong address, ulong size)
        => _target.AddRegion(new RegionRequest(RegionKind.Memory, address, size, RegionProtection.Read | RegionProtection.Write));

    private void AddArena()
    {
        ulong size = _configuration.ArenaSize != 0 ? _configuration.ArenaSize
            : _image.Descriptor.ArenaSize != 0 ? _image.Descriptor.ArenaSize
            : ServiceConfiguration.DefaultArenaSize;
        size = size >= AddressSpace.ChunkSize ? AddressSpace.ToChunks(size) : AddressSpace.ToPages(size);
        AddMemory(AddressSpace.Arena, size);
        AddResource(ResourceKind.Arena, 0, AddressSpace.Arena, size);
    }

    // Two cards usually stand in two IOMMU domains: each has bus addresses of its own for the one packet memory.
    private ulong DmaTable(int device)
        => _layout.DmaTableSize == 0 ? 0 : AddressSpace.Control + _layout.DmaAddresses + ((ulong)device * _layout.DmaTableSize);

    private List<ulong[]> AddPacketMemory()
    {
        ulong size = AddressSpace.ToChunks(_configuration.PacketMemorySize);
        if (size == 0)
        {
            return [];
        }

        bool dma = _devices.Count > 0;
        TargetRegion region = _target.AddRegion(new RegionRequest(
            RegionKind.Memory, AddressSpace.PacketMemory, size, RegionProtection.Read | RegionProtection.Write,
            dma ? RegionFlags.Dma : RegionFlags.None, dma ? RegionRequest.AllDevices : 0));
        AddResource(ResourceKind.PacketMemory, 0, AddressSpace.PacketMemory, size, dma ? DmaTable(0) : 0);
        return [.. _devices.Select(device => _target.GetDmaAddresses(region, device.Index))];
    }

    private void AddXskPorts()
    {
        foreach (XskRequest request in _configuration.XskPorts)
        {
            ulong address = AddressSpace.Bar + (_barCount++ * AddressSpace.PortStride);
            XskLayout layout = _target.AddXskPort(request, address);
            ulong offset = _layout.XskLayouts + ((ulong)_xskLayouts.Count * XskLayout.Size);
            AddResource(ResourceKind.Xsk, (uint)_xskLayouts.Count, AddressSpace.Control + offset, XskLayout.Size, port: request.Port);
            _xskLayouts.Add(layout);
        }
    }

    private List<TargetRegion> AddTables()
    {
        List<TargetRegion> tables = [];
        ulong size = AddressSpace.ToPages(_configuration.TableSlotSize);
        size = size >= AddressSpace.ChunkSize ? AddressSpace.ToChunks(size) : size;
        for (uint slot = 0; slot < 2 && size != 0; slot++)
        {
            ulong address = AddressSpace.Table + (slot * AddressSpace.TableStride);
            tables.Add(_target.AddRegion(new RegionRequest(RegionKind.Memory, address, size, RegionProtection.Read, RegionFlags.Shared)));
            AddResource(ResourceKind.Table, slot, address, size);
        }

        return tables;
    }

    private List<HostPortResult> AddHostPorts()
    {
        List<HostPortResult> ports = [];
        foreach (PortRequest request in _configuration.HostPorts)
        {
            ulong address = AddressSpace.HostPort + (_portCount++ * AddressSpace.PortStride);
            HostPortResult port = _target.AddHostPort(request, address);
            AddResource(ResourceKind.HostPort, (uint)ports.Count, address, port.Size, port: request.Port);
            ports.Add(port with { Port = request.Port });
        }

        return ports;
    }

    private void AddMemoryRings(ResourceKind kind, IReadOnlyList<PortRequest> requests, uint index)
    {
        foreach (PortRequest request in requests)
        {
            ulong address = AddressSpace.HostPort + (_portCount++ * AddressSpace.PortStride);
            ulong size = AddressSpace.ToChunks(MemoryPort.SizeFor(request.Slots));
            TargetRegion region = _target.AddRegion(new RegionRequest(
                RegionKind.Memory, address, size, RegionProtection.Read | RegionProtection.Write, RegionFlags.Shared));
            using MappedMemory memory = _target.Map(region);
            if (!MemoryPort.TryFormat(memory.Address, size, request.Slots, (uint)request.Mtu, request.Mac))
            {
                throw new SosException(SosError.Usage, $"a memory port of {request.Slots} slots and MTU {request.Mtu} is not allowed");
            }

            AddResource(kind, index++, address, size, port: request.Port);
        }
    }

    private List<TargetRegion> AddSharedMemory()
    {
        List<TargetRegion> regions = [];
        foreach (ulong wanted in _configuration.SharedMemory)
        {
            ulong size = wanted >= AddressSpace.ChunkSize ? AddressSpace.ToChunks(wanted) : AddressSpace.ToPages(wanted);
            ulong address = AddressSpace.SharedMemory + ((ulong)regions.Count * AddressSpace.PortStride);
            AddResource(ResourceKind.Shared, (uint)regions.Count, address, size);
            regions.Add(_target.AddRegion(new RegionRequest(
                RegionKind.Memory, address, size, RegionProtection.Read | RegionProtection.Write, RegionFlags.Shared)));
        }

        return regions;
    }

    private void AddLinuxMemory(LinuxMemoryRequest request)
    {
        LinuxWindow window = _target.AddLinuxMemory(AddressSpace.LinuxMemory, request.WindowSize);
        AddResource(ResourceKind.LinuxMemory, 0, AddressSpace.LinuxMemory, request.WindowSize, AddressSpace.LinuxRanges);
        if (window.PanicRecord != 0 && window.PanicRecord < request.WindowSize)
        {
            AddResource(ResourceKind.LinuxPanic, 0, AddressSpace.LinuxMemory + window.PanicRecord, LinuxPanicLayout.HeaderSize);
        }

        LinuxRange[] ended = [.. window.Ranges, default];
        AddReadOnly(AddressSpace.LinuxRanges, MemoryMarshal.AsBytes(ended.AsSpan()));
        AddReadOnly(AddressSpace.LinuxSymbols, request.Symbols.Span);
        AddResource(ResourceKind.LinuxSymbols, 0, AddressSpace.LinuxSymbols, (ulong)request.Symbols.Length);
    }

    private void AddReadOnly(ulong address, ReadOnlySpan<byte> bytes)
    {
        ulong size = (ulong)bytes.Length >= AddressSpace.ChunkSize ? AddressSpace.ToChunks((ulong)bytes.Length) : AddressSpace.ToPages((ulong)bytes.Length);
        TargetRegion region = _target.AddRegion(new RegionRequest(RegionKind.Memory, address, size, RegionProtection.Read));
        using MappedMemory memory = _target.Map(region);
        bytes.CopyTo(memory.Slice(0, (ulong)bytes.Length));
    }

    private TargetRegion AddControl(List<ulong[]> dmaAddresses)
    {
        AddResource(ResourceKind.Statistics, 0, AddressSpace.Control + _layout.Statistics, StatisticsLayout.TotalSize);
        AddResource(ResourceKind.Log, 0, AddressSpace.Control + _layout.Log, _configuration.LogSize);
        AddResource(ResourceKind.Parameters, 0, AddressSpace.Control + _layout.Parameters, (ulong)_layout.ParameterText.Length);
        TargetRegion region = _target.AddRegion(new RegionRequest(
            RegionKind.Control, AddressSpace.Control, _layout.Size, RegionProtection.Read | RegionProtection.Write, RegionFlags.Shared));
        using MappedMemory memory = _target.Map(region);
        _layout.ParameterText.CopyTo(memory.Slice(_layout.Parameters, (ulong)_layout.ParameterText.Length));
        for (int i = 0; i < _virtioLayouts.Count; i++)
        {
            VirtioPciLayout layout = _virtioLayouts[i];
            MemoryMarshal.Write(memory.Slice(_layout.VirtioLayouts + ((ulong)i * VirtioPciLayout.Size), VirtioPciLayout.Size), in layout);
        }

        for (int i = 0; i < _xskLayouts.Count; i++)
        {
            XskLayout layout = _xskLayouts[i];
            MemoryMarshal.Write(memory.Slice(_layout.XskLayouts + ((ulong)i * XskLayout.Size), XskLayout.Size), in layout);
        }

        for (int device = 0; device < dmaAddresses.Count; device++)
        {
            ulong table = _layout.DmaAddresses + ((ulong)device * _layout.DmaTableSize);
            MemoryMarshal.AsBytes(dmaAddresses[device].AsSpan()).CopyTo(memory.Slice(table, _layout.DmaTableSize));
        }

        ServiceControl* control = (ServiceControl*)memory.Address;
        control->Abi = ServiceControl.AbiVersion;
        control->HeaderSize = ServiceControl.Size;
        control->RegionSize = _layout.Size;
        control->Isa = _processor.Sets;
        if (control->Clock.Sequence == 0)
        {
            // No driver keeps it in step.
            ClockCalibration.Measure().WriteTo(&control->Clock);
        }

        for (int i = 0; i < _resources.Count; i++)
        {
            control->Resources[i] = _resources[i];
        }

        control->ResourceCount = (uint)_resources.Count;
        MemoryOrdering.StoreRelease(ref control->Magic, ServiceControl.MagicValue);
        return region;
    }

    private void AddResource(ResourceKind kind, uint index, ulong address, ulong size, ulong aux = 0, string? port = null)
    {
        PortName name = default;
        if (port is not null && !PortName.TryCreate(Encoding.UTF8.GetBytes(port), out name))
        {
            throw new SosException(
                SosError.Usage,
                $"a port cannot be called \"{port}\": give it 1 to {PortName.Size - 1} lower-case letters, digits, '-' or '_', a letter first, "
                + "and not \"host\" or \"any\"");
        }

        if (port is not null && _resources.Exists(other => other.Name.Bytes.SequenceEqual(name.Bytes) && IsHostPort(other.Kind) == IsHostPort(kind)))
        {
            throw new SosException(SosError.Usage, $"two ports are called {port}: give each a name of its own");
        }

        if (_resources.Count == ServiceControl.ResourcesMax)
        {
            throw new SosException(SosError.Usage, $"a service takes {ServiceControl.ResourcesMax} resources at most: give it fewer ports");
        }

        _resources.Add(new Resource { Kind = kind, Index = index, Address = address, ByteCount = size, Aux = aux, Name = name });
    }

    private static bool IsHostPort(ResourceKind kind) => kind == ResourceKind.HostPort;

    private static RegionProtection Protection(SegmentProtection protection)
        => RegionProtection.Read
            | (protection.HasFlag(SegmentProtection.Write) ? RegionProtection.Write : 0)
            | (protection.HasFlag(SegmentProtection.Execute) ? RegionProtection.Execute : 0);
}
