using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json.Nodes;
using Sos.Demo.Scenes;
using Sos.Traffic.Clients;

namespace Sos.Demo.Report;

/// <summary>One scene in figures; all but the idle share are of the time of the flood.</summary>
internal sealed record SceneSummary
{
    /// <summary>Good requests that were due during the flood.</summary>
    public required int GoodRequests { get; init; }

    /// <summary>Share of them that was served within the deadline.</summary>
    public required double GoodShare { get; init; }

    /// <summary>The same for each kind.</summary>
    public required IReadOnlyDictionary<RequestKind, double> GoodShareByKind { get; init; }

    /// <summary>Share of the good requests that was served before the flood began.</summary>
    public required double IdleGoodShare { get; init; }

    /// <summary>Median latency of all requests; one that was not served counts with the deadline.</summary>
    public required double LatencyP50Ms { get; init; }

    /// <summary>99th percentile likewise.</summary>
    public required double LatencyP99Ms { get; init; }

    /// <summary>99th percentile of those that were served; NaN if none was.</summary>
    public required double ServedLatencyP99Ms { get; init; }

    /// <summary>Median latency before the flood.</summary>
    public required double IdleLatencyP50Ms { get; init; }

    /// <summary>Flood packets a second that were due.</summary>
    public required double FloodPpsOffered { get; init; }

    /// <summary>Flood packets that were due.</summary>
    public required long FloodOffered { get; init; }

    /// <summary>Of these, lost by the lab: the wire was late.</summary>
    public required long FloodLostByLab { get; init; }

    /// <summary>Of these, lost by the card: its ring was full, since whoever empties it did not keep up.</summary>
    public required long FloodRingFull { get; init; }

    /// <summary>Packets that the rules dropped.</summary>
    public required long Dropped { get; init; }

    /// <summary>Packets of the good clients that the card lost, since its ring was full.</summary>
    public required long GoodRingFull { get; init; }

    /// <summary>Share of the time of Linux's CPUs that went into softirqs.</summary>
    public required double SoftirqShare { get; init; }

    /// <summary>Interrupts of Linux's network device.</summary>
    public required long NetworkInterrupts { get; init; }

    /// <summary>NET_RX softirqs of Linux.</summary>
    public required long NetworkSoftirqs { get; init; }

    /// <summary>Sums a scene up.</summary>
    public static SceneSummary Of(SceneMeasurement scene)
    {
        List<Request> before = [.. scene.Requests.Where(request => request.StartS < scene.FloodStartS)];
        List<Request> during =
            [.. scene.Requests.Where(request => request.StartS >= scene.FloodStartS && request.StartS < scene.FloodEndS)];
        return new SceneSummary
        {
            GoodRequests = during.Count,
            GoodShare = ShareServed(during),
            GoodShareByKind = Enum.GetValues<RequestKind>()
                .ToDictionary(kind => kind, kind => ShareServed([.. during.Where(request => request.Kind == kind)])),
            IdleGoodShare = ShareServed(before),
            LatencyP50Ms = Percentile.Of(during.Select(request => request.LatencyMs), 0.5),
            LatencyP99Ms = Percentile.Of(during.Select(request => request.LatencyMs), 0.99),
            ServedLatencyP99Ms = Percentile.Of(
                during.Where(request => request.Served).Select(request => request.LatencyMs), 0.99),
            IdleLatencyP50Ms = Percentile.Of(before.Select(request => request.LatencyMs), 0.5),
            FloodPpsOffered = scene.Wire.FloodOffered / (scene.FloodEndS - scene.FloodStartS),
            FloodOffered = scene.Wire.FloodOffered,
            FloodLostByLab = scene.Wire.FloodLate,
            FloodRingFull = scene.Wire.FloodRingFull,
            Dropped = scene.DroppedByRules,
            GoodRingFull = scene.Wire.GoodRingFull,
            SoftirqShare = scene.SoftirqShare,
            NetworkInterrupts = scene.NetworkInterrupts,
            NetworkSoftirqs = scene.NetworkSoftirqs,
        };
    }

    /// <summary>The scene's part of the document.</summary>
    public JsonObject ToJson()
    {
        JsonObject scene = new()
        {
            ["good_share"] = Number(GoodShare),
            ["latency_p50_ms"] = Number(LatencyP50Ms),
            ["latency_p99_ms"] = Number(LatencyP99Ms),
            ["served_latency_p99_ms"] = Number(ServedLatencyP99Ms),
            ["good_requests"] = GoodRequests,
            ["idle_good_share"] = Number(IdleGoodShare),
            ["idle_latency_p50_ms"] = Number(IdleLatencyP50Ms),
            ["flood_offered"] = FloodOffered,
            ["flood_lost_by_lab"] = FloodLostByLab,
            ["flood_ring_full"] = FloodRingFull,
            ["dropped"] = Dropped,
            ["good_ring_full"] = GoodRingFull,
            ["softirq_share"] = Number(SoftirqShare),
            ["network_interrupts"] = NetworkInterrupts,
            ["network_softirqs"] = NetworkSoftirqs,
        };
        foreach ((RequestKind kind, double share) in GoodShareByKind)
        {
            scene[$"good_share_{kind.ToString().ToLowerInvariant()}"] = Number(share);
        }

        return scene;
    }

    private static double ShareServed(IReadOnlyCollection<Request> requests) =>
        requests.Count == 0 ? double.NaN : (double)requests.Count(request => request.Served) / requests.Count;

    // JSON has no NaN.
    private static JsonNode? Number(double value) => double.IsFinite(value) ? JsonValue.Create(Math.Round(value, 6)) : null;
}
