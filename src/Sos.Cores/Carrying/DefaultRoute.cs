using Sos.Cores.Network;

namespace Sos.Cores.Carrying;

/// <summary>The default routes of this network namespace, those with several nexthops included.</summary>
internal static class DefaultRoute
{
    /// <summary>Whether one goes through a device.</summary>
    public static bool Uses(string device)
    {
        if (NetworkLink.Find(device) is not { } link)
        {
            return false;
        }

        using CarriedDevice carried = new(link);
        return DeviceRoutes.HasDefault(carried);
    }
}
