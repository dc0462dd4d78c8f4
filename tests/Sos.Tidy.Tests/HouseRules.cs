using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using Xunit;

namespace Sos.Tidy.Tests;

/// <summary>The rules of the house that no other tool checks. Each test lists every offence, not only the first.</summary>
public sealed partial class HouseRules
{
    private const int FileLinesMax = 700;
    private const int LineLengthMax = 160;
    private const int MarkdownLineLengthMax = 180;

    private static readonly string[] Hardening =
    [
        "NoNewPrivileges=yes", "CapabilityBoundingSet=~", "RestrictAddressFamilies=AF_", "RestrictSUIDSGID=yes", "LockPersonality=yes",
        "SystemCallArchitectures=native", "SystemCallFilter=~",
    ];

    [Fact]
    public void FilesAreShort() => AssertNone(
        Code().Where(path => !path.Contains("include/uapi/", StringComparison.Ordinal)) // one ABI is one document
            .Select(path => (path, count: SourceTree.Lines(path).Length))
            .Where(file => file.count > FileLinesMax)
            .Select(file => $"{file.path}: {file.count} lines, at most {FileLinesMax}"));

    [Fact]
    public void LinesAreShort() => AssertNone(
        Code().Concat(Markdown()).SelectMany(path => Lines(path)
            .Where(line => line.Text.Length > (Path.GetExtension(path) == ".md" ? MarkdownLineLengthMax : LineLengthMax))
            .Where(line => !line.Text.Contains("](http", StringComparison.Ordinal) && !line.Text.StartsWith('|'))
            .Select(line => $"{path}:{line.Number}: {line.Text.Length} columns")));

    [Fact]
    public void FilesEndWithOneNewlineAndHaveNoTrailingSpace() => AssertNone(
        SourceTree.Text.Where(path => !IsLicenceText(path)).SelectMany(path =>
        {
            string text = File.ReadAllText(Path.Combine(SourceTree.Root, path));
            List<string> offences = Lines(path).Where(line => line.Text.EndsWith(' ') || line.Text.EndsWith('\t'))
                .Select(line => $"{path}:{line.Number}: trailing white space").ToList();
            if (text.Length > 0 && (!text.EndsWith('\n') || text.EndsWith("\n\n", StringComparison.Ordinal)))
            {
                offences.Add($"{path}: must end with exactly one newline");
            }

            return offences;
        }));

    [Fact]
    public void NamesSayWhatAThingIs() => AssertNone(
        SourceTree.Files.Where(path => VagueName().IsMatch(Path.GetFileNameWithoutExtension(path)))
            .Where(path => path.EndsWith(".cs", StringComparison.Ordinal) || path.EndsWith(".csproj", StringComparison.Ordinal))
            .Select(path => $"{path}: no Util, Helper, Common, Manager"));

    [Fact]
    public void SummariesNameTheirSubject() => AssertNone(
        SourceTree.Files.Where(path => path.EndsWith(".cs", StringComparison.Ordinal))
            .SelectMany(path => VagueSummary().Matches(File.ReadAllText(Path.Combine(SourceTree.Root, path)))
            .Select(match => $"{path}: a summary names its subject and has a verb: \"{match.Groups[1].Value.Trim()}\"")));

    // The order of dotnet format: System first, then by name; all other rules of style are the build's.
    [Fact]
    public void ImportsAreInOrder() => AssertNone(
        SourceTree.Files.Where(path => path.EndsWith(".cs", StringComparison.Ordinal))
            .Where(path => Imports(path) is var names
                && !names.SequenceEqual(names.OrderBy(OutsideSystem).ThenBy(name => name, StringComparer.OrdinalIgnoreCase)))
            .Select(path => $"{path}: its using directives are not in order: System first, then by name"));

