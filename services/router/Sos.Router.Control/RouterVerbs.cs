using System;
using System.Collections.Generic;
using System.CommandLine;
using System.Globalization;
using System.Linq;
using Sos.Cores;
using Sos.Cores.Companions;
using Sos.Cores.Running;
using Sos.Firewall.Rules;
using Sos.Firewall.Rules.Prefilter;
using Sos.Router.Control.Filter;
using Sos.Router.Control.Linux;
using Sos.Router.Routes;
using Sos.Router.Tables;
using Sos.Verbs;

namespace Sos.Router.Control;

/// <summary><c>sosctl router</c>: follows Linux's routes, shows the core's, and compares them.</summary>
public static class RouterVerbs
{
    private const int RandomAddresses = 1000;

    private static RouterDocuments? _documents;

    /// <summary>The way in which documents are written.</summary>
    internal static RouterDocuments Documents
        => _documents ??= Terminal.Readable(RouterDocuments.Default.Options, options => new RouterDocuments(options));

    /// <summary>Makes the command.</summary>
    /// <param name="terminal">Where results go.</param>
    /// <param name="companions">What the control plane knows of services.</param>
    public static Command Create(Terminal terminal, CompanionCatalogue companions)
    {
        Argument<int> followCpu = CoreArguments.Cpu();
        Command follow = new("follow", "Keep a router's table in step with Linux until the router ends; where sosd runs, it does that") { followCpu };
        follow.SetAction(result => Follow(terminal, result.GetValue(followCpu)));

        Argument<int> verifyCpu = CoreArguments.Cpu();
        Command verify = new("verify", "Compare the core's table with the kernel's answers, at both ends of every prefix and at random addresses")
        {
            verifyCpu,
        };
        verify.SetAction(result => Verify(terminal, result.GetValue(verifyCpu)));

        Argument<int> lookupCpu = CoreArguments.Cpu();
        Argument<string> address = new("ADDRESS") { Description = "An IPv4 or IPv6 address" };
        Command lookup = new("lookup", "Show the way that the core has for an address") { lookupCpu, address };
        lookup.SetAction(result => Lookup(terminal, result.GetValue(lookupCpu), result.GetValue(address)!));

        Argument<int> routesCpu = CoreArguments.Cpu();
        Command routes = new("routes", "Show Linux's prefixes with the way that the core has for each") { routesCpu };
        routes.SetAction(result => ShowRoutes(terminal, result.GetValue(routesCpu)));

        Argument<int> neighboursCpu = CoreArguments.Cpu();
        Command neighbours = new("neighbours", "Show the neighbours that the core knows") { neighboursCpu };
        neighbours.SetAction(result => ShowNeighbours(terminal, result.GetValue(neighboursCpu)));

        Argument<int> checkCpu = CoreArguments.Cpu();
        Command check = new("check", "Show which of Linux's rules for forwarded packets the core has, and which it leaves to Linux") { checkCpu };
        check.SetAction(result => Check(terminal, result.GetValue(checkCpu)));
        return new Command(RouterCompanion.ServiceName, "Follow, show and verify the router's routes")
        {
            follow, verify, lookup, routes, neighbours, check, InterfacesVerb.Create(terminal), TraceVerb.Create(terminal),
        };
    }

    private static int Follow(Terminal terminal, int cpu)
    {
        using EndSignals end = new();
        RouterCore.Follow(cpu, terminal.Note, end.Token);
        return 0;
    }

    private static int Verify(Terminal terminal, int cpu)
    {
        VerifiedDocument document = RouterCore.Look(cpu, router =>
        {
            using RouteVerifier verifier = new(new TableReader(router.Table), router.DeviceNames);
            List<RouteDifference> differences = verifier.Verify(RandomAddresses, new Random());
            return new VerifiedDocument(
                cpu, verifier.Compared,
                [.. differences.Select(difference => new DifferenceEntry(RouteBits.Text(difference.Address), difference.Wanted, difference.Found))]);
        });
        terminal.Write(document, Documents.VerifiedDocument, output =>
        {
            foreach (DifferenceEntry difference in document.Differences)
            {
                output.WriteLine($"{difference.Address}: Linux says {difference.Linux}, the core {difference.Core}");
            }

            output.WriteLine($"core {cpu}: {document.Compared} addresses compared, {document.Differences.Count} differences");
        });
        return document.Differences.Count == 0 ? 0 : (int)SosError.Failed;
    }

    private static int Lookup(Terminal terminal, int cpu, string text)
    {
        RouteAddress address = RouteBits.Parse(text) ?? throw new SosException(
            SosError.Usage, $"\"{text}\" is no address: give one as in 192.0.2.1 or 2001:db8::1");
        LookupDocument document = RouterCore.Look(cpu, router =>
        {
            LiveHop hop = new TableReader(router.Table).Lookup(address);
            return new LookupDocument(cpu, RouteBits.Text(address), HopText.Describe(hop, router.InterfaceNames), hop.Packets);
        });
        terminal.Write(document, Documents.LookupDocument, output => output.WriteLine($"{document.Address}: {document.Way}, {document.Packets} packets"));
        return 0;
    }

