using System.Collections.Generic;
using System.Linq;
using System.Text.Json;

namespace Sos.Firewall.Rules.Prefilter;

/// <summary>
/// Reads what a rule logs. A log changes no verdict, so that the core may drop what Linux would log if it leaves Linux a share of these packets. A
/// limit is the same only where nothing but a log depends on it.
/// </summary>
/// <param name="ruleset">The rules.</param>
/// <param name="sure">Rules that nft lists with all of their conditions.</param>
/// <param name="parts">The table that takes the samplers.</param>
internal sealed class LogReader(NftRuleset ruleset, IReadOnlySet<string> sure, TableParts parts)
{
    private readonly ILookup<string, NftChain> _chains = ruleset.Chains.ToLookup(chain => $"{chain.Family} {chain.Table} {chain.Name}");

    /// <summary>Whether a rule logs anything.</summary>
    public static bool Logs(NftRule rule) => rule.Statements.EnumerateArray().Any(statement => StatementShape.Name(statement) == "log");

    /// <summary>
    /// Reads a limit on which nothing depends but a log: behind it stand only matches, logs, a jump to a chain that only logs, or a verdict that
    /// changes nothing.
    /// </summary>
    /// <param name="chain">The rule's chain.</param>
    /// <param name="rule">The rule.</param>
    /// <param name="rest">Its statements from the limit on.</param>
    /// <param name="rate">What the limit lets through.</param>
    /// <returns>Whether it is such a limit.</returns>
    public bool TryReadLimit(NftChain chain, NftRule rule, IReadOnlyList<JsonElement> rest, out SampleRate rate)
        => SampleRate.TryRead(StatementShape.Value(rest[0]), out rate)
            && rest.Skip(1).All(one => StatementShape.Name(one) switch
            {
                "match" or "log" => true,
                "limit" => IsLimit(one),
                "jump" => IsJumpToLog(chain, one),
                "return" => OnlyLogs(chain),
                "drop" => EndsInDrop(chain, rule),
                _ => IsNeutral(one),
            });

    /// <summary>Notes on branches that they log.</summary>
    /// <param name="place">The rule's place.</param>
    /// <param name="branches">The branches, with what they match so far.</param>
    /// <param name="rate">How many packets Linux gets.</param>
    /// <returns>False if too many rules log.</returns>
    public bool TryAdd(string place, IReadOnlyList<Branch> branches, SampleRate rate)
    {
        if (!parts.TryAddSampler(place, rate.Microseconds, rate.Burst, out Tables.Instruction log))
        {
            return false;
        }

        foreach (Branch branch in branches)
        {
            branch.Log = log;
        }

        return true;
    }

    private static bool IsNeutral(JsonElement statement) => StatementShape.Name(statement) is "counter" or "continue" or "comment";

    private static bool IsLimit(JsonElement statement)
        => StatementShape.Name(statement) == "limit" && SampleRate.TryRead(StatementShape.Value(statement), out _);

    private bool IsJumpToLog(NftChain chain, JsonElement statement)
        => StatementShape.Name(statement) == "jump"
            && StatementShape.Text(StatementShape.Value(statement), "target") is { } target
            && _chains[$"{chain.Family} {chain.Table} {target}"].LastOrDefault() is { } other && OnlyLogs(other);

    /// <summary>Whether a chain that others jump to does nothing but log, so that it changes nothing whether a packet comes there.</summary>
    private static bool OnlyLogs(NftChain chain)
        => chain.Hook is null && chain.Rules.TrueForAll(rule => rule.Statements.EnumerateArray().All(
            one => StatementShape.Name(one) is "match" or "log" or "return" || IsNeutral(one) || IsLimit(one)));

    /// <summary>
    /// Whether a chain drops whatever comes behind a rule: only matches, logs and drops follow, and at the end all that is left is dropped. Then a
    /// drop of that rule decides nothing, whatever it depends on.
    /// </summary>
    private bool EndsInDrop(NftChain chain, NftRule rule)
    {
        foreach (NftRule next in chain.Rules.SkipWhile(one => one.Handle != rule.Handle).Skip(1))
        {
            List<JsonElement> statements = [.. next.Statements.EnumerateArray()];
            if (!statements.TrueForAll(one => StatementShape.Name(one) is "match" or "drop" or "log" || IsNeutral(one) || IsLimit(one)
                || IsJumpToLog(chain, one)))
            {
                return false;
            }

            if (statements.TrueForAll(one => StatementShape.Name(one) is "drop" or "log" || IsNeutral(one))
                && statements.Exists(one => StatementShape.Name(one) == "drop")
                && sure.Contains(NftRuleset.RuleKey(chain.Family, chain.Table, next.Handle)))
            {
                return true;
            }
        }

        return chain.Hook is not null && chain.PolicyDrop;
    }
}
