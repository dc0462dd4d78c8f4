using System.Collections.Generic;
using System.Linq;
using System.Text;
using Sos.Firewall.Rules;

namespace Sos.Router.Control.Filter;

/// <summary>The rules of a pair of interfaces as the firewall has them.</summary>
/// <param name="Projection">The rules as they were projected.</param>
/// <param name="Table">The table; null when there is none.</param>
/// <param name="Obstacle">Why there is none.</param>
internal sealed record CompiledPair(PairProjection Projection, CompiledTable? Table, string? Obstacle);

/// <summary>Compiles rules pair by pair. Pairs that no rule tells apart are compiled once: a router with many VLANs has thousands of pairs.</summary>
/// <param name="source">The ruleset.</param>
internal sealed class PairCompiler(RuleSource source)
{
    private const int WideningsMax = 64;

    private readonly Dictionary<(string In, string Out), CompiledPair> _bySeen = [];
    private readonly Dictionary<string, CompiledPair> _byRules = [];

    /// <summary>Compiles the rules for what comes in by one interface and leaves by another.</summary>
    public CompiledPair Compile(FilteredInterface incoming, FilteredInterface outgoing)
    {
        (string In, string Out) seen = (source.SeenAs(incoming), source.SeenAs(outgoing));
        if (_bySeen.TryGetValue(seen, out CompiledPair? pair))
        {
            return pair;
        }

        PairProjection projection = new(source, incoming, outgoing);
        if (projection.Obstacle is { } obstacle)
        {
            pair = new CompiledPair(projection, null, obstacle);
        }
        else if (projection.ToJson() is { } rules && !_byRules.TryGetValue(rules, out pair))
        {
            _byRules.Add(rules, pair = Compile(projection));
        }

        _bySeen.Add(seen, pair!);
        return pair!;
    }

    private static CompiledPair Compile(PairProjection pair)
    {
        for (int widening = 0; widening < WideningsMax; widening++)
        {
            CompileResult result = RulesetCompiler.Compile(Encoding.UTF8.GetBytes(pair.ToJson()), new CompileOptions());
            if (result.Table is { } table)
            {
                return new CompiledPair(pair, table, null);
            }

            foreach (RuleDiagnostic error in result.Diagnostics.Where(item => item.Severity == RuleSeverity.Error))
            {
                if (!pair.TryWiden(error.Place, error.Message))
                {
                    return new CompiledPair(pair, null, error.Place.Length == 0 ? error.Message : $"{error.Place}: {error.Message}");
                }
            }
        }

        return new CompiledPair(pair, null, "it has rules with more matches than are tried");
    }
}
