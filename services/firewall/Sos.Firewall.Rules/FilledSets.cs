using System.Collections.Generic;
using System.Linq;
using System.Text.Json;
using Sos.Firewall.Tables;

namespace Sos.Firewall.Rules;

/// <summary>The sets of a ruleset that packets fill, or whose elements go by themselves.</summary>
internal sealed class FilledSets
{
    /// <summary>Elements of a set that packets fill, where nobody says how many: as many as nft gives a meter.</summary>
    public const long SizeDefault = 65_535;

    private readonly NftRuleset _ruleset;
    private readonly TableParts _parts;
    private readonly Dictionary<string, List<SetStatement>> _fills = [];
    private readonly Dictionary<string, uint> _numbers = [];
    private readonly Dictionary<string, uint> _halves = [];

    /// <summary>Finds them.</summary>
    /// <param name="ruleset">The ruleset.</param>
    /// <param name="parts">Takes those that rules use.</param>
    public FilledSets(NftRuleset ruleset, TableParts parts)
    {
        _ruleset = ruleset;
        _parts = parts;
        foreach (NftChain chain in ruleset.Chains)
        {
            foreach (JsonElement statement in chain.Rules.SelectMany(rule => rule.Statements.EnumerateArray()))
            {
                if (SetStatement.TryRead(statement) is { } fill)
                {
                    string key = KeyOf(chain, fill.Set);
                    _fills.TryAdd(key, []);
                    _fills[key].Add(fill);
                }
            }
        }
    }

    /// <summary>Whether a match looks something up in one of them.</summary>
    /// <param name="chain">The chain of the rule.</param>
    /// <param name="right">What it compares with.</param>
    public bool Contains(NftChain chain, JsonElement right)
        => right.ValueKind == JsonValueKind.String && right.GetString() is ['@', .. string name]
            && (_fills.ContainsKey(KeyOf(chain, name)) || (_ruleset.Sets.TryGetValue(KeyOf(chain, name), out JsonElement set) && ChangesByItself(set)));

    /// <summary>Whether looking a packet up in one of them takes out of a limit.</summary>
    /// <inheritdoc cref="Contains"/>
    public bool IsLimited(NftChain chain, JsonElement right) => Contains(chain, right) && Find(chain, right.GetString()![1..]).ReadLimit() is not null;

    /// <summary>Compiles a lookup.</summary>
    /// <param name="chain">The chain of the rule.</param>
    /// <param name="name">The set's name.</param>
    /// <param name="fields">The fields that are looked up.</param>
    /// <param name="negate">Whether the rule goes on for what is not there.</param>
    /// <exception cref="RuleException">The set cannot be honoured.</exception>
    public Instruction LookUp(NftChain chain, string name, IReadOnlyList<FieldReference> fields, bool negate)
        => Use(chain, name, fields, new SetAccess { Operation = SetOperation.LookUp }) with { Negate = negate ? (byte)1 : (byte)0 };

    /// <summary>Compiles a statement that fills.</summary>
    /// <param name="chain">The chain of the rule.</param>
    /// <param name="fill">The statement.</param>
    /// <param name="fields">The fields of its element.</param>
    /// <exception cref="RuleException">It cannot be honoured.</exception>
    public Instruction Fill(NftChain chain, SetStatement fill, IReadOnlyList<FieldReference> fields)
        => Use(chain, fill.Set, fields, new SetAccess
        {
            Operation = fill.Operation,
            TimeoutNs = fill.TimeoutNs,
            HasLimit = Find(chain, fill.Set).Limits(fill) ? (byte)1 : (byte)0,
        });

    private static string KeyOf(NftChain chain, string name) => $"{chain.Family} {chain.Table} {name}";

    private static bool ChangesByItself(JsonElement set)
        => SetAging.Ages(set) || (NftRuleset.TryGet(set, "stmt", out JsonElement statements) && !(NamedSet.OnlyCounts(statements) && HasOneField(set)))
            || (NftRuleset.TryGet(set, "flags", out JsonElement flags) && NftRuleset.HasText(flags, "dynamic"));

    private static bool HasOneField(JsonElement set) => NftRuleset.TryGet(set, "type", out JsonElement type) && type.ValueKind == JsonValueKind.String;

    private FilledSet Find(NftChain chain, string name)
    {
        string key = KeyOf(chain, name);
        List<SetStatement> fills = _fills.GetValueOrDefault(key) ?? [];
        return _ruleset.Sets.TryGetValue(key, out JsonElement declared) || fills.Exists(fill => fill.MeterSize is not null)
            ? new FilledSet(name, declared, fills)
            : throw new RuleException(RuleDiagnosticIds.Missing, $"there is no set \"{name}\" in this table");
    }

    private Instruction Use(NftChain chain, string name, IReadOnlyList<FieldReference> fields, SetAccess access)
    {
        if (fields.Any(field => field.Bits != 0 || field.Place is not null))
        {
            throw new RuleException(
                RuleDiagnosticIds.Set,
                $"set \"{name}\" has elements with a part of a byte, or with a field that is no address, port, protocol, type, length or mark: not supported");
        }

        string key = KeyOf(chain, name);
        uint halves = 0;
        foreach (FieldReference field in fields)
        {
            halves = (halves << 1) | (SetAccess.IsLong(field.Field) ? 1u : 0);
        }

        halves |= 1u << fields.Count;
        if (!_numbers.TryGetValue(key, out uint number))
        {
            FilledSet set = Find(chain, name);
            List<ulong> elements = set.ReadElements(fields);
            int length = fields.Sum(field => SetAccess.IsLong(field.Field) ? 4 : 1);
            int count = elements.Count / (((length + 1) / 2) + 1);
            number = _parts.AddDynamicSet(set.Read(key, fields, count), elements, count, set.ListedHaveLimits);
            _numbers.Add(key, number);
            _halves.Add(key, halves);
            if (set.Counts)
            {
                _parts.CountedSets.Add(name);
            }
        }

        if (_halves[key] != halves)
        {
            throw new RuleException(RuleDiagnosticIds.Set, $"rules use set \"{name}\" with elements of different kinds");
        }

        access.FieldCount = (byte)fields.Count;
        for (int i = 0; i < fields.Count; i++)
        {
            access.Fields[i] = fields[i].Field;
        }

        return new Instruction { Operation = Operation.UseSet, A = _parts.AddSetAccess(access, number) };
    }
}
