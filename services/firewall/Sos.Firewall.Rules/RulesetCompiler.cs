using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json;
using Sos.Firewall.Tables;

namespace Sos.Firewall.Rules;

/// <summary>
/// Compiles a ruleset as <c>nft -j list ruleset</c> prints it into a table for the firewall. What cannot be honoured exactly as
/// nftables would is an error that names the rule: nothing is ever left out.
/// </summary>
public static class RulesetCompiler
{
    /// <summary>The priority at which Linux looks a packet's connection up (NF_IP_PRI_CONNTRACK).</summary>
    private const int TrackingPriority = -200;

    /// <summary>The order in which a packet meets the hooks: an arriving one the first two, one that Linux sends the others.</summary>
    private static readonly string[] Hooks = ["prerouting", "input", "output", "postrouting"];

    /// <summary>Objects that do nothing until a rule refers to them, which is then refused.</summary>
    private static readonly HashSet<string> InertObjects =
        ["limit", "quota", "ct helper", "ct timeout", "ct expectation", "synproxy", "secmark", "flowtable"];

    /// <summary>Compiles a ruleset.</summary>
    /// <param name="json">The listing, UTF-8, at most 2 GiB.</param>
    /// <param name="options">What the rules do not say.</param>
    /// <returns>The table, or errors.</returns>
    public static CompileResult Compile(ReadOnlyMemory<byte> json, CompileOptions options)
    {
        List<RuleDiagnostic> diagnostics = [];
        try
        {
            JsonText.EnsureReadable(json.Span);
            using JsonDocument document = JsonDocument.Parse(json);
            CompiledTable? table = Compile(NftRuleset.Read(document.RootElement), options, diagnostics, out int openRuleCount);
            return new CompileResult(table, diagnostics) { OpenRuleCount = openRuleCount };
        }
        catch (JsonException wrong)
        {
            diagnostics.Add(Error(RuleDiagnosticIds.NotARuleset, $"the input is no ruleset of nft: {wrong.Message}"));
        }
        catch (RuleException refusal)
        {
            diagnostics.Add(Error(refusal.Id, refusal.Message));
        }

        return new CompileResult(null, diagnostics);
    }

    private static CompiledTable? Compile(NftRuleset ruleset, CompileOptions options, List<RuleDiagnostic> diagnostics, out int openRuleCount)
    {
        openRuleCount = 0;
        List<NftChain> baseChains = FindBaseChains(ruleset, options, diagnostics);
        TableParts parts = new();
        ChainCompiler compiler = new(ruleset, options, parts, diagnostics)
        {
            JudgesSent = baseChains.Exists(chain => chain.IsSent),
            Reroutes = baseChains.Exists(chain => chain.Type == "route"),
        };
        Dictionary<string, ChainCode> compiled = CompileReachable(ruleset, baseChains, compiler, diagnostics);
        openRuleCount = compiler.OpenRules.Count;
        if (openRuleCount > 0)
        {
            diagnostics.Add(new RuleDiagnostic(RuleSeverity.Note, RuleDiagnosticIds.Interface, OpenPort(openRuleCount), string.Empty, null));
        }

        if (parts.CountedSets.Count > 0)
        {
            diagnostics.Add(new RuleDiagnostic(
                RuleSeverity.Note, RuleDiagnosticIds.ElementCounters,
                $"these sets count by element in nftables, and the core does not: {string.Join(", ", parts.CountedSets)}. Their elements match all the same; a "
                    + "counter of the rule counts",
                string.Empty, null));
        }

        if (parts.IsTraced)
        {
            diagnostics.Add(new RuleDiagnostic(
                RuleSeverity.Note, RuleDiagnosticIds.Traces,
                "rules set \"meta nftrace\": the core traces no packets, and \"nft monitor trace\" shows none that it judges", string.Empty, null));
        }

        bool isStateful = parts.Mode == TableMode.Stateful;
        diagnostics.AddRange(baseChains.Where(chain => isStateful && IsWithTracking(chain)).Select(chain => Error(
            RuleDiagnosticIds.Hook,
            $"the chain has the priority at which Linux tracks connections ({TrackingPriority}), so that it may come before or behind that: use another",
            chain.Place)));
        if (diagnostics.Exists(diagnostic => diagnostic.Severity == RuleSeverity.Error))
        {
            return null;
        }

        LinkedProgram program = new ProgramLinker(compiled).Link(baseChains);
        program = isStateful ? WithTracking(program, baseChains) : parts.Needs != TableNeeds.None ? WithoutStages(program) : program;
        (byte[] bytes, int length) = parts.Complete(program);
        CompiledTable table = new(bytes, length, parts.Counters, compiler.RuleCount, parts.ElementCount, parts.Mode) { SetMemory = parts.SetMemory };
        table.EnsureValid();
        return table;
    }

