using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text.RegularExpressions;

namespace Sos.Firewall.Rules;

/// <summary>Reads nft's textual listings.</summary>
internal static class RuleListing
{
    private const string HandleMark = " # handle ";

    // Sets without a name are numbered as they come, and what they hold stands in the listing anyway.
    private static readonly Regex AnonymousSetName = new(@"(__(?:set|map))\d+");

    private static readonly Regex DeviceList = new("""\bdevices?\s*(?:=\s*)?(\{[^}]*\}|"[^"]+")""");

    /// <summary>The text of each rule of <c>nft -a list ruleset</c>, by <see cref="NftRuleset.RuleKey"/>.</summary>
    public static Dictionary<string, string> ReadTexts(IEnumerable<string> lines)
    {
        Dictionary<string, string> texts = [];
        string family = string.Empty;
        string table = string.Empty;
        foreach (string line in lines)
        {
            int mark = line.LastIndexOf(HandleMark, StringComparison.Ordinal);
            if (mark < 0 || !long.TryParse(line[(mark + HandleMark.Length)..], CultureInfo.InvariantCulture, out long handle))
            {
                continue;
            }

            string text = line[..mark].Trim();
            if (line.StartsWith("table ", StringComparison.Ordinal))
            {
                string[] words = text.Split(' ');
                family = words[1];
                table = words[2];
            }
            else if (!text.EndsWith('{'))
            {
                texts[NftRuleset.RuleKey(family, table, handle)] = text;
            }
        }

        return texts;
    }

    /// <summary>Errors for tables that are switched off: nft's JSON does not tell them from others.</summary>
    public static IEnumerable<RuleDiagnostic> FindDormantTables(IEnumerable<string> lines)
    {
        string table = string.Empty;
        foreach (string line in lines)
        {
            if (line.StartsWith("table ", StringComparison.Ordinal))
            {
                table = string.Join(' ', line.Split(' ').Take(3));
            }
            else if (line.StartsWith("\tflags ", StringComparison.Ordinal) && line.Contains("dormant", StringComparison.Ordinal))
            {
                yield return new RuleDiagnostic(
                    RuleSeverity.Error, RuleDiagnosticIds.Dormant, "this table is dormant: leave it out", table, null);
            }
        }
    }

    /// <summary>Errors for sets whose elements stay for parts of a second: nft's JSON has whole ones, as its text with <c>-n</c> has.</summary>
    public static IEnumerable<RuleDiagnostic> FindShortTimes(IEnumerable<string> lines)
    {
        string table = string.Empty;
        string set = string.Empty;
        foreach (string line in lines)
        {
            string[] words = line.Trim().Split(' ');
            if (line.StartsWith("table ", StringComparison.Ordinal))
            {
                table = string.Join(' ', words.Take(3));
            }
            else if (words is ["set", _, ..])
            {
                set = words[1];
            }
            else if (words is ["timeout", _] && words[1].EndsWith("ms", StringComparison.Ordinal))
            {
                yield return new RuleDiagnostic(
                    RuleSeverity.Error, RuleDiagnosticIds.LossyListing, $"nft lists the timeout {words[1]} without its parts of a second: write whole seconds",
                    $"{table}, set {set}", null);
            }
        }
    }

    /// <summary>
    /// Compares the kernel's programs of the rules as they were written with those of the rules as they were listed
    /// (<c>nft --debug=netlink list ruleset</c>), rule by rule.
    /// </summary>
    public static List<RuleDiagnostic> Compare(
        IEnumerable<string> loaded, IEnumerable<string> listed, Dictionary<string, string> texts)
    {
        List<(string Title, string Program)> written = ReadPrograms(loaded);
        List<(string Title, string Program)> read = ReadPrograms(listed);
        List<RuleDiagnostic> diagnostics = [];
        for (int i = 0; i < written.Count; i++)
        {
            if (i >= read.Count || written[i].Program != read[i].Program)
            {
                diagnostics.Add(MakeDiagnostic(written[i].Title, texts));
            }
        }

        return diagnostics;
    }

