using System.Runtime.InteropServices;

namespace Sos.Sdk.Control;

/// <summary>struct sos_host_ring: one direction of a host port. Each field has a cache line of its own.</summary>
[StructLayout(LayoutKind.Explicit, Size = Size)]
public struct HostRing
{
    /// <summary>sizeof(struct sos_host_ring).</summary>
    public const int Size = 192;

    /// <summary>Slots filled so far (free-running); written by the producer alone.</summary>
    [FieldOffset(0)] public uint Producer;

    /// <summary>Slots emptied so far (free-running); written by the consumer alone.</summary>
    [FieldOffset(64)] public uint Consumer;

    /// <summary>Set by Linux to ask for one interrupt; cleared by the service as it notifies.</summary>
    [FieldOffset(128)] public uint Armed;
}
