using System.Collections.Generic;
using System.Runtime.InteropServices;
using Sos.Cores.Native;
using Sos.Cores.Network;
using Sos.Linux;

namespace Sos.Cores.Carrying;

/// <summary>
/// Gives a device the number of the one whose place it takes: rules of nftables ("iif"), sockets that are bound to a device, multicast memberships, tunnels
/// and whoever has it in mind know it by that alone. Linux gives numbers as a device comes into a network namespace: so it leaves and comes again.
/// </summary>
internal static class DeviceIndex
{
    private const ushort SetLink = 19; // RTM_SETLINK
    private const ushort InterfaceName = 3; // IFLA_IFNAME
    private const ushort Namespace = 28; // IFLA_NET_NS_FD
    private const ushort NewIndex = 49; // IFLA_NEW_IFINDEX, Linux 5.13
    private const string Own = "/proc/thread-self/ns/net";

    /// <summary>Gives a number.</summary>
    /// <param name="link">The device.</param>
    /// <param name="wanted">The number.</param>
    /// <param name="problems">Takes why it could not be.</param>
    /// <returns>The device as it is now.</returns>
    /// <exception cref="SosException">It does not come back by itself.</exception>
    public static NetworkLink Give(NetworkLink link, uint wanted, List<string> problems)
    {
        if (wanted == 0 || link.Index == wanted)
        {
            return link;
        }

        string losers = $"rules that name {link.Name} by its number (nft's 'iif') do not match it: load them again";
        if (NetworkLink.Read(wanted) is { } other)
        {
            problems.Add($"{link.Name} is number {link.Index} and not {wanted} as before, which {other.Name} is now; {losers}");
            return link;
        }

        using FileDescriptor here = FileDescriptor.Raise(Libc.Open(Own, Libc.OpenCloseOnExec), $"opening {Own}");
        using (RouteSocket hereRoutes = new())
        using (ScratchNamespace scratch = ScratchNamespace.Enter())
        {
            int errno = hereRoutes.TryChange(
                RouteMessage.Link(SetLink, RouteSocket.Change, link.Index).Add(Namespace, (uint)scratch.Handle.Descriptor));
            if (errno == 0)
            {
                errno = Return(link, here, wanted);
            }

            if (errno != 0)
            {
                problems.Add($"{link.Name} does not get its number {wanted} back ({Marshal.GetPInvokeErrorMessage(errno)}); {losers}");
            }
        }

        return NetworkLink.Find(link.Name) ?? throw new SosException(
            SosError.Failed, $"{link.Name} has another name since it was given its number: 'ip link show' shows it, "
                + $"'ip link set dev NAME name {link.Name}' helps");
    }

    /// <summary>Brings a device back, if need be with another number: a device of software would go with the namespace.</summary>
    private static int Return(NetworkLink link, FileDescriptor here, uint wanted)
    {
        using RouteSocket routes = new();
        uint index = NetworkCalls.InterfaceIndex(link.Name);
        RouteMessage Back() => RouteMessage.Link(SetLink, RouteSocket.Change, index)
            .Add(Namespace, (uint)here.Descriptor).Add(InterfaceName, link.Name);
        int errno = routes.TryChange(Back().Add(NewIndex, wanted));
        if (errno != 0)
        {
            int last = routes.TryChange(Back());
            errno = last == 0 ? errno : last;
        }

        return errno;
    }
}
