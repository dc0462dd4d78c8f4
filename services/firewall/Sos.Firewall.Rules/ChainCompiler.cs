using System.Collections.Generic;
using System.Linq;
using System.Text.Json;
using Sos.Firewall.Tables;

namespace Sos.Firewall.Rules;

/// <summary>Compiles the rules of chains.</summary>
internal sealed class ChainCompiler
{
    private readonly NftRuleset _ruleset;
    private readonly CompileOptions _options;
    private readonly TableParts _parts;
    private readonly List<RuleDiagnostic> _diagnostics;
    private readonly HashSet<string> _seen = [];
    private readonly HashSet<string> _matching = [];
    private readonly Dictionary<string, RuleObjects> _objects = [];
    private readonly FilledSets? _filled;

    public ChainCompiler(NftRuleset ruleset, CompileOptions options, TableParts parts, List<RuleDiagnostic> diagnostics)
    {
        _ruleset = ruleset;
        _options = options;
        _parts = parts;
        _diagnostics = diagnostics;
        _filled = options.DecidesAlone ? new FilledSets(ruleset, parts) : null;
    }

    /// <summary>Whether some chain judges what Linux sends, of which its answers to what is rejected are a part.</summary>
    public bool JudgesSent { get; init; }

    /// <summary>Whether some chain is of those behind which Linux may choose another route.</summary>
    public bool Reroutes { get; init; }

    /// <summary>Rules compiled so far.</summary>
    public int RuleCount => _seen.Count;

    /// <summary>The places of the rules that ask for the port's name where nobody knows it yet.</summary>
    public HashSet<string> OpenRules { get; } = [];

    /// <summary>Compiles a chain; what cannot be honoured becomes diagnostics.</summary>
    /// <param name="chain">The chain.</param>
    /// <param name="isSent">Whether for what Linux sends: a chain that both ways meet is compiled once for each.</param>
    public ChainCode Compile(NftChain chain, bool isSent)
    {
        ChainCode code = new(chain, isSent);
        foreach (NftRule rule in chain.Rules)
        {
            CompileRule(code, rule);
        }

        code.Instructions.Add(new Instruction { Operation = Operation.Return });
        new RuleRunCompiler(_parts).Compile(code);
        return code;
    }

    private void CompileRule(ChainCode code, NftRule rule)
    {
        NftChain chain = code.Chain;
        string place = $"{chain.Place}, rule handle {rule.Handle}";
        string? text = _options.RuleTexts.GetValueOrDefault(NftRuleset.RuleKey(chain.Family, chain.Table, rule.Handle));
        int start = code.Instructions.Count;
        _seen.Add(place);
        if (!_objects.TryGetValue(place, out RuleObjects? objects))
        {
            objects = new RuleObjects(new CompiledCounter(place, text, 0, 0));
            _objects.Add(place, objects);
        }

        try
        {
            List<(int Start, int End)> made = [];
            List<(string Kind, JsonElement Value)> all = [.. rule.Statements.EnumerateArray().Select(NftRuleset.SingleProperty)];
            bool isAsked = false;
            List<List<(string Kind, JsonElement Value)>> rows = Concatenation.Expand(_ruleset, chain, all, _filled);
            if (rows.Count > 1 && all.Exists(statement => statement.Kind == "mangle") && all.Exists(statement => MayHaveChanged(statement)))
            {
                throw new RuleException(
                    RuleDiagnosticIds.Statement, "a rule that looks several fields up together, a mark or DSCP among them, and sets such, is not supported");
            }

            foreach (List<(string Kind, JsonElement Value)> statements in rows)
            {
                if (statements.Count > 0 && statements[^1].Kind == "vmap" && _options.TracksConnections)
                {
                    isAsked |= CompileMap(code, statements, objects, made);
                }
                else
                {
                    isAsked = true;
                    CompileOne(code, statements, null, objects, made);
                }
            }

            NoteMatching(made.Count != 0 || !isAsked, place, text);
            code.Rules.AddRange(made);
        }
        catch (RuleException refusal)
        {
            Remove(code, start);
            Report(new RuleDiagnostic(RuleSeverity.Error, refusal.Id, refusal.Message, place, text));
        }
        catch (JsonException wrong)
        {
            Remove(code, start);
            Report(new RuleDiagnostic(RuleSeverity.Error, RuleDiagnosticIds.NotARuleset, wrong.Message, place, text));
        }
    }

