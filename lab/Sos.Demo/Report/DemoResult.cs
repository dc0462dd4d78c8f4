using System.Collections.Generic;
using System.Text.Json.Nodes;
using Sos.Demo.Scenes;

namespace Sos.Demo.Report;

/// <summary>The demo's outcome.</summary>
internal sealed record DemoResult
{
    /// <summary>Below this share of good requests the service core does not do what the project promises.</summary>
    public const double PromisedGoodShare = 0.99;

    /// <summary>"Clearly lower" than the service core's share: by this much.</summary>
    public const double ClearlyLower = 0.1;

    /// <summary>The machine's kernel, as uname -r prints it.</summary>
    public required string Kernel { get; init; }

    /// <summary>The accelerator or emulator that executes the machine.</summary>
    public required string Accelerator { get; init; }

    /// <summary>The machine's CPUs.</summary>
    public required int Cpus { get; init; }

    /// <summary>Entries of the block list.</summary>
    public required int BlockedSources { get; init; }

    /// <summary>How the flood's rate was found.</summary>
    public required IReadOnlyList<RateStep> RateSteps { get; init; }

    /// <summary>Linux and nftables alone.</summary>
    public required SceneSummary Linux { get; init; }

    /// <summary>With a service core.</summary>
    public required SceneSummary Sos { get; init; }

    /// <summary>The back end of the scene with SOS: "offline" or "isolated".</summary>
    public required string BackEnd { get; init; }

    /// <summary>Time to take the core from Linux.</summary>
    public required double ReserveMs { get; init; }

    /// <summary>Time to give it back.</summary>
    public required double ReleaseMs { get; init; }

    /// <summary>Faults of the outcome, each in a sentence; empty if it is as promised.</summary>
    public IReadOnlyList<string> Shortfalls
    {
        get
        {
            List<string> shortfalls = [];
            if (Sos.GoodShare < PromisedGoodShare)
            {
                shortfalls.Add(
                    $"the service core served {Sos.GoodShare:P1} of the good requests; promised are {PromisedGoodShare:P0}");
            }

            if (Linux.GoodShare > Sos.GoodShare - ClearlyLower)
            {
                shortfalls.Add($"the flood was too weak for a comparison: Linux alone served {Linux.GoodShare:P1}");
            }

            return shortfalls;
        }
    }

    /// <summary>
    /// The document that is written. What compares the scenes stands under "linux" and "sos", and once more under flat names such
    /// as "linux.good_share", for readers without nested keys.
    /// </summary>
    public JsonObject ToJson()
    {
        JsonObject linux = Linux.ToJson();
        JsonObject sos = Sos.ToJson();
        JsonArray steps = [];
        foreach (RateStep step in RateSteps)
        {
            steps.Add(new JsonObject { ["pps"] = step.PacketsPerSecond, ["lost_share"] = step.LostShare });
        }

        JsonObject document = new()
        {
            ["flood_pps_offered"] = Sos.FloodPpsOffered,
            ["back_end"] = BackEnd,
            ["reserve_ms"] = ReserveMs,
            ["release_ms"] = ReleaseMs,
            ["as_promised"] = Shortfalls.Count == 0,
        };
        foreach ((string prefix, JsonObject scene) in ((string, JsonObject)[])[("linux", linux), ("sos", sos)])
        {
            foreach ((string key, JsonNode? value) in scene)
            {
                document[$"{prefix}.{key}"] = value?.DeepClone();
            }
        }

        document["linux"] = linux;
        document["sos"] = sos;
        document["kernel"] = Kernel;
        document["accelerator"] = Accelerator;
        document["cpus"] = Cpus;
        document["blocked_sources"] = BlockedSources;
        document["rate_search"] = steps;
        return document;
    }
}
