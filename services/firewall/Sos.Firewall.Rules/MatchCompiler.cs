using System;
using System.Collections.Generic;
using System.Linq;
using System.Numerics;
using System.Text.Json;
using Sos.Firewall.Rules.Prefilter;
using Sos.Firewall.Tables;

namespace Sos.Firewall.Rules;

/// <summary>Compiles the matches of one rule into instructions.</summary>
internal sealed class MatchCompiler
{
    private const uint EthernetType = 1; // ARPHRD_ETHER

    private readonly NftRuleset _ruleset;
    private readonly CompileOptions _options;
    private readonly TableParts _parts;
    private readonly NftChain _chain;
    private readonly List<Instruction> _code;
    private readonly HashSet<(Field Field, uint Value)> _established = [];

    public MatchCompiler(NftRuleset ruleset, CompileOptions options, TableParts parts, NftChain chain, List<Instruction> code)
    {
        _ruleset = ruleset;
        _options = options;
        _parts = parts;
        _chain = chain;
        _code = code;
    }

    /// <summary>Which elements of named sets count.</summary>
    public SetElements Elements { get; init; }

    /// <summary>The sets that packets fill; null where they are Linux's.</summary>
    public FilledSets? Filled { get; init; }

    /// <summary>Whether the packets are what Linux sends.</summary>
    public bool IsSent { get; init; }

    /// <summary>Whether a match can never succeed on this port, so that the rule is not needed.</summary>
    public bool NeverMatches { get; private set; }

    /// <summary>Whether a match asks for the port's name where nobody knows it yet (<see cref="CompileOptions.IsPortOpen"/>).</summary>
    public bool AsksForPort { get; private set; }

    /// <summary>Compiles one <c>match</c>.</summary>
    /// <exception cref="RuleException">It cannot be honoured.</exception>
    public void Compile(JsonElement match)
    {
        if (!NftRuleset.TryGet(match, "left", out JsonElement left) || !NftRuleset.TryGet(match, "right", out JsonElement right))
        {
            throw new RuleException(RuleDiagnosticIds.Expression, $"{NftRuleset.Shorten(match)} is no match");
        }

        Compile(NftRuleset.Text(match, "op"), left, right);
    }

    /// <summary>Compiles a match by its parts.</summary>
    /// <inheritdoc cref="Compile(JsonElement)"/>
    public void Compile(string operation, JsonElement left, JsonElement right)
    {
        if (Filled is { } filled && filled.Contains(_chain, right))
        {
            bool negate = !ReadEquality(operation);
            _code.Add(filled.LookUp(_chain, right.GetString()![1..], ReadKey(left), negate));
            return;
        }

        (string kind, JsonElement value) = NftRuleset.SingleProperty(left);
        if (kind == "concat")
        {
            CompileTogether(operation, value, right);
            return;
        }

        if (kind == "meta" && _options.DecidesAlone && NumberOfPort(NftRuleset.Text(value, "key")) is { } number)
        {
            bool matches = NumberMatch.Matches(operation, right, number)
                ?? throw new RuleException(RuleDiagnosticIds.Value, $"{NftRuleset.Shorten(right)} is no number of an interface (list the rules with nft -n)");
            AsksForPort |= _options.IsPortOpen && !IsSent;
            NeverMatches |= IsSent || (!matches && !_options.IsPortOpen); // no interface is that by which a sent packet came
            return;
        }

        if (kind == "meta" && IsInterface(NftRuleset.Text(value, "key")) is { } isArrival)
        {
            CompileInterface(operation, right, isArrival != IsSent);
            return;
        }

        if (kind == "ct" && _options.TracksConnections && !FieldReference.IsConnectionMark(value))
        {
            if (TrackingCompiler.Compile(operation, value, right) is { } match)
            {
                _code.Add(match);
            }

            _parts.Mode = TableMode.Stateful;
            return;
        }

        if (kind == "&")
        {
            CompileMasked(operation, value, right);
            return;
        }

        FieldReference field = ReadField(kind, value);
        if (IsSent && field.Place is { Base: PlaceBase.Link })
        {
            NeverMatches = true; // what Linux sends has no such header yet when its rules see it
            return;
        }

        AddDependencies(field);
        if (IsSet(right))
        {
            CompileSet(operation, field, right);
        }
        else if (field.Type == ValueType.TcpFlags && operation is "in" or "!")
        {
            AddWord(field.Field, Operation.EqualsMasked, (uint)ValueReader.ReadValue(right, field.Type), 0, operation == "in");
        }
        else
        {
            CompileComparison(operation, field, right);
        }
    }

