using System.Collections.Generic;
using System.Linq;
using System.Text.Json;
using Sos.Firewall.Tables;
using static Sos.Firewall.Rules.Prefilter.StatementShape;

namespace Sos.Firewall.Rules.Prefilter;

/// <summary>
/// Reads what a rule logs or answers. Neither changes a verdict, so that the core may drop such packets if it leaves Linux a share of them: what it
/// would log, and what it would answer at most. A limit is the same only where nothing but a log or an answer depends on it.
/// </summary>
/// <param name="ruleset">The rules.</param>
/// <param name="options">Which rules are listed with all of their conditions, and how much Linux answers.</param>
/// <param name="parts">The table that takes the samplers.</param>
internal sealed class ShareReader(NftRuleset ruleset, PrefilterOptions options, TableParts parts)
{
    private const string AnswersPlace = "answers"; // Linux limits those of all rules together
    private const uint FragmentationNeeded = 4; // ICMP_FRAG_NEEDED
    private const uint Ipv4 = 2;
    private const uint Ipv6 = 10;

    private readonly ILookup<string, NftChain> _chains = ruleset.Chains.ToLookup(chain => $"{chain.Family} {chain.Table} {chain.Name}");
    private readonly Dictionary<string, bool> _namedLimits = [];
    private readonly HashSet<string> _sharing = [];

    /// <summary>Rules of which Linux gets a share of their own.</summary>
    public int SharingRules => _sharing.Count;

    /// <summary>Whether Linux logs or answers packets by a rule.</summary>
    public static bool Shares(NftRule rule) => rule.Statements.EnumerateArray().Any(statement => Name(statement) is "log" or "reject");

    /// <summary>
    /// Reads a limit on which nothing depends but a log or an answer: behind it stand only matches, logs, a jump to a chain that only logs, or a
    /// verdict that changes nothing.
    /// </summary>
    /// <param name="chain">The rule's chain.</param>
    /// <param name="rule">The rule.</param>
    /// <param name="rest">Its statements from the limit on.</param>
    /// <param name="rate">What the limit lets through.</param>
    /// <returns>Whether it is such a limit.</returns>
    public bool TryReadLimit(NftChain chain, NftRule rule, IReadOnlyList<JsonElement> rest, out SampleRate rate)
        => TryReadRate(chain, Value(rest[0]), out rate) && DecidesNothing(chain, rule, rest);

    /// <summary>Notes on branches that they log, or answer within a limit of their own.</summary>
    /// <param name="chain">The rule's chain.</param>
    /// <param name="rule">The rule.</param>
    /// <param name="position">The position of the statement that does: each has a share of its own, as each has its own limit before it.</param>
    /// <param name="branches">The branches, with what they match so far.</param>
    /// <param name="rate">How many packets Linux gets.</param>
    /// <returns>False if too many rules do.</returns>
    public bool TryAdd(NftChain chain, NftRule rule, int position, IReadOnlyList<Branch> branches, SampleRate rate)
    {
        string place = DropLedger.PlaceOf(chain, rule);
        if (!parts.TryAddSampler($"{place}, statement {position}", rate.Microseconds, rate.Burst, 0, out Instruction note))
        {
            return false;
        }

        _sharing.Add(place);

        AddTo(branches, note);
        return true;
    }

    /// <summary>Notes on branches that Linux answers them with an error of ICMP, of which it sends only so many.</summary>
    /// <param name="chain">The rule's chain.</param>
    /// <param name="reject">The statement's value.</param>
    /// <param name="branches">The branches.</param>
    /// <returns>False where Linux answers each packet.</returns>
    public bool TryAddAnswer(NftChain chain, JsonElement reject, IReadOnlyList<Branch> branches)
    {
        if (options.Answers is not { } limit || IsAnsweredAlways(chain, reject)
            || !parts.TryAddSampler(AnswersPlace, RateOf(limit).Microseconds, RateOf(limit).Burst, limit.PeerMicroseconds, out Instruction note))
        {
            return false;
        }

        AddTo(branches, note);
        return true;
    }

    /// <summary>
    /// Whether Linux answers each packet that a <c>reject</c> refuses: with a reset of TCP; with "fragmentation needed", which no setting limits
    /// (icmpv4_mask_allow); and at <c>ingress</c>, where answers go to the device past all limits (nft_reject_netdev_eval).
    /// </summary>
    public static bool IsAnsweredAlways(NftChain chain, JsonElement reject)
        => IsReset(reject) || chain.Family == "netdev" || chain.Hook == "ingress" || (Text(reject, "type") == "icmp" && !HasLimitedCode(reject));

    /// <summary>The family whose packets alone a <c>reject</c> refuses; 0 for both.</summary>
    public static uint FamilyOf(JsonElement reject) => Text(reject, "type") switch
    {
        "icmp" => Ipv4,
        "icmpv6" => Ipv6,
        _ => 0,
    };

    private static SampleRate RateOf(AnswerLimit limit)
        => new(System.Math.Max(1_000_000 / System.Math.Max(limit.PerSecond, 1), 1), System.Math.Clamp(limit.Burst, 1, FirewallHeader.SampleBurstMax));

    private static bool IsReset(JsonElement reject) => Text(reject, "type") == "tcp reset";