    [Fact]
    public void NothingIsLeftToDo() => AssertNone(
        SourceTree.Text.Where(path => !path.StartsWith("tests/Sos.Tidy.Tests/", StringComparison.Ordinal) && !IsLicenceText(path))
            .SelectMany(path => Lines(path).Where(line => Unfinished().IsMatch(line.Text))
            .Select(line => $"{path}:{line.Number}: {line.Text.Trim()}")));

    [Fact]
    public void NoPathOfSomebodysMachine() => AssertNone(
        SourceTree.Text.Where(path => !path.StartsWith("tests/Sos.Tidy.Tests/", StringComparison.Ordinal))
            .SelectMany(path => Lines(path).Where(line => MachinePath().IsMatch(line.Text))
            .Select(line => $"{path}:{line.Number}: {line.Text.Trim()}")));

    [Fact]
    public void KernelFilesNameTheirLicenceFirst() => AssertNone(
        SourceTree.Files.Where(path => path.StartsWith("kernel/", StringComparison.Ordinal))
            .Where(path => Path.GetExtension(path) is ".c" or ".h" or ".S" || Path.GetFileName(path) is "Makefile" or "Kbuild")
            .Where(path => !Spdx().IsMatch(SourceTree.Lines(path).FirstOrDefault() ?? ""))
            .Select(path => $"{path}: the first line must be an SPDX-License-Identifier with GPL-2.0-only"));

    [Fact]
    public void EveryProjectIsInTheSolution()
    {
        string solution = File.ReadAllText(Path.Combine(SourceTree.Root, "Sos.slnx"));
        AssertNone(SourceTree.Files.Where(path => path.EndsWith(".csproj", StringComparison.Ordinal))
            .Where(path => !path.StartsWith("templates/service/", StringComparison.Ordinal)) // built from packages, by a test
            .Where(path => !solution.Contains($"\"{path}\"", StringComparison.Ordinal))
            .Select(path => $"{path}: not in Sos.slnx, so nothing builds it"));
    }

    [Fact]
    public void EveryPackageVersionIsUsed()
    {
        string projects = string.Concat(SourceTree.Files
            .Where(path => Path.GetExtension(path) is ".csproj" or ".props" or ".targets")
            .Select(path => File.ReadAllText(Path.Combine(SourceTree.Root, path))));
        AssertNone(PackageVersion().Matches(File.ReadAllText(Path.Combine(SourceTree.Root, "Directory.Packages.props")))
            .Select(match => match.Groups[1].Value)
            .Where(name => !projects.Contains($"PackageReference Include=\"{name}\"", StringComparison.Ordinal))
            .Select(name => $"Directory.Packages.props: {name} is used by no project"));
    }

    [Fact]
    public void LinksInDocumentsResolve() => AssertNone(
        Markdown().SelectMany(path => Lines(path).SelectMany(line => Link().Matches(line.Text)
            .Select(match => match.Groups[1].Value.Split('#')[0])
            .Where(target => target.Length > 0 && !target.Contains("://", StringComparison.Ordinal)
                && !target.StartsWith("mailto:", StringComparison.Ordinal))
            .Where(target => !Path.Exists(Path.Combine(SourceTree.Root, Path.GetDirectoryName(path)!, target)))
            .Select(target => $"{path}:{line.Number}: no such file: {target}"))));

    [Fact]
    public void EveryIoctlIsFuzzed()
    {
        string header = File.ReadAllText(Path.Combine(SourceTree.Root, "kernel/include/uapi/sos.h"));
        string fuzzer = File.ReadAllText(Path.Combine(SourceTree.Root, "tests/kernel/abi_fuzz.c"));
        List<string> calls = [.. Ioctl().Matches(header).Select(match => match.Groups[1].Value)];
        Assert.True(calls.Count >= 16, string.Join(' ', calls));
        AssertNone(calls.Where(call => !Regex.IsMatch(fuzzer, $@"\b{call}\b")).Select(call => $"tests/kernel/abi_fuzz.c does not call {call}"));
    }