    /// <summary>Reads the fields of an element, and compiles what nft asks before it may look at them.</summary>
    /// <param name="expression">A field, or several together.</param>
    /// <exception cref="RuleException">The firewall does not look at one of them.</exception>
    public List<FieldReference> ReadKey(JsonElement expression)
    {
        JsonElement[] parts = NftRuleset.TryGet(expression, "concat", out JsonElement together) && together.ValueKind == JsonValueKind.Array
            ? [.. together.EnumerateArray()] : [expression];
        List<FieldReference> fields = [];
        foreach (JsonElement part in parts)
        {
            (string kind, JsonElement value) = NftRuleset.SingleProperty(part);
            fields.Add(ReadField(kind, value));
        }

        fields.ForEach(AddDependencies);
        return fields;
    }

    /// <summary>Compiles the condition that several fields have the values of one element, each its own.</summary>
    private void CompileTogether(string operation, JsonElement fields, JsonElement right)
    {
        if (operation != "==" || !NftRuleset.TryGet(right, "concat", out JsonElement values) || fields.ValueKind != JsonValueKind.Array
            || values.ValueKind != JsonValueKind.Array || values.GetArrayLength() != fields.GetArrayLength())
        {
            throw new RuleException(
                RuleDiagnosticIds.Expression, $"{NftRuleset.Shorten(fields)} are looked up together; that is supported with \"==\" and plain elements alone");
        }

        for (int i = 0; i < fields.GetArrayLength(); i++)
        {
            Compile("==", fields[i], values[i]);
        }
    }

    /// <summary>Returns a number of the port's own that rules may ask for; null for anything else.</summary>
    private uint? NumberOfPort(string key) => key switch
    {
        "iiftype" => EthernetType, // the service reads nothing but Ethernet
        "iifgroup" => _options.PortGroup,
        _ => null,
    };

    private static bool IsSet(JsonElement right)
        => right.ValueKind == JsonValueKind.Object
            ? NftRuleset.TryGet(right, "set", out _)
            : right.ValueKind == JsonValueKind.String && right.GetString()!.StartsWith('@');

    /// <summary>The two operators that matching against a set or an interface has.</summary>
    private static bool ReadEquality(string operation) => operation switch
    {
        "==" or "in" => true,
        "!=" => false,
        _ => throw UnknownOperator(operation),
    };

    private static RuleException UnknownOperator(string operation)
        => new(RuleDiagnosticIds.Expression, $"the operator \"{operation}\" is not supported here");

    /// <summary>Reads a field, and notes what the table needs for it.</summary>
    private FieldReference ReadField(string kind, JsonElement value)
    {
        FieldReference field = FieldReference.Read(kind, value, _options.DecidesAlone);
        if (IsSent && field.Field == Field.Mark)
        {
            throw FieldReference.UnseenMark();
        }

        _parts.Need(field, _options);
        return field;
    }

    private void AddDependencies(FieldReference field)
    {
        if (field.Family != 0 && _chain.Family is "inet" or "netdev")
        {
            AddDependency(Field.NetworkFamily, field.Family);
        }

        if (field.Transport != 0)
        {
            AddDependency(Field.TransportProtocol, field.Transport);
        }
    }

    private void AddDependency(Field field, uint value)
    {
        if (_established.Add((field, value)))
        {
            AddWord(field, Operation.EqualsMasked, uint.MaxValue, value, negate: false);
        }
    }

    private void CompileComparison(string operation, FieldReference field, JsonElement right)
    {
        Interval interval = ValueReader.ReadInterval(right, field.Type);
        UInt128 maximum = ValueReader.Maximum(field.Type);
        bool isSingle = interval.First == interval.Last;
        switch (operation)
        {
            case "==" or "!=":
                break;
            case "<" when isSingle && interval.First > 0:
                interval = new Interval(0, interval.First - 1);
                break;
            case "<=" when isSingle:
                interval = new Interval(0, interval.First);
                break;
            case ">" when isSingle && interval.First < maximum:
                interval = new Interval(interval.First + 1, maximum);
                break;
            case ">=" when isSingle:
                interval = new Interval(interval.First, maximum);
                break;
            default:
                throw UnknownOperator(operation);
        }

        AddInterval(field, interval, negate: operation == "!=");
        if (operation == "==" && isSingle && field.Bits == 0 && !field.IsWide)
        {
            _established.Add((field.Field, (uint)interval.First));
        }
    }