    private static string OpenPort(int rules)
        => $"{rules} {(rules == 1 ? "rule asks" : "rules ask")} by which interface packets come or go. All were read in full, "
            + "since the firewall's port was not named: --port NAME decides them as a start on that device does";

    private static bool IsWithTracking(NftChain chain) => MeetsTracking(chain) && chain.Priority == TrackingPriority;

    // Linux looks connections up on these two hooks.
    private static bool MeetsTracking(NftChain chain) => chain.Hook is "prerouting" or "output";

    /// <summary>Marks the chains that see packets before they are tracked. No stage looks packets up ahead, since each must be tracked in between.</summary>
    private static LinkedProgram WithTracking(LinkedProgram program, List<NftChain> baseChains)
    {
        for (int i = 0; i < baseChains.Count; i++)
        {
            ref BaseChain chain = ref program.BaseChains[i];
            chain.Families = MeetsTracking(baseChains[i]) && baseChains[i].Priority < TrackingPriority
                ? BaseChain.BeforeTracking(chain.Families)
                : chain.Families;
        }

        return WithoutStages(program);
    }

    private static LinkedProgram WithoutStages(LinkedProgram program) => program with { Plan = new StagePlan(Outcome.Pass, [], []) };

    private static Dictionary<string, ChainCode> CompileReachable(
        NftRuleset ruleset, List<NftChain> baseChains, ChainCompiler compiler, List<RuleDiagnostic> diagnostics)
    {
        Dictionary<string, NftChain> byKey = [];
        foreach (NftChain chain in ruleset.Chains)
        {
            byKey[ProgramLinker.Key(chain)] = chain;
        }

        Dictionary<string, ChainCode> compiled = [];
        Queue<(NftChain Chain, bool IsSent)> waiting = new(baseChains.Select(chain => (chain, chain.IsSent)));
        while (waiting.TryDequeue(out (NftChain Chain, bool IsSent) next))
        {
            if (compiled.ContainsKey(ProgramLinker.Key(next.Chain, next.IsSent)))
            {
                continue;
            }

            ChainCode code = compiler.Compile(next.Chain, next.IsSent);
            compiled.Add(code.Key, code);
            foreach (string target in code.Targets.Values)
            {
                string name = next.IsSent ? target[..^ProgramLinker.SentMark.Length] : target;
                if (byKey.TryGetValue(name, out NftChain? chain))
                {
                    waiting.Enqueue((chain, next.IsSent));
                }
                else
                {
                    diagnostics.Add(Error(RuleDiagnosticIds.Missing, $"there is no chain \"{name}\"", next.Chain.Place));
                }
            }
        }

        return compiled;
    }

