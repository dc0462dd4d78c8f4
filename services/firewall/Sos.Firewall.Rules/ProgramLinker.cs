using System;
using System.Collections.Generic;
using System.Linq;
using Sos.Firewall.Tables;

namespace Sos.Firewall.Rules;

/// <summary>
/// Puts compiled chains in an order in which jumps only lead forward, and computes what the validator is to check: how deep and
/// how long a walk can become.
/// </summary>
internal sealed class ProgramLinker
{
    /// <summary>Ends the name of a chain that is compiled for what Linux sends: no name of nft's has a space.</summary>
    public const string SentMark = " sent";

    private readonly IReadOnlyDictionary<string, ChainCode> _chains;
    private readonly List<ChainCode> _reversed = [];
    private readonly Dictionary<string, bool> _visits = [];

    public ProgramLinker(IReadOnlyDictionary<string, ChainCode> chains)
    {
        _chains = chains;
    }

    /// <summary>A chain's name among all.</summary>
    /// <param name="chain">The chain.</param>
    /// <param name="isSent">Whether it is compiled for what Linux sends.</param>
    public static string Key(NftChain chain, bool isSent = false) => KeyOf(chain, chain.Name, isSent);

    /// <summary>The name among all of a chain in another's table.</summary>
    public static string KeyOf(NftChain chain, string name, bool isSent)
        => $"{chain.Family} {chain.Table} {name}{(isSent ? SentMark : string.Empty)}";

    /// <summary>Links the chains that the base chains reach.</summary>
    /// <param name="baseChains">The base chains in the order of their evaluation.</param>
    /// <exception cref="RuleException">Jumps form a loop, or go too deep or too far.</exception>
    public LinkedProgram Link(IReadOnlyList<NftChain> baseChains)
    {
        foreach (NftChain chain in baseChains.Reverse())
        {
            Visit(Key(chain, chain.IsSent));
        }

        List<ChainCode> order = Enumerable.Reverse(_reversed).ToList();
        Dictionary<string, uint> entries = [];
        uint at = 0;
        foreach (ChainCode code in order)
        {
            entries.Add(code.Key, at);
            at += (uint)code.Instructions.Count;
        }

        if (order.Count > FirewallHeader.ChainsMax || at > FirewallHeader.InstructionsMax)
        {
            throw new RuleException(
                RuleDiagnosticIds.Limit,
                $"the rules take {order.Count} chains and {at} instructions; the firewall has room for "
                    + $"{FirewallHeader.ChainsMax} and "
                + $"{FirewallHeader.InstructionsMax}. Put addresses and ports into sets");
        }

        Instruction[] instructions = order.SelectMany(code => Place(code, entries)).ToArray();
        ChainRecord[] records = MakeRecords(order, entries);
        BaseChain[] bases = baseChains.Select(chain => MakeBaseChain(chain, entries)).ToArray();
        CheckSteps(bases, records);
        if (order.Count == 0)
        {
            // A table always has a chain, if only one that nothing enters.
            instructions = [new Instruction { Operation = Operation.Return }];
            records = [new ChainRecord { Entry = 0, Steps = 1 }];
        }

        Dictionary<uint, uint[]> classifierEntries = order
            .SelectMany(code => code.Classifiers.Select(place => (place, Start: entries[code.Key])))
            .ToDictionary(pair => pair.place.Number, pair => pair.place.Entries.Select(entry => entry + pair.Start).ToArray());
        StagePlan plan = new StagePlanner(instructions, bases, classifierEntries).Plan();
        return new LinkedProgram(instructions, bases, records, classifierEntries, plan);
    }

    private void Visit(string key)
    {
        if (_visits.TryGetValue(key, out bool isDone))
        {
            if (!isDone)
            {
                throw new RuleException(RuleDiagnosticIds.Limit, $"chain \"{key}\" reaches itself");
            }

            return;
        }

        if (!_chains.TryGetValue(key, out ChainCode? code))
        {
            throw new RuleException(RuleDiagnosticIds.Missing, $"there is no chain \"{key}\"");
        }

        _visits.Add(key, false);
        foreach (string target in code.Targets.OrderByDescending(pair => pair.Key).Select(pair => pair.Value))
        {
            Visit(target);
        }

        _visits[key] = true;
        _reversed.Add(code);
    }

    private static IEnumerable<Instruction> Place(ChainCode code, Dictionary<string, uint> entries)
    {
        uint entry = entries[code.Key];
        for (int i = 0; i < code.Instructions.Count; i++)
        {
            Instruction instruction = code.Instructions[i];
            instruction.Next += entry;
            if (code.Targets.TryGetValue(i, out string? target))
            {
                instruction.A = entries[target];
            }

            yield return instruction;
        }
    }

    private static ChainRecord[] MakeRecords(List<ChainCode> order, Dictionary<string, uint> entries)
    {
        ChainRecord[] records = new ChainRecord[order.Count];
        Dictionary<string, ChainRecord> done = [];
        for (int i = order.Count - 1; i >= 0; i--)
        {
            ChainCode code = order[i];
            uint depth = 0;
            ulong steps = (ulong)code.Instructions.Count;
            foreach ((int position, string target) in code.Targets)
            {
                uint jumps = code.Instructions[position].Operation == Operation.Jump ? 1u : 0u;
                depth = Math.Max(depth, done[target].Depth + jumps);
                steps += done[target].Steps;
            }

            steps += (ulong)code.Instructions.Count(instruction => instruction.Operation == Operation.Classify) * Classifier.Steps;
            steps += (ulong)code.Instructions.Count(instruction => instruction.Operation == Operation.UseSet) * DynamicSet.Steps;
            if (depth > FirewallHeader.JumpDepthMax || steps > FirewallHeader.StepsMax)
            {
                throw new RuleException(
                    RuleDiagnosticIds.Limit,
                    $"{code.Chain.Place}: at most {FirewallHeader.JumpDepthMax} jumps deep and {FirewallHeader.StepsMax} "
                        + "instructions long");
            }

            records[i] = new ChainRecord { Entry = entries[code.Key], Depth = depth, Steps = (uint)steps };
            done.Add(code.Key, records[i]);
        }

        return records;
    }

    private static BaseChain MakeBaseChain(NftChain chain, Dictionary<string, uint> entries)
    {
        byte families = chain.Family switch
        {
            "ip" => BaseChain.Ipv4,
            "ip6" => BaseChain.Ipv6,
            _ => BaseChain.Ipv4 | BaseChain.Ipv6,
        };
        return new BaseChain
        {
            Entry = entries[Key(chain, chain.IsSent)],
            Families = chain.IsSent ? BaseChain.Sent(families) : families,
            PolicyDrop = chain.PolicyDrop ? (byte)1 : (byte)0,
        };
    }

    private static void CheckSteps(BaseChain[] bases, ChainRecord[] records)
    {
        long steps = bases.Sum(chain => (long)records.First(record => record.Entry == chain.Entry).Steps);
        if (steps > FirewallHeader.StepsMax || bases.Length > FirewallHeader.BaseChainsMax)
        {
            throw new RuleException(
                RuleDiagnosticIds.Limit,
                $"one packet could take {steps} instructions through {bases.Length} base chains; at most "
                    + $"{FirewallHeader.StepsMax} "
                + $"and {FirewallHeader.BaseChainsMax} are allowed");
        }
    }
}
