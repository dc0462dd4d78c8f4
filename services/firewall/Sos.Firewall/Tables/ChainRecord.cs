using System.Runtime.InteropServices;

namespace Sos.Firewall.Tables;

/// <summary>
/// A chain and the bounds that its compiler claims for it. The bounds let the validator prove that every walk ends in time by
/// comparing each chain with those it calls, without memory of its own.
/// </summary>
[StructLayout(LayoutKind.Sequential, Size = Size)]
public struct ChainRecord
{
    /// <summary>Bytes of a record.</summary>
    public const int Size = 16;

    /// <summary>Index of its first instruction. Its last is the one before the next chain's first, and is a return.</summary>
    public uint Entry;

    /// <summary>Most jumps that are under way at once below it.</summary>
    public uint Depth;

    /// <summary>Most instructions that one walk through it takes, with all that it calls.</summary>
    public uint Steps;
}