    private static int ShowRoutes(Terminal terminal, int cpu)
    {
        RoutesDocument document = RouterCore.Look(cpu, router =>
        {
            using LinuxNetwork network = new();
            TableReader reader = new(router.Table);
            IReadOnlyList<string> names = router.InterfaceNames;
            List<RouteEntry> entries = [];
            foreach (RoutePrefix prefix in network.Routes().Prefixes.OrderBy(prefix => prefix.Address.IsIpv6).ThenBy(prefix => prefix.Address.Value))
            {
                LiveHop hop = reader.Lookup(prefix.Address);
                entries.Add(new RouteEntry($"{RouteBits.Text(prefix.Address)}/{prefix.Length}", HopText.Describe(hop, names), hop.Packets));
            }

            (ulong verified, ulong differences) = reader.Verified;
            return new RoutesDocument(
                cpu, (reader.State & RouterState.Ipv4) != 0, (reader.State & RouterState.Ipv6) != 0, entries, verified, differences);
        });
        terminal.Write(document, Documents.RoutesDocument, output =>
        {
            output.WriteLine($"core {cpu}: IPv4 {Says(document.Ipv4)}, IPv6 {Says(document.Ipv6)}");
            output.WriteLine($"in the background {document.Verified} addresses were compared with Linux's answers, {document.Differences} differed");
            Terminal.WriteTable(output, ["PREFIX", "PACKETS", "WAY"], document.Routes.Select(route => (IReadOnlyList<string>)
                [route.Prefix, route.Packets.ToString(CultureInfo.InvariantCulture), route.Way]));
        });
        return 0;
    }

    private static int Check(Terminal terminal, int cpu)
    {
        FilterCheckedDocument document = RouterCore.Look(cpu, router =>
        {
            RouterState state = new TableReader(router.Table).State;
            ForwardRules rules = ReadRules(router);
            return new FilterCheckedDocument(
                cpu, (state & RouterState.Ipv4) != 0, (state & RouterState.Ipv6) != 0, rules.Obstacle is null, rules.IsExact, rules.Obstacle,
                [.. rules.Left.Select(left => new LeftRuleEntry(left.Place, left.Text, left.Reason))]);
        });
        terminal.Write(document, Documents.FilterCheckedDocument, output =>
        {
            foreach (LeftRuleEntry left in document.LeftToLinux)
            {
                output.WriteLine($"{left.Place}: what may meet it is Linux's: {left.Reason}");
                output.WriteLine($"    {left.Rule}");
            }

            output.WriteLine($"core {cpu}: IPv4 {Says(document.Ipv4)}, IPv6 {Says(document.Ipv6)}");
            output.WriteLine(document.Obstacle is { } obstacle
                ? $"forwarded packets that Linux's rules judge are Linux's: {obstacle}"
                : "the core forwards what Linux's rules accept" + (document.Drops ? ", and drops what they drop" : "; what they drop goes to Linux"));
        });
        return 0;
    }

    private static ForwardRules ReadRules(RouterCore router)
    {
        try
        {
            using LinuxNetwork network = new();
            IReadOnlyList<LinuxLink> links = network.Links();
            Dictionary<int, int> numbers = PortLinks.FindInterfaces(links, router.DeviceNames, new TableReader(router.Table).ReadVlans());
            IReadOnlyList<FilteredInterface?> interfaces = FilteredInterface.List(links.ToDictionary(link => link.Index), numbers);
            return ForwardRules.Compile(RulesetLister.ListLive(), interfaces, 1);
        }
        catch (RulesetLoadException e)
        {
            throw new SosException(SosError.Failed, e.Message, e);
        }
    }

    private static string Says(bool forwards) => forwards ? "is forwarded here" : "is left to Linux";

    private static int ShowNeighbours(Terminal terminal, int cpu)
    {
        NeighboursDocument document = RouterCore.Look(cpu, router =>
        {
            IReadOnlyList<string> names = router.InterfaceNames;
            return new NeighboursDocument(cpu, [.. new TableReader(router.Table).ReadNeighbours()
                .OrderBy(neighbour => neighbour.Interface).ThenBy(neighbour => neighbour.Address.IsIpv6).ThenBy(neighbour => neighbour.Address.Value)
                .Select(neighbour => new NeighbourEntry(
                    RouteBits.Text(neighbour.Address), neighbour.Interface < names.Count ? names[neighbour.Interface] : "?", HopText.MacText(neighbour.Mac)))]);
        });
        terminal.Write(document, Documents.NeighboursDocument, output => Terminal.WriteTable(
            output, ["ADDRESS", "PORT", "MAC"],
            document.Neighbours.Select(neighbour => (IReadOnlyList<string>)[neighbour.Address, neighbour.Port, neighbour.Mac])));
        return 0;
    }
}
