using System.Collections.Generic;
using System.Linq;
using Sos.Cores.Network;
using Sos.Cores.Running;

namespace Sos.Cores.Companions;

/// <summary>The ports of a service that was started, as its companion knows them.</summary>
public static class RecordedPorts
{
    extension(CoreRecord record)
    {
        /// <summary>The service's ports with the names by which Linux knows them.</summary>
        public IReadOnlyList<KnownPort> KnownPorts => [.. record.Plan.Ports.Select(port =>
        {
            CardRecord? card = record.Cards.FirstOrDefault(candidate => candidate.Port == port.Name);
            string?[] names = [card?.Network?.Name ?? card?.Netdev?.Name, card?.HostPort ?? port.HostPort];
            return new KnownPort(port.Name, [.. names.OfType<string>().Distinct()])
            {
                IsHere = card?.Netdev is not { } device || device.Namespace == NetworkNamespace.Current,
            };
        })];
    }
}
