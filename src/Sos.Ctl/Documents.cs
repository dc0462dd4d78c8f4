using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json.Serialization;
using Sos.Cores.Running;
using Sos.Verbs;

namespace Sos.Ctl;

// The JSON documents of sosctl, as docs/sosctl.md describes them. Keys are added, never renamed.

internal sealed record VersionDocument(string Sosctl, uint Abi, string? Driver, uint? DriverAbi, string? DriverProblem);

internal sealed record CoreListDocument(IReadOnlyList<CoreEntry> Cores);

internal sealed record CoreEntry(
    int Cpu, string Owner, string? State, string? Service, bool Reservable, int? Package, int? Core, IReadOnlyList<int> Siblings, string? BackEnd,
    double? LeaseSeconds, string? Performance, string? Fence);

internal sealed record CoreReservedDocument(
    int Cpu, double DurationMs, IReadOnlyList<int> Siblings, string BackEnd, string Method, string? Reason, double? LeaseSeconds,
    IReadOnlyList<string> Notes);

internal sealed record CoreLeaseDocument(int Cpu, double? LeaseSeconds);

internal sealed record CoreReleasedDocument(int Cpu, double DurationMs, IReadOnlyList<string> Notes);

internal sealed record DeviceListDocument(IReadOnlyList<DeviceEntry> Devices);

internal sealed record DeviceEntry(
    string Address, string Id, string? Driver, string? Interface, string? Mac, string? IommuGroup, bool Confined, bool Claimable, string? Obstacle,
    string? Gap);

internal sealed record DeviceMovedDocument(string Address, string? Driver);

internal sealed record ImageBuiltDocument(IReadOnlyList<string> Images);

internal sealed record ImageVerifiedDocument(string Image, bool Accepted, IReadOnlyList<DiagnosticEntry> Diagnostics);

internal sealed record DiagnosticEntry(string Id, string Message, string Method, IReadOnlyList<string> CallPath, string? File, int Line);

internal sealed record ImageDocument(
    string Name, string Version, uint Abi, string BuildId, string Sha256, int FileBytes, ulong MemoryBytes, uint StackBytes, ulong ArenaBytes,
    ulong PollBoundNs, IReadOnlyList<SegmentEntry> Segments, IReadOnlyList<PortWishEntry> Ports, IReadOnlyList<string> AsksFor);

internal sealed record PortWishEntry(string Name, int Least, int Most, string HostPort);

internal sealed record SegmentEntry(ulong Offset, ulong Bytes, string Protection);

internal sealed record TopDocument(IReadOnlyList<TopEntry> Cores);

internal sealed record TopEntry(
    int Cpu, string State, string? Service, double PollsPerSecond, double InterruptsPerSecond, IReadOnlyDictionary<string, double> CountersPerSecond);

internal sealed record ManualDocument(string Page);

internal sealed record CompletionDocument(string Shell, string Script);

internal sealed record ServiceListDocument(IReadOnlyList<ServiceEntry> Services, IReadOnlyList<EnabledServiceEntry> Enabled);

internal sealed record EnabledServiceEntry(string Name, int? Core, string? BackEnd, int? Order, string? SinceBoot, string? Remark);

internal sealed record ServiceEnabledDocument(string Name, string File, IReadOnlyList<string> Notes);

internal sealed record ServiceDisabledDocument(string Name, string File);

internal sealed record ServiceCheckDocument(IReadOnlyList<CheckedServiceEntry> Services);

internal sealed record CheckedServiceEntry(string Name, string? Error, IReadOnlyList<string> Notes);

internal sealed record ServiceEntry(
    int Cpu, string State, string? Service, string? Version, DateTimeOffset? Started, string? Card, string? HostPort, string BackEnd,
    IReadOnlyList<PortEntry> Ports);

internal sealed record ServiceStartedDocument(
    int Cpu, string Service, string Version, string? Card, string? HostPort, bool? Confined, IReadOnlyList<string> Notes, string BackEnd,
    IReadOnlyList<PortEntry> Ports);

internal sealed record ServiceStoppedDocument(int Cpu, string State, long ExitCode, string? Fault, IReadOnlyList<string> Notes);

