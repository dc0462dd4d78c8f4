using System.Collections.Generic;
using System.Linq;
using Limiter.Control;
using Sos.Cores.Companions;
using Sos.Firewall.Control;
using Sos.Guard.Control;
using Sos.Noise.Control;
using Sos.Noise.Report;
using Sos.RemoteConsole.Control;
using Sos.Router.Control;
using Sos.Timer.Broker;
using Sos.Timer.Control;
using Sos.Verbs;

namespace Sos.Catalogue;

/// <summary>The services that come with SOS: a line each. Nothing else in the control plane names a service.</summary>
public static class ServiceCatalogue
{
    /// <summary>All of them.</summary>
    public static IReadOnlyList<KnownService> All { get; } =
    [
        new(new FirewallCompanion(), FirewallVerbs.Create),
        new(new ConsoleCompanion(), ConsoleVerbs.Create),
        new(new GuardCompanion(), CaptureVerb.Create), // of both firewalls; its other verbs are the firewall's and the console's
        new(new TimerCompanion(), TimerVerbs.Create),
        new(new NoiseCompanion(), NoiseVerbs.Create),
        new(new RouterCompanion(), RouterVerbs.Create),
        new(new LimiterCompanion(), LimiterVerbs.Create),
    ];

    /// <summary>Their companions.</summary>
    public static CompanionCatalogue Companions { get; } = new([.. All.Select(entry => entry.Companion)]);
}
