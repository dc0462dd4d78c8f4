using System;
using System.IO;
using System.Linq;
using Xunit;

namespace Sos.Fuzz.Tests;

/// <summary>A short run of every target, the same each time.</summary>
public sealed class FuzzTargetTests
{
    private const ulong Seed = 20070612;

    public static TheoryData<string> Targets => new(FuzzTargets.All.Select(target => target.Name));

    [Theory]
    [MemberData(nameof(Targets))]
    public void FindsNothing(string name)
    {
        FuzzTarget target = FuzzTargets.All.Single(each => each.Name == name);
        long count = name is "image" or "image-mutant" ? 150 : 2000;
        FuzzResult result = new FuzzRun(target, Corpus.Load(name), Seed).Run(0, count, TimeSpan.MaxValue);
        Assert.True(
            result.Finding is null,
            $"dotnet run --project fuzz/Sos.Fuzz -- {name} --seed {Seed} --at {result.Finding?.Number}\n{result.Finding?.Problem}");
        Assert.Equal(count, result.Executions);

        // Inputs that are all refused, or never, would try little of a parser.
        Assert.InRange(result.Accepted, count / 100, count - 1);
    }

    [Fact]
    public void EveryFolderOfTheCorpusBelongsToATarget()
        => Assert.Equal(
            FuzzTargets.All.Select(target => target.Name).Order(StringComparer.Ordinal),
            Directory.GetDirectories(Corpus.Folder).Select(folder => Path.GetFileName(folder)!).Order(StringComparer.Ordinal));
}