    private void CompileMasked(string operation, JsonElement operands, JsonElement right)
    {
        if (operands.ValueKind != JsonValueKind.Array || operands.GetArrayLength() != 2 || IsSet(right))
        {
            throw new RuleException(RuleDiagnosticIds.Expression, $"a mask on {NftRuleset.Shorten(operands)} is not "
                + "supported here");
        }

        (string kind, JsonElement value) = NftRuleset.SingleProperty(operands[0]);
        FieldReference field = ReadField(kind, value);
        if (field.Bits != 0 || field.Place is { BitLength: > 16 })
        {
            throw new RuleException(RuleDiagnosticIds.Expression, $"a mask on {NftRuleset.Shorten(operands[0])} is not supported here");
        }

        if (field.Type == ValueType.Ipv6Address)
        {
            throw new RuleException(RuleDiagnosticIds.Expression, "masks on IPv6 addresses are not supported; write a "
                + "prefix or a range");
        }

        AddDependencies(field);
        uint mask = (uint)ValueReader.ReadValue(operands[1], field.Type);
        if (field.Place is { } place)
        {
            bool isEqual = ReadEquality(operation);
            Interval range = ValueReader.ReadInterval(right, field.Type);
            List<Interval> matching = Intervals.Where((1u << place.BitLength) - 1, word => range.First <= (word & mask) && (word & mask) <= range.Last);
            AddIntervals(field, matching, negate: !isEqual);
            return;
        }

        uint wanted = (uint)ValueReader.ReadValue(right, field.Type);

        if (operation is "<" or "<=" or ">" or ">=")
        {
            CompileMaskedOrder(operation, field, mask, wanted);
            return;
        }

        AddWord(field.Field, Operation.EqualsMasked, mask, wanted, negate: !ReadEquality(operation));
    }

    /// <summary>Compiles an order of what a mask leaves of a field: by all values that the field can have.</summary>
    private void CompileMaskedOrder(string operation, FieldReference field, uint mask, uint wanted)
    {
        if (ValueReader.Maximum(field.Type) > ushort.MaxValue)
        {
            throw new RuleException(RuleDiagnosticIds.Expression, $"the operator \"{operation}\" behind a mask is supported for fields of up to 16 bits alone");
        }

        AddIntervals(
            field,
            Intervals.Where((uint)ValueReader.Maximum(field.Type), word => operation switch
            {
                "<" => (word & mask) < wanted,
                "<=" => (word & mask) <= wanted,
                ">" => (word & mask) > wanted,
                _ => (word & mask) >= wanted,
            }),
            negate: false);
    }

    private void CompileSet(string operation, FieldReference field, JsonElement right)
    {
        bool negate = !ReadEquality(operation);
        if (right.ValueKind == JsonValueKind.Object)
        {
            AddIntervals(field, InWords(field, Intervals.Merge(ReadElements(right.GetProperty("set"), field.Type))), negate);
            return;
        }

        string name = right.GetString()![1..];
        string key = $"{_chain.Family} {_chain.Table} {name}";
        string cacheKey = $"{key} {field.Type} {Elements} {field.IsWide}";
        if (!_parts.NamedSets.TryGetValue(cacheKey, out uint set))
        {
            List<Interval> merged = _ruleset.Elements.TryGetValue(key, out KnownElements? known)
                ? known.For(field.Type)
                : Intervals.Merge(ReadNamedSet(key, name, field.Type));
            set = AddSet(field, InWords(field, merged), known);
            _parts.NamedSets.Add(cacheKey, set);
        }

        AddSetLookup(field, set, negate);
    }

