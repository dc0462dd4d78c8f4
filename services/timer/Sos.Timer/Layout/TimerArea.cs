using System.Runtime.InteropServices;

namespace Sos.Timer.Layout;

/// <summary>
/// struct sos_timer_area of sos_timer.h: the start of the memory that one client shares with the timer service. Behind it follow
/// <see cref="Requests"/> requests, then <see cref="Timers"/> slots.
/// </summary>
[StructLayout(LayoutKind.Explicit, Size = Size)]
public struct TimerArea
{
    /// <summary>Bytes of this header: a page.</summary>
    public const int Size = 4096;

    /// <summary>"SOSTIMA1".</summary>
    public const ulong MagicValue = 0x31414d4954534f53;

    /// <summary>Timers of one client.</summary>
    public const int Timers = 1024;

    /// <summary>Requests that the ring holds.</summary>
    public const int Requests = 256;

    /// <summary>Bytes from the area's start to the requests.</summary>
    public const int RequestsOffset = Size;

    /// <summary>Bytes from the area's start to the slots.</summary>
    public const int SlotsOffset = RequestsOffset + (Requests * TimerRequest.Size);

    /// <summary>Bytes of the whole area.</summary>
    public const int TotalSize = SlotsOffset + (Timers * TimerSlot.Size);

    /// <summary><see cref="MagicValue"/>; all up to <see cref="TscKhz"/> is written by the broker before the client sees the area.</summary>
    [FieldOffset(0)] public ulong Magic;

    /// <summary>Number of the client.</summary>
    [FieldOffset(8)] public uint Client;

    /// <summary>Frequency of the TSC in kHz, by which <see cref="TimerSlot.DueTsc"/> and its like count.</summary>
    [FieldOffset(16)] public ulong TscKhz;

    /// <summary>Service to client: expirations of all its timers.</summary>
    [FieldOffset(64)] public ulong Expirations;

    /// <summary>Service to client: those that were served late.</summary>
    [FieldOffset(72)] public ulong Misses;

    /// <summary>Service to client: requests that name no timer of this client.</summary>
    [FieldOffset(80)] public ulong BadRequests;

    /// <summary>Service to client: timers armed now.</summary>
    [FieldOffset(88)] public uint Armed;

    /// <summary>Service to client: not 0 once the ring's index made no sense; the area is of no use any more.</summary>
    [FieldOffset(92)] public uint Broken;

    /// <summary>Service to client: moves on whenever a timer of this client expired. The word to spin on.</summary>
    [FieldOffset(128)] public uint Signal;

    /// <summary>Client to service: not 0 asks for one signal of the eventfd at the next expiration; the service clears it.</summary>
    [FieldOffset(192)] public uint Sleeping;

    /// <summary>Client to service: requests written so far.</summary>
    [FieldOffset(256)] public uint Producer;

    /// <summary>Service to client: requests answered so far.</summary>
    [FieldOffset(320)] public uint Consumer;
}
