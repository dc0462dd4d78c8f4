using System.Collections.Generic;

namespace Sos.Firewall.Rules.Prefilter;

/// <summary>The connections that Linux knew.</summary>
/// <param name="Keys">Their keys: <see cref="Firewall.Connections.ConnectionKey"/>.</param>
/// <param name="SeenWith">Generation of the table that the service used when they began to be read.</param>
public sealed record KnownConnections(IReadOnlyCollection<ulong> Keys, ulong SeenWith)
{
    /// <summary>Whether one has a helper, so that it may announce others, whatever the rules say now.</summary>
    public bool HaveHelpers { get; init; }
}
