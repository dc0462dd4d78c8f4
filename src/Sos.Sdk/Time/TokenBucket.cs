namespace Sos.Sdk.Time;

/// <summary>
/// Lets a rate through, with bursts up to a limit: tokens come with time, and each unit of work takes one. No token is lost to rounding.
/// </summary>
public struct TokenBucket
{
    private readonly ulong _ticksPerToken;
    private readonly ulong _burstTicks;
    private ulong _emptyAt; // the TSC at which the bucket was, or would have been, empty

    /// <summary>Makes a full bucket.</summary>
    /// <param name="ticksPerToken">TSC ticks in which one token comes; at least 1.</param>
    /// <param name="burst">Tokens at most.</param>
    /// <param name="now">The TSC.</param>
    public TokenBucket(ulong ticksPerToken, uint burst, ulong now)
    {
        Memory.Trap.Unless(ticksPerToken != 0 && burst != 0 && ticksPerToken <= ulong.MaxValue / 2 / burst, Memory.TrapCode.BadArgument);
        _ticksPerToken = ticksPerToken;
        _burstTicks = ticksPerToken * burst;
        _emptyAt = now - _burstTicks;
    }

    /// <summary>Takes tokens.</summary>
    /// <returns>Whether there were so many; else none is taken.</returns>
    public bool TryTake(uint tokens, ulong now)
    {
        ulong full = now - _burstTicks;
        ulong start = (long)(_emptyAt - full) < 0 ? full : _emptyAt;
        ulong end = start + (tokens * _ticksPerToken);
        if ((long)(now - end) < 0)
        {
            return false;
        }

        _emptyAt = end;
        return true;
    }

    /// <summary>The TSC at which there will be so many tokens: what a timer is armed with.</summary>
    public readonly ulong ReadyAt(uint tokens) => _emptyAt + (tokens * _ticksPerToken);
}
