using System;
using System.Collections.Generic;
using System.Linq;
using Sos.Firewall.Connections;
using Sos.Firewall.Tables;

namespace Sos.Firewall.Rules.Prefilter;

/// <summary>
/// Follows a packet through rules by docs/internals/prefilter.md, rule by rule, where <see cref="PrefilterChainCompiler"/> makes a program that does
/// so for all packets. The tests hold both against each other.
/// </summary>
internal sealed class PrefilterTracer
{
    /// <summary>Jumps on the way at most, as in nftables.</summary>
    private const int DepthMax = FirewallHeader.JumpDepthMax;

    private readonly NftRuleset _ruleset;
    private readonly PrefilterOptions _options;
    private readonly RulesetTraits _traits;
    private readonly TableParts _parts;
    private readonly Dictionary<NftRule, List<Branch>> _branches = [];
    private readonly Dictionary<string, NftChain> _chains;
    private readonly List<TraceStep> _steps = [];
    private FirewallTable _table;
    private bool _isLogged;
    private string _reason = string.Empty;

    public PrefilterTracer(NftRuleset ruleset, PrefilterOptions options, RulesetTraits traits, TableParts parts)
    {
        _ruleset = ruleset;
        _options = options;
        _traits = traits;
        _parts = parts;
        _chains = ruleset.Chains.ToDictionary(chain => PrefilterChainCompiler.Key(chain.Family, chain.Table, chain.Name, soft: false));
    }

    /// <summary>How a walk through a chain ends.</summary>
    private enum End
    {
        /// <summary>The walk comes back.</summary>
        Return,

        /// <summary>A rule accepts: the next base chain goes on.</summary>
        Accept,

        /// <summary>A rule drops.</summary>
        Drop,

        /// <summary>The packet is left to Linux for good.</summary>
        Pass,
    }

    /// <summary>Whether a branch matches a packet.</summary>
    private enum Answer
    {
        No,
        Maybe,
        Yes,
    }

    /// <summary>Follows a packet.</summary>
    public unsafe PrefilterTrace Follow(IReadOnlyList<MetChain> met, in PacketKey key)
    {
        RuleReader reader = new(_ruleset, _options, _traits, _parts);
        foreach (NftChain chain in _ruleset.Chains)
        {
            chain.Rules.ForEach(rule => _branches[rule] = reader.Read(chain, rule));
        }

        // The conditions look sets up: a table that has but these.
        (byte[] bytes, int length) = _parts.Complete(new ProgramLinker(new Dictionary<string, ChainCode>()).Link([]));
        fixed (byte* start = bytes)
        {
            if (!FirewallTable.TryOpen(start, (ulong)length, out _table))
            {
                throw new InvalidOperationException("the sets of these rules make no table: a defect, please report it");
            }

            bool isDropped = _options.Obstacle is null && IsDropped(met, in key);
            return new PrefilterTrace(_steps, isDropped, _isLogged, _options.Obstacle ?? _reason);
        }
    }

    private bool IsDropped(IReadOnlyList<MetChain> met, in PacketKey key)
    {
        foreach (MetChain one in met)
        {
            if ((FamiliesOf(one.Chain) & key.Families) == 0)
            {
                continue;
            }

            foreach (PassCondition condition in one.Conditions)
            {
                if (Matches(condition.Matches, in key))
                {
                    _reason = condition.Reason;
                    return false;
                }
            }

            End end = Walk(new Walker(one.Chain, one.IsSoft, 0, one.HasEffects), in key);
            if (end == End.Return && one.Chain.PolicyDrop && !one.IsSoft)
            {
                end = End.Drop;
                Step(one.Chain, 0, "policy drop", isSure: true, "dropped", string.Empty);
                _reason = $"{one.Chain.Place}: policy drop";
            }

            if (end is End.Drop or End.Pass)
            {
                return end == End.Drop;
            }
        }

        _reason = _reason.Length > 0 ? _reason : "no rule that the core can follow drops it";
        return false;
    }

    private static byte FamiliesOf(NftChain chain) => chain.Family switch
    {
        "ip" => BaseChain.Ipv4,
        "ip6" => BaseChain.Ipv6,
        _ => BaseChain.Ipv4 | BaseChain.Ipv6,
    };

    private End Walk(Walker walker, in PacketKey key)
    {
        if (walker.Depth > DepthMax)
        {
            _reason = "the rules jump too deep";
            return End.Pass;
        }

        for (int i = 0; i < walker.Chain.Rules.Count; i++)
        {
            walker.IsLast = i == walker.Chain.Rules.Count - 1;
            foreach (Branch branch in _branches[walker.Chain.Rules[i]].Where(branch => !branch.NeverMatches))
            {
                (Answer answer, string doubt) = Ask(branch, in key);
                if (answer != Answer.No && Take(walker, walker.Chain.Rules[i], branch, answer, doubt, in key) is { } end)
                {
                    return end;
                }
            }
        }

        return End.Return;
    }

    private (Answer Answer, string Doubt) Ask(Branch branch, in PacketKey key)
    {
        if (!Matches(branch.Known, in key))
        {
            return (Answer.No, string.Empty);
        }

        if (branch.Doubt is { } doubt)
        {
            return (Answer.Maybe, doubt);
        }

        foreach (Instruction guard in branch.Guards)
        {
            if (!RuleEvaluator.Matches(in _table, in guard, in key))
            {
                return (Answer.Maybe, WhyNot(in guard, in key));
            }
        }

        return (Matches(branch.Guarded, in key) ? Answer.Yes : Answer.No, string.Empty);
    }

