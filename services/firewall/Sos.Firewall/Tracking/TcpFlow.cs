using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;

namespace Sos.Firewall.Tracking;

/// <summary>The part of a flow that only TCP has.</summary>
[StructLayout(LayoutKind.Sequential, Size = Size)]
public struct TcpFlow
{
    /// <summary>Bytes of it.</summary>
    public const int Size = 60;

    /// <summary>The end that sent the first segment.</summary>
    public TcpSide Original;

    /// <summary>The other end.</summary>
    public TcpSide Reply;

    /// <summary>Sequence number of the last ACK, or of the last segment that was ignored.</summary>
    public uint LastSequence;

    /// <summary>Acknowledgment number of the last ACK, or of an ACK that answered a SYN.</summary>
    public uint LastAcknowledged;

    /// <summary>The sequence number behind the last ACK, or behind the last segment that was ignored.</summary>
    public uint LastEnd;

    /// <summary>The window of the same, not scaled.</summary>
    public ushort LastWindow;

    /// <summary>Kind of the last segment.</summary>
    public TcpSegmentKind LastKind;

    /// <summary>Direction of the last segment.</summary>
    public FlowDirection LastDirection;

    /// <summary>The offers of the last SYN that was ignored, and the answers that it may have.</summary>
    public TcpSideFlags LastFlags;

    /// <summary>The shift that it offered.</summary>
    public byte LastScale;

    /// <summary>How often the same ACK came.</summary>
    public byte Retransmissions;

    /// <summary>One of the ends.</summary>
    /// <param name="direction">The direction in which it sends.</param>
    [UnscopedRef]
    public ref TcpSide Side(FlowDirection direction)
    {
        if (direction == FlowDirection.Original)
        {
            return ref Original;
        }

        return ref Reply;
    }
}
