using System;

namespace Sos.Firewall.Tables;

/// <summary>
/// Tells what the rules of a table look at or change beyond the fields that are read of each packet. Such a table has no stages: each packet is judged
/// by itself.
/// </summary>
[Flags]
public enum TableNeeds : byte
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>The packet's bytes, its marks, or whom its frame is addressed to.</summary>
    Packet = 1,

    /// <summary>The wall clock; only with <see cref="Packet"/>.</summary>
    Time = 2,
}
