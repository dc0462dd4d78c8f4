using System;
using System.Runtime.InteropServices;

namespace Sos.Firewall.Tracking;

/// <summary>The knowledge of one end of a TCP connection, by what it sent and what the other end allowed it to send.</summary>
[StructLayout(LayoutKind.Sequential, Size = Size)]
public struct TcpSide
{
    /// <summary>Bytes of a side.</summary>
    public const int Size = 20;

    /// <summary>The highest sequence number behind anything that it sent.</summary>
    public uint End;

    /// <summary>The highest sequence number that it may send up to: the other end's acknowledgment and window.</summary>
    public uint MaxEnd;

    /// <summary>The largest window that it advertised; 0 as long as nothing of it was seen.</summary>
    public uint MaxWindow;

    /// <summary>The highest acknowledgment that it sent, if <see cref="TcpSideFlags.HasAcknowledged"/>.</summary>
    public uint MaxAcknowledged;

    /// <summary>The shift of its windows.</summary>
    public byte Scale;

    /// <summary>The rest of what is known.</summary>
    public TcpSideFlags Flags;
}

/// <summary>The knowledge of one end of a TCP connection that is yes or no.</summary>
[Flags]
public enum TcpSideFlags : byte
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>The end offered to scale windows.</summary>
    WindowScale = 1,

    /// <summary>The end understands selective acknowledgments.</summary>
    SackPermitted = 2,

    /// <summary>The end began to close the connection.</summary>
    ClosedFirst = 4,

    /// <summary>Its windows are not known well enough to hold it to them: the connection was met in its middle, or a segment came in fragments.</summary>
    Liberal = 8,

    /// <summary>The end sent data that was not acknowledged yet.</summary>
    Unacknowledged = 16,

    /// <summary>The end acknowledged something.</summary>
    HasAcknowledged = 32,

    /// <summary>Of the last segment that was ignored: the answer to that SYN may be an ACK that acknowledges nothing new (RFC 5961, 4).</summary>
    ExpectsChallenge = 64,

    /// <summary>Of the connection: both ends sent SYN.</summary>
    SimultaneousOpen = 128,
}
