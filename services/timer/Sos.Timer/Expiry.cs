namespace Sos.Timer;

/// <summary>One serving of a timer.</summary>
public struct Expiry
{
    /// <summary>Number of the timer.</summary>
    public uint Timer;

    /// <summary>Whether it waits for a further deadline.</summary>
    public bool Armed;

    /// <summary>Deadlines that have come, 1 or more.</summary>
    public ulong Expirations;

    /// <summary>Those that were not served within the tolerance.</summary>
    public ulong Misses;

    /// <summary>TSC at which the first of them was due.</summary>
    public ulong DueTsc;

    /// <summary>TSC ticks from then to now.</summary>
    public ulong Lateness;
}
