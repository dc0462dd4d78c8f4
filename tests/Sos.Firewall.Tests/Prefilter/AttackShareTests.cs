using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Sos.Firewall.Rules.Prefilter;
using Xunit;
using Xunit.Abstractions;

namespace Sos.Firewall.Tests.Prefilter;

/// <summary>
/// How much of what Linux drops of mixed attack traffic a prefilter drops before it, over host rulesets of the shapes that people write. Linux sees
/// all of the traffic, and the core the same, with what Linux sends; so each wrong drop shows as well.
/// </summary>
public class AttackShareTests(ITestOutputHelper output)
{
    private const int Frames = 3000;

    /// <summary>The share of all hosts together that must be dropped on the core.</summary>
    private const double ShareMin = 0.95;

    /// <summary>A directory of further rulesets to measure, beside those of the repository.</summary>
    private const string FurtherVariable = "SOS_RULESETS";

    [Fact]
    public void Most_Of_What_Linux_Drops_Is_Dropped_On_The_Core()
    {
        int dropped = 0;
        int taken = 0;
        foreach ((string name, string rules) in HostRulesets.All)
        {
            Measure measure = Run(rules, seed: name.Length);
            Report(name, measure);
            Assert.True(measure.Wrong.Count == 0, $"{name}: Linux delivers the packets {string.Join(", ", measure.Wrong)}");
            dropped += measure.Dropped;
            taken += measure.Taken;
        }

        output.WriteLine($"all: {taken} of {dropped}, {(double)taken / dropped:P1}");
        Assert.InRange((double)taken / dropped, ShareMin, 1);
    }

    /// <summary>For those who have rulesets: make share RULESETS=DIRECTORY; without, the repository's own shapes.</summary>
    [Fact]
    public void No_Packet_That_Linux_Delivers_Is_Dropped_By_Further_Rulesets()
    {
        string? directory = Environment.GetEnvironmentVariable(FurtherVariable);
        IEnumerable<(string Name, string Rules)> further = directory is null
            ? HostRulesets.All.Take(2)
            : Directory.GetFiles(directory, "*.nft").Order().Select(path => (Path.GetFileName(path), File.ReadAllText(path)));
        foreach ((string name, string rules) in further)
        {
            Measure measure = Run(rules, seed: 7);
            Report(name, measure);
            Assert.True(measure.Wrong.Count == 0, $"{name}: Linux delivers the packets {string.Join(", ", measure.Wrong)}");
        }
    }

    private void Report(string name, Measure measure)
    {
        output.WriteLine($"{name}: Linux drops {measure.Dropped} of {Frames} and answers {measure.Rejected} more; the core drops {measure.Taken}, "
            + $"{(measure.Dropped == 0 ? 1 : (double)measure.Taken / measure.Dropped):P1}; left "
            + string.Join(", ", measure.Left.OrderByDescending(pair => pair.Value).Select(pair => $"{pair.Key} {pair.Value}")));
        foreach (DropReport drop in measure.Prefilter.Drops.Where(drop => drop.Share != DropShare.All))
        {
            output.WriteLine($"    {drop.Share} {drop.Text}: {drop.Reason}");
        }
    }

    private static Measure Run(string rules, int seed)
    {
        RulesetListing listing = PrefilterBench.List(rules);
        string device = listing.FindPortName() ?? KernelNamespace.Device;
        using KernelNamespace kernel = new(device);
        kernel.AddDevices(rules);
        kernel.Load(rules, "input");
        using FirewallBench bench = new();
        PrefilterResult Compile(IReadOnlyCollection<ulong>? known) => PrefilterCompiler.Compile(
            listing.Json, listing.AddTo(ConnectionTests.Recording(known, 1) with { PortNames = [device], OwnAddresses = AttackTraffic.Hosts }));
        Assert.True(bench.Harness.LoadTable(Compile(null).Table.Bytes));
        PrefilterResult prefilter = Compile([]); // The namespace is new: Linux knew no connection.
        Assert.True(bench.Harness.LoadTable(prefilter.Table.Bytes));
        HashSet<int> answered = [];
        HashSet<int> droppedHere = [];
        List<AttackFrame> frames = new AttackTraffic(seed).Make(Frames);
        foreach (AttackFrame attack in frames)
        {
            if (!bench.Passes(attack.Frame))
            {
                droppedHere.Add(attack.Id);
            }

            kernel.Inject(attack.Frame);
            List<byte[]> sent = kernel.TakeSent();
            sent.ForEach(frame => ConnectionTests.Send(bench, frame));
            if (sent.Count > 0)
            {
                answered.Add(attack.Id);
            }
        }

        (HashSet<(bool, int)> arrived, HashSet<(bool, int)> passed) = kernel.Observe(Frames);
        List<AttackFrame> lost = [.. frames.Where(frame => arrived.Contains((frame.IsIpv4, frame.Id)) && !passed.Contains((frame.IsIpv4, frame.Id)))];
        List<AttackFrame> silent = [.. lost.Where(frame => !answered.Contains(frame.Id))];
        return new Measure(
            prefilter, silent.Count, lost.Count - silent.Count, silent.Count(frame => droppedHere.Contains(frame.Id)),
            silent.Where(frame => !droppedHere.Contains(frame.Id)).GroupBy(frame => frame.Kind).ToDictionary(group => group.Key, group => group.Count()),
            [.. frames.Where(frame => droppedHere.Contains(frame.Id) && passed.Contains((frame.IsIpv4, frame.Id))).Select(frame => frame.Id)]);
    }

    /// <summary>The fate of the traffic.</summary>
    /// <param name="Prefilter">The prefilter.</param>
    /// <param name="Dropped">Packets that Linux alone drops without an answer.</param>
    /// <param name="Rejected">Packets that it refuses with an answer.</param>
    /// <param name="Taken">Those of the dropped that the core drops.</param>
    /// <param name="Left">Those that it does not, by kind.</param>
    /// <param name="Wrong">Packets that Linux delivers and the core drops.</param>
    private sealed record Measure(
        PrefilterResult Prefilter, int Dropped, int Rejected, int Taken, IReadOnlyDictionary<Attack, int> Left, IReadOnlyList<int> Wrong);
}
