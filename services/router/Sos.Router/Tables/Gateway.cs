using System.Runtime.InteropServices;

namespace Sos.Router.Tables;

/// <summary>The neighbour behind a next hop, whose place on the link the core may have to find itself.</summary>
[StructLayout(LayoutKind.Sequential, Size = Size)]
public struct Gateway
{
    /// <summary>Bytes.</summary>
    public const int Size = 32;

    /// <summary>In <see cref="Place"/>: there is a neighbour.</summary>
    public const ulong Known = 0x200;

    /// <summary>The high half of its address; 0 for IPv4, whose address is in <see cref="Low"/>.</summary>
    public ulong High;

    /// <summary>The low half of its address.</summary>
    public ulong Low;

    /// <summary>0 for none; else <see cref="Known"/> and the place as in <see cref="Neighbour.Place"/>.</summary>
    public ulong Place;
}
