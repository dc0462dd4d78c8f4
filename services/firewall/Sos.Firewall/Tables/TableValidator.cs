using System;
using System.Numerics;
using Sos.Firewall.Answers;
using Sos.Firewall.Capture;
using Sos.Firewall.Sets;
using Sos.Sdk.Memory;

namespace Sos.Firewall.Tables;

/// <summary>
/// Proves, before a table is used, that evaluating any packet with it stays within the table and ends in time.
/// </summary>
public static class TableValidator
{
    private const int MinutesWestMax = 24 * 60;

    /// <summary>Whether every part that the header names lies within the table.</summary>
    public static bool AreBoundsValid(in FirewallHeader header, ulong size)
        => header.InstructionCount is > 0 and <= FirewallHeader.InstructionsMax
        && header.BaseChainCount <= FirewallHeader.BaseChainsMax
        && header.ChainCount is > 0 and <= FirewallHeader.ChainsMax
        && header.SetCount <= FirewallHeader.SetsMax
        && header.Range128Count <= FirewallHeader.Ranges128Max
        && header.CounterCount <= FirewallHeader.CountersMax
        && header.Mode <= TableMode.Stateful
        && AreNeedsValid(header.Needs, header.Mode)
        && header.StageCount <= FirewallHeader.StagesMax
        && header.OutcomeCount <= FirewallHeader.OutcomesMax
        && IsWithin(header.InstructionOffset, header.InstructionCount, Instruction.Size, size)
        && IsWithin(header.BaseChainOffset, header.BaseChainCount, BaseChain.Size, size)
        && IsWithin(header.ChainOffset, header.ChainCount, ChainRecord.Size, size)
        && IsWithin(header.SetOffset, header.SetCount, SetDescriptor.Size, size)
        && IsWithin(header.Range128Offset, header.Range128Count, Range128.Size, size)
        && IsWithin(header.StageOffset, header.StageCount, Stage.Size, size)
        && IsWithin(header.OutcomeOffset, header.OutcomeCount, Outcome.Size, size);

    /// <summary>Whether sets, chains, instructions and base chains are valid, given valid bounds.</summary>
    public static bool IsValid(in FirewallTable table, ulong size)
        => AreSetsValid(in table, size)
        && AreChainsValid(in table)
        && AreBaseChainsValid(table.BaseChains, table.Chains)
        && StageValidator.IsValid(in table);

    // Where Linux judges after the core, the core changes nothing that Linux sees; and the time is told of such packets alone.
    private static bool AreNeedsValid(TableNeeds needs, TableMode mode)
        => needs is TableNeeds.None or TableNeeds.Packet or (TableNeeds.Packet | TableNeeds.Time)
            && (needs == TableNeeds.None || mode is TableMode.Authoritative or TableMode.Stateful);

    private static bool IsWithin(uint offset, ulong count, uint elementSize, ulong size)
        => (offset & (FirewallHeader.Alignment - 1)) == 0 && offset <= size && count * elementSize <= size - offset;

    private static bool AreSetsValid(in FirewallTable table, ulong size)
    {
        MemoryBlock<SetDescriptor> sets = table.Sets;
        ulong rules = 0;
        uint dynamicSets = 0;
        ulong listed = 0;
        for (int i = 0; i < sets.Length; i++)
        {
            ref readonly SetDescriptor set = ref sets[i];
            if (!IsSetValid(in set, size))
            {
                return false;
            }

            if (set.Kind == SetKind.Limit && table.Limit(in set).Rate == 0)
            {
                return false; // it divides
            }

            if (set.Kind == SetKind.DynamicSet)
            {
                // Each has a number, and no other one has it.
                listed += set.SecondCount;
                if (set.Count != dynamicSets++ || listed > FirewallHeader.ListedElementsMax || !IsDynamicSetValid(in table, in set, size))
                {
                    return false;
                }
            }

            if (set.Kind == SetKind.SetAccess && (set.Count >= (uint)i || !IsAccessValid(in table, in set)))
            {
                return false;
            }

            if (set.Kind == SetKind.Classifier)
            {
                // Bounds the time of this check, however many classifiers name the same entries.
                rules += set.ThirdCount;
                if (rules > FirewallHeader.InstructionsMax || !IsAscending(table.Classifier(in set).Entries))
                {
                    return false;
                }
            }
        }

        return true;
    }

