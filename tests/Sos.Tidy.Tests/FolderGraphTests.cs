using System.Linq;
using Xunit;

namespace Sos.Tidy.Tests;

/// <summary>The graph of folders sees every way in which one folder uses another.</summary>
public sealed class FolderGraphTests
{
    private const string Ground = """
        namespace P.Lower;
        public class Ground { public static int Level => 1; public static Ground Make() => new(); }
        public static class Stairs { public static int Climb(this int steps) => steps; extension(int steps) { public int Height => steps; } }
        """;

    [Fact]
    public void ACircleIsNamedWithItsFilesAndTypes()
    {
        FolderGraph graph = FolderGraph.Of("src/P",
        [
            ("src/P/Lower/Ground.cs", "namespace P.Lower; public class Ground { private P.Upper.Roof? _roof; }"),
            ("src/P/Upper/Roof.cs", "namespace P.Upper; public class Roof { private P.Lower.Ground? _ground; }"),
            ("src/P/Word.cs", "namespace P; public class Word { }"),
            ("src/P/Other/Wall.cs", "namespace P.Other; public class Wall { private Word? _word; private P.Lower.Ground? _ground; }"),
        ]);
        Assert.Equal([".", "Lower", "Other", "Upper"], graph.Folders);
        Assert.Equal(["Lower -> Upper: Ground.cs uses Roof", "Upper -> Lower: Roof.cs uses Ground"], graph.Circles());
        Assert.Equal([".", "Lower"], graph.UsedBy("Other").Order());
    }

    [Theory]
    [InlineData("using P.Lower; namespace P.Upper; class Roof { Ground? _ground; }", "Ground")]
    [InlineData("using P.Lower; namespace P.Upper; class Roof { int Height => Ground.Level; }", "Ground")]
    [InlineData("using static P.Lower.Ground; namespace P.Upper; class Roof { int Height => Level; }", "Ground")]
    [InlineData("using G = P.Lower.Ground; namespace P.Upper; class Roof { G? _ground; }", "Ground")]
    [InlineData("using P.Lower; namespace P.Upper; class Roof { int Height => 1.Climb(); }", "Stairs")]
    [InlineData("using P.Lower; namespace P.Upper; class Roof { int Height => 1.Height; }", "Stairs")]
    [InlineData("namespace P.Upper; class Roof { object Floor() => Lower.Ground.Make(); }", "Ground")]
    [InlineData("namespace P.Upper; /** <summary>See <see cref=\"P.Lower.Ground\"/>.</summary> */ class Roof;", "Ground")]
    public void EachWayOfUsingATypeCounts(string roof, string type)
    {
        FolderGraph graph = FolderGraph.Of("src/P", [("src/P/Lower/Ground.cs", Ground), ("src/P/Upper/Roof.cs", roof)]);
        Assert.Contains(graph.Uses, use => use is { From: "Upper", To: "Lower" } && use.Type == type);
    }

    [Fact]
    public void ANameThatIsSomethingElseDoesNotCount()
    {
        FolderGraph graph = FolderGraph.Of("src/P",
        [
            ("src/P/Lower/Ground.cs", Ground),
            ("src/P/Upper/Roof.cs", "using P.Lower; namespace P.Upper; class Roof { const int Ground = 3; int Height => Ground; string Text => \"Ground\"; }"),
            ("src/Q/Other.cs", "namespace Q; class Other { P.Lower.Ground? _ground; }"),
        ]);
        Assert.Empty(graph.Uses);
    }

    [Fact]
    public void AnotherProjectsUsesAreApart()
    {
        FolderGraph graph = FolderGraph.Of(
            "src/P", [("src/P/Lower/Ground.cs", Ground)],
            [("src/Q/Main.cs", "using P.Lower; using Unknown; Thing.Do(level => Ground.Level);")],
            [
                ("services/r/R/Main.cs", "using P.Lower; Ground.Make();"),
                ("services/r/R/Wall/Wall.cs", "namespace R.Wall; class Wall { P.Lower.Ground? _ground; }"),
            ]);
        Assert.Empty(graph.Uses);
        Assert.Equal(["Lower"], graph.Folders);
        Assert.Contains(graph.FromOutside, use => use is { From: "src/Q", To: "Lower", Type: "Ground", Member: "Level" });
        Assert.Contains(graph.FromOutside, use => use is { From: "services/r/R", Member: "Make" });
        Assert.Contains(graph.FromOutside, use => use is { From: "services/r/R/Wall", File: "Wall.cs", Type: "Ground" });
    }
}
