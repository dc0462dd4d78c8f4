using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Net;
using Sos.Firewall.Rules;
using Sos.Firewall.Rules.Prefilter;
using Xunit;
using Xunit.Abstractions;

namespace Sos.Firewall.Tests.Prefilter;

/// <summary>
/// A prefilter of random host rulesets beside Linux, with real connections in both directions: what Linux delivers the core must not have dropped.
/// Bounded here; <c>make exact</c> runs it long.
/// </summary>
public class ExactnessTests(ITestOutputHelper output)
{
    private const int RulesetsBounded = 15;
    private const int PacketsBounded = 600;

    [Fact]
    public void The_Core_Drops_Nothing_That_Linux_Delivers()
    {
        int rulesets = Setting("SOS_EXACT_RULESETS", RulesetsBounded);
        int packets = Setting("SOS_EXACT_PACKETS", PacketsBounded);
        int first = Setting("SOS_EXACT_SEED", 1);
        long dropped = 0;
        long delivered = 0;
        long sent = 0;
        int refused = 0;
        List<string> wrong = [];
        for (int seed = first; seed < first + rulesets; seed++)
        {
            Run? run = Compare(seed, packets);
            if (run is null)
            {
                refused++;
                continue;
            }

            dropped += run.Dropped;
            delivered += run.Delivered;
            sent += run.Sent;
            wrong.AddRange(run.Wrong.Select(frame => $"seed {run.Seed}: {frame}\n{run.Rules}"));
        }

        string summary = $"{rulesets - refused} rulesets ({refused} that nft refuses), {packets} packets each: the core dropped {dropped}, Linux delivered "
            + $"{delivered} and sent {sent}; {wrong.Count} wrong drops";
        output.WriteLine(summary);
        if (Environment.GetEnvironmentVariable("SOS_EXACT_REPORT") is { } report)
        {
            File.WriteAllText(report, string.Join("\n\n", wrong.Append(summary)) + "\n");
        }

        Assert.True(wrong.Count == 0, string.Join("\n\n", wrong.Take(3)));
        Assert.True(dropped > 0 && delivered > 0 && sent > 0, "all or nothing would prove little");
        Assert.InRange(refused, 0, rulesets / 2);
    }

    private static int Setting(string name, int otherwise)
        => Environment.GetEnvironmentVariable(name) is { } value ? int.Parse(value, CultureInfo.InvariantCulture) : otherwise;

    private static Run? Compare(int seed, int packets)
    {
        Random random = new(seed);
        string rules = new RandomHostRules(random, KernelNamespace.Device).Make();
        using KernelNamespace kernel = new();
        RulesetListing listing;
        try
        {
            listing = PrefilterBench.List(rules);
        }
        catch (RulesetLoadException)
        {
            return null; // Random statements do not always go together.
        }

        kernel.Load(rules, "input");
        using HostSockets sockets = new(kernel);
        using FirewallBench bench = new();
        Load(bench, listing, null);
        Load(bench, listing, []); // The namespace is new: Linux knew no connection.
        PeerTraffic peers = new(random);
        Dictionary<(bool, int), byte[]> droppedHere = [];
        long sentCount = 0;

        void TakeSent()
        {
            foreach (byte[] frame in kernel.TakeSent())
            {
                ConnectionTests.Send(bench, frame);
                peers.Sees(frame);
                sentCount++;
            }

            _ = bench.Nic.ReceiveAll();
        }

        for (int id = 1; id <= packets; id++)
        {
            TakeSent();
            byte[] frame = peers.Next(id);
            if (!bench.Passes(frame))
            {
                droppedHere[(frame[12] == 8, id)] = frame;
            }

            kernel.Inject(frame);
            TakeSent();
            if (random.Next(3) == 0)
            {
                int peer = random.Next(1, 4);
                sockets.Step(random, IPAddress.Parse(random.Next(2) == 0 ? $"10.0.0.{peer}" : $"fd00:1::{peer}"));
            }
        }

        (_, HashSet<(bool IsIpv4, int Id)> passed) = kernel.Observe(0);
        return new Run(
            seed, rules, droppedHere.Count, passed.Count, sentCount,
            [.. passed.Where(droppedHere.ContainsKey).Select(key => $"packet {key.Id}, {Convert.ToHexString(droppedHere[key])}")]);
    }

    private static void Load(FirewallBench bench, RulesetListing listing, IReadOnlyCollection<ulong>? known)
        => Assert.True(bench.Harness.LoadTable(PrefilterCompiler.Compile(
            listing.Json, listing.AddTo(ConnectionTests.Recording(known, 1) with { PortNames = [KernelNamespace.Device] })).Table.Bytes));

    /// <summary>A ruleset's comparison.</summary>
    private sealed record Run(int Seed, string Rules, int Dropped, int Delivered, long Sent, IReadOnlyList<string> Wrong);
}
