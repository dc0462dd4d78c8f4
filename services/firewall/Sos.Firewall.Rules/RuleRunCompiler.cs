using System.Collections.Generic;
using System.Linq;
using Sos.Firewall.Tables;

namespace Sos.Firewall.Rules;

/// <summary>
/// Puts a classifier in place of the matches of a run of rules in a chain. What a classifier cannot decide stays with its rule,
/// and a rule that may not end the packet's way is followed by a classification that goes on behind it: the first rule that matches
/// is still the first, and counters count as before. To a classifier a small set is so many rules that lead to the same place.
/// </summary>
internal sealed class RuleRunCompiler(TableParts parts)
{
    /// <summary>The most that the small sets of one rule may multiply to.</summary>
    private const int FlowsMax = 64;

    /// <summary>The most that those of a ruleset may add up to, which bounds the time that building classifiers takes.</summary>
    private const int AddedFlowsMax = 1 << 14;

    /// <summary>The most that all classifications of a ruleset may add to a packet's worst way: half of what a table allows.</summary>
    private const int StepsMax = FirewallHeader.StepsMax / 2;

    /// <summary>Rewrites a chain.</summary>
    /// <param name="code">The chain; its rules' matches lead behind the rule.</param>
    public void Compile(ChainCode code)
    {
        List<Rule> rules = [.. code.Rules.Select(range => Read(code, range.Start, range.End))];
        List<Instruction> instructions = [];
        Dictionary<int, string> targets = [];
        int at = 0;
        while (at < rules.Count)
        {
            int end = at;
            while (end < rules.Count && rules[end].IsClassifiable)
            {
                end++;
            }

            List<Rule> run = rules[at..end];
            ClassifierTree? tree = IsWorthIt(run)
                ? ClassifierBuilder.Build(
                    [.. run.SelectMany(rule => rule.Flows)], [.. run.SelectMany(rule => rule.Flows.Select(_ => rule.Ends))])
                : null;
            if (tree is not null)
            {
                AddRun(code, run, tree, instructions, targets);
                at = end;
                continue;
            }

            for (end = System.Math.Max(end, at + 1); at < end; at++)
            {
                AddPlain(code, rules[at], instructions, targets);
            }
        }

        instructions.AddRange(code.Instructions.Skip(code.Rules.Count == 0 ? 0 : code.Rules[^1].End));
        code.Replace(instructions, targets);
    }

    /// <summary>
    /// Whether a run chooses among packets at all, and has not so many rules that go on that a packet's worst way would become too
    /// long. Even a single rule is worth it: where a burst meets it first, it is asked for all packets at once.
    /// </summary>
    private bool IsWorthIt(List<Rule> run)
    {
        int steps = (1 + run.Count(rule => !rule.Ends)) * (int)Classifier.Steps;
        if (!run.Exists(rule => rule.IsSelective) || steps > StepsMax - parts.ClassificationSteps)
        {
            return false;
        }

        parts.ClassificationSteps += steps;
        return true;
    }

    private Rule Read(ChainCode code, int start, int end)
    {
        List<FlowRule> flows = [new FlowRule()];
        int at = start;
        List<int> rest = [];
        while (at < end && IsMatch(code.Instructions[at].Operation))
        {
            if (TryNarrow(flows, code.Instructions[at]) is { } narrowed)
            {
                flows = narrowed;
            }
            else
            {
                rest.Add(at);
            }

            at++;
        }

        rest.AddRange(Enumerable.Range(at, end - at));
        bool ends = end > start
            && code.Instructions[end - 1].Operation
                is Operation.Accept or Operation.Drop or Operation.Return or Operation.Goto or Operation.Pass or Operation.Reject
            && !rest.Exists(index => MayFail(code.Instructions[index].Operation));
        return new Rule(start, end, flows, rest, ends);
    }

