using System;

namespace Sos.Firewall.Tables;

/// <summary>The flags of a rule that logs, as in Linux (NF_LOG_*): what its lines tell beyond the usual.</summary>
[Flags]
public enum LogFlags : byte
{
    /// <summary>No more.</summary>
    None = 0,

    /// <summary>Sequence and acknowledgement of a TCP segment.</summary>
    TcpSequence = 0x01,

    /// <summary>Options of a TCP segment.</summary>
    TcpOptions = 0x02,

    /// <summary>Options of an IP packet.</summary>
    IpOptions = 0x04,

    /// <summary>The user whose socket it is, which no frame tells.</summary>
    User = 0x08,

    /// <summary>The link addresses each by its name.</summary>
    Ether = 0x20,

    /// <summary>All of them.</summary>
    All = TcpSequence | TcpOptions | IpOptions | User | Ether,
}
