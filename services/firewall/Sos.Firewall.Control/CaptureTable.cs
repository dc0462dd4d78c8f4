using System;
using System.Collections.Generic;
using Sos.Firewall.Capture;
using Sos.Firewall.Connections;
using Sos.Firewall.Tables;
using Sos.Firewall.Tracking;
using Sos.Sdk.Memory;
using Sos.Sdk.Wire;

namespace Sos.Firewall.Control;

/// <summary>Tells of a frame that was dropped by which rule of a table, by walking through the table again.</summary>
/// <param name="table">The table that judged it.</param>
/// <param name="labels">For each rule counter, the rule.</param>
internal sealed class CaptureTable(FirewallTable table, IReadOnlyList<string> labels)
{
    private const int StepsMax = FirewallHeader.StepsMax;

    /// <summary>Describes what dropped a frame.</summary>
    /// <param name="frame">The whole frame.</param>
    /// <param name="states">The slot's <see cref="CaptureSlot.States"/>.</param>
    /// <param name="isSent">Whether Linux sent it.</param>
    /// <returns>Null where the table drops no such frame: a parameter of the service may.</returns>
    public unsafe string? Describe(ReadOnlySpan<byte> frame, uint states, bool isSent = false)
    {
        fixed (byte* start = frame)
        {
            return DescribePinned(frame, states, isSent);
        }
    }

    private string? DescribePinned(ReadOnlySpan<byte> frame, uint states, bool isSent)
    {
        MalformedReason malformed = FrameParser.Parse(frame, out ParsedFrame parsed);
        if (malformed != MalformedReason.None || parsed.IpVersion == 0)
        {
            return malformed == MalformedReason.None ? null : $"malformed ({malformed})";
        }

        PacketKey key = default;
        PacketKeyReader.Read(frame, in parsed, ref key);
        FullReader reader = default;
        reader.Begin(in table, MacAddress.Read(frame)); // Linux drops what is for another host, and a rule that does so first is rare.
        if (reader.IsNeeded)
        {
            reader.Read(frame, in parsed, isSent, ref key);
        }

        byte families = isSent ? BaseChain.Sent(key.Families) : key.Families;
        if (table.Mode == TableMode.Stateful)
        {
            key.Families = BaseChain.BeforeTracking(families);
            key.Set(Field.Connection, ConnectionStates.Invalid);
            if (Describe(ref key, out string? before))
            {
                return before;
            }
        }

        key.Families = families;
        if (table.Mode == TableMode.Stateful || !isSent)
        {
            TrackedPacket.FromBits(states).ShowIn(ref key);
        }

        return Describe(ref key, out string? dropped) ? dropped : null;
    }

    /// <summary>Describes what dropped a packet among the base chains that see its families.</summary>
    /// <returns>Whether anything ended its way.</returns>
    private bool Describe(ref PacketKey key, out string? dropped)
    {
        dropped = null;
        MemoryBlock<BaseChain> chains = table.BaseChains;
        for (int i = 0; i < chains.Length; i++)
        {
            if ((chains[i].Families & key.Families) == 0)
            {
                continue;
            }

            (Operation end, uint? counter) = Walk(chains[i].Entry, ref key);
            if (end is Operation.Drop or Operation.Pass or Operation.Limit or Operation.UseSet or Operation.Reject)
            {
                dropped = end == Operation.Pass ? null
                    : end == Operation.Limit ? "a rule with a limit, a quota, a connection's mark or the time, or one behind it"
                    : end == Operation.UseSet ? "a rule with a set that packets fill, or one behind it"
                    : counter is { } number && number < labels.Count ? labels[(int)number] : "a rule without a counter";
                return true;
            }

            if (end == Operation.Return && chains[i].PolicyDrop != 0)
            {
                dropped = "the policy of a chain";
                return true;
            }
        }

        return false;
    }

    /// <summary>Walks through a base chain.</summary>
    /// <returns>How it ends, and the counter of the rule that drops.</returns>
    private (Operation End, uint? Counter) Walk(uint entry, ref PacketKey key)
    {
        MemoryBlock<Instruction> instructions = table.Instructions;
        Stack<uint> returns = [];
        uint? counter = null;
        uint at = entry;
        for (int step = 0; step < StepsMax; step++)
        {
            Instruction instruction = instructions[at];
            switch (instruction.Operation)
            {
                case Operation.Return when returns.Count > 0:
                    at = returns.Pop();
                    break;
                case Operation.Return or Operation.Accept or Operation.Drop or Operation.Pass or Operation.Reject:
                    return (instruction.Operation, counter);
                case Operation.Limit or Operation.UseSet: // nobody knows any more how much its bucket held, and what was in its set
                    return (instruction.Operation, counter);
                case Operation.InNumberSet when new NumberPlace(instruction.B).Base == PlaceBase.Clock:
                    return (Operation.Limit, counter);
                case >= Operation.EqualsMasked and <= Operation.InRange128 when instruction.Field >= Field.Mark && instruction.Field != Field.PacketType
                    && !(instruction.Field == Field.Mark && key.Has(Field.Mark)):
                    return (Operation.Limit, counter); // nor how a connection was marked then, and what time it was
                case Operation.InNumberSet:
                    at = RuleEvaluator.IsNumberIn(in table, in instruction, in key) ? at + 1 : instruction.Next;
                    break;
                case Operation.Assign when instruction.A != 0 && !key.Has(instruction.Source):
                    return (Operation.Limit, counter);
                case Operation.Assign:
                    at = RuleEvaluator.TryAssign(in instruction, ref key) ? at + 1 : instruction.Next;
                    break;
                case Operation.SetTrafficClass:
                    key.Set(Field.TrafficClass, (key.Value(Field.TrafficClass) & instruction.A) ^ instruction.B);
                    at++;
                    break;
                case Operation.Jump:
                    returns.Push(instruction.Next);
                    at = instruction.A;
                    break;
                case Operation.Goto:
                    at = instruction.A;
                    break;
                case Operation.Count:
                    counter = instruction.A;
                    at++;
                    break;
                case Operation.Log or Operation.Admit or Operation.WriteLog:
                    at++;
                    break;
                case Operation.NoTrack:
                    key.Set(Field.Connection, ConnectionStates.Untrack(key.Value(Field.Connection)));
                    at++;
                    break;
                case Operation.Classify:
                    Classifier classifier = table.Classifier(in table.Sets[instruction.A]);
                    FlowKey flow = FlowKey.Of(in key);
                    uint rule = classifier.Find(in flow, instruction.B);
                    at = rule < (uint)classifier.Entries.Length ? classifier.Entries[(int)rule] : instruction.Next;
                    break;
                default:
                    at = RuleEvaluator.Matches(in table, in instruction, in key) ? at + 1 : instruction.Next;
                    break;
            }
        }

        return (Operation.Pass, null);
    }
}