    private static bool IsDynamicSetValid(in FirewallTable table, in SetDescriptor descriptor, ulong size)
    {
        ref readonly DynamicSet set = ref table.DynamicSet(in descriptor);
        return set.Capacity is > 0 and <= FirewallHeader.DynamicElementsMax
            && set.KeyLength is > 0 and <= SetKey.WordsMax
            && (set.HasLimit == 0 || set.Limit.Rate != 0)
            && IsWithin(descriptor.SecondOffset, descriptor.SecondCount, (set.KeyLength + 1) * sizeof(ulong), size);
    }

    // The set stands before it, and is valid.
    private static bool IsAccessValid(in FirewallTable table, in SetDescriptor descriptor)
    {
        ref readonly SetAccess access = ref table.SetAccess(in descriptor);
        if (!IsSet(in table, descriptor.Count, SetKind.DynamicSet) || access.Operation > SetOperation.Delete
            || access.FieldCount is 0 or > SetAccess.FieldsMax)
        {
            return false;
        }

        for (int i = 0; i < access.FieldCount; i++)
        {
            if (access.Fields[i] >= (Field)PacketKey.WordCount)
            {
                return false;
            }
        }

        return access.Halves <= SetKey.HalvesMax && (uint)(access.Halves + 1) / 2 == table.DynamicSet(in table.Sets[descriptor.Count]).KeyLength;
    }

    private static bool IsAscending(ReadOnlySpan<uint> entries)
    {
        for (int i = 1; i < entries.Length; i++)
        {
            if (entries[i] < entries[i - 1])
            {
                return false;
            }
        }

        return true;
    }

    private static bool IsSetValid(in SetDescriptor set, ulong size)
    {
        switch (set.Kind)
        {
            case SetKind.Bitmap:
                return set.Count % 64 == 0 && set.Count <= 65_536 && IsWithin(set.Offset, set.Count / 64, sizeof(ulong), size);
            case SetKind.Ipv4:
                return set.Count >= Ipv4Set.NodesMin
                    && set.SecondCount > 0
                    && IsWithin(set.Offset, Ipv4Set.RootLength, sizeof(uint), size)
                    && IsWithin(set.SecondOffset, set.Count, Ipv4Chunk.Size * Ipv4Set.ChunksPerNode, size)
                    && IsWithin(set.ThirdOffset, set.SecondCount, sizeof(ulong) * Ipv4Set.WordsPerLeaf, size);
            case SetKind.Interval:
                const uint BlockSize = Address128.Size * IntervalSet.BlockLength;
                // The first comparison keeps the sums below from overflowing.
                return IsWithin(set.Offset, set.Count, Address128.Size, size)
                    && IsWithin(set.Offset, (ulong)IntervalSet.Blocks((int)set.Count), BlockSize, size)
                    && set.SecondCount == (uint)IntervalSet.IndexLength((int)set.Count)
                    && IsWithin(set.SecondOffset, set.SecondCount, Address128.Size, size);
            case SetKind.Classifier:
                return set.Count > 0
                    && set.SecondCount > 0
                    && set.ThirdCount > 0
                    && IsWithin(set.Offset, set.Count, ClassifierNode.Size, size)
                    && IsWithin(set.SecondOffset, set.SecondCount, ClassifierBlock.Size, size)
                    && IsWithin(set.ThirdOffset, set.ThirdCount, sizeof(uint), size);
            case SetKind.Connections:
                return BitOperations.IsPow2(set.Count) && IsWithin(set.Offset, set.Count, sizeof(ulong), size);
            case SetKind.Sampler:
                return set.Count < FirewallHeader.SamplersMax
                    && set.SecondCount is > 0 and <= FirewallHeader.SampleBurstMax
                    && set.ThirdCount is > 0 and <= FirewallHeader.SampleMicrosecondsMax
                    && set.Depth <= FirewallHeader.SampleMicrosecondsMax;
            case SetKind.Limit:
                return set.Count < FirewallHeader.LimitsMax && IsWithin(set.Offset, 1, RateLimit.Size, size);
            case SetKind.DynamicSet:
                return set.Count < FirewallHeader.DynamicSetsMax && IsWithin(set.Offset, 1, DynamicSet.Size, size);
            case SetKind.SetAccess:
                return IsWithin(set.Offset, 1, SetAccess.Size, size);
            case SetKind.Zone:
                return (int)set.Count is >= -MinutesWestMax and <= MinutesWestMax;
            case SetKind.Log:
                return set.Count <= LogSlot.PrefixMax
                    && set.SecondCount <= FirewallHeader.LogLevelMax
                    && (set.ThirdCount & ~(uint)LogFlags.All) == 0
                    && IsWithin(set.Offset, set.Count, sizeof(byte), size);
            default:
                return false;
        }
    }

