using System.Collections.Generic;
using System.Linq;
using Sos.Firewall.Tables;

namespace Sos.Firewall.Rules.Prefilter;

/// <summary>
/// Compiles chains for the core by the rules of docs/internals/prefilter.md. A chain has up to two forms: the hard one, for walks that Linux
/// certainly takes, and the soft one, for walks that it may take: there a drop only ends the walk, and what follows it decides.
/// </summary>
internal sealed class PrefilterChainCompiler(RuleReader reader, TableParts parts, DropLedger ledger, IReadOnlySet<string> tablesWithEffects, bool samples)
{
    private const string SoftMark = " (soft)";

    /// <summary>
    /// Rules that the rests of chains may have in all, which count for the longest way of a packet: beyond, what follows a return that may be taken
    /// is soft for every packet.
    /// </summary>
    private const int RestRulesMax = 512;

    private readonly Dictionary<string, Rest> _rests = [];
    private int _restRules;

    /// <summary>The key of a chain's form.</summary>
    public static string Key(string family, string table, string name, bool soft) => $"{family} {table} {name}{(soft ? SoftMark : string.Empty)}";

    /// <summary>Compiles a chain that others jump to.</summary>
    public ChainCode Compile(NftChain chain, bool soft) => Finish(Begin(chain, soft, policyDrop: false), chain, soft, isBase: false);

    /// <summary>Compiles the rest of a chain, for packets that may have left it before.</summary>
    /// <param name="key">The target of a branch that was compiled.</param>
    /// <returns>Null where it is no rest's.</returns>
    public ChainCode? CompileRest(string key)
    {
        if (!_rests.TryGetValue(key, out Rest? rest))
        {
            return null;
        }

        Walk walk = new(new ChainCode(rest.Chain.Named(rest.Name, policyDrop: false)), soft: true);
        walk.TurnSoft(rest.Reason);
        if (rest.First is { } first)
        {
            walk.NextTarget = first;
            Emit(walk, [], [new Instruction { Operation = Operation.Jump }], rest.Reason);
        }

        return Finish(walk, rest.Chain, soft: true, isBase: false, rest.From);
    }

    /// <summary>Compiles a base chain.</summary>
    /// <param name="chain">The chain.</param>
    /// <param name="soft">Whether Linux may not evaluate it.</param>
    /// <param name="conditions">What must hold for the core to judge packets by it, and why.</param>
    public ChainCode CompileBase(NftChain chain, bool soft, IReadOnlyList<PassCondition> conditions)
    {
        Walk walk = Begin(chain, soft, chain.PolicyDrop && !soft);
        foreach (PassCondition condition in conditions)
        {
            Emit(walk, condition.Matches, [new Instruction { Operation = Operation.Pass }], condition.Reason);
        }

        ChainCode code = Finish(walk, chain, soft, isBase: true);
        if (chain.PolicyDrop && !walk.IsDead)
        {
            bool isTaken = !soft && walk.Blocked is null;
            ledger.Note(chain, null, isTaken ? DropShare.All : DropShare.None, soft ? "Linux may not evaluate this chain" : walk.Blocked ?? string.Empty);
        }

        return code;
    }

    private static Walk Begin(NftChain chain, bool soft, bool policyDrop)
        => new(new ChainCode(chain.Named(soft ? chain.Name + SoftMark : chain.Name, policyDrop)), soft);

    private ChainCode Finish(Walk walk, NftChain chain, bool soft, bool isBase, int from = 0)
    {
        walk.IsBase = isBase;
        for (int i = from; i < chain.Rules.Count; i++)
        {
            NftRule rule = chain.Rules[i];
            if (walk.Blocked is not null)
            {
                NoteUnreached(walk, chain, rule);
                continue;
            }

            walk.Index = i;
            walk.IsLast = i == chain.Rules.Count - 1;
            List<Branch> branches = reader.Read(chain, rule);
            foreach (Branch branch in branches.Where(branch => !branch.NeverMatches))
            {
                AddBranch(walk, chain, rule, branch);
            }

            if (RuleReader.Drops(rule))
            {
                NoteDrop(walk, chain, rule, branches);
            }
        }

        walk.Code.Instructions.Add(new Instruction { Operation = Operation.Return });
        new RuleRunCompiler(parts).Compile(walk.Code);
        return walk.Code;
    }

    private void AddBranch(Walk walk, NftChain chain, NftRule rule, Branch branch)
    {
        string place = DropLedger.PlaceOf(chain, rule);
        if (branch.Doubt is not null)
        {
            Emit(walk, branch.Known, MaybeNoted(walk, chain, branch), $"{place} may match: {branch.Doubt}");
            return;
        }

        foreach (Instruction guard in branch.Guards)
        {
            Emit(walk, [.. branch.Known, Not(guard)], MaybeNoted(walk, chain, branch), place);
        }

        List<Instruction>? end = branch.Ending == Ending.Drop && !walk.IsSoft
            ? [.. Admit(), .. ledger.Counter(chain, rule, parts), new Instruction { Operation = Operation.Drop }]
            : Hard(walk, chain, branch);
        List<Instruction>? noted = branch.Notes.Count == 0 ? end : walk.IsSoft ? MaybeNoted(walk, chain, branch) : [.. branch.Notes, .. end ?? []];
        Emit(walk, [.. branch.Known, .. branch.Guards, .. branch.Guarded], noted, $"{place} ends its chain");
        walk.IsDead |= walk.Blocked is not null && branch.Ending != Ending.Effect;
    }

