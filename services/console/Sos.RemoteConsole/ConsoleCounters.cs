using Sos.Net;
using Sos.Sdk.Statistics;

namespace Sos.RemoteConsole;

/// <summary>The console's counters.</summary>
public readonly struct ConsoleCounters
{
    private readonly Counter _refused;
    private readonly Counter _opened;
    private readonly Counter _connections;
    private readonly Counter _crowded;
    private readonly Counter _cookies;
    private readonly Counter _conflicts;
    private readonly Counter _lost;

    /// <summary>Names the counters.</summary>
    public ConsoleCounters(CounterRegistry statistics)
    {
        Received = statistics.Add("console.received"u8);
        Sent = statistics.Add("console.sent"u8);
        _refused = statistics.Add("console.refused"u8);
        _opened = statistics.Add("console.connections_opened"u8);
        _connections = statistics.Add("console.connections"u8);
        _crowded = statistics.Add("console.connections_crowded"u8);
        _cookies = statistics.Add("console.syn_cookies"u8);
        _conflicts = statistics.Add("console.address_conflicts"u8);
        _lost = statistics.Add("console.lost"u8);
    }

    /// <summary>Frames for the console's addresses.</summary>
    public Counter Received { get; }

    /// <summary>Frames of the console.</summary>
    public Counter Sent { get; }

    /// <summary>Takes over what the endpoint counts.</summary>
    internal void Follow(in Endpoint<ConsoleSession, ConsoleContext> endpoint)
    {
        _refused.Set(endpoint.Refused);
        _opened.Set(endpoint.Opened);
        _connections.Set((ulong)endpoint.Connections);
        _crowded.Set(endpoint.Crowded);
        _cookies.Set(endpoint.Cookies);
        _conflicts.Set(endpoint.Conflicts);
        _lost.Set(endpoint.Lost);
    }
}