    /// <summary>Works out what is left of a rule's flows behind one more match; null if a classifier cannot decide it.</summary>
    private List<FlowRule>? TryNarrow(List<FlowRule> flows, Instruction match)
    {
        IReadOnlyList<Interval>? set = match.Negate == 0 && match.Operation is Operation.InBitmap or Operation.InIntervalSet
            ? parts.SmallSet(match.A)
            : null;
        if (set is null)
        {
            return flows.TrueForAll(flow => flow.TryAdd(match)) ? flows : null;
        }

        int added = flows.Count * (set.Count - 1);
        if (set.Count == 0 || flows.Count + added > FlowsMax || parts.AddedFlows + added > AddedFlowsMax)
        {
            return null;
        }

        List<FlowRule> all = [];
        foreach (Interval interval in set)
        {
            (uint first, uint last) = ((uint)interval.First, (uint)interval.Last);
            Instruction one = first == last
                ? match with { Operation = Operation.EqualsMasked, A = uint.MaxValue, B = first }
                : match with { Operation = Operation.InRange, A = first, B = last };
            List<FlowRule> narrowed = [.. flows.Select(flow => flow.Clone())];
            if (!narrowed.TrueForAll(flow => flow.TryAdd(one)))
            {
                return null;
            }

            all.AddRange(narrowed);
        }

        parts.AddedFlows += added;
        return all;
    }

    private static bool IsMatch(Operation operation) => operation is (>= Operation.EqualsMasked and <= Operation.InRange128) or Operation.InNumberSet;

    /// <summary>Whether a rule may end at an instruction, so that the next one is asked.</summary>
    private static bool MayFail(Operation operation) => IsMatch(operation) || operation is Operation.Limit or Operation.UseSet or Operation.Assign;

    private void AddRun(
        ChainCode code, List<Rule> rules, ClassifierTree tree, List<Instruction> instructions, Dictionary<int, string> targets)
    {
        uint number = parts.AddClassifier(tree);
        ClassifierPlace place = new(number, []);
        code.Classifiers.Add(place);
        List<int> classifications = [instructions.Count];
        instructions.Add(new Instruction { Operation = Operation.Classify, A = number, B = 0 });
        foreach (Rule rule in rules)
        {
            place.Entries.AddRange(Enumerable.Repeat((uint)instructions.Count, rule.Flows.Count));
            int next = instructions.Count + rule.Rest.Count;
            foreach (int index in rule.Rest)
            {
                Copy(code, index, (uint)next, instructions, targets);
            }

            if (!rule.Ends)
            {
                classifications.Add(instructions.Count);
                instructions.Add(new Instruction { Operation = Operation.Classify, A = number, B = (uint)place.Entries.Count });
            }
        }

        foreach (int index in classifications)
        {
            instructions[index] = instructions[index] with { Next = (uint)instructions.Count };
        }
    }

    private static void AddPlain(ChainCode code, Rule rule, List<Instruction> instructions, Dictionary<int, string> targets)
    {
        uint next = (uint)(instructions.Count + rule.End - rule.Start);
        for (int index = rule.Start; index < rule.End; index++)
        {
            Copy(code, index, next, instructions, targets);
        }
    }

    private static void Copy(
        ChainCode code, int index, uint next, List<Instruction> instructions, Dictionary<int, string> targets)
    {
        if (code.Targets.TryGetValue(index, out string? target))
        {
            targets.Add(instructions.Count, target);
        }

        instructions.Add(code.Instructions[index] with { Next = next });
    }

    /// <summary>A rule apart.</summary>
    /// <param name="Start">Its first instruction in the chain.</param>
    /// <param name="End">The one behind its last.</param>
    /// <param name="Flows">What a classifier can decide: a packet matches if one of these does. They overlap in nothing.</param>
    /// <param name="Rest">The other instructions.</param>
    /// <param name="Ends">Whether the walk never comes out behind it once one of <paramref name="Flows"/> matches.</param>
    private sealed record Rule(int Start, int End, List<FlowRule> Flows, List<int> Rest, bool Ends)
    {
        /// <summary>Whether it asks for addresses or ports.</summary>
        public bool IsSelective => Flows[0].IsSelective;

        /// <summary>A rule that would match much and then still ask is better asked in its place.</summary>
        public bool IsClassifiable => IsSelective || Ends;
    }
}