    private List<Interval> ReadNamedSet(string key, string name, ValueType type)
    {
        if (!_ruleset.Sets.TryGetValue(key, out JsonElement set))
        {
            throw new RuleException(RuleDiagnosticIds.Missing, $"there is no set \"{name}\" in this table");
        }

        if (NftRuleset.TryGet(set, "stmt", out JsonElement statements)
            && ((Elements == SetElements.Fixed && !_options.DecidesAlone) || !NamedSet.OnlyCounts(statements)))
        {
            throw new RuleException(RuleDiagnosticIds.Set, $"set \"{name}\" counts or limits by element, which is not supported");
        }

        if (Elements == SetElements.Fixed && statements.ValueKind != JsonValueKind.Undefined)
        {
            _parts.CountedSets.Add(name);
        }

        if (Elements == SetElements.Fixed && NftRuleset.TryGet(set, "flags", out JsonElement flags)
            && (NftRuleset.HasText(flags, "timeout") || NftRuleset.HasText(flags, "dynamic")))
        {
            throw new RuleException(
                RuleDiagnosticIds.Set, $"set \"{name}\" changes by itself (timeout or dynamic); the firewall's tables "
                    + "change by reload only");
        }

        if (!NftRuleset.TryGet(set, "elem", out JsonElement elements))
        {
            return [];
        }

        // The kernel lists a large hash set wrongly while it still grows the table: some elements twice, others not at all.
        List<Interval> intervals = Elements == SetElements.Fixed ? ReadElements(elements, type) : ReadLiveElements(elements, type);
        if (new HashSet<Interval>(intervals).Count != intervals.Count)
        {
            throw new RuleException(
                RuleDiagnosticIds.Set,
                $"the kernel listed set \"{name}\" incompletely; give it \"flags interval\", which large sets need to be "
                    + "listed reliably");
        }

        return intervals;
    }

    // What elements count is Linux's, and when they go is for the caller to think of.
    private List<Interval> ReadLiveElements(JsonElement elements, ValueType type)
    {
        List<Interval> intervals = [];
        foreach (JsonElement element in elements.ValueKind == JsonValueKind.Array ? elements.EnumerateArray().ToArray() : [elements])
        {
            if (Elements == SetElements.All || SetAging.IsLastingElement(element))
            {
                intervals.Add(ValueReader.ReadInterval(TryReadLive(element, out JsonElement value) ? value : element, type));
            }
        }

        return intervals;
    }

    private static bool TryReadLive(JsonElement element, out JsonElement value)
    {
        value = default;
        return NftRuleset.TryGet(element, "elem", out JsonElement one) && NftRuleset.TryGet(one, "val", out value)
            && one.EnumerateObject().All(property => property.Name is "val" or "comment" or "timeout" or "expires" or "counter");
    }

    private static List<Interval> ReadElements(JsonElement elements, ValueType type)
    {
        if (elements.ValueKind != JsonValueKind.Array)
        {
            return [ValueReader.ReadInterval(elements, type)];
        }

        List<Interval> intervals = new(elements.GetArrayLength());
        foreach (JsonElement element in elements.EnumerateArray())
        {
            intervals.Add(ValueReader.ReadInterval(element, type));
        }

        return intervals;
    }

    /// <summary>Whether a key is for the interface that a packet arrives by, or that it leaves by; null for any other.</summary>
    private bool? IsInterface(string key) => key switch
    {
        "iifname" => true,
        "iif" when _options.TracksConnections => true,
        "oifname" or "oif" when _options.TracksConnections => false,
        _ => null,
    };

    // A packet that arrives leaves by no interface so far, and one that Linux sends came by none: the kernel compares with an empty name, and the number 0.
    private void CompileInterface(string operation, JsonElement right, bool isPort)
    {
        if (isPort && _options.PortNames.Count == 0 && !_options.IsPortOpen)
        {
            throw new RuleException(
                RuleDiagnosticIds.Interface, "the name of the firewall's port is not known, so \"iifname\" cannot be decided");
        }

        List<string> patterns = [];
        if (!IsSet(right))
        {
            patterns.Add(ReadName(right));
        }
        else
        {
            JsonElement elements = right.ValueKind == JsonValueKind.Object
                ? right.GetProperty("set")
                : ReadNamedInterfaceSet(right.GetString()![1..]);
            patterns.AddRange(elements.ValueKind == JsonValueKind.Array
                ? elements.EnumerateArray().Select(ReadName)
                : [ReadName(elements)]);
        }

        bool isEquality = ReadEquality(operation);
        if (isPort && _options.IsPortOpen)
        {
            AsksForPort = true;
            return;
        }

        IReadOnlyList<string> names = isPort ? _options.PortNames : [string.Empty];
        bool isOurs = patterns.Exists(pattern => names.Any(name => IsMatch(pattern, name)));
        NeverMatches |= isOurs != isEquality;
    }

