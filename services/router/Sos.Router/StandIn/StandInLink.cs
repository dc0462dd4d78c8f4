using Sos.Net;
using Sos.Sdk.Time;

namespace Sos.Router.StandIn;

/// <summary>The stand-in's part on the link of one interface: how much it may still say there, and what waits to be sent.</summary>
public struct StandInLink
{
    /// <summary>Answers a second, whoever asks: a flood on one link takes none from the others.</summary>
    public const uint AnswersPerSecond = 1000;

    /// <summary>Questions a second for neighbours that are looked for: a scan of a network is no reason to flood it.</summary>
    private const uint SearchesPerSecond = 100;

    /// <summary>Questions a second whether a neighbour is still there: the whole cache within less than its answers count.</summary>
    private const uint ConfirmationsPerSecond = 100;

    private TokenBucket _searches;
    private TokenBucket _confirmations;

    /// <summary>Begins with all limits untouched, and nothing to send.</summary>
    /// <param name="second">TSC ticks of a second.</param>
    /// <param name="now">The TSC.</param>
    public StandInLink(ulong second, ulong now)
    {
        Answers = new TokenBucket(second / AnswersPerSecond, AnswersPerSecond / 4, now);
        _searches = new TokenBucket(second / SearchesPerSecond, SearchesPerSecond, now);
        _confirmations = new TokenBucket(second / ConfirmationsPerSecond, ConfirmationsPerSecond, now);
    }

    /// <summary>The answers that may be given.</summary>
    public TokenBucket Answers;

    /// <summary>The frames that wait.</summary>
    public Outbox Outbox;

    /// <summary>Takes leave to ask for a neighbour.</summary>
    /// <param name="isSearch">Whether it is looked for; else it is asked whether it is still there.</param>
    /// <param name="now">The TSC.</param>
    public bool TryTakeQuestion(bool isSearch, ulong now) => isSearch ? _searches.TryTake(1, now) : _confirmations.TryTake(1, now);
}
