using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json;
using Sos.Firewall.Connections;
using Sos.Firewall.Tables;

namespace Sos.Firewall.Rules.Prefilter;

/// <summary>
/// Compiles any ruleset into a prefilter: a table that drops only what every possible evaluation of the rules drops, as
/// docs/internals/prefilter.md defines it. What is not understood makes the table prove less, never an error.
/// </summary>
public static class PrefilterCompiler
{
    /// <summary>Where destination addresses are rewritten: chains of this priority and behind may see others than arrived (NF_IP_PRI_NAT_DST).</summary>
    private const long TranslationPriority = -100;

    private static readonly string[] Hooks = ["ingress", "prerouting", "input"];

    /// <summary>Compiles a ruleset.</summary>
    /// <param name="json">What <c>nft -j -n list ruleset</c> prints, UTF-8.</param>
    /// <param name="options">What decides how much can be proven.</param>
    public static PrefilterResult Compile(ReadOnlyMemory<byte> json, PrefilterOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (options.Obstacle is { } obstacle)
        {
            return PassAll($"the core passes everything to Linux: {obstacle}");
        }

        try
        {
            JsonText.EnsureReadable(json.Span);
            using JsonDocument document = JsonDocument.Parse(json);
            return new Compilation(NftRuleset.Read(document.RootElement, options.Elements), options, new TableParts { Mode = TableMode.Prefilter }).Run();
        }
        catch (Exception wrong) when (wrong is JsonException or RuleException)
        {
            return PassAll($"the core passes everything to Linux, since it cannot make a table of these rules: {wrong.Message}");
        }
    }

    /// <summary>Follows one packet through the rules, as the prefilter that <see cref="Compile"/> makes of them judges it.</summary>
    /// <param name="json">What <c>nft -j -n list ruleset</c> prints, UTF-8.</param>
    /// <param name="options">What decides how much can be proven.</param>
    /// <param name="key">A packet that is judged by rules; a stranger's may be taken for the first of its connection, as the core does.</param>
    /// <exception cref="RulesetLoadException">No table can be made of these rules; the message says why.</exception>
    public static PrefilterTrace Explain(ReadOnlyMemory<byte> json, PrefilterOptions options, in PacketKey key)
    {
        ArgumentNullException.ThrowIfNull(options);
        try
        {
            JsonText.EnsureReadable(json.Span);
            using JsonDocument document = JsonDocument.Parse(json);
            NftRuleset ruleset = NftRuleset.Read(document.RootElement, options.Elements);
            TableParts parts = new() { Mode = TableMode.Prefilter };
            Compilation compilation = new(ruleset, options, parts);
            PacketKey asked = key;
            if (compilation.Options.RecordsPassed && (key.Value(Field.Connection) & ConnectionStates.Established) == 0)
            {
                asked.Set(Field.Connection, ConnectionStates.OfFirst(in key));
            }

            return new PrefilterTracer(ruleset, compilation.Options, compilation.Traits, parts).Follow([.. compilation.Meet()], in asked);
        }
        catch (Exception wrong) when (wrong is JsonException or RuleException)
        {
            throw new RulesetLoadException($"no table can be made of these rules: {wrong.Message}", wrong);
        }
    }

    /// <summary>A prefilter that drops nothing.</summary>
    /// <param name="reason">Why, for a person.</param>
    public static PrefilterResult PassAll(string reason)
    {
        (byte[] bytes, int length) = new TableParts { Mode = TableMode.Prefilter }.Complete(new ProgramLinker(new Dictionary<string, ChainCode>()).Link([]));
        return new PrefilterResult(new CompiledTable(bytes, length, [], 0, 0), [], 0, 0, [reason]);
    }

    private sealed class Compilation
    {
        private readonly NftRuleset _ruleset;
        private readonly PrefilterOptions _options;
        private readonly TableParts _parts;
        private readonly RulesetTraits _traits;
        private readonly DropLedger _ledger;
        private readonly HashSet<string> _tablesWithEffects;
        private readonly Dictionary<string, ChainCode> _compiled = [];
        private readonly List<NftChain> _baseForms = [];

