using System.Collections.Generic;
using System.Text.Json.Serialization;

namespace Sos.Router.Control;

// The JSON documents of 'sosctl router', as docs/sosctl.md describes them. Keys are added, never renamed.

internal sealed record VerifiedDocument(int Cpu, int Compared, IReadOnlyList<DifferenceEntry> Differences);

internal sealed record DifferenceEntry(string Address, string Linux, string Core);

internal sealed record LookupDocument(int Cpu, string Address, string Way, ulong Packets);

internal sealed record RoutesDocument(int Cpu, bool Ipv4, bool Ipv6, IReadOnlyList<RouteEntry> Routes, ulong Verified, ulong Differences);

internal sealed record RouteEntry(string Prefix, string Way, ulong Packets);

internal sealed record NeighboursDocument(int Cpu, IReadOnlyList<NeighbourEntry> Neighbours);

internal sealed record NeighbourEntry(string Address, string Port, string Mac);

internal sealed record FilterCheckedDocument(
    int Cpu, bool Ipv4, bool Ipv6, bool Honoured, bool Drops, string? Obstacle, IReadOnlyList<LeftRuleEntry> LeftToLinux);

internal sealed record LeftRuleEntry(string Place, string? Rule, string Reason);

internal sealed record InterfacesDocument(int Cpu, IReadOnlyList<InterfaceEntry> Interfaces, IReadOnlyList<LeftInterfaceEntry> LeftToLinux);

internal sealed record InterfaceEntry(
    string Name, string Device, string Port, string? Vlan, string Mac, uint Mtu, bool Up, bool Ipv4, bool Ipv6, string RpFilter, ulong? PacketsIn,
    ulong? PacketsOut);

internal sealed record LeftInterfaceEntry(string Device, string Reason);

internal sealed record TracedDocument(
    int Cpu, string Destination, string Source, string In, string Verdict, string Reason, string Prefix, string LinuxRoute, uint? NextHop, string? Gateway,
    string? Neighbour, string? Out, string? Vlan, uint? Mtu, string? Filter, IReadOnlyList<TracedStepEntry> Steps);

internal sealed record TracedStepEntry(string Step, string Says);

/// <summary>How the documents are written.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(VerifiedDocument))]
[JsonSerializable(typeof(LookupDocument))]
[JsonSerializable(typeof(RoutesDocument))]
[JsonSerializable(typeof(NeighboursDocument))]
[JsonSerializable(typeof(FilterCheckedDocument))]
[JsonSerializable(typeof(InterfacesDocument))]
[JsonSerializable(typeof(TracedDocument))]
internal sealed partial class RouterDocuments : JsonSerializerContext;