    // Where rules log or answer, a drop asks first whether the packet is one of those that Linux is to log or to answer.
    private IEnumerable<Instruction> Admit() => samples ? [new Instruction { Operation = Operation.Admit }] : [];

    // A packet that Linux only may log or answer passes: it would take of the share of those that it certainly does.
    private List<Instruction>? MaybeNoted(Walk walk, NftChain chain, Branch branch)
        => branch.Notes.Count == 0 ? Maybe(walk, chain, branch) : [new Instruction { Operation = Operation.Pass }];

    /// <summary>Compiles a branch that certainly matches.</summary>
    private List<Instruction>? Hard(Walk walk, NftChain chain, Branch branch)
    {
        Operation? operation = branch.Ending switch
        {
            Ending.Accept => walk.IsSoft ? Alive(chain) : Operation.Accept,
            Ending.Drop or Ending.Return => Operation.Return,
            Ending.Effect => Operation.Pass,
            _ => null,
        };
        return operation is { } one
            ? [new Instruction { Operation = one }]
            : branch.Ending is Ending.Jump or Ending.Goto
                ? Call(walk, chain, branch, branch.Ending == Ending.Jump ? Operation.Jump : Operation.Goto, walk.IsSoft)
                : null;
    }

    /// <summary>Compiles a branch that may match: both ways must end in a drop.</summary>
    private List<Instruction>? Maybe(Walk walk, NftChain chain, Branch branch)
    {
        switch (branch.Ending)
        {
            case Ending.Accept:
                return [new Instruction { Operation = Alive(chain) }];
            case Ending.Effect:
                return [new Instruction { Operation = Operation.Pass }];
            case Ending.Jump:
                return Call(walk, chain, branch, Operation.Jump, soft: true);
            case Ending.Goto when (walk.IsBase && walk.PolicyDrop) || walk.IsLast:
                // Whether it comes back or not, the same follows: the chain's policy, or its caller.
                return Call(walk, chain, branch, Operation.Jump, soft: true);
            case Ending.Goto when walk.IsBase || walk.IsSoft: // A rest has no rests, which would double with each.
                return [new Instruction { Operation = Alive(chain) }];
            case Ending.Goto:
                return TryLeave(walk, chain, branch, Key(chain.Family, chain.Table, branch.Target!, soft: true))
                    ? [new Instruction { Operation = Operation.Goto }]
                    : [new Instruction { Operation = Alive(chain) }];
            case Ending.Return when walk.IsBase:
                return walk.PolicyDrop ? null : [new Instruction { Operation = Alive(chain) }];
            case Ending.Return when walk.IsSoft || walk.IsLast:
                return null;
            case Ending.Return when TryLeave(walk, chain, branch, first: null):
                return [new Instruction { Operation = Operation.Goto }];
            case Ending.Return:
                walk.TurnSoft(DoubtOf(branch));
                return null;
            default:
                return null;
        }
    }

    /// <summary>
    /// Leads packets that may leave a chain to the rest of it, in its soft form: the caller's rules follow either way, so that a drop is no longer
    /// sure for them.
    /// </summary>
    /// <param name="walk">How far the chain is compiled.</param>
    /// <param name="chain">The chain.</param>
    /// <param name="branch">The branch that may match.</param>
    /// <param name="first">The chain that such packets may go to instead, or null.</param>
    /// <returns>False where there are too many rests.</returns>
    private bool TryLeave(Walk walk, NftChain chain, Branch branch, string? first)
    {
        int from = walk.Index + 1;
        string name = $"{chain.Name} (soft from {from}{(first is null ? string.Empty : $" after {branch.Target}")})";
        string key = $"{chain.Family} {chain.Table} {name}";
        if (!_rests.ContainsKey(key))
        {
            int rules = chain.Rules.Count - from;
            if (_restRules + rules > RestRulesMax)
            {
                return false;
            }

            _restRules += rules;
            _rests.Add(key, new Rest(chain, name, from, first, DoubtOf(branch)));
        }

        walk.NextTarget = key;
        return true;
    }

    private static string DoubtOf(Branch branch) => branch.Doubt ?? "connections";

    // A packet that one evaluation accepts may have met an effect in another: then the chains behind must not drop it.
    private Operation Alive(NftChain chain) => tablesWithEffects.Contains($"{chain.Family} {chain.Table}") ? Operation.Pass : Operation.Accept;

    private static List<Instruction> Call(Walk walk, NftChain chain, Branch branch, Operation operation, bool soft)
    {
        walk.NextTarget = Key(chain.Family, chain.Table, branch.Target!, soft);
        return [new Instruction { Operation = operation }];
    }

    private static Instruction Not(Instruction condition) => condition with { Negate = (byte)(condition.Negate ^ 1) };

