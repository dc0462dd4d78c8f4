using System;
using System.Collections.Generic;
using System.Linq;

namespace Sos.Bench.Workloads;

/// <summary>
/// Makes workloads of rules over five fields, shaped as access lists are: networks that rules share, well-known ports, a few
/// ranges, a few rules for everyone. Nine of ten packets are made to match one of the rules; an earlier one may take them.
/// </summary>
internal static class FiveTupleWorkload
{
    private static readonly ushort[] WellKnown = [22, 25, 53, 80, 110, 123, 143, 161, 389, 443, 445, 993, 1433, 1521, 3306, 3389, 5060, 8080];

    /// <summary>Makes one.</summary>
    public static Workload Make(int size, int tracePackets)
    {
        Random random = new(size);
        List<FiveTupleRule> rules = MakeRules(random, size);
        Trace trace = new(tracePackets);
        byte[] expected = new byte[tracePackets];
        for (int i = 0; i < tracePackets; i++)
        {
            FiveTupleRule like = random.Next(10) != 0 ? rules[random.Next(rules.Count)] : new FiveTupleRule
            {
                SourcePortLast = ushort.MaxValue,
                DestinationPortLast = ushort.MaxValue,
            };
            uint source = Within(random, like.Source, like.SourceLength);
            uint destination = Within(random, like.Destination, like.DestinationLength);
            byte protocol = like.ProtocolMask != 0 ? like.Protocol : random.Next(2) == 0 ? (byte)6 : (byte)17;
            ushort sourcePort = (ushort)random.Next(like.SourcePortFirst, like.SourcePortLast + 1);
            ushort destinationPort = (ushort)random.Next(like.DestinationPortFirst, like.DestinationPortLast + 1);
            trace.Set(i, source, destination, protocol, sourcePort, destinationPort);
            int rule = rules.FindIndex(item => item.Matches(source, destination, protocol, sourcePort, destinationPort));
            expected[i] = rule < 0 || rules[rule].Drops == 0 ? (byte)1 : (byte)0;
        }

        Workload workload = new(WorkloadKind.FiveTuples, size, trace, expected, RulesetJson.FiveTuples(rules), string.Empty);
        workload.WriteRules<FiveTupleRule>(rules.ToArray());
        return workload;
    }

    private static List<FiveTupleRule> MakeRules(Random random, int size)
    {
        Prefix[] sources = Enumerable.Range(0, (size / 8) + 8).Select(_ => Network(random)).ToArray();
        Prefix[] destinations = Enumerable.Range(0, (size / 16) + 8).Select(_ => Network(random)).ToArray();
        HashSet<FiveTupleRule> rules = [];
        while (rules.Count < size)
        {
            // A rule for everyone names a port; more than one in a hundred such rules would hide most of those behind them.
            bool everyone = random.Next(200) == 0;
            Prefix source = everyone || random.Next(5) == 0 ? default : Narrow(random, sources[random.Next(sources.Length)]);
            Prefix destination = everyone || (source.Length != 0 && random.Next(8) == 0)
                ? default
                : Narrow(random, destinations[random.Next(destinations.Length)]);
            (ushort first, ushort last) = everyone ? Exactly((ushort)random.Next(1, 65536)) : DestinationPorts(random);
            byte protocol = random.Next(10) switch { < 6 => 6, < 9 => 17, _ => 0 };
            bool fromHighPorts = random.Next(10) == 0;
            rules.Add(new FiveTupleRule
            {
                Source = source.Address,
                SourceLength = (byte)source.Length,
                Destination = destination.Address,
                DestinationLength = (byte)destination.Length,
                Protocol = protocol,
                ProtocolMask = protocol == 0 ? (byte)0 : (byte)255,
                SourcePortFirst = fromHighPorts ? (ushort)1024 : (ushort)0,
                SourcePortLast = ushort.MaxValue,
                DestinationPortFirst = first,
                DestinationPortLast = last,
                Drops = (byte)random.Next(2),
            });
        }

        return [.. rules];
    }

    private static Prefix Network(Random random)
    {
        int length = random.Next(10) switch { 0 => random.Next(8, 16), < 4 => random.Next(16, 24), _ => 24 };
        return new Prefix((uint)random.NextInt64(0x0100_0000, 0xe000_0000) & (uint.MaxValue << (32 - length)), length);
    }

    /// <summary>The network itself, or a host in it.</summary>
    private static Prefix Narrow(Random random, Prefix network)
        => random.Next(2) == 0 ? network : new Prefix(Within(random, network.Address, network.Length), 32);

    private static uint Within(Random random, uint address, int length)
        => length == 32 ? address : address + (uint)random.NextInt64(1L << (32 - length));

    private static (ushort First, ushort Last) DestinationPorts(Random random) => random.Next(10) switch
    {
        < 6 => Exactly(WellKnown[random.Next(WellKnown.Length)]),
        < 8 => (0, ushort.MaxValue),
        8 => (1024, ushort.MaxValue),
        _ => Range((ushort)random.Next(1, 60_000), random.Next(1, 2_000)),
    };

    private static (ushort First, ushort Last) Exactly(ushort port) => (port, port);

    private static (ushort First, ushort Last) Range(ushort first, int length) => (first, (ushort)(first + length));
}
