using System.Collections.Generic;
using System.Linq;
using System.Text.Json;
using Sos.Firewall.Tables;
using static Sos.Firewall.Rules.Prefilter.StatementShape;

namespace Sos.Firewall.Rules.Prefilter;

/// <summary>Reads rules into branches. Whatever is not understood is a doubt or an effect, never an error.</summary>
internal sealed class RuleReader
{
    /// <summary>Branches of one rule at most: beyond, a map or set is a doubt.</summary>
    private const int BranchesMax = 256;

    private const uint MergedFlags = 0b1001; // FIN and PSH

    private static readonly JsonElement InterfaceName = JsonDocument.Parse("""{"meta":{"key":"iifname"}}""").RootElement;

    private static readonly HashSet<string> Harmless =
        ["match", "counter", "continue", "comment", "notrack", "accept", "drop", "return", "jump", "goto", "vmap"];

    private readonly NftRuleset _ruleset;
    private readonly PrefilterOptions _options;
    private readonly CompileOptions _compileOptions;
    private readonly TableParts _parts;
    private readonly ShareReader _shares;
    private readonly TrackingMatch _tracking;
    private readonly LocalTypeMatch _localTypes;
    private readonly HashSet<string> _changing;

    public RuleReader(NftRuleset ruleset, PrefilterOptions options, RulesetTraits traits, TableParts parts)
    {
        _ruleset = ruleset;
        _options = options;
        _compileOptions = new CompileOptions { PortNames = options.PortNames };
        _parts = parts;
        _shares = new ShareReader(ruleset, options, parts);
        _tracking = new TrackingMatch(options, traits);
        _localTypes = new LocalTypeMatch(options.OwnAddresses, parts);
        _changing = FindChangingSets(ruleset);
    }

    /// <summary>Rules that log or answer, of which Linux gets a share of their own.</summary>
    public int SharingRules => _shares.SharingRules;

    /// <summary>Whether a rule may do more than decide.</summary>
    public static bool HasEffect(NftRule rule)
        => rule.Statements.EnumerateArray().Any(statement => !IsHarmless(statement));

    /// <summary>Whether a rule rewrites addresses, or leads packets elsewhere before a route is looked up.</summary>
    public static bool Translates(NftRule rule)
        => rule.Statements.EnumerateArray().Any(
            statement => Name(statement) is "dnat" or "snat" or "masquerade" or "redirect" or "tproxy" or "xt" or "fwd");

    /// <summary>Whether a rule drops or rejects.</summary>
    public static bool Drops(NftRule rule)
        => rule.Statements.EnumerateArray().Any(
            statement => Name(statement) is "drop" or "reject" || (Name(statement) == "vmap" && statement.GetRawText().Contains("\"drop\"")));

    /// <summary>Reads a rule.</summary>
    /// <param name="chain">Its chain.</param>
    /// <param name="rule">The rule.</param>
    public List<Branch> Read(NftChain chain, NftRule rule)
    {
        List<Branch> branches = [new Branch()];
        string key = NftRuleset.RuleKey(chain.Family, chain.Table, rule.Handle);
        if (!_options.Sure.Contains(key))
        {
            branches[0].AddDoubt("nft does not list all of its conditions");
        }

        List<Branch> ended = []; // those that log where more is asked behind the log, or that a verdict map ends before the rule's end
        SampleRate? limit = null;
        List<JsonElement> statements = [.. rule.Statements.EnumerateArray()];
        for (int i = 0; i < statements.Count; i++)
        {
            (string name, JsonElement value) = (Name(statements[i]), Value(statements[i]));
            switch (name)
            {
                case "match":
                    branches = ReadMatch(chain, value, branches);
                    break;
                case "vmap":
                    List<Branch> mapped = ReadVerdictMap(chain, value, branches);
                    if (i + 1 == statements.Count || !mapped.Exists(branch => branch.Ending == Ending.Continue))
                    {
                        return [.. ended, .. mapped];
                    }

                    // The verdict "continue" goes on in the same rule; what the map lacks goes on with the next.
                    ended.AddRange(mapped.Where(branch => branch.Ending != Ending.Continue));
                    branches = mapped.FindAll(branch => branch.Ending == Ending.Continue);
                    break;
                case "drop" when limit is not null:
                case "reject" when limit is { } rate && TryAddAnswer(chain, rule, i, branches, rate):
                    branches.ForEach(branch => branch.DropsAsItsTail = true);
                    return [.. ended, .. branches];
                case "reject" when limit is null && TryAddAnswer(chain, rule, i, branches, null):
                    branches.ForEach(branch => branch.Ending = Ending.Drop);
                    return [.. ended, .. branches];
                case not null when IsHarmless(statements[i]) && MayBreak(statements[i]):
                    branches.ForEach(branch => branch.AddDoubt($"what its \"{(name == "mangle" ? "set" : name)}\" needs may be missing"));
                    break;
                case "return" when limit is not null:
                    return [.. ended, .. branches]; // of a chain that only logs
                case "accept" or "drop" or "return" or "jump" or "goto":
                    branches.ForEach(branch => End(branch, name, value));
                    return [.. ended, .. branches];
                case "log" when TryAddLog(chain, rule, i, limit ?? SampleRate.Default, branches, ended):
                    break;
                case "limit" when _shares.TryReadLimit(chain, rule, statements[i..], out SampleRate read):
                    limit = read;
                    break;
                default:
                    if (!IsHarmless(statements[i]))
                    {
                        bool isAnswered = name == "reject" && ShareReader.IsAnsweredAlways(chain, value);
                        string effect = isAnswered ? "Linux answers each such packet" : $"\"{name}\" is Linux's";
                        branches.ForEach(branch => SetEffect(branch, effect));
                        return [.. ended, .. branches];
                    }

                    break;
            }
        }

        return [.. ended, .. branches];
    }

