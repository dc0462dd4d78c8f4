using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Sos.Timer.Layout;

/// <summary>
/// The memory between service and broker, which no client sees: which areas are open, and what was counted. Shared memory 0; the area
/// of client n is shared memory n + 1.
/// </summary>
[StructLayout(LayoutKind.Explicit, Size = Size)]
public struct TimerAdmin
{
    /// <summary>Bytes: a page.</summary>
    public const int Size = 4096;

    /// <summary>"SOSTIMX1".</summary>
    public const ulong MagicValue = 0x31584d4954534f53;

    /// <summary>Clients at once: each has an area of its own.</summary>
    public const int ClientsMax = 16;

    /// <summary><see cref="MagicValue"/>, written by the service when it is ready.</summary>
    [FieldOffset(0)] public ulong Magic;

    /// <summary>Expirations in all.</summary>
    [FieldOffset(8)] public ulong Expirations;

    /// <summary>Expirations in all that were not served within the tolerance.</summary>
    [FieldOffset(16)] public ulong Misses;

    /// <summary>Expirations in all that were served together with a later one.</summary>
    [FieldOffset(24)] public ulong Overruns;

    /// <summary>Steps of a clock that the service followed.</summary>
    [FieldOffset(32)] public ulong ClockSteps;

    /// <summary>The longest time from due to served, in TSC ticks.</summary>
    [FieldOffset(40)] public ulong LatenessMax;

    /// <summary>An expiration served later than that many TSC ticks is a miss.</summary>
    [FieldOffset(48)] public ulong ToleranceTicks;

    /// <summary>Timers armed now.</summary>
    [FieldOffset(56)] public uint Armed;

    /// <summary>One line for each client.</summary>
    [FieldOffset(64)] public ClientList Clients;

    /// <summary>A client's line.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 64)]
    public struct ClientLine
    {
        /// <summary>Broker to service: generation of the client that has the area, 0 for none.</summary>
        [FieldOffset(0)] public uint Wanted;

        /// <summary>Service to broker: the generation that it serves, 0 for none. When it is 0 no timer of the former client is left.</summary>
        [FieldOffset(4)] public uint Served;
    }

    /// <summary>The fixed array of lines.</summary>
    [InlineArray(ClientsMax)]
    public struct ClientList
    {
        private ClientLine _first;
    }
}
