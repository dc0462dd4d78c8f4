using System.Text.Json.Serialization;

namespace Sos.Traffic.Clients;

/// <summary>The kind of a good client's request.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<RequestKind>))]
public enum RequestKind
{
    /// <summary>A page over HTTP, over a TCP connection of its own.</summary>
    Http,

    /// <summary>An ICMP echo.</summary>
    Ping,

    /// <summary>A keystroke in an interactive session: from the key to its echo.</summary>
    Keystroke,
}
