using Sos.Sdk.Memory;

namespace Sos.Firewall.Tables;

/// <summary>
/// Proves that the stages of a table look at nothing outside of it, and that a packet which leaves them walks on within the bounds
/// that were checked for the chains.
/// </summary>
internal static class StageValidator
{
    /// <summary>Whether all stages are valid, given valid sets, chains and base chains.</summary>
    public static bool IsValid(in FirewallTable table)
    {
        MemoryBlock<Stage> stages = table.Stages;
        if (!IsPosition(in table, table.Start))
        {
            return false;
        }

        for (int i = 0; i < stages.Length; i++)
        {
            ref readonly Stage stage = ref stages[i];
            if (stage.Position >= Outcome.Pass || !IsPosition(in table, stage.Position) || !IsStageValid(in table, in stage))
            {
                return false;
            }
        }

        MemoryBlock<Outcome> outcomes = table.Outcomes;
        for (int i = 0; i < outcomes.Length; i++)
        {
            ref readonly Outcome outcome = ref outcomes[i];
            if ((outcome.Counter != Outcome.NoCounter && outcome.Counter >= (uint)table.CounterCount) || !IsPosition(in table, outcome.Position))
            {
                return false;
            }
        }

        return true;
    }

    private static bool IsStageValid(in FirewallTable table, in Stage stage)
    {
        ref readonly Instruction instruction = ref table.Instructions[Outcome.InstructionOf(stage.Position)];
        uint outcomes = (uint)table.Outcomes.Length;
        if (stage.FirstOutcome > outcomes || stage.OutcomeCount > outcomes - stage.FirstOutcome)
        {
            return false;
        }

        return instruction.Operation switch
        {
            Operation.InIpv4Set => stage.OutcomeCount == 2
                && instruction.Negate == 0
                && instruction.Field is Field.Ipv4Source or Field.Ipv4Destination,
            Operation.Classify => instruction.B == 0
                && stage.OutcomeCount == (uint)table.Classifier(in table.Sets[instruction.A]).Entries.Length + 1,
            _ => false,
        };
    }

    // A walk may start at any instruction of a base chain: what it takes from there is a part of what was claimed for the chain.
    private static bool IsPosition(in FirewallTable table, uint position)
    {
        if (position >= Outcome.Pass)
        {
            return position <= Outcome.DropByPolicy;
        }

        uint number = Outcome.BaseChainOf(position);
        uint at = Outcome.InstructionOf(position);
        return number < (uint)table.BaseChains.Length
            && at >= table.BaseChains[number].Entry
            && at < TableValidator.EndOfChain(table.Chains, table.BaseChains[number].Entry, (uint)table.Instructions.Length);
    }
}
