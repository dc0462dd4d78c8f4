using System.Collections.Generic;
using System.Linq;
using Sos.Router.Control.Linux;

namespace Sos.Router.Control.Filter;

/// <summary>An interface of the router as rules name it.</summary>
/// <param name="Name">Its network device.</param>
/// <param name="Below">Of a VLAN the device that it is on: chains of that device's own see its packets too.</param>
internal sealed record FilteredInterface(string Name, string? Below = null)
{
    /// <summary>The devices whose own chains see its packets.</summary>
    public IEnumerable<string> Devices => Below is null ? [Name] : [Name, Below];

    /// <summary>Lists interfaces by their numbers.</summary>
    /// <param name="links">Network devices by number.</param>
    /// <param name="numbers">The interface of each that is one.</param>
    /// <returns>As many as the highest number needs; null for those that nobody has.</returns>
    public static IReadOnlyList<FilteredInterface?> List(IReadOnlyDictionary<int, LinuxLink> links, IReadOnlyDictionary<int, int> numbers)
    {
        FilteredInterface?[] list = new FilteredInterface?[numbers.Values.Append(-1).Max() + 1];
        foreach ((int device, int number) in numbers)
        {
            LinuxLink link = links[device];
            list[number] = new FilteredInterface(link.Name, link.Vlan is { } vlan && links.TryGetValue(vlan.Below, out LinuxLink? below) ? below.Name : null);
        }

        return list;
    }
}
