using System.Runtime.InteropServices;

namespace Sos.Sdk.Control;

/// <summary>struct sos_resource: one thing a service was given.</summary>
[StructLayout(LayoutKind.Explicit, Size = Size)]
public struct Resource
{
    /// <summary>sizeof(struct sos_resource).</summary>
    public const int Size = 64;

    /// <summary>The kind of thing.</summary>
    [FieldOffset(0)] public ResourceKind Kind;

    /// <summary>Number among its kind.</summary>
    [FieldOffset(4)] public uint Index;

    /// <summary>Where the service sees it.</summary>
    [FieldOffset(8)] public ulong Address;

    /// <summary>Bytes.</summary>
    [FieldOffset(16)] public ulong ByteCount;

    /// <summary>See the kind.</summary>
    [FieldOffset(24)] public ulong Aux;

    /// <summary>The port's name: of a card's, a socket's or a memory port's own, or of the port that a host port belongs to.</summary>
    [FieldOffset(32)] public PortName Name;
}
