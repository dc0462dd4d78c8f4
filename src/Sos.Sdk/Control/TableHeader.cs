using System.Runtime.InteropServices;

namespace Sos.Sdk.Control;

/// <summary>The start of every table that a service swaps to. All offsets in a table count from this header.</summary>
[StructLayout(LayoutKind.Explicit, Size = HeaderSize)]
public struct TableHeader
{
    /// <summary>Bytes of this header.</summary>
    public const int HeaderSize = 64;

    /// <summary>"SOSTABL1".</summary>
    public const ulong MagicValue = 0x314c424154534f53;

    /// <summary>Bits of a table request below the generation, which hold the slot.</summary>
    public const int RequestSlotBits = 8;

    /// <summary><see cref="MagicValue"/>.</summary>
    [FieldOffset(0)] public ulong Magic;

    /// <summary>The table's kind, as its service defines it (four ASCII letters).</summary>
    [FieldOffset(8)] public uint Kind;

    /// <summary>Version of that layout.</summary>
    [FieldOffset(12)] public uint Version;

    /// <summary>Bytes of the table with this header; at most the slot's size.</summary>
    [FieldOffset(16)] public ulong TotalSize;

    /// <summary>Generation, from 1; the same as in the request.</summary>
    [FieldOffset(24)] public ulong Generation;

    /// <summary>
    /// Checksum for tools, 0 for none. The service does not compute it: a pass over a large table would stall the core.
    /// </summary>
    [FieldOffset(32)] public ulong Checksum;

    /// <summary>
    /// The TSC at which the table's lease ends, for services that have such: what it was made of may have changed since, and nobody said
    /// otherwise. The control plane writes it while the table is in use. 0 for a table without a lease.
    /// </summary>
    [FieldOffset(40)] public ulong LeaseEnd;
}
