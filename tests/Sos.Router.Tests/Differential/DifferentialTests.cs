using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using Sos.Router.Control;
using Xunit;
using Xunit.Abstractions;

namespace Sos.Router.Tests.Differential;

/// <summary>Random changes of Linux's network, and the same packets through Linux and through the core: what leaves, where and as what, is the same.</summary>
public sealed class DifferentialTests(ITestOutputHelper output)
{
    private const int Steps = 20;
    private const int PacketsOfAStep = 48;

    // The nightly run asks for a thousand: 'make exact-router'.
    private static int Sequences => int.Parse(Environment.GetEnvironmentVariable("SOS_ROUTER_SEQUENCES") ?? "2", CultureInfo.InvariantCulture);

    private static int FirstSeed => int.Parse(Environment.GetEnvironmentVariable("SOS_ROUTER_SEED") ?? "1", CultureInfo.InvariantCulture);

    [Fact]
    public void TheCoreForwardsAsLinuxDoesWhateverChanges()
    {
        SortedDictionary<string, int> seen = new(StringComparer.Ordinal);
        for (int seed = FirstSeed; seed < FirstSeed + Sequences; seed++)
        {
            NetworkPlace.OnThreadOfItsOwn(() => RunSequence(seed, seen));
            output.WriteLine($"sequence {seed}: {string.Join(", ", seen.Select(pair => $"{pair.Value} {pair.Key}"))}");
        }

        // All ways were tried, and not only that of giving everything to Linux.
        Assert.All((string[])["forwarded", "answered", "dropped", "linux"], kind => Assert.True(seen.GetValueOrDefault(kind) > 10, kind));
    }

    private static void RunSequence(int seed, SortedDictionary<string, int> seen)
    {
        Random random = new(seed);
        using RouterPair routers = new();
        NetworkChanges changes = new(random);
        PacketMaker maker = new(random);
        for (int step = 0; step < Steps; step++)
        {
            routers.Change([.. Enumerable.Range(0, random.Next(1, 5)).SelectMany(_ => changes.Next())]);
            List<string> differences = routers.Compare(maker, random, PacketsOfAStep);
            Assert.True(differences.Count == 0, $"seed {seed}, step {step}: {differences.Count} packets differ, the first:\n{differences.FirstOrDefault()}");
        }

        IReadOnlyList<RouteDifference> routes = routers.Verify(random);
        Assert.True(routes.Count == 0, $"seed {seed}: {string.Join('\n', routes)}");
        foreach ((string kind, int count) in routers.Seen)
        {
            seen[kind] = seen.GetValueOrDefault(kind) + count;
        }
    }
}
