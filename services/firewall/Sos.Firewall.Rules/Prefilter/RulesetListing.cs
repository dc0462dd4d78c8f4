using System;
using System.Collections.Generic;
using System.ComponentModel;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using System.Threading.Tasks;

namespace Sos.Firewall.Rules.Prefilter;

/// <summary>A ruleset as nft lists it for a prefilter.</summary>
/// <param name="Json">What <c>nft -j -n list ruleset</c> prints, but for <paramref name="Elements"/>.</param>
/// <param name="RuleTexts">nft's text of each rule.</param>
/// <param name="Sure">Rules of which the listing says all that the kernel does.</param>
/// <param name="Dormant">Tables that are switched off.</param>
/// <param name="ChainDevices">The devices of chains that name some.</param>
/// <param name="Elements">Elements of sets that <paramref name="Json"/> leaves out, by "family table name".</param>
public sealed record RulesetListing(
    ReadOnlyMemory<byte> Json, IReadOnlyDictionary<string, string> RuleTexts, IReadOnlySet<string> Sure, IReadOnlySet<string> Dormant,
    IReadOnlyDictionary<string, IReadOnlyList<string>> ChainDevices, IReadOnlyDictionary<string, KnownElements> Elements)
{
    private static readonly Regex Arrival = new(@"\biif(?:name)? (?:\{ )?""([^""]+)""");

    /// <summary>Fills in what the listing says.</summary>
    public PrefilterOptions AddTo(PrefilterOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return options with { RuleTexts = RuleTexts, Sure = Sure, Dormant = Dormant, ChainDevices = ChainDevices, Elements = Elements };
    }

    /// <summary>A name that the rules give to what packets arrive by, other than the loopback.</summary>
    public string? FindPortName()
        => ChainDevices.Values.SelectMany(names => names)
            .Concat(RuleTexts.Values.SelectMany(text => Arrival.Matches(text).Select(match => match.Groups[1].Value)))
            .Select(name => name.Replace('*', '0')).FirstOrDefault(name => name != "lo");
}

/// <summary>
/// Lists a ruleset by nft, and finds the rules that nft lists with fewer conditions than the kernel has: the listing is loaded into an empty
/// namespace, and the kernel's programs of both are compared.
/// </summary>
public static class RulesetLister
{
    // $1 the directory, $2 "-t" to leave elements of sets out. Each takes its time, and they need not wait for each other.
    private const string List = """
        nft -j -n $2 list ruleset >"$1/ruleset.json" & json=$!
        nft -a -s -t list ruleset >"$1/ruleset.txt" & text=$!
        nft --debug=netlink -t list ruleset >"$1/loaded.txt"; loaded=$?
        wait $json; json=$?
        wait $text; text=$?
        [ $json$text$loaded = 000 ]
        """;

    private const string ListTerse = """nft -j -s -t list ruleset >"$1/terse.json" """;

    // $1 the directory, $2 the rules, then names that rules give interfaces by.
    private const string LoadAndList = """
        directory=$1 rules=$2; shift 2
        """ + "\n" + ScratchInterfaces.MakeAll + "\n" + """
        nft -f "$rules" || exit 1
        set -- "$directory"
        """ + "\n" + ListTerse + " || exit 1\n" + List;

    private const string Reload = """
        directory=$1; shift
        """ + "\n" + ScratchInterfaces.MakeAll + "\n" + """
        nft -j -f "$directory/reload.json" && nft --debug=netlink -t list ruleset >"$directory/listed.txt"
        """;

    // Statements that every nft reads as it lists them, and those that some may not.
    private static readonly HashSet<string> ReadAgainSurely =
        ["match", "vmap", "accept", "drop", "return", "continue", "jump", "goto", "counter", "notrack", "log", "limit"];

    private static readonly HashSet<string> ReadAgain = [.. ReadAgainSurely, "reject", "mangle"];

    /// <summary>Lists the ruleset of this process's network namespace.</summary>
    /// <param name="before">The rules as they were listed before, for those that follow them.</param>
    /// <exception cref="RulesetLoadException">nft cannot be run.</exception>
    public static RulesetListing ListLive(SureRules? before = null) => InDirectory(directory =>
    {
        Run("sh", ["-c", List, "sh", directory]);
        return Read(directory, before ?? new SureRules());
    });