    private JsonElement ReadNamedInterfaceSet(string name)
        => !_ruleset.Sets.TryGetValue($"{_chain.Family} {_chain.Table} {name}", out JsonElement set)
            ? throw new RuleException(RuleDiagnosticIds.Missing, $"there is no set \"{name}\" in this table")
            : NftRuleset.TryGet(set, "elem", out JsonElement elements)
                ? elements
                : throw new RuleException(RuleDiagnosticIds.Set, $"set \"{name}\" of interfaces is empty");

    private static string ReadName(JsonElement element)
        => element.ValueKind == JsonValueKind.String
            ? element.GetString()!
            : throw new RuleException(RuleDiagnosticIds.Value, $"{NftRuleset.Shorten(element)} is no interface name");

    /// <summary>
    /// Interface names as nft compares them: a star at the end stands for any rest, unless a backslash precedes it.
    /// </summary>
    private static bool IsMatch(string pattern, string name)
    {
        if (pattern.EndsWith("\\*", StringComparison.Ordinal))
        {
            return name == pattern[..^2] + "*";
        }

        return pattern.EndsWith('*') ? name.StartsWith(pattern[..^1], StringComparison.Ordinal) : name == pattern;
    }

    /// <summary>Returns the values of the whole word that have some of their bits in intervals.</summary>
    private static List<Interval> InWords(FieldReference field, List<Interval> merged)
    {
        int shift = BitOperations.TrailingZeroCount(field.Bits);
        return field.Bits == 0 ? merged : Intervals.Where(byte.MaxValue, word =>
        {
            uint value = (word & field.Bits) >> shift;
            return merged.Exists(interval => interval.First <= value && value <= interval.Last);
        });
    }

    private void AddIntervals(FieldReference field, List<Interval> merged, bool negate)
    {
        if (merged.Count == 1)
        {
            AddPlainInterval(field, merged[0], negate);
        }
        else
        {
            AddSetLookup(field, AddSet(field, merged), negate);
        }
    }

    /// <summary>Adds a set in the form in which the field can be looked up.</summary>
    private uint AddSet(FieldReference field, List<Interval> merged, KnownElements? known = null)
        => _parts.AddSet(merged, field.Place is null ? field.Type : ValueType.Length, known);

    private void AddInterval(FieldReference field, Interval interval, bool negate)
    {
        if (field.Bits == 0)
        {
            AddPlainInterval(field, interval, negate);
        }
        else if (interval.First == interval.Last)
        {
            uint value = (uint)interval.First << BitOperations.TrailingZeroCount(field.Bits);
            AddWord(field.Field, Operation.EqualsMasked, field.Bits, value, negate);
        }
        else
        {
            AddIntervals(field, InWords(field, [interval]), negate);
        }
    }

    private void AddPlainInterval(FieldReference field, Interval interval, bool negate)
    {
        if (field.Place is not null)
        {
            AddSetLookup(field, AddSet(field, [interval]), negate);
            return;
        }

        if (field.Type == ValueType.Ipv6Address)
        {
            AddWord(field.Field, Operation.InRange128, _parts.AddRange(interval), 0, negate);
            return;
        }

        uint first = (uint)interval.First;
        uint last = (uint)interval.Last;
        if (first == last)
        {
            AddWord(field.Field, Operation.EqualsMasked, uint.MaxValue, first, negate);
        }
        else
        {
            AddWord(field.Field, Operation.InRange, first, last, negate);
        }
    }

    private void AddSetLookup(FieldReference field, uint set, bool negate)
        => AddWord(field.Field, field.Place is null ? _parts.OperationOf(set) : Operation.InNumberSet, set, field.Place?.Word ?? 0, negate);

    private void AddWord(Field field, Operation operation, uint a, uint b, bool negate)
        => _code.Add(new Instruction { Operation = operation, Field = field, A = a, B = b, Negate = negate ? (byte)1 : (byte)0 });
}