        public Compilation(NftRuleset ruleset, PrefilterOptions options, TableParts parts)
        {
            _ruleset = ruleset;
            _parts = parts;
            _traits = new RulesetTraits(ruleset, options.Connections is { HaveHelpers: true });
            // Rules that are not known may drop what is sent, assign helpers, or bring marks back.
            bool records = options.RecordsConnections && !options.HasOtherTranslation && !_traits.HidesSent;
            _options = options with
            {
                RecordsConnections = records,
                RecordsPassed = records && (_traits.LosesSent || _traits.RewritesDestinations || _traits.AsksForFirst),
            };
            parts.Mode = _options.RecordsPassed ? TableMode.RecordingPrefilter : TableMode.Prefilter;
            _ledger = new DropLedger(options.RuleTexts);
            _tablesWithEffects = [.. ruleset.Chains.Where(chain => chain.Rules.Exists(RuleReader.HasEffect)).Select(TableOf)];
        }

        /// <summary>The options, less what the rules themselves make unknown.</summary>
        public PrefilterOptions Options => _options;

        /// <summary>The traits of the rules, all together.</summary>
        public RulesetTraits Traits => _traits;

        /// <summary>The base chains that a packet for the machine can meet, in order.</summary>
        public IEnumerable<MetChain> Meet()
            => FindBaseChains().Select(chain => new MetChain(
                chain, chain.Type != "filter" || (chain.Hook == "ingress" && DevicesOf(chain) is null), [.. Conditions(chain)],
                _tablesWithEffects.Contains(TableOf(chain))));

        public PrefilterResult Run()
        {
            List<MetChain> all = [.. Meet()];
            List<NftChain> met = [.. all.Select(one => one.Chain)];
            bool shares = _ruleset.Chains.Exists(chain => chain.Rules.Exists(ShareReader.Shares));
            RuleReader reader = new(_ruleset, _options, _traits, _parts);
            PrefilterChainCompiler compiler = new(reader, _parts, _ledger, _tablesWithEffects, shares);
            foreach (MetChain one in all)
            {
                ChainCode code = compiler.CompileBase(one.Chain, one.IsSoft, one.Conditions);
                _baseForms.Add(code.Chain);
                _compiled.Add(ProgramLinker.Key(code.Chain), code);
            }

            CompileTargets(compiler);
            if (_options is { RecordsConnections: true, Connections: { } known })
            {
                _parts.AddConnections(ConnectionFilter.Of([.. known.Keys]), known.SeenWith);
            }

            (byte[] bytes, int length) = _parts.Complete(new ProgramLinker(_compiled).Link(_baseForms));
            CompiledTable table = new(bytes, length, _parts.Counters, _compiled.Values.Sum(code => code.Rules.Count), _parts.ElementCount);
            table.EnsureValid();
            if (_options.IsLeased)
            {
                table.SetLease();
            }

            return new PrefilterResult(table, Report(met), CountElsewhere(met), reader.SharingRules, []);
        }

        private static string TableOf(NftChain chain) => $"{chain.Family} {chain.Table}";

        private static string KeyOf(NftChain chain) => $"{TableOf(chain)} {chain.Name}";

        private IReadOnlyList<string>? DevicesOf(NftChain chain) => _options.ChainDevices.GetValueOrDefault(KeyOf(chain));

        /// <summary>
        /// The base chains that a packet for the machine can meet. Of those on the same hook and priority, those with effects come first here,
        /// whatever their order in Linux: then no drop hides an effect.
        /// </summary>
        private List<NftChain> FindBaseChains()
            => [.. Enumerable.Reverse(_ruleset.Chains)
                .Where(chain => Array.IndexOf(Hooks, chain.Hook) >= 0 && chain.Family is "ip" or "ip6" or "inet" or "netdev")
                .Where(chain => !_options.Dormant.Contains(TableOf(chain)))
                .Where(chain => chain.Hook != "ingress" || DevicesOf(chain) is not { } devices || devices.Any(_options.PortNames.Contains))
                .Where(chain => chain.Rules.Count > 0 || chain.PolicyDrop)
                .OrderBy(chain => Array.IndexOf(Hooks, chain.Hook)).ThenBy(chain => chain.Priority)
                .ThenBy(chain => _tablesWithEffects.Contains(TableOf(chain)) ? 0 : 1)];

