using System.Runtime.InteropServices;

namespace Sos.Sdk.Control;

/// <summary>struct sos_clock: how a service turns the TSC into Linux's clocks.</summary>
[StructLayout(LayoutKind.Explicit, Size = Size)]
public struct ClockLayout
{
    /// <summary>sizeof(struct sos_clock).</summary>
    public const int Size = 64;

    /// <summary>Odd while Linux writes (sequence lock).</summary>
    [FieldOffset(0)] public uint Sequence;

    /// <summary>With <see cref="Mult"/>: ns = (cycles * mult) >> shift, in 128 bits. 0 to 63.</summary>
    [FieldOffset(4)] public uint Shift;

    /// <summary>See <see cref="Shift"/>.</summary>
    [FieldOffset(8)] public ulong Mult;

    /// <summary>TSC at the last update.</summary>
    [FieldOffset(16)] public ulong BaseTsc;

    /// <summary>CLOCK_MONOTONIC then.</summary>
    [FieldOffset(24)] public ulong MonotonicNs;

    /// <summary>CLOCK_REALTIME then.</summary>
    [FieldOffset(32)] public ulong RealtimeNs;

    /// <summary>CLOCK_TAI then.</summary>
    [FieldOffset(40)] public ulong TaiNs;

    /// <summary>Nominal TSC frequency in kHz.</summary>
    [FieldOffset(48)] public ulong TscKhz;
}