    // A service's own knowledge is its companion's: the catalogue alone lists services.
    [Fact]
    public void TheControlPlaneNamesNoService()
    {
        List<string> services =
            [.. SourceTree.Files.Where(path => path.StartsWith("services/", StringComparison.Ordinal)).Select(path => path.Split('/')[1]).Distinct()];
        Assert.True(services.Count >= 3, string.Join(' ', services));
        Regex project = new(
            $@"services/({string.Join('|', services)})\b|\bSos\.({string.Join('|', services.Select(Capitalize))})\b|\b({string.Join('|', services)})\.sosimg\b",
            RegexOptions.CultureInvariant);
        AssertNone(SourceTree.Files.Where(path => path.StartsWith("src/", StringComparison.Ordinal))
            .Where(path => Path.GetExtension(path) is ".cs" or ".csproj" && !path.StartsWith("src/Sos.Catalogue/", StringComparison.Ordinal))
            .SelectMany(path => Lines(path).Where(line => project.IsMatch(line.Text)).Select(line => $"{path}:{line.Number}: {line.Text.Trim()}")));
    }

    // The sample with a control side shows what a service touches: its folder, Sos.slnx and lines of the catalogue. Documents may speak of it.
    [Fact]
    public void AServiceWithAControlSideTouchesNothingButTheCatalogue()
    {
        List<string> samples = [.. SourceTree.Files.Where(path => path.EndsWith(".Control.csproj", StringComparison.Ordinal))
            .Where(path => path.StartsWith("samples/", StringComparison.Ordinal)).Select(path => path.Split('/')[1]).Distinct()];
        Assert.NotEmpty(samples);
        AssertNone(samples.SelectMany(sample => SourceTree.Text
            .Where(path => !path.StartsWith($"samples/{sample}/", StringComparison.Ordinal) && !path.EndsWith(".md", StringComparison.Ordinal))
            .Where(path => !path.StartsWith("tests/", StringComparison.Ordinal) && !path.StartsWith("templates/", StringComparison.Ordinal))
            .Where(path => path is not ("Sos.slnx" or "src/Sos.Catalogue/ServiceCatalogue.cs"))
            .SelectMany(path => Lines(path).Where(line => Regex.IsMatch(line.Text, $@"\b{sample}\b", RegexOptions.IgnoreCase))
                .Select(line => $"{path}:{line.Number}: names the sample {sample}: {line.Text.Trim()}"))));
    }

    // The runner's signal handler has imports of its own, which must not touch the runtime.
    [Fact]
    public void SystemCallsAreDeclaredOnce() => AssertNone(
        SourceTree.Files.Where(path => path.StartsWith("src/", StringComparison.Ordinal) && path.EndsWith(".cs", StringComparison.Ordinal))
            .Where(path => !path.StartsWith("src/Sos.Linux/", StringComparison.Ordinal) && path != "src/Sos.Runner/HandlerCalls.cs")
            .SelectMany(path => Lines(path).Where(line => line.Text.Contains("Import(\"libc\"", StringComparison.Ordinal))
            .Select(line => $"{path}:{line.Number}: declare it in src/Sos.Linux, where all can use it")));

    // A namespace of its own would hide from sosd, and from the services' processes that it starts and that outlive it, what they work on.
    [Fact]
    public void UnitsAreHardenedAndShareTheMachinesNamespaces()
    {
        List<string> units = [.. SourceTree.Files.Where(path => path.EndsWith(".service", StringComparison.Ordinal))];
        Assert.NotEmpty(units);
        AssertNone(units.SelectMany(path => Hardening.Where(wanted => !SourceTree.Lines(path).Any(line => line.StartsWith(wanted, StringComparison.Ordinal)))
            .Select(wanted => $"{path}: has no {wanted}")));
        AssertNone(units.SelectMany(path => Lines(path).Where(line => OwnNamespace().IsMatch(line.Text))
            .Select(line => $"{path}:{line.Number}: {line.Text}")));
    }

