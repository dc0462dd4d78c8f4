using System.Runtime.InteropServices;

namespace Sos.Sdk.Rings;

/// <summary>
/// The start of a ring: the producer's line, then the consumer's, a pair of lines apart since the CPU prefetches lines in pairs.
/// Not nested in the ring: a generic type cannot have an explicit layout.
/// </summary>
[StructLayout(LayoutKind.Explicit, Size = 256)]
internal struct RingIndices
{
    [FieldOffset(0)] public uint Produced;
    [FieldOffset(4)] public uint ConsumedCache;
    [FieldOffset(128)] public uint Consumed;
    [FieldOffset(132)] public uint ProducedCache;
}