    /// <summary>Lists the ruleset of this process's network namespace, with the elements of sets as another source has them.</summary>
    /// <param name="before">The rules as they were listed before.</param>
    /// <param name="source">Reads the elements of sets; those that it does not read are listed by nft.</param>
    /// <exception cref="RulesetLoadException">nft cannot be run.</exception>
    public static RulesetListing ListLive(SureRules before, IElementSource source)
    {
        ArgumentNullException.ThrowIfNull(before);
        ArgumentNullException.ThrowIfNull(source);
        RulesetListing terse = InDirectory(directory =>
        {
            Run("sh", ["-c", List, "sh", directory, "-t"]);
            return Read(directory, before);
        });
        try
        {
            JsonText.EnsureReadable(terse.Json.Span);
            return ElementListing.Complete(terse, source) ?? ListLive(before);
        }
        catch (JsonException wrong)
        {
            throw new RulesetLoadException($"nft's listing cannot be read: {wrong.Message}", wrong);
        }
    }

    /// <summary>Loads a file into a namespace of its own and lists it there. Interfaces that it names need not exist.</summary>
    /// <param name="path">Rules as <c>nft -f</c> takes them.</param>
    /// <param name="before">The rules as they were listed before, for those that list several files that are nearly the same.</param>
    /// <exception cref="RulesetLoadException">nft refuses the file.</exception>
    public static RulesetListing ListFile(string path, SureRules? before = null) => InDirectory(directory =>
    {
        if (!File.Exists(path))
        {
            throw new RulesetLoadException($"{path}: there is no such file");
        }

        ScratchInterfaces interfaces = new(path);
        while (true)
        {
            try
            {
                Run("unshare", [.. Unshare, "sh", "-c", LoadAndList, "sh", directory, Path.GetFullPath(path), .. interfaces.Names]);
                return Read(directory, before ?? new SureRules());
            }
            catch (RulesetLoadException refusal) when (interfaces.TryLearn(refusal.Message))
            {
                // With what it asks for it may take the file.
            }
        }
    });

    private static string[] Unshare => Environment.IsPrivilegedProcess ? ["--net", "--"] : ["--map-root-user", "--net", "--"];

