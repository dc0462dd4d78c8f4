using System;
using System.Linq;
using Xunit;

namespace Sos.Cores.Tests;

/// <summary>The kinds of back ends have words that can be read back, and say what the rest of the control plane must know of them.</summary>
public sealed class BackEndKindsTests
{
    [Fact]
    public void EachKindHasAWordThatCanBeReadBack()
    {
        BackEndKind[] kinds = Enum.GetValues<BackEndKind>();
        Assert.Equal(kinds.Length, kinds.Select(kind => kind.Word()).Distinct().Count());
        Assert.All(kinds, kind => Assert.Equal(kind, BackEndKinds.Parse(kind.Word())));
    }

    [Fact]
    public void AServiceIsEnabledOnCoresThatOutliveTheProgram()
    {
        Assert.Equal(["offline", "isolated"], BackEndKinds.Words);
        Assert.Equal([BackEndKind.Process], Enum.GetValues<BackEndKind>().Where(kind => !kind.OutlivesPrograms()));
    }

    [Theory]
    [InlineData("auto")]
    [InlineData("Offline")]
    [InlineData("")]
    [InlineData(null)]
    public void AnyOtherWordIsNoKind(string? word) => Assert.Null(BackEndKinds.Parse(word));

    [Fact]
    public void OnlyAnUnpluggedCoreLeavesLinux()
        => Assert.Equal([BackEndKind.Offline], Enum.GetValues<BackEndKind>().Where(kind => kind.LeavesLinux()));
}
