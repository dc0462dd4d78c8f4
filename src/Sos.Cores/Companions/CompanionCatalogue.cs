using System.Collections.Generic;
using System.Linq;
using Sos.Cores.Plan;

namespace Sos.Cores.Companions;

/// <summary>The companions that a program knows.</summary>
/// <param name="all">One for each service.</param>
public sealed class CompanionCatalogue(IReadOnlyList<ICompanion> all)
{
    /// <summary>All of them.</summary>
    public IReadOnlyList<ICompanion> All => all;

    /// <summary>The start options of all services, each name once.</summary>
    public IReadOnlyList<StartOption> Options => [.. all.SelectMany(companion => companion.Options).DistinctBy(option => option.Name)];

    /// <summary>Finds a service's companion.</summary>
    /// <returns>Null for an image that is nobody's here.</returns>
    public ICompanion? Find(string service) => all.FirstOrDefault(companion => companion.Service == service);

    /// <summary>Refuses parameters and options that a service does not have.</summary>
    /// <param name="service">The service's name.</param>
    /// <param name="plan">The plan.</param>
    /// <exception cref="SosException">One is refused; the message says what there is.</exception>
    public void Check(string service, ServicePlan plan)
    {
        ICompanion? companion = Find(service);
        foreach (string option in plan.Options.Keys)
        {
            if (companion?.Options.Any(known => known.Name == option) != true)
            {
                string owners = string.Join(", ", all.Where(other => other.Options.Any(known => known.Name == option)).Select(other => other.Service));
                throw new SosException(
                    SosError.Usage, $"--{option} is for {(owners.Length == 0 ? "no service" : owners)}, and this image is {service}: leave it away");
            }
        }

        if (companion is not null)
        {
            ServiceParameter.Check(companion, plan.Parameters);
        }
    }
}
