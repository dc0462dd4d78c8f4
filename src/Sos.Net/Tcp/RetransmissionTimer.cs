using System;

namespace Sos.Net.Tcp;

/// <summary>Estimates the round trip and says how long to wait for an acknowledgment (RFC 6298).</summary>
internal struct RetransmissionTimer
{
    /// <summary>Milliseconds to wait at first: RFC 6298, 2.1.</summary>
    public const uint InitialMs = 1000;

    /// <summary>
    /// Milliseconds to wait at least. RFC 6298, 2.4 wants a second, for clocks that were coarse; peers that delay acknowledgments do so for up to
    /// 200 ms, and a keystroke's echo that was lost should not take a second more.
    /// </summary>
    public const uint LeastMs = 250;

    /// <summary>Milliseconds to wait at most: RFC 6298, 2.5.</summary>
    public const uint MostMs = 60_000;

    private uint _smoothedMs;
    private uint _variationMs;
    private bool _hasSample;
    private uint _baseMs;
    private int _doublings;

    /// <summary>Milliseconds to wait, doubled for each time-out since the last answer.</summary>
    public readonly uint WaitMs => (uint)Math.Min((ulong)Math.Max(_baseMs, _hasSample ? LeastMs : InitialMs) << Math.Min(_doublings, 16), MostMs);

    /// <summary>Time-outs since the last answer.</summary>
    public readonly int Timeouts => _doublings;

    /// <summary>Takes a measured round trip.</summary>
    public void Sample(uint roundTripMs)
    {
        roundTripMs = Math.Min(roundTripMs, MostMs);
        if (!_hasSample)
        {
            _hasSample = true;
            _smoothedMs = roundTripMs;
            _variationMs = roundTripMs / 2;
        }
        else
        {
            uint difference = roundTripMs > _smoothedMs ? roundTripMs - _smoothedMs : _smoothedMs - roundTripMs;
            _variationMs = ((3 * _variationMs) + difference + 2) / 4;
            _smoothedMs = ((7 * _smoothedMs) + roundTripMs + 4) / 8;
        }

        _baseMs = Math.Clamp(_smoothedMs + Math.Max(1, 4 * _variationMs), LeastMs, MostMs);
    }

    /// <summary>Doubles the time: there was no answer.</summary>
    public void BackOff() => _doublings++;

    /// <summary>Takes the doublings back: something new was acknowledged, or a closed window opened.</summary>
    public void Answered() => _doublings = 0;
}