    /// <summary>Notes that branches log. Where more is asked behind the log, others log in their place, which do nothing else.</summary>
    private bool TryAddLog(NftChain chain, NftRule rule, int position, SampleRate rate, List<Branch> branches, List<Branch> ended)
    {
        bool goesOn = rule.Statements.EnumerateArray().Skip(position + 1).Any(
            statement => Name(statement) is "match" or "vmap" or "limit" || !IsHarmless(statement) || MayBreak(statement));
        List<Branch> noted = goesOn ? [.. branches.Select(branch => branch.Clone())] : branches;
        if (!_shares.TryAdd(chain, rule, position, noted, rate))
        {
            return false;
        }

        ended.AddRange(goesOn ? noted : []);
        return true;
    }

    /// <summary>Notes that Linux answers branches: within the rule's own limit, or as many as it answers at all.</summary>
    private bool TryAddAnswer(NftChain chain, NftRule rule, int position, List<Branch> branches, SampleRate? limit)
    {
        JsonElement reject = Value(rule.Statements[position]);
        if (ShareReader.FamilyOf(reject) is var family and not 0)
        {
            branches.ForEach(branch => branch.Known.Add(
                new Instruction { Operation = Operation.EqualsMasked, Field = Field.NetworkFamily, A = uint.MaxValue, B = family }));
        }

        return limit is { } rate ? _shares.TryAdd(chain, rule, position, branches, rate) : _shares.TryAddAnswer(chain, reject, branches);
    }

    private static bool IsHarmless(JsonElement statement)
        => Harmless.Contains(Name(statement)) || IsMark(statement) || IsUnseenChange(statement);

    private static void End(Branch branch, string verdict, JsonElement value)
    {
        branch.Ending = verdict switch
        {
            "accept" => Ending.Accept,
            "drop" => Ending.Drop,
            "return" => Ending.Return,
            "jump" => Ending.Jump,
            "goto" => Ending.Goto,
            "continue" => Ending.Continue,
            _ => Ending.Effect,
        };
        if (branch.Ending is Ending.Jump or Ending.Goto)
        {
            branch.Target = Text(value, "target");
        }

        if (branch.Ending == Ending.Effect || (branch.Ending is Ending.Jump or Ending.Goto && branch.Target is null))
        {
            SetEffect(branch, $"\"{verdict}\" is Linux's");
        }
    }

    private static void SetEffect(Branch branch, string effect)
    {
        branch.Ending = Ending.Effect;
        branch.Effect = effect;
    }