    private static void Emit(Walk walk, IReadOnlyCollection<Instruction> matches, List<Instruction>? end, string reason)
    {
        string? target = walk.NextTarget;
        walk.NextTarget = null;
        if (end is null || walk.Blocked is not null)
        {
            return;
        }

        ChainCode code = walk.Code;
        int start = code.Instructions.Count;
        code.Instructions.AddRange(matches);
        code.Instructions.AddRange(end);
        if (target is not null)
        {
            code.Targets.Add(code.Instructions.Count - 1, target); // A jump is the last that a branch does.
        }

        for (int i = start; i < code.Instructions.Count; i++)
        {
            code.Instructions[i] = code.Instructions[i] with { Next = (uint)code.Instructions.Count };
        }

        code.Rules.Add((start, code.Instructions.Count));
        if (matches.Count == 0 && end[^1].Operation is not (Operation.Jump or Operation.Log))
        {
            walk.Blocked = reason;
        }
    }

    // What stands behind a rule that always ends the chain drops nothing in Linux either.
    private void NoteUnreached(Walk walk, NftChain chain, NftRule rule)
    {
        if (!walk.IsDead && RuleReader.Drops(rule))
        {
            ledger.Note(chain, rule, DropShare.None, walk.Blocked!);
        }
    }

    private void NoteDrop(Walk walk, NftChain chain, NftRule rule, List<Branch> branches)
    {
        List<Branch> drops = [.. branches.Where(branch => !branch.NeverMatches && branch.Ending is Ending.Drop or Ending.Effect)];
        Branch? sure = drops.FirstOrDefault(branch => branch is { Doubt: null, Ending: Ending.Drop });
        List<Branch> tails = branches.FindAll(branch => branch.DropsAsItsTail && !branch.NeverMatches);
        if (tails.Count > 0)
        {
            DropShare share = walk.IsSoft || tails.TrueForAll(branch => branch.Doubt is not null) ? DropShare.None
                : tails.Exists(branch => branch.Doubt is not null || branch.Guards.Count > 0) ? DropShare.Part : DropShare.All;
            string why = walk.IsSoft ? walk.SoftReason ?? "the way to it is not sure" : tails[0].Doubt ?? "some of its packets are not sure";
            ledger.Note(chain, rule, share, why);
        }
        else if (drops.Count == 0)
        {
            ledger.NoteElsewhere(chain, rule); // for other devices than the port's
        }
        else if (sure is null || walk.IsSoft)
        {
            string why = drops[0].Effect ?? drops[0].Doubt
                ?? (walk.IsSoft ? walk.SoftReason ?? "the way to it is not sure" : "it needs a connection");
            ledger.Note(chain, rule, DropShare.None, why);
        }
        else
        {
            bool isPart = drops.Exists(branch => branch.Doubt is not null || branch.Ending != Ending.Drop || branch.Guards.Count > 0);
            ledger.Note(chain, rule, isPart ? DropShare.Part : DropShare.All, isPart ? "some of its packets are not sure" : string.Empty);
        }
    }

    /// <summary>How far the compilation of one chain has come.</summary>
    private sealed class Walk(ChainCode code, bool soft)
    {
        public ChainCode Code => code;

        public bool IsSoft { get; private set; } = soft;

        public string? SoftReason { get; private set; }

        public bool IsBase { get; set; }

        public bool PolicyDrop => code.Chain.PolicyDrop;

        public bool IsLast { get; set; }

        /// <summary>The rule's place in its chain.</summary>
        public int Index { get; set; }

        /// <summary>Why no packet comes further.</summary>
        public string? Blocked { get; set; }

        /// <summary>Whether none comes further in Linux either.</summary>
        public bool IsDead { get; set; }

        /// <summary>The chain that the next instruction leads to.</summary>
        public string? NextTarget { get; set; }

        public void TurnSoft(string reason)
        {
            IsSoft = true;
            SoftReason ??= $"a return before it may be taken ({reason})";
        }
    }

    /// <summary>The rest of a chain.</summary>
    /// <param name="Chain">The chain.</param>
    /// <param name="Name">The name of this form.</param>
    /// <param name="From">Its first rule.</param>
    /// <param name="First">The key of a chain that is walked before, or null.</param>
    /// <param name="Reason">What is not sure of packets that come here.</param>
    private sealed record Rest(NftChain Chain, string Name, int From, string? First, string Reason);
}

/// <summary>A base chain that packets for the machine can meet.</summary>
/// <param name="Chain">The chain.</param>
/// <param name="IsSoft">Whether Linux may not evaluate it.</param>
/// <param name="Conditions">Packets that pass before it.</param>
/// <param name="HasEffects">Whether a rule of its table leaves something behind.</param>
internal sealed record MetChain(NftChain Chain, bool IsSoft, IReadOnlyList<PassCondition> Conditions, bool HasEffects);

/// <summary>Packets that pass before a base chain judges them.</summary>
/// <param name="Matches">Which.</param>
/// <param name="Reason">Why.</param>
internal sealed record PassCondition(IReadOnlyList<Instruction> Matches, string Reason);