    /// <summary>Whether a statement is a match on something that a rule can set: behind the row that sets it the next row would see it changed.</summary>
    private static bool MayHaveChanged((string Kind, JsonElement Value) statement)
        => statement.Kind == "match" && NftRuleset.TryGet(statement.Value, "left", out JsonElement left)
            && new[] { "mark", "dscp", "ecn", "base" }.Any(name => left.GetRawText().Contains($"\"{name}\"", System.StringComparison.Ordinal));

    /// <summary>Tells of a rule that never matches, once it is certain that it does so neither way.</summary>
    private void NoteMatching(bool isMatching, string place, string? text)
    {
        if (isMatching)
        {
            _matching.Add(place);
            _diagnostics.RemoveAll(diagnostic => diagnostic.Id == RuleDiagnosticIds.NeverMatches && diagnostic.Place == place);
        }
        else if (!_matching.Contains(place))
        {
            Report(new RuleDiagnostic(
                RuleSeverity.Note,
                RuleDiagnosticIds.NeverMatches,
                "this rule is for other interfaces than the firewall's port and never matches here",
                place,
                text));
        }
    }

    // A chain that is compiled twice has the same to tell twice.
    private void Report(RuleDiagnostic diagnostic)
    {
        if (!_diagnostics.Contains(diagnostic))
        {
            _diagnostics.Add(diagnostic);
        }
    }

    /// <summary>Compiles a rule that ends with a verdict map: once for each element, and before that once for what it counts.</summary>
    /// <returns>Whether the map has an element.</returns>
    private bool CompileMap(
        ChainCode code, List<(string Kind, JsonElement Value)> statements, RuleObjects rule, List<(int Start, int End)> made)
    {
        List<(string Kind, JsonElement Value)> before = statements[..^1];
        if (before.Find(statement => HasEffect(code.Chain, statement)).Kind is { } alone)
        {
            string what = alone == "match" ? "a set whose elements have limits" : $"\"{alone}\"";
            string way = alone switch
            {
                "notrack" => "write two rules, that with \"notrack\" first",
                "match" => "let a rule with the set jump to a chain with the map",
                "mangle" => "let the rule jump to a chain with the map",
                _ => $"let a rule with the {alone} jump to a chain with the map",
            };
            throw new RuleException(RuleDiagnosticIds.Statement, $"{what} and a verdict map in one rule are not supported: {way}");
        }

        if (before.Exists(statement => statement.Kind != "match"))
        {
            CompileOne(code, before, null, rule, made);
        }

        List<(string Kind, JsonElement Value)> matches = before.FindAll(statement => statement.Kind == "match");
        (JsonElement key, IReadOnlyList<(JsonElement Value, JsonElement Verdict)> elements) = VerdictMap.Read(_ruleset, code.Chain, statements[^1].Value);
        foreach ((JsonElement value, JsonElement verdict) in elements)
        {
            CompileOne(code, [.. matches, NftRuleset.SingleProperty(verdict)], (key, value), rule, made);
        }

        return elements.Count != 0;
    }

    /// <summary>Compiles one row of matches and statements.</summary>
    /// <param name="code">The chain.</param>
    /// <param name="statements">The statements.</param>
    /// <param name="element">What is looked up in a map before the last of them, and the value that it must have.</param>
    /// <param name="rule">The rule's own objects, which all its rows share.</param>
    /// <param name="made">Takes the place of what was made; nothing, where it never matches.</param>
    private void CompileOne(
        ChainCode code, List<(string Kind, JsonElement Value)> statements, (JsonElement Key, JsonElement Value)? element, RuleObjects rule,
        List<(int Start, int End)> made)
    {
        int start = code.Instructions.Count;
        MatchCompiler matches = new(_ruleset, _options, _parts, code.Chain, code.Instructions) { IsSent = code.IsSent, Filled = _filled };
        rule.BeginRow();
        for (int i = 0; i < statements.Count; i++)
        {
            if (element is { } looked && i == statements.Count - 1)
            {
                matches.Compile("==", looked.Key, looked.Value);
            }

            CompileStatement(code, matches, statements[i].Kind, statements[i].Value, rule);
        }

        if (matches.AsksForPort)
        {
            OpenRules.Add(rule.Counter.Place);
        }

        if (matches.NeverMatches)
        {
            Remove(code, start);
            return;
        }

        Patch(code.Instructions, start);
        made.Add((start, code.Instructions.Count));
    }

