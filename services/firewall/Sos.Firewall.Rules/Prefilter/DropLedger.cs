using System.Collections.Generic;
using Sos.Firewall.Tables;

namespace Sos.Firewall.Rules.Prefilter;

/// <summary>The core's share of each rule and policy that drops, and the counters of those that it takes.</summary>
internal sealed class DropLedger(IReadOnlyDictionary<string, string> texts)
{
    private readonly Dictionary<string, DropReport> _reports = [];
    private readonly HashSet<string> _elsewhere = [];
    private readonly Dictionary<string, uint> _counters = [];

    /// <summary>A rule's or, without one, a policy's place.</summary>
    public static string PlaceOf(NftChain chain, NftRule? rule) => rule is null ? $"{chain.Place}, policy" : $"{chain.Place}, rule handle {rule.Handle}";

    /// <summary>Notes what one form of a chain takes: the best counts.</summary>
    public void Note(NftChain chain, NftRule? rule, DropShare share, string reason)
    {
        string place = PlaceOf(chain, rule);
        if (!_reports.TryGetValue(place, out DropReport? former) || former.Share < share)
        {
            _reports[place] = new DropReport(place, Text(chain, rule), share, share == DropShare.All ? string.Empty : reason);
        }
    }

    /// <summary>Notes a rule that no packet of the port meets.</summary>
    public void NoteElsewhere(NftChain chain, NftRule rule) => _elsewhere.Add(PlaceOf(chain, rule));

    /// <summary>The report on a rule or policy.</summary>
    /// <returns>Null for one that no packet of the port meets.</returns>
    public DropReport? Report(NftChain chain, NftRule? rule)
    {
        string place = PlaceOf(chain, rule);
        return _elsewhere.Contains(place) ? null : _reports.GetValueOrDefault(place);
    }

    /// <summary>The instruction that counts a rule's drops, as long as there are counters.</summary>
    public IEnumerable<Instruction> Counter(NftChain chain, NftRule rule, TableParts parts)
    {
        string place = PlaceOf(chain, rule);
        if (!_counters.TryGetValue(place, out uint number))
        {
            if (parts.Counters.Count == FirewallHeader.CountersMax)
            {
                yield break;
            }

            number = parts.AddCounter(new CompiledCounter(place, Text(chain, rule), 0, 0));
            _counters.Add(place, number);
        }

        yield return new Instruction { Operation = Operation.Count, A = number };
    }

    private string? Text(NftChain chain, NftRule? rule)
        => rule is null ? "policy drop" : texts.GetValueOrDefault(NftRuleset.RuleKey(chain.Family, chain.Table, rule.Handle));
}
