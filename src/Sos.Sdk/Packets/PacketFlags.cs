using System;

namespace Sos.Sdk.Packets;

/// <summary>A port's knowledge of a frame.</summary>
[Flags]
public enum PacketFlags : uint
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>The card verified the transport checksum.</summary>
    ChecksumValid = 1,
}
