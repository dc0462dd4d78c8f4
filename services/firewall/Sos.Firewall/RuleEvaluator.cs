using System;
using System.Runtime.CompilerServices;
using Sos.Firewall.Answers;
using Sos.Firewall.Connections;
using Sos.Firewall.Tables;
using Sos.Sdk.Memory;

namespace Sos.Firewall;

/// <summary>Walks a packet through the rules of a table.</summary>
public static class RuleEvaluator
{
    private const uint FamilyIpv4 = 2;

    /// <summary>The verdict on a packet.</summary>
    /// <param name="table">A valid table.</param>
    /// <param name="key">The packet.</param>
    /// <param name="counters">Where rules with counters add it up.</param>
    /// <param name="samplers">What chooses the packets that pass for Linux to log them.</param>
    public static Verdict Evaluate(in FirewallTable table, in PacketKey key, in RuleCounters counters, ref Samplers samplers)
        => WalkOn(in table, ref Unsafe.AsRef(in key), in counters, ref samplers, 0, isUnderWay: false, 0); // Rules without tracking change no key.

    /// <summary>The verdict on a packet, by those base chains that see its <see cref="PacketKey.Families"/>.</summary>
    /// <param name="table">A valid table.</param>
    /// <param name="key">The packet; a rule may have it not tracked.</param>
    /// <param name="counters">Where rules with counters add it up.</param>
    /// <param name="samplers">What chooses the packets that pass for Linux to log them.</param>
    public static Verdict EvaluateStateful(in FirewallTable table, ref PacketKey key, in RuleCounters counters, ref Samplers samplers)
        => WalkOn(in table, ref key, in counters, ref samplers, 0, isUnderWay: false, 0);

    /// <summary>The verdict on a packet that stands at a position in a base chain.</summary>
    /// <param name="table">A valid table.</param>
    /// <param name="key">The packet.</param>
    /// <param name="counters">Where rules with counters add it up.</param>
    /// <param name="samplers">What chooses the packets that pass for Linux to log them.</param>
    /// <param name="position">A position that names an instruction: see <see cref="Outcome.Position"/>.</param>
    public static Verdict Evaluate(
        in FirewallTable table, in PacketKey key, in RuleCounters counters, ref Samplers samplers, uint position)
        => WalkOn(
            in table, ref Unsafe.AsRef(in key), in counters, ref samplers, Outcome.BaseChainOf(position), isUnderWay: true,
            Outcome.InstructionOf(position));

    [SkipLocalsInit]
    private static Verdict WalkOn(
        in FirewallTable table, ref PacketKey key, in RuleCounters counters, ref Samplers samplers, uint firstChain, bool isUnderWay, uint at)
    {
        samplers.Forget();
        Span<uint> returns = stackalloc uint[FirewallHeader.JumpDepthMax];
        MemoryBlock<BaseChain> baseChains = table.BaseChains;
        for (uint i = firstChain; i < (uint)baseChains.Length; i++)
        {
            ref readonly BaseChain chain = ref baseChains[i];
            if ((chain.Families & key.Families) == 0)
            {
                continue;
            }

            Operation end = Walk(in table, isUnderWay ? at : chain.Entry, ref key, in counters, ref samplers, returns);
            isUnderWay = false;
            if (end == Operation.Drop)
            {
                return Verdict.DropByRule;
            }

            if (end == Operation.Reject)
            {
                return Verdict.Rejected;
            }

            if (end == Operation.Pass)
            {
                return Verdict.Pass;
            }

            if (end == Operation.Admit)
            {
                return Verdict.Sampled;
            }

            if (end == Operation.Return && chain.PolicyDrop != 0)
            {
                return samplers.TryTake(in key) ? Verdict.Sampled : Verdict.DropByPolicy;
            }
        }

        return Verdict.Pass;
    }

    /// <summary>
    /// Walks one base chain to its end: <see cref="Operation.Accept"/>, <see cref="Operation.Drop"/>, <see cref="Operation.Pass"/>,
    /// <see cref="Operation.Admit"/>, <see cref="Operation.Reject"/>, or a return from it.
    /// </summary>
    private static Operation Walk(
        in FirewallTable table, uint entry, ref PacketKey key, in RuleCounters counters, ref Samplers samplers, Span<uint> returns)
    {
        MemoryBlock<Instruction> instructions = table.Instructions;
        int depth = 0;
        uint at = entry;
        while (true)
        {
            ref readonly Instruction instruction = ref instructions[at];
            switch (instruction.Operation)
            {
                case Operation.Return:
                    if (depth == 0)
                    {
                        return Operation.Return;
                    }

                    at = returns[--depth];
                    break;
                case Operation.Accept:
                case Operation.Drop:
                case Operation.Pass:
                    return instruction.Operation;
                case Operation.Jump:
                    returns[depth++] = instruction.Next;
                    at = instruction.A;
                    break;
                case Operation.Goto:
                    at = instruction.A;
                    break;
                case Operation.Count:
                    counters.Count(instruction.A, key.Length);
                    at++;
                    break;
                case Operation.Log:
                    samplers.Note(instruction.B);
                    at++;
                    break;
                case Operation.WriteLog:
                    samplers.NoteLine(instruction.A);
                    at++;
                    break;
                case Operation.Admit:
                    if (samplers.TryTake(in key))
                    {
                        return Operation.Admit;
                    }

                    at++;
                    break;
                case Operation.Classify:
                    at = Classify(in table, in instruction, in key);
                    break;
                case Operation.NoTrack:
                    key.Set(Field.Connection, ConnectionStates.Untrack(key.Value(Field.Connection)));
                    at++;
                    break;
                case Operation.Reject:
                    key.Rejection = new Rejection(instruction.A, instruction.B);
                    return Operation.Reject;
                case Operation.Limit:
                    at = IsLetOn(in table, in instruction, in key, ref samplers) ? at + 1 : instruction.Next;
                    break;
                case Operation.UseSet:
                    at = samplers.Sets.Use(in table, in instruction, in key) ? at + 1 : instruction.Next;
                    break;
                case Operation.InNumberSet:
                    at = IsNumberIn(in table, in instruction, in key) ? at + 1 : instruction.Next;
                    break;
                case Operation.Assign:
                    at = TryAssign(in instruction, ref key) ? at + 1 : instruction.Next;
                    break;
                case Operation.SetTrafficClass:
                    SetTrafficClass(in instruction, ref key);
                    at++;
                    break;
                default:
                    at = Matches(in table, in instruction, in key) ? at + 1 : instruction.Next;
                    break;
            }
        }
    }

