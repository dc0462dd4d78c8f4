using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using Xunit;

namespace Sos.Tidy.Tests;

/// <summary>The layers of the control plane: its folders make no circle, use what ARCHITECTURE.md allows, and back ends are named where they belong.</summary>
public sealed partial class FolderRules
{
    private const string Project = "src/Sos.Cores";
    private const string Chapter = "### The folders of `Sos.Cores`";

    // Each may be named by itself, by another back end and by the files that list them.
    private static readonly string[] BackEnds = ["InProcess", "Isolation", "Isolation/Network", "Offline"];
    private static readonly string[] Lists =
    [
        "Operations/CoreBackEnds.cs", "Operations/DeviceOperations.cs", "Operations/Keepers.cs", "Operations/MachineCheck.cs", "Operations/ProgramCores.cs",
    ];
    private const string Kinds = "BackEndKind";

    // An option for a kind names it.
    private const string Options = "src/Sos.Ctl/Commands/CoreCommands.cs";

    private static readonly Lazy<FolderGraph> Shared = new(
        () => FolderGraph.Read(Project, ["src/Sos.Abi", "src/Sos.Linux", "src/Sos.Sdk", "src/Sos.Image"], Users()));

    private static FolderGraph Graph => Shared.Value;

    [Fact]
    public void TheFoldersOfTheControlPlaneMakeNoCircle() => AssertNone(Graph.Circles());

    // The namespace is what others see of a folder.
    [Fact]
    public void NamespacesFollowFolders() => AssertNone(SourceTree.Files
        .Where(path => path.StartsWith(Project + "/", StringComparison.Ordinal) && path.EndsWith(".cs", StringComparison.Ordinal))
        .Select(path => (Path: path, Wanted: Path.GetDirectoryName(path)!["src/".Length..].Replace('/', '.')))
        .Where(file => !SourceTree.Lines(file.Path).Contains($"namespace {file.Wanted};"))
        .Select(file => $"{file.Path}: its namespace must be {file.Wanted}"));

    [Fact]
    public void TheFoldersUseWhatTheArchitectureSays()
    {
        List<(string Folder, IReadOnlySet<string> Uses)> layers = Layers();
        Assert.True(layers.Count > 10, $"ARCHITECTURE.md has no table of folders under \"{Chapter}\"");
        HashSet<string> below = [];
        List<string> offences = [.. Graph.Folders.Except(layers.Select(layer => layer.Folder)).Select(folder => $"{folder} is no row of the table")];
        foreach ((string folder, IReadOnlySet<string> allowed) in layers)
        {
            IReadOnlySet<string> used = Graph.UsedBy(folder);
            offences.AddRange(allowed.Except(below).Select(other => $"{folder} may use {other}, which does not stand above it in the table"));
            offences.AddRange(allowed.Except(used).Select(other => $"{folder} may use {other}, and does not: strike it out"));
            offences.AddRange(used.Except(allowed).Select(other => $"{folder} may not use {other}: "
                + FolderGraph.Describe(Graph.Uses.Where(use => use.From == folder && use.To == other))));
            below.Add(folder);
        }

        AssertNone(offences);
    }

    [Fact]
    public void NothingNeutralNamesABackEnd()
    {
        Assert.Empty(BackEnds.Except(Graph.Folders));
        AssertNone(Graph.Uses.Where(use => !BackEnds.Contains(use.From) && !Lists.Contains($"{use.From}/{use.File}"))
            .Where(use => BackEnds.Contains(use.To) || use is { Type: Kinds, Member: not null })
            .Select(use => $"{use.From}/{use.File} names {use.Type}{(use.Member is null ? "" : "." + use.Member)}: "
                + "ask BackEndKinds, or an interface of BackEnds, for the difference"));
    }

    /// <summary>Programs, verbs and the control sides of services work on any core; tests and benches may choose theirs.</summary>
    [Fact]
    public void NoProgramAndNoServiceNamesABackEnd()
    {
        Assert.Contains(Graph.FromOutside, use => use is { From: "src/Sos.Ctl/Commands", Type: "CoreOperations" });
        Assert.Contains(Graph.FromOutside, use => use is { From: "services/noise/Sos.Noise.Report", Type: "ServiceOperations" });
        AssertNone(Graph.FromOutside
            .Where(use => BackEnds.Contains(use.To) || (use is { Type: Kinds, Member: not null } && $"{use.From}/{use.File}" != Options))
            .Select(use => $"{use.From}/{use.File} names {use.Type}{(use.Member is null ? "" : "." + use.Member)}: "
                + "call an operation, or ask BackEndKinds for the difference"));
    }

    /// <summary>sosctl parses, calls an operation and renders its result: it opens no core, takes no lock and looks for no program by itself.</summary>
    [Fact]
    public void SosctlCallsOperations()
    {
        List<FolderUse> uses = [.. Graph.FromOutside.Where(use => use.From.StartsWith("src/Sos.Ctl", StringComparison.Ordinal))];
        Assert.Contains(uses, use => use is { To: "Operations", Type: "ServiceReadings" });
        AssertNone(uses.Where(use => use.To is "Native" or "Network" or "Carrying" or "BackEnds"
                || use.Type is "RunningService" or "CoreLock" or "SteadyReading" or "DaemonPresence")
            .Select(use => $"{use.From}/{use.File} uses {use.Type}: that is an operation's work"));
    }

    // All that speaks of the control plane, but for tests.
    private static IReadOnlyList<string> Users() =>
        [.. SourceTree.Files.Where(path => path.EndsWith(".csproj", StringComparison.Ordinal))
            .Where(path => path.Split('/')[0] is "src" or "services" or "samples" && !path.EndsWith(".Tests.csproj", StringComparison.Ordinal))
            .Select(path => Path.GetDirectoryName(path)!)
            .Where(folder => folder != Project && SourceTree.Files.Any(path => path.StartsWith(folder + "/", StringComparison.Ordinal) && UsesProject(path)))];

    private static bool UsesProject(string path)
        => path.EndsWith(".cs", StringComparison.Ordinal)
            && SourceTree.Lines(path).Any(line => line.StartsWith("using Sos.Cores", StringComparison.Ordinal));

    // From the lowest to the highest: | `Folder` | what it has | `Other`, `Another` |
    private static List<(string Folder, IReadOnlySet<string> Uses)> Layers() =>
        [.. SourceTree.Lines("ARCHITECTURE.md")
            .SkipWhile(line => line != Chapter).Skip(1).TakeWhile(line => !line.StartsWith('#'))
            .Where(line => line.StartsWith("| `", StringComparison.Ordinal))
            .Select(line => line.Split('|'))
            .Select(cells => (Quoted().Match(cells[1]).Groups[1].Value,
                (IReadOnlySet<string>)Quoted().Matches(cells[^2]).Select(match => match.Groups[1].Value).ToHashSet()))];

    private static void AssertNone(IEnumerable<string> offences)
    {
        List<string> all = [.. offences];
        Assert.True(all.Count == 0, string.Join('\n', all));
    }

    [GeneratedRegex("`([^`]+)`")]
    private static partial Regex Quoted();
}
