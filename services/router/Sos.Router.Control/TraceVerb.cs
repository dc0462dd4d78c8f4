using System;
using System.Collections.Generic;
using System.CommandLine;
using System.Linq;
using Sos.Cores;
using Sos.Router.Control.Linux;
using Sos.Router.Control.Trace;
using Sos.Router.Routes;
using Sos.Router.Tables;
using Sos.Verbs;

namespace Sos.Router.Control;

/// <summary>A question to <c>sosctl router trace</c>.</summary>
/// <param name="Destination">Where the packet goes.</param>
/// <param name="Source">Where it comes from; null for a host on the network of the interface that it comes in by.</param>
/// <param name="In">The interface that it comes in by; null for the one by which its source is reached, or else the first that it does not leave by.</param>
/// <param name="Protocol">The protocol that it carries.</param>
/// <param name="SourcePort">The port that it comes from.</param>
/// <param name="DestinationPort">The port that it goes to.</param>
/// <param name="Size">Its bytes.</param>
/// <param name="HopLimit">Its TTL or hop limit.</param>
/// <param name="DoNotFragment">Whether IPv4 must not cut it.</param>
internal sealed record TraceRequest(
    string Destination, string? Source, string? In, string Protocol, ushort SourcePort, ushort DestinationPort, int Size, byte HopLimit, bool DoNotFragment);

/// <summary><c>sosctl router trace</c>: a packet's way through the core's table, as it is now, with Linux's route beside it.</summary>
internal static class TraceVerb
{
    /// <summary>Makes the command.</summary>
    public static Command Create(Terminal terminal)
    {
        Argument<int> cpu = CoreArguments.Cpu();
        Argument<string> destination = new("DESTINATION") { Description = "The IPv4 or IPv6 address that the packet goes to" };
        Option<string?> source = new("--from") { Description = "The address that it comes from (a host on the network of the interface that it comes in by)" };
        Option<string?> incoming = new("--in")
        {
            Description = "The interface that it comes in by: a port's name or a network device (the one by which its source is reached)",
        };
        Option<string> protocol = new("--protocol") { Description = "udp, tcp, icmp or a number", DefaultValueFactory = _ => "udp" };
        Option<ushort> sourcePort = new("--source-port") { Description = "The port that it comes from", DefaultValueFactory = _ => 40000 };
        Option<ushort> port = new("--port") { Description = "The port that it goes to", DefaultValueFactory = _ => 33434 };
        Option<int> size = new("--size") { Description = "Its bytes, headers included", DefaultValueFactory = _ => 64 };
        Option<byte> hops = new("--hop-limit") { Description = "Its TTL or hop limit", DefaultValueFactory = _ => 64 };
        Option<bool> whole = new("--dont-fragment") { Description = "It must not be cut (IPv4)" };
        Command trace = new("trace", "Show what the core would do with a packet, and why")
        {
            cpu, destination, source, incoming, protocol, sourcePort, port, size, hops, whole,
        };
        trace.SetAction(result => Run(terminal, result.GetValue(cpu), new TraceRequest(
            result.GetValue(destination)!, result.GetValue(source), result.GetValue(incoming), result.GetValue(protocol)!, result.GetValue(sourcePort),
            result.GetValue(port), result.GetValue(size), result.GetValue(hops), result.GetValue(whole))));
        return trace;
    }

    /// <summary>Makes the packet that a question is about.</summary>
    /// <param name="table">The router's table.</param>
    /// <param name="names">Names of the interfaces, by number.</param>
    /// <param name="request">The question.</param>
    /// <param name="from">The interface that it comes in by.</param>
    /// <exception cref="SosException">The question has no such packet.</exception>
    public static TracedPacket MakePacket(RouterTable table, IReadOnlyList<string> names, TraceRequest request, out int from)
    {
        TableReader reader = new(table);
        RouteAddress destination = ReadAddress(request.Destination);
        RouteAddress? source = request.Source is { } text ? ReadAddress(text) : null;
        if (source is { } other && other.IsIpv6 != destination.IsIpv6)
        {
            throw new SosException(SosError.Usage, $"{request.Source} and {request.Destination} are of different families: a packet has addresses of one");
        }

        from = request.In is { } name ? FindInterface(reader, names, name) : ChooseInterface(reader, source, destination);
        return new TracedPacket
        {
            Destination = destination,
            Source = source ?? ChooseSource(table, from, destination.IsIpv6),
            Protocol = TracedPacket.ReadProtocol(request.Protocol, destination.IsIpv6),
            SourcePort = request.SourcePort,
            DestinationPort = request.DestinationPort,
            Size = request.Size is >= 0 and <= TracedPacket.SizeMax
                ? request.Size
                : throw new SosException(SosError.Usage, $"a packet of {request.Size} bytes there is not: give 0 to {TracedPacket.SizeMax}"),
            HopLimit = request.HopLimit,
            DoNotFragment = request.DoNotFragment,
        };
    }

