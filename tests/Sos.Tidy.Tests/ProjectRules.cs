using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using Xunit;

namespace Sos.Tidy.Tests;

/// <summary>The projects are those of ARCHITECTURE.md, and each refers to what its row there names.</summary>
public sealed partial class ProjectRules
{
    private const string Services = "services/NAME";

    // | `src/Sos.Verbs` | what it is | Sos.Cores, Sos.Linux |
    private static readonly Dictionary<string, HashSet<string>> Rows = SourceTree.Lines("ARCHITECTURE.md")
        .Select(line => line.Split('|'))
        .Where(cells => cells.Length > 3 && Folder().IsMatch(cells[1]))
        .ToDictionary(
            cells => Folder().Match(cells[1]).Groups[1].Value,
            cells => ProjectName().Matches(cells[^2]).Select(match => match.Value).ToHashSet(StringComparer.Ordinal),
            StringComparer.Ordinal);

    [Fact]
    public void TheArchitectureListsTheProjectsAndWhatTheyReferTo()
    {
        Assert.Contains("src/Sos.Cores", Rows.Keys);
        HashSet<string> projects = [.. Projects("src/").Select(path => Path.GetDirectoryName(path)!)];
        List<string> offences = [.. projects.Except(Rows.Keys).Select(folder => $"{folder} is no row of ARCHITECTURE.md")];
        offences.AddRange(Rows.Keys.Where(row => row != Services).Except(projects).Select(row => $"ARCHITECTURE.md has a row for {row}, which is no project"));
        foreach (string project in Projects("src/").Where(path => Rows.ContainsKey(Path.GetDirectoryName(path)!)))
        {
            string folder = Path.GetDirectoryName(project)!;
            Compare(folder, References(project), Rows[folder], offences);
        }

        AssertNone(offences);
    }

    /// <summary>One row is for all services: each project of the sources that it names is for one of them at least.</summary>
    [Fact]
    public void ServicesReferToWhatTheirRowNames()
    {
        List<string> offences = [];
        HashSet<string> sources = [.. Projects("src/").Select(path => Path.GetFileNameWithoutExtension(path))];
        Compare(Services, Projects("services/").SelectMany(References).Where(sources.Contains), Rows[Services], offences);
        AssertNone(offences);
    }

    private static IEnumerable<string> Projects(string under)
        => SourceTree.Files.Where(path => path.StartsWith(under, StringComparison.Ordinal) && path.EndsWith(".csproj", StringComparison.Ordinal));

    // A pattern of projects stands in words in the table.
    private static IEnumerable<string> References(string project)
        => Reference().Matches(File.ReadAllText(Path.Combine(SourceTree.Root, project))).SelectMany(match => match.Groups[1].Value.Split(';'))
            .Where(path => !path.Contains('*', StringComparison.Ordinal)).Select(path => Path.GetFileNameWithoutExtension(path));

    private static void Compare(string folder, IEnumerable<string> used, HashSet<string> allowed, List<string> offences)
    {
        HashSet<string> names = [.. used];
        offences.AddRange(names.Except(allowed).Select(name => $"{folder} refers to {name}, and its row of ARCHITECTURE.md does not name that"));
        offences.AddRange(allowed.Except(names).Select(name => $"the row of {folder} in ARCHITECTURE.md names {name}, to which it does not refer"));
    }

    private static void AssertNone(List<string> offences) => Assert.True(offences.Count == 0, string.Join('\n', offences));

    [GeneratedRegex(@"^ `(src/[\w.]+|services/NAME)` $")]
    private static partial Regex Folder();

    [GeneratedRegex(@"\bSos(\.[A-Z]\w*)+")]
    private static partial Regex ProjectName();

    [GeneratedRegex("ProjectReference Include=\"([^\"]+)\"")]
    private static partial Regex Reference();
}