        /// <summary>The conditions that must hold for a packet to be judged by a base chain.</summary>
        private IEnumerable<PassCondition> Conditions(NftChain chain)
        {
            bool isBehind = chain.Hook == "input" || (chain.Hook == "prerouting" && chain.Priority >= TranslationPriority);
            bool hasFlowtable = _ruleset.Unknown.Exists(item => item.Kind == "flowtable");
            string? why = hasFlowtable && chain.Hook != "ingress" ? "a flowtable takes packets past this chain"
                : isBehind && HasTranslation() ? "addresses are translated before this chain" : null;
            if (why is not null)
            {
                yield return _options.RecordsConnections
                    ? new PassCondition([MayBeOfConnection], why)
                    : new PassCondition([], $"{why}, and the core does not know connections here");
            }

            if (chain.Hook == "input" && _options.ForwardsExceptIpv4 is { } own4 && chain.Family != "ip6")
            {
                yield return NotFor(2, Field.Ipv4Destination, ValueType.Ipv4Address, own4);
            }

            if (chain.Hook == "input" && _options.ForwardsExceptIpv6 is { } own6 && chain.Family != "ip")
            {
                yield return NotFor(10, Field.Ipv6Destination, ValueType.Ipv6Address, own6);
            }
        }

        private PassCondition NotFor(uint family, Field field, ValueType type, IReadOnlyList<string> addresses)
        {
            List<Interval> own = Intervals.Merge([.. addresses.Select(ValueReader.ReadAddress).Select(address => new Interval(address, address))]);
            Instruction isFamily = new() { Operation = Operation.EqualsMasked, Field = Field.NetworkFamily, A = uint.MaxValue, B = family };
            uint set = _parts.AddSet(own, type);
            return new PassCondition(
                [isFamily, new Instruction { Operation = _parts.OperationOf(set), Field = field, A = set, Negate = 1 }],
                "the machine forwards what is not for itself");
        }

        private static Instruction MayBeOfConnection
            => new() { Operation = Operation.EqualsMasked, Field = Field.Connection, A = ConnectionStates.Established, B = 0, Negate = 1 };

        private bool HasTranslation()
            => _options.HasOtherTranslation
                || _ruleset.Chains.Exists(chain => (chain.Type == "nat" && chain.Rules.Count > 0) || chain.Rules.Exists(RuleReader.Translates));

        private void CompileTargets(PrefilterChainCompiler compiler)
        {
            Dictionary<string, (NftChain Chain, bool Soft)> forms = [];
            foreach (NftChain chain in _ruleset.Chains)
            {
                forms[PrefilterChainCompiler.Key(chain.Family, chain.Table, chain.Name, soft: false)] = (chain, false);
                forms[PrefilterChainCompiler.Key(chain.Family, chain.Table, chain.Name, soft: true)] = (chain, true);
            }

            Queue<string> waiting = new(_compiled.Values.SelectMany(code => code.Targets.Values));
            while (waiting.TryDequeue(out string? key))
            {
                if (_compiled.ContainsKey(key))
                {
                    continue;
                }

                ChainCode? code = forms.TryGetValue(key, out (NftChain Chain, bool Soft) form)
                    ? compiler.Compile(form.Chain, form.Soft) : compiler.CompileRest(key);
                if (code is null)
                {
                    continue;
                }

                _compiled.Add(key, code);
                foreach (string target in code.Targets.Values)
                {
                    waiting.Enqueue(target);
                }
            }
        }

        private List<DropReport> Report(List<NftChain> met)
        {
            List<DropReport> reports = [];
            foreach (NftChain chain in _traits.Reach(met))
            {
                bool isCompiled = _compiled.ContainsKey(PrefilterChainCompiler.Key(chain.Family, chain.Table, chain.Name, soft: false))
                    || _compiled.ContainsKey(PrefilterChainCompiler.Key(chain.Family, chain.Table, chain.Name, soft: true));
                reports.AddRange(isCompiled
                    ? chain.Rules.Select(rule => _ledger.Report(chain, rule)).OfType<DropReport>()
                    : chain.Rules.Where(RuleReader.Drops).Select(rule => new DropReport(
                        DropLedger.PlaceOf(chain, rule), _options.RuleTexts.GetValueOrDefault(NftRuleset.RuleKey(chain.Family, chain.Table, rule.Handle)),
                        DropShare.None, "no way that the core can follow leads to this chain")));
                if (chain.PolicyDrop && _ledger.Report(chain, null) is { } policy)
                {
                    reports.Add(policy);
                }
            }

            return reports;
        }

        private int CountElsewhere(List<NftChain> met)
            => _ruleset.Chains.Where(chain => chain.Hook is not null && !met.Contains(chain))
                .Sum(chain => (chain.PolicyDrop ? 1 : 0) + chain.Rules.Count(RuleReader.Drops));
    }
}