    // nft names the code, or with -n its number.
    private static bool HasLimitedCode(JsonElement reject)
        => !NftRuleset.TryGet(reject, "expr", out JsonElement code)
            || (code.ValueKind == JsonValueKind.Number && code.TryGetUInt32(out uint number) && number != FragmentationNeeded)
            || code.GetRawText() is "\"net-unreachable\"" or "\"host-unreachable\"" or "\"prot-unreachable\"" or "\"port-unreachable\""
                or "\"net-prohibited\"" or "\"host-prohibited\"" or "\"admin-prohibited\"";

    private static void AddTo(IReadOnlyList<Branch> branches, Instruction note)
    {
        foreach (Branch branch in branches)
        {
            branch.Notes.Add(note);
        }
    }

    private static bool IsNeutral(JsonElement statement) => Name(statement) is "counter" or "continue" or "comment" && !MayBreak(statement);

    private bool IsLimit(NftChain chain, JsonElement statement) => Name(statement) == "limit" && TryReadRate(chain, Value(statement), out _);

    private bool TryReadRate(NftChain chain, JsonElement limit, out SampleRate rate)
    {
        rate = default;
        return limit.ValueKind != JsonValueKind.String
            ? SampleRate.TryRead(limit, out rate)
            : limit.GetString() is { } name && ruleset.Limits.TryGetValue($"limit {chain.Family} {chain.Table} {name}", out JsonElement named)
                && SampleRate.TryRead(named, out rate) && DecidesNothing(chain.Family, chain.Table, name);
    }

    /// <summary>Whether nothing depends on a named limit, wherever it stands.</summary>
    private bool DecidesNothing(string family, string table, string name)
    {
        string key = $"{family} {table} {name}";
        if (!_namedLimits.TryGetValue(key, out bool decidesNothing))
        {
            _namedLimits[key] = false; // so far: behind itself it decides something
            decidesNothing = ruleset.Chains.Where(chain => chain.Family == family && chain.Table == table)
                .All(chain => chain.Rules.TrueForAll(rule => DecidesNothing(chain, rule, name)));
            _namedLimits[key] = decidesNothing;
        }

        return decidesNothing;
    }

    private bool DecidesNothing(NftChain chain, NftRule rule, string name)
    {
        List<JsonElement> statements = [.. rule.Statements.EnumerateArray()];
        for (int i = 0; i < statements.Count; i++)
        {
            JsonElement limit = Name(statements[i]) == "limit" ? Value(statements[i]) : default;
            bool isMap = NftRuleset.TryGet(limit, "map", out _);
            if (isMap || (limit.ValueKind == JsonValueKind.String && limit.ValueEquals(name) && !DecidesNothing(chain, rule, statements[i..])))
            {
                return false;
            }
        }

        return true;
    }

    private bool DecidesNothing(NftChain chain, NftRule rule, IReadOnlyList<JsonElement> rest)
        => rest.Skip(1).All(one => Name(one) switch
        {
            "match" or "log" => true,
            "limit" => IsLimit(chain, one),
            "jump" => IsJumpToLog(chain, one),
            "return" => OnlyLogs(chain),
            "drop" or "reject" => EndsInDrop(chain, rule),
            _ => IsNeutral(one),
        });

    private bool IsJumpToLog(NftChain chain, JsonElement statement)
        => Name(statement) == "jump" && Text(Value(statement), "target") is { } target
            && _chains[$"{chain.Family} {chain.Table} {target}"].LastOrDefault() is { } other && OnlyLogs(other);

    /// <summary>Whether a chain that others jump to does nothing but log, so that it changes nothing whether a packet comes there.</summary>
    private bool OnlyLogs(NftChain chain)
        => chain.Hook is null && chain.Rules.TrueForAll(rule => rule.Statements.EnumerateArray().All(
            one => Name(one) is "match" or "log" or "return" || IsNeutral(one) || IsLimit(chain, one)));

    /// <summary>
    /// Whether a chain drops whatever comes behind a rule: only matches, logs and drops follow, and at the end all that is left is dropped. Then a
    /// drop of that rule decides nothing, whatever it depends on.
    /// </summary>
    private bool EndsInDrop(NftChain chain, NftRule rule)
    {
        foreach (NftRule next in chain.Rules.SkipWhile(one => one.Handle != rule.Handle).Skip(1))
        {
            List<JsonElement> statements = [.. next.Statements.EnumerateArray()];
            if (!statements.TrueForAll(one => Name(one) is "match" or "drop" or "reject" or "log" || IsNeutral(one) || IsLimit(chain, one)
                || IsJumpToLog(chain, one)))
            {
                return false;
            }

            if (statements.TrueForAll(one => Name(one) == "log" || IsNeutral(one) || DropsAll(one)) && statements.Exists(DropsAll)
                && options.Sure.Contains(NftRuleset.RuleKey(chain.Family, chain.Table, next.Handle)))
            {
                return true;
            }
        }

        return chain.Hook is not null && chain.PolicyDrop;
    }

    private static bool DropsAll(JsonElement statement)
        => Name(statement) == "drop" || (Name(statement) == "reject" && FamilyOf(Value(statement)) == 0 && !IsReset(Value(statement)));
}
