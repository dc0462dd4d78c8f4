namespace Sos.Sdk.Time;

/// <summary>Names one arming of a timer: once it has expired or was cancelled, the name is stale and stays so.</summary>
/// <param name="Index">Number of the timer in its wheel.</param>
/// <param name="Generation">How often that timer was used; never 0 for a timer that was armed.</param>
public readonly record struct TimerId(uint Index, uint Generation);
