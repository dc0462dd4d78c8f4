using System.Runtime.InteropServices;

namespace Sos.Sdk.Control;

/// <summary>
/// The statistics resource: this header, then <see cref="Capacity"/> names of <see cref="NameSize"/> bytes (UTF-8, padded with NUL),
/// then as many values. A name never changes once <see cref="Count"/> covers it; values change at any time, each in one store.
/// </summary>
[StructLayout(LayoutKind.Explicit, Size = HeaderSize)]
public struct StatisticsLayout
{
    /// <summary>Bytes of this header.</summary>
    public const int HeaderSize = 64;

    /// <summary>"SOSSTAT1".</summary>
    public const ulong MagicValue = 0x3154415453534f53;

    /// <summary>Counters at most: several ports, a scheduler and a service of a few dozen each.</summary>
    public const int Capacity = 256;

    /// <summary>Bytes of a name.</summary>
    public const int NameSize = 48;

    /// <summary>Bytes from the start of the resource to the names.</summary>
    public const int NamesOffset = HeaderSize;

    /// <summary>Bytes from the start of the resource to the values, a multiple of a cache line.</summary>
    public const int ValuesOffset = NamesOffset + (Capacity * NameSize);

    /// <summary>Bytes of the resource.</summary>
    public const int TotalSize = ValuesOffset + (Capacity * sizeof(ulong));

    /// <summary><see cref="MagicValue"/>; written by the service at initialisation, after all else.</summary>
    [FieldOffset(0)] public ulong Magic;

    /// <summary>Counters so far; the service's release store publishes their names.</summary>
    [FieldOffset(8)] public uint Count;
}
