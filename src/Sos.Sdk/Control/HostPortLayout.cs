using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Sos.Sdk.Control;

/// <summary>struct sos_host_port: the start of a host port's shared memory.</summary>
[StructLayout(LayoutKind.Explicit, Size = Size)]
public struct HostPortLayout
{
    /// <summary>sizeof(struct sos_host_port).</summary>
    public const int Size = 448;

    /// <summary>SOS_HOST_PORT_MAGIC, "SOSSPOT1".</summary>
    public const ulong MagicValue = 0x31544f5053534f53;

    /// <summary>SOS_HOST_MTU_MAX: frame less an Ethernet header and two VLAN tags.</summary>
    public const int MtuMax = HostSlot.FrameMax - 22;

    /// <summary><see cref="MagicValue"/>.</summary>
    [FieldOffset(0)] public ulong Magic;

    /// <summary>Slots of each ring, a power of two.</summary>
    [FieldOffset(8)] public uint Slots;

    /// <summary><see cref="HostSlot.Stride"/>.</summary>
    [FieldOffset(12)] public uint SlotSize;

    /// <summary>Bytes from here to the slots of <see cref="ToHost"/>.</summary>
    [FieldOffset(16)] public ulong ToHostOffset;

    /// <summary>Bytes from here to the slots of <see cref="FromHost"/>.</summary>
    [FieldOffset(24)] public ulong FromHostOffset;

    /// <summary>MTU of the network device.</summary>
    [FieldOffset(32)] public uint Mtu;

    /// <summary>MAC address of the network device.</summary>
    [FieldOffset(36)] public MacBytes Mac;

    /// <summary>Service to Linux: carrier of the device.</summary>
    [FieldOffset(44)] public uint LinkUp;

    /// <summary>Linux to service: the network device is up.</summary>
    [FieldOffset(48)] public uint HostUp;

    /// <summary>Frames for Linux; the service produces.</summary>
    [FieldOffset(64)] public HostRing ToHost;

    /// <summary>Frames from Linux; the service consumes.</summary>
    [FieldOffset(256)] public HostRing FromHost;

    /// <summary>The six bytes of a MAC address.</summary>
    [InlineArray(6)]
    public struct MacBytes
    {
        private byte _first;
    }
}
