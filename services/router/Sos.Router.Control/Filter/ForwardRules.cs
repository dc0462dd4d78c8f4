using System;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.InteropServices;
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
    /// <summary>Compiles a ruleset for all pairs of interfaces.</summary>
    /// <param name="listing">The ruleset.</param>
    /// <param name="interfaces">The router's interfaces by number; null for numbers that nobody has, whose packets are Linux's.</param>
    /// <param name="generation">The ruleset's generation.</param>
    public static ForwardRules Compile(RulesetListing listing, IReadOnlyList<FilteredInterface?> interfaces, ulong generation)
    {
        ArgumentNullException.ThrowIfNull(listing);
        ArgumentNullException.ThrowIfNull(interfaces);
        Builder builder = new(generation);
        SortedDictionary<string, LeftRule> left = new(StringComparer.Ordinal);
        try
        {
            PairCompiler compiler = new(new RuleSource(listing));
            for (int number = 0; number < interfaces.Count * interfaces.Count; number++)
            {
                // Back by the interface that it came by goes to Linux, unless Linux is silent.
                (int from, int to) = (number / interfaces.Count, number % interfaces.Count);
                if (interfaces[from] is not { } incoming || interfaces[to] is not { } outgoing)
                {
                    continue;
                }

                CompiledPair pair = compiler.Compile(incoming, outgoing);
                if (pair.Table is null)
                {
                    return new ForwardRules([], pair.Obstacle, [], false);
                }

                if (!builder.TryAdd(from, to, pair.Table, pair.Projection))
                {
                    return new ForwardRules([], $"it differs for more than {FilterTableHeader.PartsMax} pairs of interfaces", [], false);
                }

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

    private sealed class Builder(ulong generation)
    {
        private readonly List<(byte[] Bytes, bool IsExact)> _parts = [];
        private readonly List<(int Pair, int Part)> _pairs = [];
        private bool _hasPrerouting;

        public bool IsExact { get; private set; } = true;

        public bool TryAdd(int from, int to, CompiledTable table, PairProjection pair)
        {
            int part = _parts.FindIndex(known => known.IsExact == pair.IsExact && table.Bytes.SequenceEqual(known.Bytes));
            if (part < 0)
            {
                part = _parts.Count;
                _parts.Add((table.Bytes.ToArray(), pair.IsExact));
            }

            _pairs.Add((FilterTable.PairOf(from, to), part));
            _hasPrerouting |= pair.HasPrerouting;
            IsExact &= pair.IsExact;
            return _parts.Count <= FilterTableHeader.PartsMax;
        }

        public byte[] ToArray()
        {
            int[] offsets = new int[_parts.Count];
            int end = FilterTableHeader.Size;
            for (int part = 0; part < offsets.Length; part++)
            {
                offsets[part] = end;
                end += (_parts[part].Bytes.Length + FirewallHeader.Alignment - 1) / FirewallHeader.Alignment * FirewallHeader.Alignment;
            }

            byte[] bytes = new byte[end];
            FilterTableHeader header = new()
            {
                Kind = FilterTableHeader.KindValue,
                HasPrerouting = _hasPrerouting ? 1u : 0,
                Generation = generation,
                TotalSize = (ulong)end,
                PartCount = (ulong)_parts.Count,
            };
            for (int part = 0; part < offsets.Length; part++)
            {
                header.Parts[part] = new FilterPart
                {
                    Offset = (ulong)offsets[part],
                    ByteCount = (ulong)_parts[part].Bytes.Length,
                    IsExact = _parts[part].IsExact ? 1u : 0,
                };
            }

            foreach ((int pair, int part) in _pairs)
            {
                header.Pairs[pair] = (byte)(part + 1);
            }

            MemoryMarshal.Write(bytes, in header);
            for (int part = 0; part < offsets.Length; part++)
            {
                _parts[part].Bytes.CopyTo(bytes, offsets[part]);
            }

            return bytes;
        }
    }
}