    private static bool AreChainsValid(in FirewallTable table)
    {
        MemoryBlock<ChainRecord> chains = table.Chains;
        if (chains[0].Entry != 0)
        {
            return false;
        }

        for (int i = 0; i < chains.Length; i++)
        {
            uint start = chains[i].Entry;
            uint end = i + 1 < chains.Length ? chains[i + 1].Entry : (uint)table.Instructions.Length;
            if (end <= start || end > (uint)table.Instructions.Length || !IsChainValid(in table, in chains[i], end))
            {
                return false;
            }
        }

        return true;
    }

    private static bool IsChainValid(in FirewallTable table, in ChainRecord chain, uint end)
    {
        MemoryBlock<Instruction> instructions = table.Instructions;
        ulong steps = end - chain.Entry;
        for (uint at = chain.Entry; at < end; at++)
        {
            ref readonly Instruction instruction = ref instructions[at];
            if (!IsInstructionValid(in table, in instruction, at, end))
            {
                return false;
            }

            if (instruction.Operation is Operation.Jump or Operation.Goto)
            {
                // Only forward: then no chain can reach itself.
                uint jumps = instruction.Operation == Operation.Jump ? 1u : 0u;
                if (instruction.A < end
                    || !TryFindChain(table.Chains, instruction.A, out ChainRecord target)
                    || target.Depth > FirewallHeader.JumpDepthMax
                    || chain.Depth < target.Depth + jumps)
                {
                    return false;
                }

                steps += target.Steps;
            }
            else if (instruction.Operation == Operation.Classify)
            {
                steps += Classifier.Steps;
            }
            else if (instruction.Operation == Operation.UseSet)
            {
                steps += DynamicSet.Steps;
            }
        }

        return instructions[end - 1].Operation == Operation.Return
            && chain.Depth <= FirewallHeader.JumpDepthMax
            && steps <= chain.Steps;
    }

