namespace Sos.Traffic.Clients;

/// <summary>One request of a good client, and what became of it.</summary>
/// <param name="Kind">What it asked for.</param>
/// <param name="StartS">When it was due, in seconds since the clients began; its latency counts from here.</param>
/// <param name="LatencyMs">Time until the right answer was there; the deadline if it was not served.</param>
/// <param name="Served">Whether the right answer came within the deadline.</param>
public sealed record Request(RequestKind Kind, double StartS, double LatencyMs, bool Served);