    private List<Branch> ReadMatch(NftChain chain, JsonElement match, List<Branch> branches)
    {
        if (Text(match, "op") is not { } operation || !NftRuleset.TryGet(match, "left", out JsonElement left)
            || !NftRuleset.TryGet(match, "right", out JsonElement right))
        {
            branches.ForEach(branch => branch.AddDoubt("it has a match that is not understood"));
            return branches;
        }

        if (LocalTypeMatch.Is(left) && branches.Count * 4 <= BranchesMax && _localTypes.Split(chain, operation, right, branches) is { } split)
        {
            return split;
        }

        if (!NftRuleset.TryGet(left, "concat", out _))
        {
            branches.ForEach(branch => Add(branch, chain, operation, left, right));
            return branches;
        }

        List<JsonElement>? elements = operation is "==" or "in" ? ReadElements(chain, right, _ruleset.Sets) : null;
        if (elements is null || elements.Count == 0 || elements.Count * branches.Count > BranchesMax)
        {
            branches.ForEach(branch => branch.AddDoubt($"it looks {Describe(left)} up"));
            return branches;
        }

        return [.. branches.SelectMany(branch => elements.Select(element =>
        {
            Branch one = branch.Clone();
            AddKey(one, chain, left, element);
            return one;
        }))];
    }

    private List<Branch> ReadVerdictMap(NftChain chain, JsonElement map, List<Branch> branches)
    {
        List<(JsonElement Key, string Verdict, JsonElement Value)> entries = [];
        if (NftRuleset.TryGet(map, "key", out JsonElement left) && NftRuleset.TryGet(map, "data", out JsonElement data)
            && ReadElements(chain, data, _ruleset.Maps) is { } elements && elements.Count * branches.Count <= BranchesMax
            && elements.TrueForAll(element => element.ValueKind == JsonValueKind.Array && element.GetArrayLength() == 2))
        {
            entries.AddRange(elements.Select(element => (element[0], Name(element[1]), Value(element[1]))));
            return [.. branches.SelectMany(branch => entries.Select(entry =>
            {
                Branch one = branch.Clone();
                AddKey(one, chain, left, entry.Key);
                End(one, entry.Verdict, entry.Value);
                return one;
            }))];
        }

        branches.ForEach(branch => SetEffect(branch, "its verdict map changes, or is too large"));
        return branches;
    }

    /// <summary>The elements of a set or map that only a reload changes; null for any other.</summary>
    private List<JsonElement>? ReadElements(NftChain chain, JsonElement reference, Dictionary<string, JsonElement> named)
    {
        if (!NftRuleset.TryGet(reference, "set", out JsonElement elements))
        {
            if (reference.ValueKind != JsonValueKind.String || reference.GetString() is not ['@', .. string name]
                || !named.TryGetValue($"{chain.Family} {chain.Table} {name}", out JsonElement set)
                || _changing.Contains($"{chain.Family} {chain.Table} {name}") || NftRuleset.TryGet(set, "stmt", out _) || SetAging.Ages(set))
            {
                return null;
            }

            if (!NftRuleset.TryGet(set, "elem", out elements))
            {
                return [];
            }
        }

        return elements.ValueKind == JsonValueKind.Array ? [.. elements.EnumerateArray()] : [elements];
    }

    /// <summary>Adds the condition that a key, or each part of a concatenated one, equals an element.</summary>
    private void AddKey(Branch branch, NftChain chain, JsonElement key, JsonElement element)
    {
        if (!NftRuleset.TryGet(key, "concat", out JsonElement fields))
        {
            Add(branch, chain, "==", key, element);
            return;
        }

        if (!NftRuleset.TryGet(element, "concat", out JsonElement values)
            || fields.ValueKind != JsonValueKind.Array || values.ValueKind != JsonValueKind.Array || values.GetArrayLength() != fields.GetArrayLength())
        {
            branch.AddDoubt($"it looks {Describe(key)} up");
            return;
        }

        for (int i = 0; i < fields.GetArrayLength(); i++)
        {
            Add(branch, chain, "==", fields[i], values[i]);
        }
    }