    private static void Remove(ChainCode code, int start)
    {
        for (int i = start; i < code.Instructions.Count; i++)
        {
            code.Targets.Remove(i);
        }

        code.Instructions.RemoveRange(start, code.Instructions.Count - start);
    }

    /// <summary>Lets every match of the rule that fails go on behind the rule.</summary>
    private static void Patch(List<Instruction> instructions, int start)
    {
        for (int i = start; i < instructions.Count; i++)
        {
            instructions[i] = instructions[i] with { Next = (uint)instructions.Count };
        }
    }

    private void CompileStatement(ChainCode code, MatchCompiler matches, string kind, JsonElement value, RuleObjects rule)
    {
        switch (kind)
        {
            case "match":
                matches.Compile(value);
                break;
            case "accept":
                code.Instructions.Add(new Instruction { Operation = Operation.Accept });
                break;
            case "drop":
                code.Instructions.Add(new Instruction { Operation = Operation.Drop });
                break;
            case "return":
                code.Instructions.Add(new Instruction { Operation = Operation.Return });
                break;
            case "continue":
                break; // goes on with the next rule, as a rule does anyway
            case "jump" or "goto":
                code.Targets.Add(code.Instructions.Count, ProgramLinker.KeyOf(code.Chain, NftRuleset.Text(value, "target"), code.IsSent));
                code.Instructions.Add(new Instruction { Operation = kind == "jump" ? Operation.Jump : Operation.Goto });
                break;
            case "counter":
                uint counter = CounterNumber(code.Chain, value, rule);
                code.Instructions.Add(new Instruction { Operation = Operation.Count, A = counter });
                break;
            case "reject" when code.IsSent:
                throw new RuleException(
                    RuleDiagnosticIds.Statement, "\"reject\" is not supported for what Linux sends: no answer goes back to the program. Write \"drop\"");
            case "reject" when _options.DecidesAlone && JudgesSent:
                throw new RuleException(
                    RuleDiagnosticIds.Statement,
                    "\"reject\" is not supported beside chains for what Linux sends, which Linux asks about its answers, too: write \"drop\", or load those "
                        + "chains into nftables on Linux");
            case "reject" when _options.DecidesAlone:
                code.Instructions.AddRange(RejectCompiler.Compile(code.Chain, value));
                break;
            case "limit" or "quota" when _options.DecidesAlone:
                code.Instructions.Add(new Instruction { Operation = Operation.Limit, A = LimitNumber(code.Chain, kind, value, rule) });
                break;
            case "set" or "meter" when _filled is { } filled:
                SetStatement fill = SetStatement.Read(kind, value);
                List<FieldReference> fields = matches.ReadKey(fill.Key);
                code.Instructions.Add(filled.Fill(code.Chain, fill, fields));
                break;
            case "mangle" when _options is { DecidesAlone: true, TracksConnections: true }:
                code.Instructions.AddRange(
                    new MangleCompiler(_parts, _options, code.Chain) { IsSent = code.IsSent, Reroutes = Reroutes }.Compile(value));
                break;
            case "log" when _options.TracksConnections:
                code.Instructions.Add(new Instruction { Operation = Operation.WriteLog, A = _parts.AddLog(LogStatement.Read(value)) });
                break;
            case "notrack" when _options.TracksConnections:
                code.Instructions.Add(new Instruction { Operation = Operation.NoTrack });
                _parts.Mode = TableMode.Stateful;
                break;
            default:
                throw Refuse(kind, value);
        }
    }

    /// <summary>Whether a statement does something that must not be done once for each element of a map.</summary>
    private bool HasEffect(NftChain chain, (string Kind, JsonElement Value) statement)
        => statement.Kind is "notrack" or "limit" or "quota" or "set" or "meter" or "mangle" || Limits(chain, statement);

