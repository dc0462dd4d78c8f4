using System;
using System.Diagnostics;
using System.Threading;
using Sos.Cores.Native;
using Sos.Linux;

namespace Sos.Cores.Network;

/// <summary>Names of network devices, as they change hands.</summary>
internal static class InterfaceName
{
    private const ushort SetLink = 19; // RTM_SETLINK
    private const ushort Name = 3; // IFLA_IFNAME
    private const uint Up = 1; // IFF_UP

    /// <summary>How long a former holder of a name may take to let go of it: a device whose last user has just ended, or udev, which renames.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(5);

    /// <summary>Gives a network device another name, which takes it down. Waits until the name is free.</summary>
    /// <param name="from">Its name.</param>
    /// <param name="to">The name that it gets.</param>
    /// <exception cref="SosException">Another device keeps the name, or there is no device called <paramref name="from"/>.</exception>
    public static void Change(string from, string to) => Change(from, to, Patience);

    /// <inheritdoc cref="Change(string, string)"/>
    /// <param name="from">Its name.</param>
    /// <param name="to">The name that it gets.</param>
    /// <param name="patience">How long to wait for the name.</param>
    internal static void Change(string from, string to, TimeSpan patience)
    {
        for (Stopwatch waited = Stopwatch.StartNew(); ; Thread.Sleep(Pause))
        {
            if (NetworkCalls.InterfaceIndex(from) is not (var index and > 0))
            {
                throw new SosException(SosError.NotFound, $"no network device is called {from} any more: 'ip link show' shows those there are");
            }

            int errno = TryChange(index, to);
            if (errno == 0)
            {
                return;
            }

            // Somebody has the name still, or keeps the device busy for a moment.
            if (waited.Elapsed >= patience)
            {
                throw NetworkCalls.InterfaceIndex(to) != 0
                    ? new SosException(SosError.Failed, $"another network device is called {to} now: 'ip link set dev {to} name OTHER' frees the name")
                    : Errno.ToException($"renaming {from} to {to}", errno, null);
            }
        }
    }

    private static int TryChange(uint index, string to)
    {
        using RouteSocket routes = new();
        int errno = routes.TryChange(RouteMessage.Link(SetLink, RouteSocket.Change, index, 0, Up));
        return errno != 0 ? errno : routes.TryChange(RouteMessage.Link(SetLink, RouteSocket.Change, index).Add(Name, to));
    }
}
