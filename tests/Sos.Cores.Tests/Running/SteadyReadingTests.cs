using System;
using System.IO;
using Sos.Cores.Running;
using Xunit;

namespace Sos.Cores.Tests.Running;

/// <summary>The readings that are repeated, and for how long.</summary>
public sealed class SteadyReadingTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("sos-steady-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void AReadingThatFailsIsRepeated()
    {
        int tries = 0;
        Assert.Equal(2, SteadyReading.Read([1], () => ++tries < 2 ? throw Half() : tries, _folder));
    }

    [Fact]
    public void WhenNobodyWorksOnTheCoreTheLastErrorIsTold()
    {
        int tries = 0;
        SosException told = Assert.Throws<SosException>(
            () => SteadyReading.Read<int>([1], () => throw new SosException(SosError.Failed, $"{++tries}"), _folder));
        Assert.Equal($"{tries}", told.Message);
        Assert.True(tries > 1);
    }

    [Fact]
    public void ItGoesOnWhileAnotherWorksOnOneOfTheCores()
    {
        using CoreLock other = CoreLock.Take(2, _folder);
        Assert.True(CoreLock.IsTaken(2, _folder));
        Assert.False(CoreLock.IsTaken(1, _folder));
        int tries = 0;
        Assert.Equal(9, SteadyReading.Read([1, 2], () => ++tries < 9 ? throw Half() : tries, _folder));
    }

    [Fact]
    public void ALockIsFreeWhenItsHolderIsGoneAndAskingDoesNotTakeIt()
    {
        CoreLock.Take(3, _folder).Dispose();
        Assert.False(CoreLock.IsTaken(3, _folder));
        Assert.False(CoreLock.IsTaken(3, _folder));
        CoreLock.Take(3, _folder).Dispose();
    }

    private static SosException Half() => new(SosError.Failed, "half of it is there");
}
