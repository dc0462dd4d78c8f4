using System;
using System.Text;
using Sos.Abi;
using Sos.Cores.Devices;
using Sos.Cores.Loading;
using Sos.Cores.Native;
using Sos.Sdk.Control;

namespace Sos.Cores.Offline;

/// <summary>A core, through the driver.</summary>
public sealed unsafe class DriverTarget : IServiceTarget
{
    private readonly OfflineCore _core;
    private readonly bool _forceUnconfined;

    /// <summary>Loads onto a core.</summary>
    /// <param name="core">The core.</param>
    /// <param name="forceUnconfined">Whether a device is claimed that its IOMMU does not confine.</param>
    public DriverTarget(OfflineCore core, bool forceUnconfined = false) => (_core, _forceUnconfined) = (core, forceUnconfined);

    /// <inheritdoc/>
    public ClaimedDevice Claim(PciAddress address)
    {
        SosDeviceClaim request = new() { Domain = address.Domain, Bus = address.Bus, Devfn = address.DevFn };
        request.Flags = _forceUnconfined ? SosDeviceClaim.ForceUnconfined : 0;
        int errno = _core.Handle.TryCall(DriverRequest.ClaimDevice, ref request);
        _core.Check($"claiming {address}", errno, errno switch
        {
            Errno.NoEntry => "it is not bound to the driver 'sos': 'sosctl device claim' does that",
            Errno.CrossDevice => "the IOMMU does not confine it ('sosctl device list' says why): switch interrupt remapping on in the firmware, or put the "
                + "card into another slot; --force-unconfined takes it as it is",
            Errno.NotPermitted => "no IOMMU confines it, and the kernel is locked down (kernel_lockdown(7)): such a card could write all memory",
            Errno.InputOutput => "it could not be enabled or reset: see the kernel log ('dmesg | tail')",
            Errno.Busy => "another core has it, or this core runs: see 'sosctl core list'",
            Errno.NoSpace => "a service takes 4 devices at most",
            _ => null,
        });
        return new ClaimedDevice(request.Index, request.Vendor, request.Device, request.Iommu != 0, [.. (ReadOnlySpan<ulong>)request.Bars])
        {
            Confined = request.Confinement == (SosDeviceClaim.ConfinedMemory | SosDeviceClaim.ConfinedInterrupts | SosDeviceClaim.ConfinedGroup),
        };
    }

    /// <inheritdoc/>
    public TargetRegion AddRegion(RegionRequest request)
    {
        SosRegion region = new()
        {
            Kind = (uint)request.Kind,
            Prot = (uint)request.Protection,
            Flags = (uint)request.Flags,
            Device = request.Device,
            Bar = request.Bar,
            Va = request.Address,
            Size = request.Size,
        };
        int errno = _core.Handle.TryCall(DriverRequest.AddRegion, ref region);
        _core.Check($"giving the service {request.Size} bytes at 0x{request.Address:x}", errno, errno switch
        {
            Errno.NoMemory => "Linux has not enough contiguous memory: give a smaller --arena, --packet-memory or --table-size",
            Errno.Busy => $"something is loaded or runs on core {_core.Cpu}: 'sosctl service stop {_core.Cpu}' unloads it",
            Errno.Exists => $"something is loaded on core {_core.Cpu} already: 'sosctl service stop {_core.Cpu}' unloads it",
            _ => null,
        });
        return new TargetRegion(region.Index, request.Size, region.MmapOffset);
    }