    private static bool IsLetOn(in FirewallTable table, in Instruction instruction, in PacketKey key, ref Samplers samplers)
    {
        ref readonly SetDescriptor set = ref table.Sets[instruction.A];
        return samplers.Limits.Take(in table.Limit(in set), set.Count, key.Length);
    }

    // What few tables need stays out of line, so that the walk of all others is as it was.

    /// <summary>Whether a number of the packet, or the time, fulfils a condition.</summary>
    /// <param name="table">A valid table.</param>
    /// <param name="instruction">An <see cref="Operation.InNumberSet"/> of that table.</param>
    /// <param name="key">The packet.</param>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static bool IsNumberIn(in FirewallTable table, in Instruction instruction, in PacketKey key)
    {
        NumberPlace place = new(instruction.B);
        ulong number = key.Time;
        return (place.Base == PlaceBase.Clock || key.Bytes.TryRead(place, out number))
            && table.Interval(in table.Sets[instruction.A]).Contains(new Address128(0, number)) != (instruction.Negate != 0);
    }

    /// <summary>Sets a mark.</summary>
    /// <param name="instruction">An <see cref="Operation.Assign"/>.</param>
    /// <param name="key">The packet.</param>
    /// <returns>Whether the rule goes on.</returns>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static bool TryAssign(in Instruction instruction, ref PacketKey key)
    {
        // A constant takes nothing of its source, and needs none.
        if (instruction.A != 0 && !key.Has(instruction.Source))
        {
            return false; // NFT_BREAK
        }

        if (key.Has(instruction.Field))
        {
            key.Set(instruction.Field, (instruction.A != 0 ? key.Value(instruction.Source) & instruction.A : 0) ^ instruction.B);
        }

        return true;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void SetTrafficClass(in Instruction instruction, ref PacketKey key)
    {
        byte value = (byte)((key.Value(Field.TrafficClass) & instruction.A) ^ instruction.B);
        key.Set(Field.TrafficClass, value);
        key.Bytes.WriteTrafficClass(key.Value(Field.NetworkFamily) == FamilyIpv4, value);
    }

    private static uint Classify(in FirewallTable table, in Instruction instruction, in PacketKey key)
    {
        FlowKey flow = FlowKey.Of(in key);
        Classifier classifier = table.Classifier(in table.Sets[instruction.A]);
        uint rule = classifier.Find(in flow, instruction.B);
        return rule < (uint)classifier.Entries.Length ? classifier.Entries[(int)rule] : instruction.Next;
    }

    /// <summary>Whether a packet fulfils one condition.</summary>
    /// <param name="table">A valid table, for its sets.</param>
    /// <param name="instruction">A match of that table.</param>
    /// <param name="key">The packet.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Matches(in FirewallTable table, in Instruction instruction, in PacketKey key)
    {
        Field field = instruction.Field;
        if (!key.Has(field))
        {
            return false; // NFT_BREAK: also for "!="
        }

        bool isMatch = instruction.Operation switch
        {
            Operation.EqualsMasked => (key.Value(field) & instruction.A) == instruction.B,
            Operation.InRange => key.Value(field) - instruction.A <= instruction.B - instruction.A,
            Operation.InBitmap => InBitmap(table.BitmapWords(in table.Sets[instruction.A]), key.Value(field)),
            Operation.InIpv4Set => table.Ipv4(in table.Sets[instruction.A]).Contains(key.Value(field)),
            Operation.InIntervalSet => table.Interval(in table.Sets[instruction.A]).Contains(Address(in key, field)),
            _ => InRange128(in table.Ranges128[instruction.A], Address(in key, field)),
        };
        return isMatch != (instruction.Negate != 0);
    }

    private static Address128 Address(in PacketKey key, Field field)
        => field switch
        {
            Field.Ipv6Source => key.Ipv6Source,
            Field.Ipv6Destination => key.Ipv6Destination,
            _ => new Address128(0, key.Value(field)),
        };

    private static bool InRange128(in Range128 range, Address128 address)
        => range.First.IsAtMost(address) && address.IsAtMost(range.Last);

    private static bool InBitmap(ReadOnlySpan<ulong> words, uint value)
    {
        uint word = value / 64;
        return word < (uint)words.Length && ((words[(int)word] >> (int)(value & 63)) & 1) != 0;
    }
}