internal sealed record ServiceStatusDocument(
    int Cpu, string BackEnd, string State, string? Service, string? Version, string? BuildId, string? ImageSha256, DateTimeOffset? Started, string? Card,
    string? HostPort, bool? Confined, double? WatchdogMs, ulong Polls, ulong TableGeneration, long? ExitCode, ulong Starts, ulong Faults, ulong Nmis,
    ulong Notifications,
    FaultEntry? Fault, IReadOnlyDictionary<string, ulong> Counters, IReadOnlyList<string> Remarks, IReadOnlyList<PortEntry> Ports);

/// <summary>A port with a network device.</summary>
/// <param name="Port">The port's name.</param>
/// <param name="Device">The network device: an address on the bus, or a name.</param>
/// <param name="HostPort">The network device that Linux has in its place; null where Linux keeps its own.</param>
/// <param name="Confined">Whether an IOMMU confines it; null where Linux drives it.</param>
/// <param name="OnFailure">What becomes of its frames without the service; null where Linux has none of them.</param>
internal sealed record PortEntry(string Port, string Device, string? HostPort, bool? Confined, string? OnFailure)
{
    public static List<PortEntry> Of(CoreRecord? record)
        => [.. (record?.Cards ?? []).Select(card => new PortEntry(
            card.Port, card.Device, card.HostPort, card.Confined, card.Netdev is { } netdev ? (netdev.Open ? "open" : "closed") : null))];
}

internal sealed record FaultEntry(
    string Summary, string Name, uint Vector, ulong ErrorCode, ulong Address, ulong InstructionPointer, ulong StackPointer, string At,
    IReadOnlyList<string> Callers, IReadOnlyDictionary<string, ulong> Registers);

internal sealed record LogDocument(ulong Number, DateTimeOffset Time, string Severity, string Text, ulong Value);

internal sealed record ImageMapDocument(IReadOnlyList<MethodEntry> Methods);

internal sealed record MethodEntry(ulong Address, ulong Bytes, string Name);

internal sealed record DoctorDocument(
    bool Offline, bool Isolated, string? Best, IReadOnlyList<string> InstructionSets, IReadOnlyList<string> ImageInstructionSets,
    IReadOnlyList<FindingEntry> Findings);

internal sealed record FindingEntry(string Topic, string Kind, string Text, string? Advice);

/// <summary>How the documents are written.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, UseStringEnumConverter = true)]
[JsonSerializable(typeof(DoctorDocument))]
[JsonSerializable(typeof(VersionDocument))]
[JsonSerializable(typeof(CoreListDocument))]
[JsonSerializable(typeof(CoreReservedDocument))]
[JsonSerializable(typeof(CoreLeaseDocument))]
[JsonSerializable(typeof(CoreReleasedDocument))]
[JsonSerializable(typeof(DeviceListDocument))]
[JsonSerializable(typeof(DeviceMovedDocument))]
[JsonSerializable(typeof(ImageBuiltDocument))]
[JsonSerializable(typeof(ImageVerifiedDocument))]
[JsonSerializable(typeof(ImageDocument))]
[JsonSerializable(typeof(ImageMapDocument))]
[JsonSerializable(typeof(TopDocument))]
[JsonSerializable(typeof(CompletionDocument))]
[JsonSerializable(typeof(ManualDocument))]
[JsonSerializable(typeof(ServiceListDocument))]
[JsonSerializable(typeof(ServiceStartedDocument))]
[JsonSerializable(typeof(ServiceEnabledDocument))]
[JsonSerializable(typeof(ServiceDisabledDocument))]
[JsonSerializable(typeof(ServiceCheckDocument))]
[JsonSerializable(typeof(ServiceStoppedDocument))]
[JsonSerializable(typeof(ServiceStatusDocument))]
[JsonSerializable(typeof(LogDocument))]
internal sealed partial class Documents : JsonSerializerContext
{
    private static Documents? _current;

    /// <summary>
    /// As declared above, but with quotes and the like left readable: nothing of it goes into a web page. Made at first use, since the
    /// order in which the parts of this class are initialised is not known.
    /// </summary>
    public static Documents Current
        => _current ??= Terminal.Readable(Default.Options, options => new Documents(options));
}
