using System.Collections.Generic;
using System.Linq;
using Sos.Firewall.Tables;

namespace Sos.Firewall.Rules;

/// <summary>The description of a table's stages.</summary>
/// <param name="Start">Where plain packets start.</param>
/// <param name="Stages">The stages.</param>
/// <param name="Outcomes">The outcomes of all.</param>
internal sealed record StagePlan(uint Start, Stage[] Stages, Outcome[] Outcomes);

/// <summary>
/// Finds the lookups that plain packets (whole IPv4 packets of TCP or UDP) meet first, and foresees what follows from each answer
/// as far as that depends on nothing else.
/// </summary>
internal sealed class StagePlanner(
    Instruction[] instructions, BaseChain[] baseChains, IReadOnlyDictionary<uint, uint[]> classifierEntries)
{
    private const uint FamilyIpv4 = 2;

    private readonly List<Stage> _stages = [];
    private readonly List<Outcome> _outcomes = [];

    /// <summary>Plans.</summary>
    public StagePlan Plan()
    {
        uint start = Enter(0);
        Outcome first = Follow(start);

        // A counter before the first lookup would have to count in it: then packets start before the counter.
        start = first.Counter == Outcome.NoCounter ? first.Position : start;
        uint at = start;
        while (at < Outcome.Pass && _stages.Count < FirewallHeader.StagesMax && TryAddStage(at, out uint next))
        {
            at = next;
        }

        return new StagePlan(start, [.. _stages], [.. _outcomes]);
    }

    private bool TryAddStage(uint position, out uint next)
    {
        uint chain = Outcome.BaseChainOf(position);
        uint at = Outcome.InstructionOf(position);
        Instruction instruction = instructions[at];
        bool isSet = instruction.Operation == Operation.InIpv4Set && instruction.Negate == 0
            && instruction.Field is Field.Ipv4Source or Field.Ipv4Destination;
        bool isClassifier = instruction.Operation == Operation.Classify && instruction.B == 0;
        next = position;
        if (!isSet && !isClassifier)
        {
            return false;
        }

        uint[] hits = isSet ? [at + 1] : classifierEntries[instruction.A];
        if (_outcomes.Count + hits.Length + 1 > FirewallHeader.OutcomesMax)
        {
            return false;
        }

        Outcome miss = Follow(Outcome.At(chain, instruction.Next));
        _stages.Add(new Stage { Position = position, FirstOutcome = (uint)_outcomes.Count, OutcomeCount = (uint)hits.Length + 1 });
        _outcomes.Add(miss);
        _outcomes.AddRange(hits.Select(hit => Follow(Outcome.At(chain, hit))));
        next = miss.Position;
        return true;
    }

    /// <summary>Goes on as long as every plain packet does the same, counting at most once.</summary>
    private Outcome Follow(uint position)
    {
        uint counter = Outcome.NoCounter;
        while (position < Outcome.Pass)
        {
            uint chain = Outcome.BaseChainOf(position);
            uint at = Outcome.InstructionOf(position);
            Instruction instruction = instructions[at];
            switch (instruction.Operation)
            {
                case Operation.Accept:
                    position = Enter(chain + 1);
                    break;
                case Operation.Return:
                    position = baseChains[chain].PolicyDrop != 0 ? Outcome.DropByPolicy : Enter(chain + 1);
                    break;
                case Operation.Drop:
                    position = Outcome.DropByRule;
                    break;
                case Operation.Pass:
                    position = Outcome.Pass;
                    break;
                case Operation.Count when counter == Outcome.NoCounter:
                    counter = instruction.A;
                    position = Outcome.At(chain, at + 1);
                    break;
                case Operation.Admit:
                    position = Outcome.At(chain, at + 1); // Nothing that was followed so far logs.
                    break;
                case Operation.EqualsMasked when instruction.Field == Field.NetworkFamily:
                    bool matches = ((FamilyIpv4 & instruction.A) == instruction.B) != (instruction.Negate != 0);
                    position = Outcome.At(chain, matches ? at + 1 : instruction.Next);
                    break;
                default:
                    return new Outcome { Position = position, Counter = counter };
            }
        }

        return new Outcome { Position = position, Counter = counter };
    }

    /// <summary>Where packets enter the base chains from a number on.</summary>
    private uint Enter(uint number)
    {
        for (uint i = number; i < baseChains.Length; i++)
        {
            if ((baseChains[i].Families & BaseChain.Ipv4) != 0)
            {
                return Outcome.At(i, baseChains[i].Entry);
            }
        }

        return Outcome.Pass;
    }
}