    private static string WhyNot(in Instruction guard, in PacketKey key) => guard.Field switch
    {
        Field.TcpData => "Linux may join the segment with others",
        Field.Connection => (key.Value(Field.Connection) & ConnectionStates.Established) != 0
            ? TrackingMatch.OfConnection : TrackingMatch.TellsNew,
        _ => "an element of its set may have gone by then",
    };

    private bool Matches(IReadOnlyList<Instruction> conditions, in PacketKey key)
    {
        foreach (Instruction condition in conditions)
        {
            if (!RuleEvaluator.Matches(in _table, in condition, in key))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Does what a branch does.</summary>
    /// <returns>The walk's end, or null if the next is asked.</returns>
    private End? Take(Walker walker, NftRule rule, Branch branch, Answer answer, string doubt, in PacketKey key)
    {
        bool isSure = answer == Answer.Yes;
        bool mayLog = branch.Notes.Count > 0 && (!isSure || walker.IsSoft); // logs or answers, if it comes to that
        _isLogged |= branch.Notes.Count > 0 && !mayLog;
        End? end = mayLog ? End.Pass : isSure ? EndOfSure(walker, branch) : EndOfMaybe(walker, branch, doubt);
        Step(walker.Chain, walker.Depth, TextOf(walker.Chain, rule), isSure, Describe(walker, branch, end), doubt);
        if (end is End.Drop or End.Pass or End.Accept)
        {
            _reason = branch.Effect is { } effect ? $"{TextOf(walker.Chain, rule)}: {effect}"
                : isSure && mayLog ? $"{TextOf(walker.Chain, rule)}: Linux logs or answers it, but another way past it may be taken"
                : isSure ? TextOf(walker.Chain, rule) : $"{TextOf(walker.Chain, rule)}: may match, since {doubt}";
            return end;
        }

        if (end is not null || branch.Ending is not (Ending.Jump or Ending.Goto))
        {
            return end;
        }

        bool soft = walker.IsSoft || !isSure;
        End inner = _chains.TryGetValue(PrefilterChainCompiler.Key(walker.Chain.Family, walker.Chain.Table, branch.Target!, soft: false), out NftChain? target)
            ? Walk(new Walker(target, soft, walker.Depth + 1, walker.HasEffects), in key)
            : End.Pass;
        return inner != End.Return ? inner : isSure && branch.Ending == Ending.Goto ? End.Return : null;
    }

    private static End? EndOfSure(Walker walker, Branch branch) => branch.Ending switch
    {
        Ending.Accept => walker.IsSoft ? walker.Alive : End.Accept,
        Ending.Drop => walker.IsSoft ? End.Return : End.Drop,
        Ending.Return => End.Return,
        Ending.Effect => End.Pass,
        _ => null,
    };

    private static End? EndOfMaybe(Walker walker, Branch branch, string doubt)
    {
        switch (branch.Ending)
        {
            case Ending.Accept:
                return walker.Alive;
            case Ending.Effect:
                return End.Pass;
            case Ending.Goto when walker.IsBase:
                return walker.PolicyDrop || walker.IsLast ? null : walker.Alive;
            case Ending.Goto when !walker.IsLast:
                if (walker.IsSoft)
                {
                    return walker.Alive;
                }

                walker.TurnSoft(doubt);
                return null;
            case Ending.Return when walker.IsBase:
                return walker.PolicyDrop ? null : walker.Alive;
            case Ending.Return:
                walker.TurnSoft(doubt);
                return null;
            default:
                return null;
        }
    }

    private static string Describe(Walker walker, Branch branch, End? end) => (branch.Ending, end) switch
    {
        (Ending.Effect, _) => $"left to Linux: {branch.Effect}",
        (Ending.Jump or Ending.Goto, null) => $"{(branch.Ending == Ending.Jump ? "jump" : "goto")} {branch.Target}",
        (Ending.Drop, End.Drop) => "dropped",
        (Ending.Drop, _) => walker.SoftReason is { } reason ? $"goes on: {reason}" : "goes on: another way past it may be taken",
        (Ending.Accept, End.Accept) => "accepted by this chain",
        (_, End.Accept) => "accepted by this chain, perhaps",
        (_, End.Pass) => "left to Linux",
        (Ending.Return, End.Return) => "return",
        (Ending.Continue, _) when branch.Notes.Count > 0 => "may be logged or answered",
        _ => "goes on",
    };

    private void Step(NftChain chain, int depth, string text, bool isSure, string outcome, string doubt)
        => _steps.Add(new TraceStep(
            depth, chain.Hook is null ? chain.Place : $"{chain.Place} (hook {chain.Hook}, priority {chain.Priority})", text, isSure, outcome, doubt));

    private string TextOf(NftChain chain, NftRule rule)
        => _options.RuleTexts.GetValueOrDefault(NftRuleset.RuleKey(chain.Family, chain.Table, rule.Handle)) ?? $"rule handle {rule.Handle}";

    /// <summary>Where a walk stands in a chain.</summary>
    private sealed class Walker(NftChain chain, bool soft, int depth, bool hasEffects)
    {
        public NftChain Chain { get; } = chain;

        public int Depth { get; } = depth;

        public bool HasEffects { get; } = hasEffects;

        public bool IsBase => Depth == 0;

        /// <summary>Whether all that comes back from this base chain is dropped for sure.</summary>
        public bool PolicyDrop { get; } = chain.PolicyDrop && !soft;

        public bool IsSoft { get; private set; } = soft;

        public bool IsLast { get; set; }

        public string? SoftReason { get; private set; }

        /// <summary>How a chain ends where one evaluation is alive: another may have met an effect, which the chains behind must not hide.</summary>
        public End Alive => HasEffects ? End.Pass : End.Accept;

        public void TurnSoft(string reason)
        {
            IsSoft = true;
            SoftReason ??= $"a return before it may be taken ({reason})";
        }
    }
}