    private static string Capitalize(string name) => char.ToUpperInvariant(name[0]) + name[1..];

    // Compiled ahead of time, these are constants: false for all that the compiler was not told of, on every machine.
    [Fact]
    public void ProgramsAskTheProcessorItself() => AssertNone(
        SourceTree.Files.Where(path => path.EndsWith(".cs", StringComparison.Ordinal))
            .Where(path => !path.StartsWith("services/", StringComparison.Ordinal) && !path.StartsWith("src/Sos.Sdk", StringComparison.Ordinal)
                && !path.StartsWith("tests/", StringComparison.Ordinal))
            .SelectMany(path => Lines(path).Where(line => FoldedQuestion().IsMatch(line.Text))
            .Select(line => $"{path}:{line.Number}: ask ProcessorFeatures, not what the compiler assumed")));

    private static List<string> Imports(string path) =>
        [.. SourceTree.Lines(path).TakeWhile(line => !line.StartsWith("namespace ", StringComparison.Ordinal)).Select(line => Import().Match(line))
            .Where(match => match.Success).Select(match => match.Groups[1].Value)];

    private static bool OutsideSystem(string name) => name != "System" && !name.StartsWith("System.", StringComparison.Ordinal);

    private static IEnumerable<string> Code() =>
        SourceTree.Files.Where(path => Path.GetExtension(path) is ".cs" or ".c" or ".h" or ".S" or ".sh");

    private static IEnumerable<string> Markdown() =>
        SourceTree.Files.Where(path => path.EndsWith(".md", StringComparison.Ordinal));

    private static bool IsLicenceText(string path) => path.StartsWith("LICENSE", StringComparison.Ordinal);

    private static IEnumerable<(int Number, string Text)> Lines(string path) =>
        SourceTree.Lines(path).Select((text, index) => (index + 1, text));

    private static void AssertNone(IEnumerable<string> offences)
    {
        List<string> all = offences.ToList();
        Assert.True(all.Count == 0, string.Join('\n', all));
    }

    [GeneratedRegex(@"^using ([\w.]+);")]
    private static partial Regex Import();

    [GeneratedRegex(@"\b(?!X86Base\b)[A-Z]\w*\.(IsSupported|IsHardwareAccelerated)\b(?!<)")]
    private static partial Regex FoldedQuestion();

    [GeneratedRegex(@"^(Private|Protect|ReadOnly|ReadWrite|Inaccessible|TemporaryFile|Bind|Restrict(Namespaces|Realtime)|MemoryDeny|DeviceAllow|DevicePolicy)")]
    private static partial Regex OwnNamespace();

    [GeneratedRegex(@"#define (SOS_IOC_\w+)\s+_IO")]
    private static partial Regex Ioctl();

    [GeneratedRegex(@"(Util|Utils|Utility|Helper|Helpers|Common|Manager)$")]
    private static partial Regex VagueName();

    [GeneratedRegex(@"<summary>(?:\s|///)*((?:What|Whoever|It)\b[^\r\n]*)")]
    private static partial Regex VagueSummary();

    [GeneratedRegex(@"\b(TODO|FIXME|XXX|HACK)\b|NotImplementedException")]
    private static partial Regex Unfinished();

    // The conventional work folders of people and build machines, and of editors' and tools' temporary files.
    [GeneratedRegex(@"(?<![\w$}/.~-])/(home/\w|Users/\w|work/|root/\.(cache|nuget|dotnet)|workspace/|tmp/[xk]/)")]
    private static partial Regex MachinePath();

    [GeneratedRegex(@"SPDX-License-Identifier: .*GPL-2\.0-only")]
    private static partial Regex Spdx();

    [GeneratedRegex("PackageVersion Include=\"([^\"]+)\"")]
    private static partial Regex PackageVersion();

    [GeneratedRegex(@"\]\(([^)\s]+)\)")]
    private static partial Regex Link();
}
