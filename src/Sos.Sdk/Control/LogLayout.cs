using System.Runtime.InteropServices;

namespace Sos.Sdk.Control;

/// <summary>
/// The log resource: this header, then a ring of <see cref="LogRecord"/>. Record n (counted from 0) lies at slot n modulo
/// <see cref="Capacity"/>; old ones are overwritten.
/// </summary>
[StructLayout(LayoutKind.Explicit, Size = HeaderSize)]
public struct LogLayout
{
    /// <summary>Bytes of this header.</summary>
    public const int HeaderSize = 64;

    /// <summary>"SOSLOGR1".</summary>
    public const ulong MagicValue = 0x3152474f4c534f53;

    /// <summary>Slots at most.</summary>
    public const uint CapacityMax = 1 << 20;

    /// <summary><see cref="MagicValue"/>; written by the service at initialisation, after all else.</summary>
    [FieldOffset(0)] public ulong Magic;

    /// <summary>Slots of the ring: as many as the resource has room for, at most <see cref="CapacityMax"/>.</summary>
    [FieldOffset(8)] public uint Capacity;

    /// <summary>Records written so far.</summary>
    [FieldOffset(16)] public ulong Written;
}
