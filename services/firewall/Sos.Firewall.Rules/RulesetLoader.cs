using System;
using System.Collections.Generic;
using System.ComponentModel;
using System.Diagnostics;
using System.IO;

namespace Sos.Firewall.Rules;

/// <summary>
/// Lets nft itself parse and normalise a rules file: it is loaded in a network namespace of its own, listed, and gone with the
/// process. The machine's own rules are neither read nor touched.
/// </summary>
public static class RulesetLoader
{
    // $1: the rules, $2: a directory for what is found, then names of interfaces. The listing is loaded again in a second namespace, and the kernel's
    // programs of both are compared: nft drops matches from its listings that it takes for implied, and sometimes they are not.
    // Listings that programs read have times in UTC, as the kernel has them; nft takes the rules' own for times of the zone that it runs in.
    private const string Script = """
        rules=$1 directory=$2; shift 2
        """ + "\n" + ScratchInterfaces.MakeAll + "\n" + """
        nft -f "$rules" || exit 1
        TZ=UTC0 nft -j -n list ruleset >"$directory/ruleset.json" || exit 1
        nft -a -n -t list ruleset >"$directory/ruleset.txt" || exit 1
        nft -t list sets >"$directory/sets.txt" || exit 1
        nft --debug=netlink -t list ruleset >"$directory/loaded.txt" || exit 1
        TZ=UTC0 nft -j -t list ruleset >"$directory/terse.json" || exit 1
        unshare --net -- sh -c "$0" sh "$directory" "$@" 2>"$directory/reload-errors.txt" || rm -f "$directory/listed.txt"
        """;

    private const string Reload = """
        directory=$1; shift
        """ + "\n" + ScratchInterfaces.MakeAll + "\n" + """
        TZ=UTC0 nft -j -f "$directory/terse.json" && nft --debug=netlink -t list ruleset >"$directory/listed.txt"
        """;

    /// <summary>Loads and lists a file.</summary>
    /// <param name="path">Rules as <c>nft -f</c> takes them; interfaces that they name need not exist.</param>
    /// <exception cref="RulesetLoadException">nft refuses the file, or it or a namespace is missing.</exception>
    public static LoadedRuleset LoadFile(string path)
    {
        if (!File.Exists(path))
        {
            throw new RulesetLoadException($"{path}: there is no such file");
        }

        DirectoryInfo directory = Directory.CreateTempSubdirectory("sos-rules-");
        try
        {
            RunWithInterfaces(path, directory.FullName);
            string At(string name) => Path.Combine(directory.FullName, name);
            Dictionary<string, string> texts = RuleListing.ReadTexts(File.ReadLines(At("ruleset.txt")));
            List<RuleDiagnostic> diagnostics = File.Exists(At("listed.txt"))
                ? RuleListing.Compare(File.ReadLines(At("loaded.txt")), File.ReadLines(At("listed.txt")), texts)
                : [NotCompared(File.ReadAllText(At("reload-errors.txt")))];
            diagnostics.AddRange(RuleListing.FindDormantTables(File.ReadLines(At("ruleset.txt"))));
            diagnostics.AddRange(RuleListing.FindShortTimes(File.ReadLines(At("sets.txt"))));
            return new LoadedRuleset(File.ReadAllBytes(At("ruleset.json")), texts, diagnostics);
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    /// <summary>Loads and compiles a file.</summary>
    /// <param name="path">Rules as <c>nft -f</c> takes them.</param>
    /// <param name="options">What the rules do not say; the rules' texts are filled in.</param>
    /// <exception cref="RulesetLoadException">As for <see cref="LoadFile"/>.</exception>
    public static CompileResult CompileFile(string path, CompileOptions options)
    {
        LoadedRuleset loaded = LoadFile(path);
        CompileResult result = RulesetCompiler.Compile(loaded.Json, options with { RuleTexts = loaded.RuleTexts });
        List<RuleDiagnostic> all = [.. loaded.Diagnostics, .. result.Diagnostics];
        return new CompileResult(all.Exists(item => item.Severity == RuleSeverity.Error) ? null : result.Table, all) { OpenRuleCount = result.OpenRuleCount };
    }

    private static RuleDiagnostic NotCompared(string errors) => new(
        RuleSeverity.Note,
        RuleDiagnosticIds.LossyListing,
        $"nft does not read its own listing of these rules, so it was not checked that the listing says all: {errors.Trim()}",
        string.Empty,
        null);

    private static void RunWithInterfaces(string path, string directory)
    {
        ScratchInterfaces interfaces = new(path);
        while (true)
        {
            try
            {
                Run(Path.GetFullPath(path), directory, interfaces.Names);
                return;
            }
            catch (RulesetLoadException refusal) when (interfaces.TryLearn(refusal.Message))
            {
                // With what it asks for it may take the file.
            }
        }
    }

    private static void Run(string path, string directory, IReadOnlyList<string> interfaces)
    {
        ProcessStartInfo start = new("unshare") { RedirectStandardError = true };
        string[] rights = Environment.IsPrivilegedProcess ? [] : ["--map-root-user"];
        foreach (string argument in (string[])[.. rights, "--net", "--", "sh", "-c", Script, Reload, path, directory, .. interfaces])
        {
            start.ArgumentList.Add(argument);
        }

        try
        {
            using Process process = Process.Start(start)!;
            string errors = process.StandardError.ReadToEnd();
            process.WaitForExit();
            if (process.ExitCode != 0)
            {
                throw new RulesetLoadException(Explain(errors));
            }
        }
        catch (Win32Exception missing)
        {
            throw new RulesetLoadException("cannot run \"unshare\": install the package util-linux", missing);
        }
    }

    internal static string Explain(string errors)
    {
        if (errors.Contains("nft: not found", StringComparison.Ordinal))
        {
            return "cannot run \"nft\": install the package nftables";
        }

        return errors.StartsWith("unshare:", StringComparison.Ordinal)
            ? $"cannot make a network namespace to read the rules in (run as root): {errors.Trim()}"
            : errors.Trim();
    }
}
