using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using System.Threading;
using Sos.Cores.Loading;
using Sos.Cores.Network;
using Sos.Cores.Running;

namespace Sos.Cores.Isolation.Network;

/// <summary>
/// Finds a network device that is not where a service has got it: it was moved to another namespace, or its own went away. The programs at it, which have
/// the core's number in their names, are what it is known by.
/// </summary>
internal static class DeviceSearch
{
    /// <summary>Linux takes a namespace and its devices down some time after it is gone, and their programs after that.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    /// <summary>The ids of a core's programs that stand at a device.</summary>
    /// <param name="link">The device.</param>
    /// <param name="cpu">The core.</param>
    public static IReadOnlyList<uint> ProgramsAt(NetworkLink link, int cpu)
        => XdpAttachment.IsOurs(link, cpu) ? [link.XdpProgram, .. IngressHook.ListOurs(link.Index, cpu)] : IngressHook.ListOurs(link.Index, cpu);

    /// <summary>Whether a device is the one that a record is about: another one may have its number, and another namespace the name of its own.</summary>
    /// <param name="link">The device with that number.</param>
    /// <param name="netdev">The record.</param>
    /// <param name="cpu">The core.</param>
    public static bool IsIt(NetworkLink link, NetdevRecord netdev, int cpu)
        => netdev.Mac is null || netdev.Mac == Convert.ToHexString(link.Mac) || netdev.Name == link.Name || ProgramsAt(link, cpu).Count > 0;

    /// <summary>Looks for a device in all network namespaces, this thread's first, and does something with it where it is.</summary>
    /// <param name="netdev">The record.</param>
    /// <param name="cpu">The core.</param>
    /// <param name="found">The work; this thread is in the device's namespace.</param>
    /// <returns>Whether it was found. If not, no program of the core stands at any device that Linux still has.</returns>
    /// <exception cref="SosException">It cannot be said: programs of the core stand where we do not come.</exception>
    public static bool TryVisit(NetdevRecord netdev, int cpu, Action<NetworkLink> found)
    {
        List<NetdevRecord> others = [.. (CoreRecord.Read(cpu)?.Cards ?? []).Select(card => card.Netdev).OfType<NetdevRecord>()
            .Where(other => (other.Index, other.Namespace) != (netdev.Index, netdev.Namespace))];
        Stopwatch waited = Stopwatch.StartNew();
        while (true)
        {
            HashSet<uint> reached = [];
            if (Look(netdev, cpu, others, reached, found) || NetworkNamespace.EnterOthers().Any(_ => Look(netdev, cpu, others, reached, found)))
            {
                return true;
            }

            if (BpfObject.ListOurs(cpu).All(reached.Contains))
            {
                return false;
            }

            if (waited.Elapsed > Patience)
            {
                throw new SosException(
                    SosError.Refused,
                    $"it is in no network namespace that can be seen from here, and drops frames there: repeat this in the machine's own namespaces "
                    + $"('nsenter -t 1 -a sosctl service stop {cpu}', outside of any container)");
            }

            Thread.Sleep(20);
        }
    }

    /// <summary>Looks at the devices of the namespace that this thread is in.</summary>
    private static bool Look(NetdevRecord netdev, int cpu, List<NetdevRecord> others, HashSet<uint> reached, Action<NetworkLink> found)
    {
        foreach (NetworkLink link in NetworkLink.List())
        {
            IReadOnlyList<uint> programs = ProgramsAt(link, cpu);
            reached.UnionWith(programs);
            bool isOther = others.Exists(other => other.Index == link.Index && other.Namespace == NetworkNamespace.Current);
            if (programs.Count > 0 && !isOther && !IsOfPair(link, cpu)
                && (others.Count == 0 || netdev.Index == link.Index || netdev.Mac == Convert.ToHexString(link.Mac)))
            {
                found(link);
                return true;
            }
        }

        return false;
    }

    /// <summary>Whether a device is one of ours that frames go through.</summary>
    private static bool IsOfPair(NetworkLink link, int cpu)
    {
        int dash = link.Name.IndexOf('-', StringComparison.Ordinal);
        return dash > 0 && dash + 2 < link.Name.Length && uint.TryParse(link.Name.AsSpan(dash + 2), out uint device)
            && FrameWayNames.For(cpu, device) is var names && (link.Name == names.Take || link.Name == names.Service || link.Name == names.Back);
    }
}
