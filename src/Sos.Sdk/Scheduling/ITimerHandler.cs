namespace Sos.Sdk.Scheduling;

/// <summary>Handles the deadlines of a timer task as they come.</summary>
public interface ITimerHandler
{
    /// <summary>A timer expired; it may be armed anew here.</summary>
    /// <param name="cookie">What was given when the timer was armed.</param>
    /// <param name="now">The TSC as read at the start of this pass.</param>
    void Expired(ulong cookie, ulong now);
}
