using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Runtime.InteropServices;
using Sos.Cores.Native;
using Sos.Cores.Network;

namespace Sos.Cores.Carrying;

/// <summary>Finds what programs asked of a device and nobody can ask again for them, before anything is changed.</summary>
internal static class ProgramObstacles
{
    private const ushort GetLink = 18; // RTM_GETLINK
    private const int FixedSize = 16; // struct ifinfomsg
    private const uint SetPromiscuous = 0x100; // IFF_PROMISC
    private const ushort Promiscuity = 30; // IFLA_PROMISCUITY: how many want all frames, 'ip link set promisc on' among them
    private const string TracingFile = "/proc/sys/kernel/yama/ptrace_scope";
    private const int NumberField = 9; // of a line of /proc/net/udp and its like

    // Sockets that can be in multicast groups.
    private static readonly string[] DatagramFiles = ["udp", "udp6", "udplite", "udplite6", "raw", "raw6", "icmp", "icmp6"];

    /// <summary>Finds them.</summary>
    /// <param name="device">The device.</param>
    /// <returns>A sentence each, with what to do.</returns>
    public static IEnumerable<string> Find(CarriedDevice device)
    {
        int index = (int)device.Link.Index;
        IReadOnlyList<PacketSocket> all = PacketSocket.List();
        HashSet<ulong> packets = [.. all
            .Where(socket => socket.Id != 0) // the kernel's own
            .Where(socket => socket.Device == index || socket.Memberships?.Any(membership => membership.Device == device.Link.Index) == true)
            .Select(socket => socket.Id)];
        IReadOnlyList<(string Program, int Errno)> denied = [.. ProgramSocket.FindDenied(packets).Values.Concat(DeniedMembers(device)).Distinct()];
        foreach ((string program, int errno) in denied)
        {
            yield return program.Length == 0
                ? $"a packet socket on {device.Link.Name} is of no program that can be seen from here ('ss -0pe' shows what can): start the service "
                    + "outside of any container, or end that program and start it again afterwards"
                : $"{program} lets nobody have its sockets (pidfd_getfd: {Marshal.GetPInvokeErrorMessage(errno)}), and what it asked {device.Link.Name} for, "
                    + $"frames or multicast groups, ends with it: {Reason(LinuxFile.TryRead(TracingFile))}; or start it again after 'service start' and "
                    + "after 'service stop'";
        }

        if (all.Any(socket => socket.Memberships is null) && WantedByPrograms(device) > 0)
        {
            yield return $"programs have {device.Link.Name} receive all frames, and this kernel does not tell which ('modprobe af_packet_diag'): end them "
                + "(captures, 'ss -0pe'), or start them again after 'service start' and after 'service stop'";
        }
    }

    /// <summary>Tells why sockets cannot be had, and what helps.</summary>
    /// <param name="tracing">The text of /proc/sys/kernel/yama/ptrace_scope; null without that.</param>
    internal static string Reason(string? tracing) => tracing switch
    {
        "3" => $"{TracingFile} is 3, which only a reboot takes back (with 'kernel.yama.ptrace_scope = 1' in /etc/sysctl.d)",
        "1" or "2" => $"{TracingFile} is {tracing}, and sosctl lacks CAP_SYS_PTRACE: run it as root, outside of any container",
        _ => "a security module forbids it ('dmesg | grep -i denied' shows which), or sosctl lacks CAP_SYS_PTRACE: allow it, or run it as root outside of "
            + "any container",
    };

    /// <summary>Programs with a socket that may be in a group on the device, and that do not let it be had.</summary>
    private static IEnumerable<(string Program, int Errno)> DeniedMembers(CarriedDevice device)
    {
        if (new GroupMembers().Read(device).Count == 0)
        {
            return [];
        }

        HashSet<ulong> datagrams = [.. DatagramFiles
            .SelectMany(file => (LinuxFile.TryRead($"/proc/thread-self/net/{file}") ?? "").Split('\n').Skip(1))
            .Select(line => line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))
            .Where(fields => fields.Length > NumberField)
            .Select(fields => ulong.Parse(fields[NumberField], CultureInfo.InvariantCulture))
            .Where(socket => socket != 0)];

        // One that no program has is the kernel's own.
        return ProgramSocket.FindDenied(datagrams).Values.Where(found => found.Program.Length > 0);
    }

    private static uint WantedByPrograms(CarriedDevice device)
    {
        byte[]? answer = device.Routes.TryQuery(RouteMessage.Link(GetLink, RouteSocket.Request, device.Link.Index));
        List<RouteAttribute> attributes = answer is null ? [] : RouteAttribute.Parse(answer.AsSpan(FixedSize));
        uint wanted = attributes.Where(found => found.Kind == Promiscuity).Select(found => found.Number).FirstOrDefault();
        return wanted - Math.Min(wanted, (device.Link.Flags & SetPromiscuous) != 0 ? 1u : 0);
    }
}