    private static bool IsInstructionValid(in FirewallTable table, in Instruction instruction, uint at, uint end)
    {
        bool leavesForward = instruction.Next > at && instruction.Next < end && instruction.Negate <= 1;
        bool isAddress128 = instruction.Field is Field.Ipv6Source or Field.Ipv6Destination;
        bool isWord = instruction.Field < (Field)PacketKey.WordCount && !isAddress128 && IsRead(in table, instruction.Field);
        switch (instruction.Operation)
        {
            case Operation.Return:
            case Operation.Accept:
            case Operation.Drop:
            case Operation.Pass:
            case Operation.Goto:
                return true;
            case Operation.Jump:
                return leavesForward;
            case Operation.Count:
                return instruction.A < (uint)table.CounterCount && at + 1 < end;
            case Operation.Log:
                return IsSet(in table, instruction.A, SetKind.Sampler) && instruction.B == table.Sets[instruction.A].Count && at + 1 < end;
            case Operation.Admit:
                return at + 1 < end;
            case Operation.NoTrack:
                return table.Mode == TableMode.Stateful && at + 1 < end;
            case Operation.Reject:
                return table.Mode is TableMode.Authoritative or TableMode.Stateful && new Rejection(instruction.A, instruction.B).IsValid;
            case Operation.Limit:
                return leavesForward && at + 1 < end && IsSet(in table, instruction.A, SetKind.Limit);
            case Operation.UseSet:
                return leavesForward && at + 1 < end && table.Mode is TableMode.Authoritative or TableMode.Stateful
                    && IsSet(in table, instruction.A, SetKind.SetAccess);
            case Operation.WriteLog:
                return table.Mode is TableMode.Authoritative or TableMode.Stateful && IsSet(in table, instruction.A, SetKind.Log) && at + 1 < end;
            case Operation.InNumberSet:
                NumberPlace place = new(instruction.B);
                return leavesForward && at + 1 < end && place.IsValid && IsSet(in table, instruction.A, SetKind.Interval)
                    && (place.Base == PlaceBase.Clock ? IsRead(in table, Field.Weekday) : IsRead(in table, Field.Mark));
            case Operation.Assign:
                return leavesForward && at + 1 < end && IsMark(instruction.Field) && IsMark(instruction.Source) && IsRead(in table, instruction.Field);
            case Operation.SetTrafficClass:
                return at + 1 < end && IsRead(in table, Field.Mark);
            case Operation.EqualsMasked:
            case Operation.InRange:
                return leavesForward && isWord;
            case Operation.InBitmap:
                return leavesForward && isWord && IsSet(in table, instruction.A, SetKind.Bitmap);
            case Operation.InIpv4Set:
                return leavesForward && isWord && IsSet(in table, instruction.A, SetKind.Ipv4);
            case Operation.InIntervalSet:
                return leavesForward && (isWord || isAddress128) && IsSet(in table, instruction.A, SetKind.Interval);
            case Operation.Classify:
                return leavesForward && IsSet(in table, instruction.A, SetKind.Classifier)
                    && LeadsForward(table.Classifier(in table.Sets[instruction.A]).Entries, instruction.B, at, end);
            case Operation.InRange128:
                return leavesForward && isAddress128 && instruction.A < (uint)table.Ranges128.Length;
            default:
                return false;
        }
    }

    private static bool IsMark(Field field) => field is Field.Mark or Field.ConnectionMark;

    /// <summary>Whether a field is read of packets by this table.</summary>
    private static bool IsRead(in FirewallTable table, Field field) => field switch
    {
        < Field.Mark => true,
        < Field.HourOfDay => (table.Needs & TableNeeds.Packet) != 0,
        _ => (table.Needs & TableNeeds.Time) != 0,
    };

    // The entries ascend: it is enough to look at the first that can be found and at the last.
    private static bool LeadsForward(ReadOnlySpan<uint> entries, uint from, uint at, uint end)
        => from >= (uint)entries.Length || (entries[(int)from] > at && entries[^1] < end);

    private static bool IsSet(in FirewallTable table, uint index, SetKind kind)
        => index < (uint)table.Sets.Length && table.Sets[index].Kind == kind;

    private static bool AreBaseChainsValid(MemoryBlock<BaseChain> baseChains, MemoryBlock<ChainRecord> chains)
    {
        ulong steps = 0;
        for (int i = 0; i < baseChains.Length; i++)
        {
            if (!TryFindChain(chains, baseChains[i].Entry, out ChainRecord chain) || chain.Depth > FirewallHeader.JumpDepthMax)
            {
                return false;
            }

            steps += chain.Steps;
        }

        return steps <= FirewallHeader.StepsMax;
    }

    /// <summary>The instruction behind the chain that starts at <paramref name="entry"/>.</summary>
    internal static uint EndOfChain(MemoryBlock<ChainRecord> chains, uint entry, uint programEnd)
    {
        int index = FindChain(chains, entry);
        return index + 1 < chains.Length ? chains[index + 1].Entry : programEnd;
    }

    private static bool TryFindChain(MemoryBlock<ChainRecord> chains, uint entry, out ChainRecord chain)
    {
        chain = chains[FindChain(chains, entry)];
        return chain.Entry == entry;
    }

    /// <summary>The last chain that starts at <paramref name="entry"/> or before.</summary>
    private static int FindChain(MemoryBlock<ChainRecord> chains, uint entry)
    {
        int low = 0;
        int high = chains.Length - 1;
        while (low < high)
        {
            int middle = (low + high + 1) / 2;
            if (chains[middle].Entry <= entry)
            {
                low = middle;
            }
            else
            {
                high = middle - 1;
            }
        }

        return low;
    }
}
