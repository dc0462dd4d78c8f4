using System;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using Sos.Firewall.Rules;
using Sos.Firewall.Rules.Prefilter;
using Sos.Firewall.Tables;
using Sos.Router.Filter;

namespace Sos.Router.Control.Filter;

/// <summary>A rule that the core leaves to Linux: what may meet it goes there.</summary>
/// <param name="Place">Where it stands.</param>
/// <param name="Text">nft's text of it, if known.</param>
/// <param name="Reason">Why.</param>
internal sealed record LeftRule(string Place, string? Text, string Reason);

/// <summary>Linux's rules for forwarded packets, as the core takes them.</summary>
/// <param name="Bytes">The table; empty when there is none.</param>
/// <param name="Obstacle">Why there is none: all packets that the rules judge are Linux's.</param>
/// <param name="Left">Rules that are left to Linux.</param>
/// <param name="IsExact">Whether the core drops too; else what Linux's rules drop goes to Linux, since a rule that is left to it may stand before.</param>
internal sealed record ForwardRules(byte[] Bytes, string? Obstacle, IReadOnlyList<LeftRule> Left, bool IsExact)
{
    private const int WideningsMax = 64;

    /// <summary>Compiles a ruleset for all pairs of ports.</summary>
    /// <param name="listing">The ruleset.</param>
    /// <param name="ports">For each port the names of its network device.</param>
    /// <param name="generation">The ruleset's generation.</param>
    public static ForwardRules Compile(RulesetListing listing, IReadOnlyList<IReadOnlyList<string>> ports, ulong generation)
    {
        ArgumentNullException.ThrowIfNull(listing);
        ArgumentNullException.ThrowIfNull(ports);
        Builder builder = new(generation);
        SortedDictionary<string, LeftRule> left = new(StringComparer.Ordinal);
        Dictionary<string, CompiledPair> known = [];
        try
        {
            RuleSource source = new(listing);
            for (int number = 0; number < ports.Count * ports.Count; number++)
            {
                // Back by the port that it came by goes to Linux, unless Linux is silent.
                (int from, int to) = (number / ports.Count, number % ports.Count);
                PairProjection projection = new(source, ports[from], ports[to]);
                if (projection.Obstacle is { } obstacle)
                {
                    return new ForwardRules([], obstacle, [], false);
                }

                string json = projection.ToJson();
                if (!known.TryGetValue(json, out CompiledPair? pair))
                {
                    known.Add(json, pair = CompilePair(projection));
                }

                if (pair.Table is null)
                {
                    return new ForwardRules([], pair.Obstacle, [], false);
                }

                builder.Add(from, to, pair.Table, pair.Projection);
                foreach ((string place, string reason) in pair.Projection.Left)
                {
                    left[place] = new LeftRule(place, TextOf(listing, place), reason);
                }
            }
        }
        catch (Exception wrong) when (wrong is JsonException or InvalidOperationException)
        {
            return new ForwardRules([], $"its listing cannot be read: {wrong.Message}", [], false);
        }

        byte[] bytes = builder.ToArray();
        return (ulong)bytes.Length <= FilterMemory.SlotSize
            ? new ForwardRules(bytes, null, [.. left.Values], builder.IsExact)
            : new ForwardRules([], $"it takes {bytes.Length} bytes, and the core has room for {FilterMemory.SlotSize}", [], false);
    }

    private static string? TextOf(RulesetListing listing, string place)
        => listing.RuleTexts.FirstOrDefault(text => IsAt(place, text.Key)).Value;

    // A key is "family table handle"; the place names the chain too.
    private static bool IsAt(string place, string key)
    {
        string[] parts = key.Split(' ');
        return parts.Length == 3 && place.StartsWith($"table {parts[0]} {parts[1]}, chain ", StringComparison.Ordinal)
            && place.EndsWith($", rule handle {parts[2]}", StringComparison.Ordinal);
    }

    private static CompiledPair CompilePair(PairProjection pair)
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

    private sealed record CompiledPair(PairProjection Projection, CompiledTable? Table, string? Obstacle);

    private sealed class Builder(ulong generation)
    {
        private readonly List<byte[]> _parts = [];
        private readonly List<(int Pair, int Part, bool IsExact)> _pairs = [];
        private bool _hasPrerouting;

        public bool IsExact { get; private set; } = true;

        public void Add(int from, int to, CompiledTable table, PairProjection pair)
        {
            int part = _parts.FindIndex(known => table.Bytes.SequenceEqual(known));
            if (part < 0)
            {
                part = _parts.Count;
                _parts.Add(table.Bytes.ToArray());
            }

            _pairs.Add((FilterTable.PairOf(from, to), part, pair.IsExact));
            _hasPrerouting |= pair.HasPrerouting;
            IsExact &= pair.IsExact;
        }

        public byte[] ToArray()
        {
            int[] offsets = new int[_parts.Count];
            int end = FilterTableHeader.Size;
            for (int part = 0; part < offsets.Length; part++)
            {
                offsets[part] = end;
                end += (_parts[part].Length + FirewallHeader.Alignment - 1) / FirewallHeader.Alignment * FirewallHeader.Alignment;
            }

            byte[] bytes = new byte[end];
            FilterTableHeader header = new()
            {
                Kind = FilterTableHeader.KindValue,
                HasPrerouting = _hasPrerouting ? 1u : 0,
                Generation = generation,
                TotalSize = (ulong)end,
            };
            foreach ((int pair, int part, bool isExact) in _pairs)
            {
                header.Pairs[pair] = new FilterPair
                {
                    Offset = (ulong)offsets[part],
                    ByteCount = (ulong)_parts[part].Length,
                    IsExact = isExact ? 1u : 0,
                };
            }

            MemoryMarshal.Write(bytes, in header);
            for (int part = 0; part < offsets.Length; part++)
            {
                _parts[part].CopyTo(bytes, offsets[part]);
            }

            return bytes;
        }
    }
}
