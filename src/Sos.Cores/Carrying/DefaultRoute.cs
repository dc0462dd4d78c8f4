using Sos.Cores.Network;

namespace Sos.Cores.Carrying;

/// <summary>The default routes of this network namespace, those with several nexthops included.</summary>
internal static class DefaultRoute
{
    /// <summary>Finds the device by which one goes that gets its frames from another: that itself, or a bridge, bond, VLAN or tunnel above it.</summary>
    /// <param name="device">One of the names of the device below.</param>
    /// <returns>How the device is called that the route names; null when no default route goes there.</returns>
    public static string? Through(string device)
    {
        foreach (NetworkLink link in NetworkLink.Find(device)?.SelfAndAbove() ?? [])
        {
            using CarriedDevice carried = new(link);
            if (DeviceRoutes.HasDefault(carried))
            {
                return link.Name;
            }
        }

        return null;
    }

    /// <summary>Says of a device that a default route goes through it, and by which other one.</summary>
    /// <returns>The beginning of a sentence; null when no default route goes there.</returns>
    public static string? Describe(string device) => Through(device) switch
    {
        null => null,
        { } through when through == NetworkLink.Find(device)?.Name => $"the default route goes through {device}",
        { } through => $"the default route goes through {through}, and {through} through {device}",
    };
}