    private static int Run(Terminal terminal, int cpu, TraceRequest request)
    {
        TracedDocument document = RouterCore.Look(cpu, router =>
        {
            IReadOnlyList<string> names = router.InterfaceNames;
            TracedPacket packet = MakePacket(router.Table, names, request, out int from);
            byte[] frame = packet.ToFrame(new TableReader(router.Table).ReadInterface(from).Settings.Mac);
            PacketTrace trace = new PacketTracer(router.Table, router.Filter, names).Follow(from, frame);
            using LinuxNetwork network = new();
            return ToDocument(cpu, router, packet, from, trace, DescribeLinux(network, packet.Destination));
        });
        terminal.Write(document, RouterVerbs.Documents.TracedDocument, output =>
        {
            output.WriteLine($"{document.Destination} from {document.Source} in by {document.In}: {document.Verdict}, {document.Reason}");
            Terminal.WriteTable(output, ["STEP", ""], document.Steps.Select(step => (IReadOnlyList<string>)[step.Step, step.Says])
                .Append(["Linux's route", document.LinuxRoute]));
        });
        return 0;
    }

    private static TracedDocument ToDocument(int cpu, RouterCore router, TracedPacket packet, int from, PacketTrace trace, (string Prefix, string Way) linux)
    {
        IReadOnlyList<string> names = router.InterfaceNames;
        LiveInterface? leaving = trace.Out is { } number ? new TableReader(router.Table).ReadInterface(number) : null;
        return new TracedDocument(
            cpu, RouteBits.Text(packet.Destination), RouteBits.Text(packet.Source), names[from], trace.Verdict.ToString().ToLowerInvariant(), trace.Reason,
            linux.Prefix, linux.Way, trace.NextHop, trace.Gateway is { } gateway ? RouteBits.Text(gateway) : null,
            trace.Mac is { } mac ? HopText.MacText(mac) : null, leaving is null ? null : names[leaving.Number], leaving?.Vlan, trace.Mtu, trace.Filter,
            [.. trace.Steps.Select(step => new TracedStepEntry(step.Name, step.Says))]);
    }

    private static RouteAddress ReadAddress(string text) => RouteBits.Parse(text) ?? throw new SosException(
        SosError.Usage, $"\"{text}\" is no address: give one as in 192.0.2.1 or 2001:db8::1");

    private static int FindInterface(TableReader reader, IReadOnlyList<string> names, string name)
        => reader.ReadInterfaces().FirstOrDefault(one => names[one.Number] == name || one.Name == name)?.Number ?? throw new SosException(
            SosError.NotFound, $"the router has no interface \"{name}\": 'sosctl router interfaces' lists them");

    private static int ChooseInterface(TableReader reader, RouteAddress? source, RouteAddress destination)
    {
        if (source is { } known && reader.Lookup(known) is { Kind: NextHopKind.Forward or NextHopKind.Connected } back)
        {
            return back.Interface;
        }

        LiveHop way = reader.Lookup(destination);
        return reader.ReadInterfaces().FirstOrDefault(one => one.Number != way.Interface && (one.Settings.Flags & InterfaceFlags.Up) != 0)?.Number ?? 0;
    }

    // A host of the interface's own network; where it has none, one of an address range that is for examples (RFC 5737, RFC 3849).
    private static unsafe RouteAddress ChooseSource(RouterTable table, int from, bool isIpv6)
    {
        int place = (int)(table.Header->OwnGeneration & 1);
        uint count = Math.Min(table.Header->OwnCounts[place], OwnAddress.CountMax);
        for (uint i = 0; i < count; i++)
        {
            OwnAddress own = table.OwnAddresses[((uint)place * OwnAddress.CountMax) + i];
            bool isLinkLocal = own.High >> 54 == 0x3fa;
            if ((own.Home >> from & 1) != 0 && own.IsIpv6 != 0 == isIpv6 && !isLinkLocal && own.PrefixLength < (isIpv6 ? 127 : 31))
            {
                // The next one, or the one before: never the network's own address, nor that of all.
                UInt128 value = ((UInt128)own.High << 64) | own.Low;
                return new RouteAddress((value & 3) <= 1 ? value + 1 : value - 1, isIpv6);
            }
        }

        return isIpv6 ? new RouteAddress((UInt128)0x2001_0db8 << 96 | 1, true) : new RouteAddress(0xc0000201, false);
    }

    private static (string Prefix, string Way) DescribeLinux(LinuxNetwork network, RouteAddress destination)
    {
        if (network.Match(destination, out int errno) is not { } route || errno != 0)
        {
            return (string.Empty, "none");
        }

        Dictionary<int, string> devices = network.Links().ToDictionary(link => link.Index, link => link.Name);
        string prefix = $"{RouteBits.Text(route.Prefix.Address)}/{route.Prefix.Length}";
        IEnumerable<string> hops = route.Hops.Where(hop => hop.Interface != 0).Select(hop =>
            $"{(hop.Gateway is { } gateway ? $" via {RouteBits.Text(gateway)}" : "")} dev {devices.GetValueOrDefault(hop.Interface, "?")}");
        string type = route.Type == RouteType.Unicast ? "" : $" {route.Type.ToString().ToLowerInvariant()}";
        return (prefix, $"{prefix}{type}{string.Join(" or", hops)}");
    }
}