    /// <inheritdoc/>
    public HostPortResult AddHostPort(PortRequest request, ulong address)
    {
        byte[] name = Encoding.UTF8.GetBytes(request.Name);
        if (name.Length is 0 or >= SosAddHostPort.NameSize)
        {
            throw new SosException(SosError.Usage, $"\"{request.Name}\" is no name for a network device: 1 to {SosAddHostPort.NameSize - 1} bytes");
        }

        SosAddHostPort port = new() { Mtu = (ushort)request.Mtu, Slots = request.Slots, Va = address };
        name.CopyTo(new Span<byte>(port.Name, SosAddHostPort.NameSize));
        request.Mac.CopyTo(new Span<byte>(port.Mac, 6));
        int errno = _core.Handle.TryCall(DriverRequest.AddHostPort, ref port);
        _core.Check($"making the host port {request.Name}", errno, errno switch
        {
            Errno.Exists => $"Linux has a network device {request.Name} already: give another name with --host-port",
            Errno.Invalid => $"its name, MAC address or MTU ({request.Mtu}) is not allowed: see 'ip link show'",
            _ => null,
        });
        ReadOnlySpan<byte> made = new(port.Name, SosAddHostPort.NameSize);
        int end = made.IndexOf((byte)0);
        return new HostPortResult(Encoding.UTF8.GetString(end < 0 ? made : made[..end]), (int)port.Ifindex, port.Size);
    }

    /// <inheritdoc/>
    public XskLayout AddXskPort(XskRequest request, ulong address)
        => throw new SosException(SosError.Refused, $"an unplugged core drives cards by itself: {request.Interface} is for an isolated one");

    /// <inheritdoc/>
    public LinuxWindow AddLinuxMemory(ulong address, ulong size)
    {
        SosRegion region = new() { Kind = (uint)RegionKind.Linux, Prot = (uint)RegionProtection.Read, Va = address, Size = size };
        int errno = _core.Handle.TryCall(DriverRequest.AddRegion, ref region);
        _core.Check("letting the service read Linux's memory", errno, errno switch
        {
            Errno.NotPermitted => "the kernel is locked down for confidentiality (kernel_lockdown(7)), or this is not root: leave linux-memory away",
            Errno.Invalid => "the driver does not know how: load the sos.ko of this version",
            Errno.Busy => "Linux takes memory offline now: try again",
            Errno.NoSpace => "too many pieces of memory are missing: see the kernel log",
            _ => null,
        });
        LinuxRange[] ranges = new LinuxRange[SosGetLinuxRanges.RangesMax];
        fixed (LinuxRange* pointer = ranges)
        {
            SosGetLinuxRanges request = new() { Region = region.Index, Count = SosGetLinuxRanges.RangesMax, Ranges = (ulong)pointer };
            _core.Check("asking for the ranges of Linux's memory", _core.Handle.TryCall(DriverRequest.GetLinuxRanges, ref request));
            return new LinuxWindow(ranges[..(int)request.Count], request.Panic);
        }
    }

    /// <inheritdoc/>
    public uint SetActions(uint actions)
    {
        SosSetActions request = new() { Actions = actions };
        int errno = _core.Handle.TryCall(DriverRequest.SetActions, ref request);
        _core.Check("letting the service act on the machine", errno, errno switch
        {
            Errno.NotPermitted => "this needs CAP_SYS_BOOT: be root",
            Errno.Invalid or Errno.NotTerminal => "the driver does not know how: load the sos.ko of this version",
            _ => null,
        });
        return request.Methods;
    }

    /// <inheritdoc/>
    public MappedMemory Map(TargetRegion region) => _core.Map(region.MapOffset, region.Size);

    /// <inheritdoc/>
    public ulong[] GetDmaAddresses(TargetRegion region, uint device)
    {
        ulong[] addresses = new ulong[AddressSpace.ToChunks(region.Size) / AddressSpace.ChunkSize];
        fixed (ulong* pointer = addresses)
        {
            SosDma request = new() { Region = region.Index, Count = (uint)addresses.Length, Addresses = (ulong)pointer, Device = device };
            _core.Check("asking for bus addresses", _core.Handle.TryCall(DriverRequest.GetDma, ref request));
            return (int)request.Count == addresses.Length
                ? addresses
                : throw new SosException(SosError.Failed, $"the driver tells {request.Count} bus addresses, not {addresses.Length}");
        }
    }
}