    /// <summary>The base chains that a packet meets, in the order in which it does.</summary>
    private static List<NftChain> FindBaseChains(NftRuleset ruleset, CompileOptions options, List<RuleDiagnostic> diagnostics)
    {
        foreach ((string kind, string place) in ruleset.Unknown.Where(item => !InertObjects.Contains(item.Kind)))
        {
            diagnostics.Add(Error(RuleDiagnosticIds.Statement, $"an object of kind \"{kind}\" is not supported: {place}"));
        }

        // Of chains with the same priority Linux evaluates the one first that was registered last.
        List<NftChain> found = [];
        ChainEffects effects = new(ruleset);
        foreach (NftChain chain in ruleset.Chains)
        {
            bool isDormant = ruleset.Tables.TryGetValue($"{chain.Family} {chain.Table}", out bool dormant) && dormant;
            if (!isDormant && chain.Hook is not null && IsHonoured(chain, effects, options, diagnostics))
            {
                found.Insert(0, chain);
            }
        }

        return found.OrderBy(chain => Array.IndexOf(Hooks, chain.Hook)).ThenBy(chain => chain.Priority).ToList();
    }

    private static bool IsHonoured(NftChain chain, ChainEffects effects, CompileOptions options, List<RuleDiagnostic> diagnostics)
    {
        bool isArriving = chain is { Family: "ip" or "ip6" or "inet", Hook: "prerouting" or "input" };
        if ((chain.Rules.Count == 0 && !chain.PolicyDrop) || (!isArriving && chain.Type is "filter" or "route" && !effects.HasAny(chain)))
        {
            return false; // does nothing, wherever it hangs
        }

        if (chain.Family is not ("ip" or "ip6" or "inet"))
        {
            string hint = chain.Family switch
            {
                "netdev" => "move its rules to a prerouting chain of a table of family inet",
                "bridge" => "the firewall is no bridge",
                _ => "the firewall filters IPv4 and IPv6; other frames pass or not by its parameter \"non-ip\"",
            };
            diagnostics.Add(Error(RuleDiagnosticIds.Family, $"tables of family \"{chain.Family}\" are not supported: "
                + $"{hint}", chain.Place));
            return false;
        }

        if (chain is { Type: "filter", Hook: "forward" } && options.ForwardsNothing)
        {
            diagnostics.Add(new RuleDiagnostic(
                RuleSeverity.Note, RuleDiagnosticIds.ForwardsNothing,
                "this chain is not asked, since the core decides alone only where the machine forwards nothing. Should it ever forward, load the chain into "
                    + "nftables on Linux",
                chain.Place, null));
            return false;
        }

        if (chain is { Type: "filter" or "route", IsSent: true } && options.Sent != SentFrames.Refused)
        {
            if (options.Sent == SentFrames.Unseen)
            {
                TellUnseen(chain, effects, diagnostics);
            }

            return options.Sent == SentFrames.Judged;
        }

        if (chain.Type != "filter" || !isArriving)
        {
            string has = options.Sent == SentFrames.Judged ? "sees packets as they arrive and as Linux sends them, and has \"type filter hook prerouting\", "
                + "\"input\", \"output\" and \"postrouting\"" : "sees packets as they arrive, and has \"type filter hook prerouting\" and \"input\"";
            diagnostics.Add(Error(
                RuleDiagnosticIds.Hook,
                $"\"type {chain.Type} hook {chain.Hook}\" is not supported: the firewall {has}. Load this chain into nftables on Linux",
                chain.Place));
            return false;
        }

        return true;
    }

    /// <summary>Tells of a chain for what Linux sends where the core sees nothing of that.</summary>
    private static void TellUnseen(NftChain chain, ChainEffects effects, List<RuleDiagnostic> diagnostics)
        => diagnostics.Add(effects.CanDrop(chain)
            ? Error(
                RuleDiagnosticIds.Hook,
                $"\"type {chain.Type} hook {chain.Hook}\" is not supported on an isolated core, which does not see what Linux sends: start the service on an "
                    + "unplugged core ('sosctl core reserve' without --isolated), or without --rules: then Linux's own rules decide; or load this chain into "
                    + "nftables on Linux and leave it out of the file",
                chain.Place)
            : new RuleDiagnostic(
                RuleSeverity.Note, RuleDiagnosticIds.Unseen,
                "this chain drops nothing, and what it counts or logs stays out: an isolated core does not see what Linux sends", chain.Place, null));

    private static RuleDiagnostic Error(string id, string message, string place = "")
        => new(RuleSeverity.Error, id, message, place, null);
}
