using System.Collections.Generic;
using System.CommandLine;
using System.Globalization;
using System.Linq;
using Sos.Router.Control.Linux;
using Sos.Router.Tables;
using Sos.Verbs;

namespace Sos.Router.Control;

/// <summary><c>sosctl router interfaces</c>: the ports and VLANs as the core has them, and the VLANs that are left to Linux.</summary>
internal static class InterfacesVerb
{
    /// <summary>Makes the command.</summary>
    public static Command Create(Terminal terminal)
    {
        Argument<int> cpu = CoreArguments.Cpu();
        Command interfaces = new("interfaces", "Show the ports and VLANs that the core forwards between, and those that it leaves to Linux") { cpu };
        interfaces.SetAction(result => Run(terminal, result.GetValue(cpu)));
        return interfaces;
    }

    private static int Run(Terminal terminal, int cpu)
    {
        InterfacesDocument document = RouterCore.Look(cpu, router =>
        {
            IReadOnlyList<string> names = router.InterfaceNames;
            LiveInterface[] live = [.. new TableReader(router.Table).ReadInterfaces()];
            using LinuxNetwork network = new();
            return new InterfacesDocument(
                cpu, [.. live.Select(one => ToEntry(one, names))],
                [.. FindLeft(network.Links(), router.DeviceNames, live).Select(left => new LeftInterfaceEntry(left.Name, left.Reason))]);
        });
        terminal.Write(document, RouterVerbs.Documents.InterfacesDocument, output =>
        {
            Terminal.WriteTable(
                output, ["NAME", "DEVICE", "PORT", "VLAN", "MAC", "MTU", "LINK", "FORWARDS", "RP_FILTER", "IN", "OUT"],
                document.Interfaces.Select(one => (IReadOnlyList<string>)
                [
                    one.Name, one.Device, one.Port, one.Vlan ?? "-", one.Mac, one.Mtu.ToString(CultureInfo.InvariantCulture), one.Up ? "up" : "down",
                    one.Ipv4 ? one.Ipv6 ? "IPv4 IPv6" : "IPv4" : one.Ipv6 ? "IPv6" : "-", one.RpFilter, Count(one.PacketsIn), Count(one.PacketsOut),
                ]));
            foreach (LeftInterfaceEntry left in document.LeftToLinux)
            {
                output.WriteLine($"{left.Device} is left to Linux: {left.Reason}");
            }
        });
        return 0;
    }

    private static string Count(ulong? packets) => packets?.ToString(CultureInfo.InvariantCulture) ?? "-";

    private static InterfaceEntry ToEntry(LiveInterface one, IReadOnlyList<string> names)
    {
        InterfaceFlags flags = one.Settings.Flags;
        string filter = (flags & InterfaceFlags.ReversePathStrict) != 0 ? "strict" : (flags & InterfaceFlags.ReversePathLoose) != 0 ? "loose" : "off";
        return new InterfaceEntry(
            names[one.Number], one.Name, names[one.Port], one.Vlan, HopText.MacText(one.Settings.Mac), one.Settings.Mtu,
            (flags & InterfaceFlags.Up) != 0, (flags & InterfaceFlags.Forwards4) != 0, (flags & InterfaceFlags.Forwards6) != 0, filter,
            one.IsVlan ? one.Packets.In : null, one.IsVlan ? one.Packets.Out : null);
    }

    private static IEnumerable<(string Name, string Reason)> FindLeft(
        IReadOnlyList<LinuxLink> links, IReadOnlyList<IReadOnlyList<string>> portNames, IReadOnlyList<LiveInterface> live)
    {
        HashSet<(int Port, uint Tag)> known = [.. live.Where(one => one.IsVlan).Select(one => (one.Port, one.Settings.Tag))];
        return PortLinks.FindVlans(links, PortLinks.FindPorts(links, portNames))
            .Where(vlan => !known.Contains((vlan.Port, vlan.Link.Vlan!.Tag)))
            .Select(vlan => (vlan.Link.Name, vlan.Obstacle ?? "nobody follows Linux, or the router has as many VLANs as it can"));
    }
}
