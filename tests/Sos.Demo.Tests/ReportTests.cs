using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using Sos.Demo.Report;
using Sos.Demo.Scenes;
using Sos.Traffic.Clients;
using Sos.Traffic.Wire;
using Xunit;

namespace Sos.Demo.Tests;

public sealed class ReportTests
{
    private const double FloodStartS = 4;
    private const double FloodEndS = 24;

    [Theory]
    [InlineData(0.5, 50)]
    [InlineData(0.99, 99)]
    [InlineData(1, 100)]
    [InlineData(0, 1)]
    public void PercentileIsTheNearestRank(double share, double expected) =>
        Assert.Equal(expected, Percentile.Of(Enumerable.Range(1, 100).Select(value => (double)value).Reverse(), share));

    [Fact]
    public void PercentileOfNothingIsNotANumber() => Assert.True(double.IsNaN(Percentile.Of([], 0.5)));

    [Fact]
    public void OnlyRequestsThatWereDueDuringTheFloodCount()
    {
        SceneSummary summary = SceneSummary.Of(Scene(lostEvery: 2));
        Assert.Equal(500, summary.GoodRequests);
        Assert.Equal(0.5, summary.GoodShare, 6);
        Assert.Equal(1, summary.IdleGoodShare, 6);
        Assert.Equal(1000, summary.LatencyP99Ms);
        Assert.Equal(5, summary.ServedLatencyP99Ms);
        Assert.Equal(100_000, summary.FloodPpsOffered, 6);
    }

    [Theory]
    [InlineData(2, 0, 0)] // as promised
    [InlineData(2, 50, 1)] // the service core lost too much
    [InlineData(0, 0, 1)] // Linux lost nothing
    public void ShortfallsAreNamed(int linuxLostEvery, int sosLostEvery, int count) =>
        Assert.Equal(count, Result(linuxLostEvery, sosLostEvery).Shortfalls.Count);

    [Fact]
    public void JsonHasEveryKeyNestedAndFlat()
    {
        JsonObject json = Result(2, 0).ToJson();
        foreach (string key in (string[])["flood_pps_offered", "reserve_ms", "release_ms"])
        {
            Assert.NotNull(json[key]);
        }

        foreach (string key in (string[])
            ["linux.good_share", "sos.good_share", "linux.latency_p99_ms", "sos.latency_p99_ms", "sos.dropped",
             "linux.softirq_share", "sos.softirq_share"])
        {
            string[] parts = key.Split('.');
            Assert.Equal(json[key]!.ToJsonString(), json[parts[0]]![parts[1]]!.ToJsonString());
        }
    }

    [Fact]
    public void TableShowsBothScenesAndEveryShortfall()
    {
        StringWriter output = new();
        ResultTable.Write(output, Result(0, 0));
        string table = output.ToString();
        Assert.Contains("Linux alone", table);
        Assert.Contains("NOT AS PROMISED", table);
        Assert.Contains("lost by the lab's own wire", table);
        Assert.DoesNotContain("NOT AS PROMISED", Written(Result(2, 0)));
    }

    [Fact]
    public void PlotIsAPicture()
    {
        string path = Path.Combine(Path.GetTempPath(), Guid.NewGuid() + ".png");
        try
        {
            ResultPlot.Save(path, Result(2, 0), Scene(2), Scene(0));
            Assert.Equal(0x89, File.ReadAllBytes(path)[0]);
            Assert.InRange(new FileInfo(path).Length, 10_000, 1_000_000);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void SharesOverTimeAreOfTheSecondInWhichARequestWasDue()
    {
        (double[] time, double[] percent) = ResultPlot.ServedOverTime(
            [new(RequestKind.Ping, 0.2, 1, true), new(RequestKind.Ping, 0.9, 1000, false), new(RequestKind.Http, 2.5, 3, true)]);
        Assert.Equal([0.5, 2.5], time);
        Assert.Equal([50, 100], percent);
    }

    private static string Written(DemoResult result)
    {
        StringWriter output = new();
        ResultTable.Write(output, result);
        return output.ToString();
    }

    // 25 requests a second for 28 s; during the flood each lostEvery-th is lost (0: none).
    private static SceneMeasurement Scene(int lostEvery)
    {
        List<Request> requests = [];
        for (int i = 0; i < 700; i++)
        {
            double start = i / 25.0;
            bool lost = lostEvery > 0 && start >= FloodStartS && start < FloodEndS && i % lostEvery == 0;
            requests.Add(new Request((RequestKind)(i % 3), start, lost ? 1000 : 5, !lost));
        }

        return new SceneMeasurement
        {
            Requests = requests,
            FloodStartS = FloodStartS,
            FloodEndS = FloodEndS,
            Wire = new WireStatistics { FloodDelivered = 2_000_000 },
            Samples = [.. Enumerable.Range(0, 56)
                .Select(i => new WireSample(i / 2.0, i is > 8 and < 48 ? 100_000 : 0, i is > 8 and < 48 ? 60_000 : 0))],
            DroppedByRules = 2_000_000,
            SoftirqShare = 0.3,
            NetworkInterrupts = 10,
            NetworkSoftirqs = 20,
        };
    }

    private static DemoResult Result(int linuxLostEvery, int sosLostEvery) => new()
    {
        Kernel = "6.1.0",
        Accelerator = "Tcg",
        Cpus = 3,
        BlockedSources = 10_000,
        RateSteps = [new RateStep(20_000, 0), new RateStep(27_000, 0.01)],
        Linux = SceneSummary.Of(Scene(linuxLostEvery)),
        Sos = SceneSummary.Of(Scene(sosLostEvery)),
        BackEnd = "offline",
        ReserveMs = 30,
        ReleaseMs = 60,
    };
}
