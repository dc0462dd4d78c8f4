using System;
using System.Collections.Generic;
using System.Linq;

namespace Sos.Firewall.Rules.Prefilter;

/// <summary>
/// Rules of which nft lists all that the kernel does, as they were found before. Whoever follows a ruleset asks nft again only for rules that are new:
/// of one whose program and text are the same the answer is the same.
/// </summary>
public sealed class SureRules
{
    private readonly object _lock = new();
    private Dictionary<string, Found> _found = [];

    /// <summary>Rules that were compared at the last listing.</summary>
    public int Compared { get; private set; }

    /// <summary>Finds the sure rules of a listing.</summary>
    /// <param name="programs">The kernel's program of each rule, by the rule's key.</param>
    /// <param name="texts">nft's text of each.</param>
    /// <param name="compare">Compares rules by their keys, and returns those that are sure; null where that fails, so that none is.</param>
    public IReadOnlySet<string> Find(
        IReadOnlyDictionary<string, string> programs, IReadOnlyDictionary<string, string> texts, Func<IReadOnlySet<string>, IReadOnlySet<string>?> compare)
    {
        ArgumentNullException.ThrowIfNull(programs);
        ArgumentNullException.ThrowIfNull(texts);
        ArgumentNullException.ThrowIfNull(compare);
        lock (_lock)
        {
            Dictionary<string, Found> found = [];
            HashSet<string> open = [];
            foreach ((string key, string program) in programs)
            {
                string text = texts.GetValueOrDefault(key) ?? string.Empty;
                if (_found.TryGetValue(key, out Found? before) && before.Program == program && before.Text == text)
                {
                    found.Add(key, before);
                }
                else
                {
                    open.Add(key);
                }
            }

            Compared = open.Count;
            if (open.Count > 0 && compare(open) is { } sure)
            {
                foreach (string key in open)
                {
                    found.Add(key, new Found(programs[key], texts.GetValueOrDefault(key) ?? string.Empty, sure.Contains(key)));
                }
            }

            _found = found;
            return found.Where(pair => pair.Value.IsSure).Select(pair => pair.Key).ToHashSet();
        }
    }

    private sealed record Found(string Program, string Text, bool IsSure);
}