    private void Add(Branch branch, NftChain chain, string operation, JsonElement left, JsonElement right)
    {
        if (TrackingMatch.KeyOf(left) is not null && _tracking.TryAdd(branch, chain, operation, left, right))
        {
            return;
        }

        SetAging? aging = null;
        if (right.ValueKind == JsonValueKind.String && right.GetString() is ['@', .. string name])
        {
            if (_changing.Contains($"{chain.Family} {chain.Table} {name}"))
            {
                branch.AddDoubt($"packets change set \"{name}\"");
                return;
            }

            aging = _ruleset.Sets.TryGetValue($"{chain.Family} {chain.Table} {name}", out JsonElement set) ? SetAging.Of(set) : null;
        }

        switch (NftRuleset.TryGet(left, "meta", out JsonElement meta) ? Text(meta, "key") : null)
        {
            case "iif":
                left = InterfaceName; // Numbers are listed as names; a number that is left belongs to no device.
                break;
            case "iifgroup" when NumberMatch.Matches(operation, right, _options.PortGroup ?? 0) is { } matches && _options.PortGroup is not null:
                branch.NeverMatches |= !matches;
                return;
            case "iiftype" when NumberMatch.Matches(operation, right, _options.PortType ?? 0) is { } matches && _options.PortType is not null:
                branch.NeverMatches |= !matches;
                return;
        }

        if (Compile(branch, chain, operation, left, right, aging is { IsLasting: false } ? SetElements.Lasting : SetElements.All) is not { } code)
        {
            branch.AddDoubt($"it asks for {Describe(left)}");
        }
        else if (aging is { IsLasting: false })
        {
            AddAging(branch, code, Compile(branch, chain, operation, left, right, SetElements.All)!);
        }
        else
        {
            code.ForEach(instruction => AddKnown(branch, instruction));
        }
    }

    /// <summary>Compiles a match.</summary>
    /// <returns>Null where it is not understood.</returns>
    private List<Instruction>? Compile(
        Branch branch, NftChain chain, string operation, JsonElement left, JsonElement right, SetElements elements)
    {
        List<Instruction> code = [];
        try
        {
            MatchCompiler compiler = new(_ruleset, _compileOptions, _parts, chain, code) { Elements = elements };
            compiler.Compile(operation, left, right);
            branch.NeverMatches |= compiler.NeverMatches;
            return code;
        }
        catch (System.Exception notUnderstood) when (notUnderstood is RuleException or JsonException)
        {
            return null;
        }
    }

    private static void AddKnown(Branch branch, Instruction instruction)
    {
        bool isMerged = instruction.Field == Field.TcpFlags
            && (instruction.Operation != Operation.EqualsMasked || (instruction.A & MergedFlags) != 0);
        (isMerged ? branch.Guarded : branch.Known).Add(instruction);
        if (isMerged)
        {
            branch.AddGuard(new Instruction { Operation = Operation.EqualsMasked, Field = Field.TcpData, A = uint.MaxValue });
        }
    }

    // The last instruction looks the set up; those before it are the same. What is in the set now may be gone, but what is not will not come.
    private static void AddAging(Branch branch, List<Instruction> inLasting, List<Instruction> inAll)
    {
        bool isNegated = inAll[^1].Negate != 0;
        if (inAll[^1].Field == Field.TcpFlags)
        {
            branch.AddDoubt("it looks TCP's flags up in a set whose elements go");
        }

        branch.Known.AddRange(isNegated ? inLasting : inAll);
        branch.AddGuard((isNegated ? inAll : inLasting)[^1]);
    }

    private static HashSet<string> FindChangingSets(NftRuleset ruleset)
    {
        HashSet<string> changing = [.. ruleset.Sets.Concat(ruleset.Maps)
            .Where(set => NftRuleset.TryGet(set.Value, "flags", out JsonElement flags) && NftRuleset.HasText(flags, "dynamic")).Select(set => set.Key)];
        foreach (NftChain chain in ruleset.Chains)
        {
            foreach (JsonElement statement in chain.Rules.SelectMany(rule => rule.Statements.EnumerateArray()))
            {
                if (Name(statement) is "set" or "map" && Text(Value(statement), Name(statement)) is ['@', .. string name])
                {
                    changing.Add($"{chain.Family} {chain.Table} {name}");
                }
                else if (Name(statement) == "meter" && Text(Value(statement), "name") is { } meter)
                {
                    changing.Add($"{chain.Family} {chain.Table} {meter}");
                }
            }
        }

        return changing;
    }

    private static string Describe(JsonElement left)
    {
        if (left.ValueKind != JsonValueKind.Object || left.EnumerateObject().Count() != 1)
        {
            return "something that is not understood";
        }

        (string kind, JsonElement value) = NftRuleset.SingleProperty(left);
        return kind switch
        {
            "payload" when Text(value, "protocol") is { } protocol => $"\"{protocol} {Text(value, "field")}\"",
            "meta" or "ct" or "rt" or "socket" or "osf" or "ipsec" => $"\"{kind} {Text(value, "key")}\"",
            "concat" => "several fields together",
            "&" when value.ValueKind == JsonValueKind.Array && value.GetArrayLength() > 0 => Describe(value[0]),
            _ => $"\"{kind}\"",
        };
    }
}