    private bool Limits(NftChain chain, (string Kind, JsonElement Value) statement)
        => statement.Kind == "match" && _filled is { } filled && NftRuleset.TryGet(statement.Value, "right", out JsonElement right)
            && filled.IsLimited(chain, right);

    private uint CounterNumber(NftChain chain, JsonElement value, RuleObjects rule)
    {
        if (value.ValueKind is JsonValueKind.Null or JsonValueKind.Object)
        {
            // It counts both ways where its chain is met both ways.
            return rule.Share("counter", () => _parts.AddCounter(value.ValueKind == JsonValueKind.Null ? rule.Counter : rule.Counter with
            {
                InitialPackets = (ulong)NftRuleset.Number(value, "packets"),
                InitialBytes = (ulong)NftRuleset.Number(value, "bytes"),
            }));
        }

        string key = $"{chain.Family} {chain.Table} {value.GetString()}";
        if (_parts.NamedCounters.TryGetValue(key, out uint number))
        {
            return number;
        }

        if (!_ruleset.Counters.TryGetValue(key, out JsonElement counter))
        {
            throw new RuleException(RuleDiagnosticIds.Missing, $"there is no counter \"{value.GetString()}\" in this table");
        }

        number = _parts.AddCounter(new CompiledCounter(
            $"table {chain.Family} {chain.Table}, counter {value.GetString()}",
            null,
            (ulong)NftRuleset.Number(counter, "packets"),
            (ulong)NftRuleset.Number(counter, "bytes")));
        _parts.NamedCounters.Add(key, number);
        return number;
    }

    private uint LimitNumber(NftChain chain, string kind, JsonElement value, RuleObjects rule)
    {
        if (value.ValueKind != JsonValueKind.String)
        {
            return NftRuleset.TryGet(value, "map", out _)
                ? throw new RuleException(RuleDiagnosticIds.Statement, $"a map of {kind}s is not supported: write one rule for each element")
                : rule.Share("limit", () => _parts.AddLimit(Read(value)));
        }

        string key = $"{kind} {chain.Family} {chain.Table} {value.GetString()}";
        if (!_parts.NamedLimits.TryGetValue(key, out uint number))
        {
            number = _ruleset.Limits.TryGetValue(key, out JsonElement limit)
                ? _parts.AddLimit(Read(limit))
                : throw new RuleException(RuleDiagnosticIds.Missing, $"there is no {kind} \"{value.GetString()}\" in this table");
            _parts.NamedLimits.Add(key, number);
        }

        return number;

        RateLimit Read(JsonElement limit) => kind == "quota" ? LimitReader.ReadQuota(limit) : LimitReader.Read(limit);
    }

    private static RuleException Refuse(string kind, JsonElement value)
    {
        string reason = kind switch
        {
            "reject" => "\"reject\" is not supported here: the core answers where it decides alone. Write \"drop\"",
            "set" or "meter" => "adding to sets is not supported here: the core fills sets where it decides alone",
            "limit" or "quota" => $"\"{kind}\" is not supported here: the core keeps rates and volumes where it decides alone",
            "log" => "\"log\" is not supported here: use a counter",
            "vmap" or "map" => "verdict maps are not supported here: write one rule for each element",
            "dnat" or "snat" or "masquerade" or "redirect" or "tproxy" =>
                $"\"{kind}\" is not supported: the firewall changes no packet. Keep it in nftables on Linux",
            "mangle" => "setting packet or meta fields is not supported: the firewall changes no packet. Keep it in "
                + "nftables on Linux",
            "ct helper" or "ct timeout" or "ct expectation" or "ct count" or "notrack" =>
                $"\"{kind}\" is not supported: the core tracks connections for \"ct state\", \"ct direction\" and \"ct status\" alone, where it decides alone",
            "queue" => "\"queue\" is not supported: there is no user space on the core",
            _ => $"the statement \"{kind}\" ({NftRuleset.Shorten(value)}) is not supported",
        };
        return new RuleException(kind.StartsWith("ct ", System.StringComparison.Ordinal) || kind == "notrack"
            ? RuleDiagnosticIds.Tracking
            : RuleDiagnosticIds.Statement, reason);
    }
}