    private static RulesetListing InDirectory(Func<string, RulesetListing> work)
    {
        DirectoryInfo directory = Directory.CreateTempSubdirectory("sos-rules-");
        try
        {
            return work(directory.FullName);
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    private static RulesetListing Read(string directory, SureRules before)
    {
        string[] text = File.ReadAllLines(Path.Combine(directory, "ruleset.txt"));
        Dictionary<string, string> texts = RuleListing.ReadTexts(text);
        Dictionary<string, IReadOnlyList<string>> devices = RuleListing.ReadDevices(text);
        Dictionary<string, string> programs = RuleListing.ReadProgramsByKey(File.ReadLines(Path.Combine(directory, "loaded.txt")));
        IReadOnlySet<string> sure = before.Find(programs, texts, open => FindSure(directory, devices, programs, open));
        return new RulesetListing(
            File.ReadAllBytes(Path.Combine(directory, "ruleset.json")), texts, sure,
            RuleListing.FindDormantTables(text).Select(item => string.Join(' ', item.Place.Split(' ').Skip(1))).ToHashSet(), devices,
            new Dictionary<string, KnownElements>());
    }

    /// <summary>Loads rules as they are listed, and compares what the kernel makes of them.</summary>
    /// <returns>Those that are the same; null where nft does not read its own listing.</returns>
    private static HashSet<string>? FindSure(
        string directory, Dictionary<string, IReadOnlyList<string>> devices, Dictionary<string, string> programs, IReadOnlySet<string> open)
    {
        string At(string name) => Path.Combine(directory, name);
        if (!File.Exists(At("terse.json")))
        {
            Run("sh", ["-c", ListTerse, "sh", directory]);
        }

        foreach (HashSet<string> statements in new[] { ReadAgain, ReadAgainSurely })
        {
            List<string> kept = WriteReload(
                At("terse.json"), At("reload.json"), devices, (key, kinds) => open.Contains(key) && kinds.All(statements.Contains),
                out HashSet<string> interfaces);
            try
            {
                Run("unshare", [.. Unshare, "sh", "-c", Reload, "sh", directory, .. interfaces]);
                return RuleListing.FindSame(programs, File.ReadLines(At("listed.txt")), kept);
            }
            catch (RulesetLoadException)
            {
                // Rules of few kinds may do.
            }
        }

        return null;
    }

    /// <summary>Writes what nft can be asked to read again: tables, chains, sets, and the rules of statements that it lists as it reads them.</summary>
    /// <returns>The keys of the rules that were kept, in order.</returns>
    private static List<string> WriteReload(
        string terse, string reload, Dictionary<string, IReadOnlyList<string>> devices, Func<string, IEnumerable<string>, bool> isKept,
        out HashSet<string> interfaces)
    {
        JsonObject root = JsonNode.Parse(File.ReadAllBytes(terse))!.AsObject();
        JsonArray objects = root["nftables"]!.AsArray();
        List<string> kept = [];
        interfaces = [.. devices.Values.SelectMany(names => names)];
        foreach (JsonNode node in objects.OfType<JsonNode>().ToList())
        {
            if (node["rule"] is JsonObject rule)
            {
                string key = NftRuleset.RuleKey((string)rule["family"]!, (string)rule["table"]!, (long)rule["handle"]!);
                if (isKept(key, rule["expr"]!.AsArray().Select(one => one is JsonObject { Count: 1 } statement ? statement.First().Key : string.Empty)))
                {
                    kept.Add(key);
                    AddInterfaces(rule["expr"]!, interfaces);
                }
                else
                {
                    objects.Remove(node);
                }
            }
            else if (node["chain"] is JsonObject { } chain
                && devices.TryGetValue($"{chain["family"]} {chain["table"]} {chain["name"]}", out IReadOnlyList<string>? names))
            {
                chain["dev"] = names.Count == 1 ? names[0] : new JsonArray([.. names.Select(name => (JsonNode)name)]);
            }
            else if (node["flowtable"] is not null || node["ct helper"] is not null || node["ct expectation"] is not null || node["synproxy"] is not null)
            {
                objects.Remove(node);
            }
        }

        File.WriteAllText(reload, root.ToJsonString());
        return kept;
    }

    private static void AddInterfaces(JsonNode statements, HashSet<string> interfaces)
    {
        foreach (JsonNode? statement in statements.AsArray())
        {
            JsonNode? match = statement!["match"];
            JsonNode? map = statement["vmap"];
            string text = $"{match?["left"]?.ToJsonString()}{map?["key"]?.ToJsonString()}";
            if (text.Contains("\"iif\"", StringComparison.Ordinal) || text.Contains("\"oif\"", StringComparison.Ordinal))
            {
                AddNames(match?["right"] ?? map?["data"], interfaces);
            }
        }
    }

    private static void AddNames(JsonNode? node, HashSet<string> names)
    {
        switch (node)
        {
            case JsonValue value when value.GetValueKind() == JsonValueKind.String:
                names.Add((string)value!);
                break;
            case JsonArray array:
                foreach (JsonNode? item in array)
                {
                    AddNames(item, names);
                }

                break;
            case JsonObject item:
                foreach ((string key, JsonNode? inner) in item)
                {
                    if (key is "set" or "concat" or "elem" or "val")
                    {
                        AddNames(inner, names);
                    }
                }

                break;
        }
    }

    /// <summary>Runs a program.</summary>
    /// <returns>Its output.</returns>
    /// <exception cref="RulesetLoadException">It cannot be run, or fails.</exception>
    internal static string Run(string program, IReadOnlyList<string> arguments)
    {
        ProcessStartInfo start = new(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        try
        {
            using Process process = Process.Start(start)!;
            Task<string> errors = process.StandardError.ReadToEndAsync();
            string output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode == 0 ? output : throw new RulesetLoadException(RulesetLoader.Explain(errors.Result));
        }
        catch (Win32Exception missing)
        {
            throw new RulesetLoadException($"cannot run \"{program}\": install the packages util-linux and nftables", missing);
        }
    }
}
