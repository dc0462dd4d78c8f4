using System;
using Sos.Firewall.Tables;
using Sos.Sdk.Memory;

namespace Sos.Firewall;

/// <summary>Takes the plain packets of a burst through the stages of a table, each stage for all of them at once.</summary>
public static class BurstEvaluator
{
    /// <summary>Runs the stages.</summary>
    /// <param name="table">A valid table.</param>
    /// <param name="count">Packets.</param>
    /// <param name="counters">Where rules with counters add them up.</param>
    /// <param name="scratch">Keys and lengths of the packets; afterwards their positions.</param>
    public static void Run(in FirewallTable table, int count, in RuleCounters counters, ref BurstScratch scratch)
    {
        Span<uint> positions = scratch.Positions[..count];
        Span<FlowKey> keys = scratch.AllKeys[..count];
        Span<uint> lengths = scratch.AllLengths[..count];
        MemoryBlock<Stage> stages = table.Stages;
        int first = 0;
        if (stages.Length > 0 && stages[0].Position == table.Start)
        {
            RunForAll(in table, in stages[0], keys, lengths, in counters, positions, ref scratch);
            first = 1;
        }
        else
        {
            positions.Fill(table.Start);
        }

        for (int i = first; i < stages.Length; i++)
        {
            RunForSome(in table, in stages[i], keys, lengths, in counters, positions, ref scratch);
        }
    }

    private static void RunForAll(
        in FirewallTable table, in Stage stage, Span<FlowKey> keys, Span<uint> lengths, in RuleCounters counters, Span<uint> positions,
        ref BurstScratch scratch)
    {
        Span<uint> found = scratch.Found[..keys.Length];
        positions = positions[..keys.Length];
        uint first = LookUp(in table, in stage, keys, found, scratch.Spare);
        ReadOnlySpan<Outcome> outcomes = table.Outcomes.Slice((int)stage.FirstOutcome, (int)stage.OutcomeCount).Span;
        Span<byte> counted = scratch.Counted;
        int countedCount = 0;
        for (int i = 0; i < found.Length; i++)
        {
            ref readonly Outcome outcome = ref outcomes[(int)(found[i] + first)];
            positions[i] = outcome.Position;
            counted[countedCount & (BurstScratch.PacketsMax - 1)] = (byte)i;
            countedCount += outcome.Counter != Outcome.NoCounter ? 1 : 0;
        }

        // A list of those that count, and not a question for each packet, which would often be mispredicted.
        foreach (byte i in counted[..countedCount])
        {
            counters.Count(outcomes[(int)(found[i] + first)].Counter, lengths[i]);
        }
    }

    /// <summary>Puts those that stand at the stage close together, and goes on as for all.</summary>
    private static void RunForSome(
        in FirewallTable table, in Stage stage, Span<FlowKey> keys, Span<uint> lengths, in RuleCounters counters, Span<uint> positions,
        ref BurstScratch scratch)
    {
        Span<byte> places = scratch.SomePlaces;
        int count = 0;
        for (int i = 0; i < positions.Length; i++)
        {
            places[count & (BurstScratch.PacketsMax - 1)] = (byte)i;
            count += positions[i] == stage.Position ? 1 : 0;
        }

        if (count == 0)
        {
            return;
        }

        places = places[..count];
        Span<FlowKey> someKeys = scratch.SomeKeys[..count];
        Span<uint> someLengths = scratch.SomeLengths[..count];
        Span<uint> somePositions = scratch.SomePositions[..count];
        for (int i = 0; i < places.Length; i++)
        {
            someKeys[i] = keys[places[i]];
            someLengths[i] = lengths[places[i]];
        }

        RunForAll(in table, in stage, someKeys, someLengths, in counters, somePositions, ref scratch);
        for (int i = 0; i < places.Length; i++)
        {
            positions[places[i]] = somePositions[i];
        }
    }

    /// <summary>Looks all keys up.</summary>
    /// <returns>What to add to each that was found, modulo 2^32, for the number of its outcome within the stage.</returns>
    private static uint LookUp(in FirewallTable table, in Stage stage, Span<FlowKey> keys, Span<uint> found, Span<uint> spare)
    {
        ref readonly Instruction instruction = ref table.Instructions[Outcome.InstructionOf(stage.Position)];
        ref readonly SetDescriptor set = ref table.Sets[instruction.A];
        if (instruction.Operation == Operation.InIpv4Set)
        {
            table.Ipv4(in set).Contains(keys, instruction.Field == Field.Ipv4Source ? 0u : 1u, found, spare);
            return 0;
        }

        // Outcome 0 is for no rule, and Classifier.None plus one is 0.
        table.Classifier(in set).Find(keys, found, spare);
        return 1;
    }
}
