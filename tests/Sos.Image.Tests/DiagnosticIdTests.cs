using System;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Text.RegularExpressions;
using Xunit;

namespace Sos.Image.Tests;

/// <summary>Every id has a section that says what to do, and a test that makes something it refuses.</summary>
public sealed class DiagnosticIdTests
{
    private static readonly string Root = BadServicesFixture.Metadata("RepoRoot");

    public static TheoryData<string, string> Ids
    {
        get
        {
            TheoryData<string, string> ids = [];
            foreach (FieldInfo id in typeof(DiagnosticIds).GetFields())
            {
                ids.Add(id.Name, (string)id.GetRawConstantValue()!);
            }

            return ids;
        }
    }

    [Theory]
    [MemberData(nameof(Ids))]
    public void AnIdHasASectionInTheDocsAndATest(string name, string id)
    {
        string docs = File.ReadAllText(Path.Combine(Root, "docs/verifier/README.md"));
        Assert.Single(Regex.Matches(docs, $"^### {id} .+$", RegexOptions.Multiline));

        string[] tests = Directory.GetFiles(Path.Combine(Root, "tests/Sos.Image.Tests"), "*.cs");
        Assert.Contains(tests, file => Regex.IsMatch(File.ReadAllText(file), $@"DiagnosticIds\.{name}\b"));
    }

    [Theory]
    [MemberData(nameof(Ids))]
    public void ARefusalSaysWhatToDoInsteadAndWhereThatStands(string name, string id)
    {
        string text = new ImageDiagnostic(id, $"{name} happened", "A.B", ["A.Entry", "A.B"], "B.cs", 7).ToCanonicalString("x.sosimg", "/docs");
        Assert.StartsWith($"B.cs(7): error {id}: {name} happened, in A.B [reached through A.Entry -> A.B]. Instead: ", text, StringComparison.Ordinal);
        Assert.EndsWith($"; see {id} in /docs/{DiagnosticAdvice.Page}", text, StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(Root, "docs", DiagnosticAdvice.Page)));
    }

    [Fact]
    public void IdsAreUnique() =>
        Assert.Equal(typeof(DiagnosticIds).GetFields().Length, typeof(DiagnosticIds).GetFields().Select(f => f.GetRawConstantValue()).Distinct().Count());
}
