using System;
using System.Runtime.InteropServices;

namespace Sos.Sdk.Control;

/// <summary>struct sos_host_slot: the start of each slot of a host ring; the frame follows at <see cref="HeaderSize"/>.</summary>
[StructLayout(LayoutKind.Explicit, Size = Size)]
public struct HostSlot
{
    /// <summary>sizeof(struct sos_host_slot).</summary>
    public const int Size = 8;

    /// <summary>SOS_HOST_SLOT_SIZE: bytes from one slot to the next.</summary>
    public const int Stride = 2048;

    /// <summary>SOS_HOST_SLOT_HEADER: bytes before the frame.</summary>
    public const int HeaderSize = 64;

    /// <summary>SOS_HOST_FRAME_MAX: the longest frame in bytes.</summary>
    public const int FrameMax = Stride - HeaderSize;

    /// <summary>Bytes of the frame, 14 to <see cref="FrameMax"/>, without FCS.</summary>
    [FieldOffset(0)] public uint Length;

    /// <summary>The sender's knowledge of the frame.</summary>
    [FieldOffset(4)] public HostSlotFlags Flags;
}

/// <summary>SOS_HOST_*: flags of a slot.</summary>
[Flags]
public enum HostSlotFlags : uint
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>SOS_HOST_CSUM_VALID, to the host: the transport checksum was verified.</summary>
    ChecksumValid = 1,
}
