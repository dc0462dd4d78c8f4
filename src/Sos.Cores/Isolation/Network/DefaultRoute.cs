using System;
using System.Linq;

namespace Sos.Cores.Isolation.Network;

/// <summary>The default routes of this network namespace, as procfs lists them (proc_net(5)).</summary>
internal static class DefaultRoute
{
    /// <summary>Whether one goes through a device.</summary>
    public static bool Uses(string device)
    {
        // Device and destination and mask in hexadecimal; a prefix of 0 bits, for IPv6, and the device at the end.
        bool four = Fields("/proc/thread-self/net/route").Any(route => route.Length > 7 && route[0] == device && IsZero(route[1]) && IsZero(route[7]));
        return four || Fields("/proc/thread-self/net/ipv6_route").Any(
            route => route.Length > 9 && route[^1] == device && route[1] == "00" && !IsZero(route[4]));
    }

    private static System.Collections.Generic.IEnumerable<string[]> Fields(string path)
        => (LinuxFile.TryRead(path) ?? "").Split('\n').Select(line => line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));

    private static bool IsZero(string digits) => digits.All(digit => digit == '0');
}
