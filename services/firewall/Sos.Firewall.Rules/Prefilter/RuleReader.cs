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
    private readonly LogReader _logs;
    private readonly LocalTypeMatch _localTypes;
    private readonly HashSet<string> _changing;
    private readonly bool _hasHelpers;

    public RuleReader(NftRuleset ruleset, PrefilterOptions options, TableParts parts)
    {
        _ruleset = ruleset;
        _options = options;
        _compileOptions = new CompileOptions { PortNames = options.PortNames };
        _parts = parts;
        _logs = new LogReader(ruleset, options.Sure, parts);
        _localTypes = new LocalTypeMatch(options.OwnAddresses, parts);
        _changing = FindChangingSets(ruleset);
        _hasHelpers = HasHelpers(ruleset);
    }

    /// <summary>Whether a rule may do more than decide.</summary>
    public static bool HasEffect(NftRule rule)
        => rule.Statements.EnumerateArray().Any(statement => !IsHarmless(statement));

    /// <summary>Whether a rule rewrites addresses, or leads packets elsewhere before a route is looked up.</summary>
    public static bool Translates(NftRule rule)
        => rule.Statements.EnumerateArray().Any(
            statement => Name(statement) is "dnat" or "snat" or "masquerade" or "redirect" or "tproxy" or "xt" or "fwd");

    /// <summary>Whether what a rule judges leaves by the device that it would leave by without the rule.</summary>
    public static bool SendsAll(NftRule rule)
        => rule.Statements.EnumerateArray().All(statement => Name(statement) is "match" or "counter" or "accept" or "return" or "jump" or "goto"
            or "continue" or "log" or "limit" or "notrack" or "snat" or "masquerade" or "dnat" or "redirect" or "set" or "mangle"
            || (Name(statement) == "vmap" && !Drops(rule)));

    /// <summary>Whether a rule drops or rejects.</summary>
    public static bool Drops(NftRule rule)
        => rule.Statements.EnumerateArray().Any(
            statement => Name(statement) is "drop" or "reject" || (Name(statement) == "vmap" && statement.GetRawText().Contains("\"drop\"")));

    /// <summary>The chains that a rule may lead to.</summary>
    public static IEnumerable<string> TargetsOf(NftRule rule)
    {
        foreach (JsonElement statement in rule.Statements.EnumerateArray())
        {
            IEnumerable<JsonElement> verdicts = Name(statement) != "vmap" ? [statement]
                : Value(statement) is { ValueKind: JsonValueKind.Object } map && map.TryGetProperty("data", out JsonElement data)
                    && data.ValueKind == JsonValueKind.Object && data.TryGetProperty("set", out JsonElement set) && set.ValueKind == JsonValueKind.Array
                    ? set.EnumerateArray().Where(entry => entry.ValueKind == JsonValueKind.Array && entry.GetArrayLength() == 2).Select(entry => entry[1])
                    : [];
            foreach (JsonElement verdict in verdicts.Where(verdict => Name(verdict) is "jump" or "goto"))
            {
                if (Text(Value(verdict), "target") is { } target)
                {
                    yield return target;
                }
            }
        }
    }

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

        List<Branch> logging = [];
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
                    return [.. logging, .. ReadVerdictMap(chain, value, branches)];
                case "drop" when limit is not null:
                    branches.ForEach(branch => branch.DropsAsItsTail = true);
                    return [.. logging, .. branches];
                case "return" when limit is not null:
                    return [.. logging, .. branches]; // of a chain that only logs
                case "accept" or "drop" or "return" or "jump" or "goto":
                    branches.ForEach(branch => End(branch, name, value));
                    return [.. logging, .. branches];
                case "log" when TryAddLog(chain, rule, statements[(i + 1)..], limit ?? SampleRate.Default, branches, logging):
                    break;
                case "limit" when _logs.TryReadLimit(chain, rule, statements[i..], out SampleRate rate):
                    limit = rate;
                    break;
                default:
                    if (!IsHarmless(statements[i]))
                    {
                        branches.ForEach(branch => SetEffect(branch, $"\"{name}\" is Linux's"));
                        return [.. logging, .. branches];
                    }

                    break;
            }
        }

        return [.. logging, .. branches];
    }

    /// <summary>Notes that branches log. Where more is asked behind the log, others log in their place, which do nothing else.</summary>
    private bool TryAddLog(
        NftChain chain, NftRule rule, List<JsonElement> rest, SampleRate rate, List<Branch> branches, List<Branch> logging)
    {
        bool goesOn = rest.Exists(statement => Name(statement) is "match" or "vmap" or "limit" || !IsHarmless(statement));
        List<Branch> noted = goesOn ? [.. branches.Select(branch => branch.Clone())] : branches;
        if (!_logs.TryAdd(DropLedger.PlaceOf(chain, rule), noted, rate))
        {
            return false;
        }

        logging.AddRange(goesOn ? noted : []);
        return true;
    }

    private static bool IsHarmless(JsonElement statement) => Harmless.Contains(Name(statement)) || IsMark(statement);

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
        if (match.ValueKind != JsonValueKind.Object || Text(match, "op") is not { } operation
            || !match.TryGetProperty("left", out JsonElement left) || !match.TryGetProperty("right", out JsonElement right))
        {
            branches.ForEach(branch => branch.AddDoubt("it has a match that is not understood"));
            return branches;
        }

        if (LocalTypeMatch.Is(left) && branches.Count * 4 <= BranchesMax && _localTypes.Split(chain, operation, right, branches) is { } split)
        {
            return split;
        }

        if (left.ValueKind != JsonValueKind.Object || !left.TryGetProperty("concat", out _))
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
        if (map.ValueKind == JsonValueKind.Object && map.TryGetProperty("key", out JsonElement left) && map.TryGetProperty("data", out JsonElement data)
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
        JsonElement elements;
        if (reference.ValueKind == JsonValueKind.Object && reference.TryGetProperty("set", out JsonElement inline))
        {
            elements = inline;
        }
        else
        {
            if (reference.ValueKind != JsonValueKind.String || reference.GetString() is not ['@', .. string name]
                || !named.TryGetValue($"{chain.Family} {chain.Table} {name}", out JsonElement set)
                || _changing.Contains($"{chain.Family} {chain.Table} {name}") || set.TryGetProperty("stmt", out _)
                || set.TryGetProperty("timeout", out _)
                || (set.TryGetProperty("flags", out JsonElement flags) && flags.ValueKind == JsonValueKind.Array
                    && (NftRuleset.HasText(flags, "timeout") || NftRuleset.HasText(flags, "dynamic"))))
            {
                return null;
            }

            if (!set.TryGetProperty("elem", out elements))
            {
                return [];
            }
        }

        return elements.ValueKind == JsonValueKind.Array ? [.. elements.EnumerateArray()] : [elements];
    }

    /// <summary>Adds the condition that a key, or each part of a concatenated one, equals an element.</summary>
    private void AddKey(Branch branch, NftChain chain, JsonElement key, JsonElement element)
    {
        if (key.ValueKind != JsonValueKind.Object || !key.TryGetProperty("concat", out JsonElement fields))
        {
            Add(branch, chain, "==", key, element);
            return;
        }

        if (element.ValueKind != JsonValueKind.Object || !element.TryGetProperty("concat", out JsonElement values)
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
        if (StateMatch.Is(left))
        {
            AddState(branch, operation, right);
            return;
        }

        if (right.ValueKind == JsonValueKind.String && right.GetString() is ['@', .. string name]
            && _changing.Contains($"{chain.Family} {chain.Table} {name}"))
        {
            branch.AddDoubt($"packets change set \"{name}\"");
            return;
        }

        // Interface numbers are listed as names; a number that is left belongs to no device.
        if (left.ValueKind == JsonValueKind.Object && left.TryGetProperty("meta", out JsonElement meta) && Text(meta, "key") == "iif")
        {
            left = InterfaceName;
        }

        List<Instruction> code = [];
        try
        {
            MatchCompiler compiler = new(_ruleset, _compileOptions, _parts, chain, code);
            compiler.Compile(operation, left, right);
            branch.NeverMatches |= compiler.NeverMatches;
        }
        catch (System.Exception notUnderstood) when (notUnderstood is RuleException or JsonException)
        {
            branch.AddDoubt($"it asks for {Describe(left)}");
            return;
        }

        foreach (Instruction instruction in code)
        {
            bool isMerged = instruction.Field == Field.TcpFlags
                && (instruction.Operation != Operation.EqualsMasked || (instruction.A & MergedFlags) != 0);
            (isMerged ? branch.Guarded : branch.Known).Add(instruction);
            if (isMerged)
            {
                branch.Guards.Add(Field.TcpData);
            }
        }
    }

    private void AddState(Branch branch, string operation, JsonElement right)
    {
        List<bool?> all = [.. StateMatch.All.Select(state => StateMatch.Matches(operation, right, state))];
        List<bool?> without = [.. StateMatch.WithoutConnection(_hasHelpers).Select(state => StateMatch.Matches(operation, right, state))];
        if (all.TrueForAll(matches => matches == true))
        {
            return;
        }

        if (without.Contains(null) || without.Distinct().Count() > 1)
        {
            branch.AddDoubt("it tells new packets from invalid ones");
        }
        else if (!_options.RecordsConnections)
        {
            branch.AddDoubt("it asks for connections, which the core does not know here");
        }
        else
        {
            branch.Guards.Add(Field.Connection);
            branch.FailsWhenGuarded |= without[0] == false;
        }
    }

    private static HashSet<string> FindChangingSets(NftRuleset ruleset)
    {
        HashSet<string> changing = [];
        foreach (NftChain chain in ruleset.Chains)
        {
            foreach (JsonElement statement in chain.Rules.SelectMany(rule => rule.Statements.EnumerateArray()))
            {
                if (Name(statement) is "set" or "map" && Text(Value(statement), Name(statement)) is ['@', .. string name])
                {
                    changing.Add($"{chain.Family} {chain.Table} {name}");
                }
            }
        }

        return changing;
    }

    // A helper is assigned by rules; what an iptables target or an unknown object does is anybody's guess.
    private static bool HasHelpers(NftRuleset ruleset)
        => ruleset.Unknown.Exists(item => item.Kind is "ct helper" or "ct expectation")
            || ruleset.Chains.Exists(chain => chain.Rules.Exists(rule => rule.Statements.EnumerateArray().Any(
                statement => Name(statement) is "ct helper" or "ct expectation" or "xt")));

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
