using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Text.Json;
using System.Threading.Tasks;
using Sos.Bench.Measuring;
using Sos.RouterBench;
using Xunit;

namespace Sos.Bench.Tests;

/// <summary>The router's bench as a program, with its smallest section and whatever peers are there, and what its figures are made of.</summary>
public sealed class RouterBenchTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("sos-bench");

    public void Dispose() => _folder.Delete(recursive: true);

    /// <summary>Next hops are compared before anything is timed: a section that ends well had the same from all.</summary>
    [Theory]
    [InlineData("lookup-ipv4-10", "IPv4 lookup, keys in routes")]
    [InlineData("lookup-ipv6-1000", "IPv6 lookup, keys in routes")]
    public async Task ASectionIsMeasuredAndReported(string section, string workload)
    {
        string bench = typeof(RouterBenchTests).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(item => item.Key == "RouterBench").Value!;
        ProcessStartInfo start = new("dotnet", [bench, $"--only={section}", "--rounds=1", "--block-ms=1", $"--output={_folder.FullName}"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, output + await errors);
        using JsonDocument result = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(_folder.FullName, "bench-router.json")));
        JsonElement[] ours = [.. result.RootElement.GetProperty("measurements").EnumerateArray()
            .Where(item => item.GetProperty("contender").GetString() == "SOS")];
        Assert.NotEmpty(ours);
        Assert.All(ours, item => Assert.Equal(workload, item.GetProperty("workload").GetString()));
        Assert.All(ours, item => Assert.True(item.GetProperty("total").GetProperty("median").GetDouble() > 0, item.ToString()));
        Assert.True(result.RootElement.TryGetProperty("ratios", out _));
        Assert.Single(result.RootElement.GetProperty("tables").EnumerateArray());
        Assert.Contains("SOS: comparing next hops", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void RoutesAreTheSameEachTimeAndKeysAreInThem(bool isIpv6)
    {
        RouteSet routes = new(isIpv6, 5_000);
        Assert.Equal(routes.Routes, new RouteSet(isIpv6, 5_000).Routes);
        Assert.Equal(5_000, routes.Routes.Select(route => (route.Prefix, route.Length)).Distinct().Count());
        Assert.All(routes.Routes, route => Assert.InRange(route.Hop, (byte)1, (byte)RouteSet.Hops));
        foreach (KeyKind kind in (KeyKind[])[KeyKind.InRoutes, KeyKind.Zipf])
        {
            Assert.All(routes.MakeKeys(kind, 1_000), key => Assert.NotEqual(0, routes.Find(key)));
        }

        // By Zipf's law the first has by far the most.
        int first = routes.MakeKeys(KeyKind.Zipf, 10_000).Count(key => IsIn(routes.Routes[0], key, isIpv6));
        Assert.InRange(first, 400, 3_000);
    }

    [Fact]
    public void RatiosAreOfTheBestOfEachSideAndOfTheWorstKeys()
    {
        static Measurement Of(string workload, int size, string contender, int burst, double ns)
        {
            Spread spread = new(ns, ns, ns);
            return new Measurement(workload, size, contender, burst, 0, spread, new Spread(0, 0, 0), spread);
        }

        List<Measurement> all = [];
        foreach ((KeyKind kind, double ns) in ((KeyKind, double)[])[(KeyKind.Uniform, 4), (KeyKind.InRoutes, 5), (KeyKind.Zipf, 1)])
        {
            string name = RouterBenchRun.LookupName(false, kind);
            all.AddRange([Of(name, 900_000, "SOS", 32, ns + 1), Of(name, 900_000, "SOS", 64, ns), Of(name, 900_000, "rte_fib AVX-512", 32, 10)]);
        }

        all.AddRange([Of(RouterBenchRun.PacketName(true), 200_000, "SOS", 64, 30), Of(RouterBenchRun.PacketName(true), 200_000, "XDP fib", 1, 600)]);
        SortedDictionary<string, double> ratios = RouterBars.Of(all, (1.95, 1.5));
        Assert.Equal(["ipv4_lookup_rte_fib", "packet_xdp_fib_ipv6", "two_cores", "two_cores_raw"], ratios.Keys);
        Assert.Equal([0.5, 0.05, 1.95, 1.5], ratios.Values);
        Assert.All(RouterBars.Judge(ratios), line => Assert.StartsWith("met", line, StringComparison.Ordinal));
        Assert.Contains(RouterBars.Judge(RouterBars.Of(all, (1.5, 1.5))), line => line.StartsWith("MISSED two_cores", StringComparison.Ordinal));
    }

    private static bool IsIn(BenchRoute route, UInt128 key, bool isIpv6)
    {
        int bits = isIpv6 ? 128 : 32;
        return key >> (bits - route.Length) == route.Prefix.Value >> (bits - route.Length);
    }
}