    /// <summary>The kernel's programs by the keys of their rules.</summary>
    /// <param name="loaded">As <c>nft --debug=netlink list ruleset</c> prints them.</param>
    public static Dictionary<string, string> ReadProgramsByKey(IEnumerable<string> loaded)
    {
        Dictionary<string, string> written = [];
        foreach ((string title, string program) in ReadPrograms(loaded))
        {
            if (KeyOf(title) is { } key)
            {
                written[key] = program;
            }
        }

        return written;
    }

    /// <summary>The rules whose programs are the same as loaded and as they were read from the listing.</summary>
    /// <param name="written">The kernel's programs.</param>
    /// <param name="listed">Those of the listing, for the rules of <paramref name="kept"/>.</param>
    /// <param name="kept">The keys of the rules that were read from the listing, in order.</param>
    public static HashSet<string> FindSame(IReadOnlyDictionary<string, string> written, IEnumerable<string> listed, IReadOnlyList<string> kept)
    {
        List<string> read = [.. ReadPrograms(listed).Where(program => KeyOf(program.Title) is not null).Select(program => program.Program)];
        return read.Count == kept.Count
            ? [.. kept.Where((key, index) => written.GetValueOrDefault(key) == read[index])]
            : [];
    }

    /// <summary>The devices of base chains, by "family table chain", of <c>nft list ruleset</c>: the JSON of old versions leaves them out.</summary>
    public static Dictionary<string, IReadOnlyList<string>> ReadDevices(IEnumerable<string> lines)
    {
        Dictionary<string, IReadOnlyList<string>> devices = [];
        string table = string.Empty;
        string chain = string.Empty;
        foreach (string line in lines)
        {
            string[] words = line.Trim().Split(' ');
            if (words is ["table", _, _, ..] && line.StartsWith("table ", StringComparison.Ordinal))
            {
                table = $"{words[1]} {words[2]}";
            }
            else if (words is ["chain", _, ..])
            {
                chain = words[1];
            }
            else if (words is ["type", _, "hook", ..] && DeviceList.Match(line) is { Success: true } match)
            {
                IEnumerable<string> names = match.Groups[1].Value.Split(',').Select(name => name.Trim(' ', '"', '{', '}'));
                devices[$"{table} {chain}"] = [.. names.Where(name => name.Length > 0)];
            }
        }

        return devices;
    }

    private static string? KeyOf(string title)
    {
        string[] words = title.Split(' ');
        return words.Length >= 4 && long.TryParse(words[3], CultureInfo.InvariantCulture, out long handle)
            ? NftRuleset.RuleKey(words[0], words[1], handle)
            : null;
    }

    /// <summary>The programs: a line "family table chain handle [previous]", then one line in brackets for each step.</summary>
    private static List<(string Title, string Program)> ReadPrograms(IEnumerable<string> lines)
    {
        List<(string Title, string Program)> programs = [];
        string title = string.Empty;
        List<string> steps = [];
        foreach (string line in lines.Append(string.Empty))
        {
            if (line.StartsWith("  [", StringComparison.Ordinal))
            {
                steps.Add(AnonymousSetName.Replace(line, "$1"));
                continue;
            }

            if (steps.Count > 0)
            {
                programs.Add((title, string.Join('\n', steps)));
                steps.Clear();
            }

            title = line;
        }

        return programs;
    }

    private static RuleDiagnostic MakeDiagnostic(string title, Dictionary<string, string> texts)
    {
        string[] words = title.Split(' ');
        string place = title;
        string? text = null;
        if (words.Length >= 4 && long.TryParse(words[3], CultureInfo.InvariantCulture, out long handle))
        {
            place = $"table {words[0]} {words[1]}, chain {words[2]}, rule handle {handle}";
            text = texts.GetValueOrDefault(NftRuleset.RuleKey(words[0], words[1], handle));
        }

        return new RuleDiagnostic(
            RuleSeverity.Error,
            RuleDiagnosticIds.LossyListing,
            "nft lists this rule with fewer conditions than it was written with, so it would be misjudged. Usually \"ip6 "
                + "nexthdr\" or "
            + "\"meta l4proto\" stands before a match that nft takes to imply it: leave it out, or put it into a chain of "
                + "its own",
            place,
            text);
    }
}
