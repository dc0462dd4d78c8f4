using System;
using System.Linq;
using Sos.Crypto.Random;
using Xunit;

namespace Sos.Crypto.Tests;

public sealed class RandomSourceTests
{
    private static readonly byte[] Seed = Enumerable.Range(0, 48).Select(i => (byte)i).ToArray();

    [Fact]
    public void NothingComesBeforeASeed()
    {
        RandomSource random = default;
        byte[] output = new byte[16];
        random.MixIn(Seed);
        Assert.False(random.TryFill(output));
        Assert.False(random.TryReseed(Seed.AsSpan(0, RandomSource.SeedSizeMin - 1)));
        Assert.False(random.IsSeeded);
        Assert.All(output, each => Assert.Equal(0, each));
        Assert.True(random.TryReseed(Seed));
        Assert.True(random.TryFill(output));
    }

    [Fact]
    public void TheSameSeedGivesTheSameAndEachRequestSomethingElse()
    {
        (RandomSource one, RandomSource two) = (default, default);
        one.TryReseed(Seed);
        two.TryReseed(Seed);
        byte[][] outputs = [.. Enumerable.Range(0, 100).Select(_ => Fill(ref one))];
        Assert.All(outputs, each => Assert.Equal(each, Fill(ref two)));
        Assert.Equal(100, outputs.Select(Convert.ToHexString).Distinct().Count());
    }

    [Fact]
    public void WhatIsMixedInChangesWhatFollows()
    {
        (RandomSource one, RandomSource two, RandomSource three) = (default, default, default);
        one.TryReseed(Seed);
        two.TryReseed(Seed);
        three.TryReseed(Seed);
        two.MixIn([1]);
        three.TryReseed(Seed);
        Assert.Equal(3, new[] { Fill(ref one), Fill(ref two), Fill(ref three) }.Select(Convert.ToHexString).Distinct().Count());
    }

    [Fact]
    public void LongAndShortRequestsWork()
    {
        RandomSource random = default;
        random.TryReseed(Seed);
        foreach (int length in new[] { 0, 1, 63, 64, 65, 511, 512, 513, 5000 })
        {
            byte[] output = new byte[length];
            Assert.True(random.TryFill(output));
            Assert.True(length < 64 || output.Distinct().Count() > 16);
        }
    }

    [Fact]
    public void ComparingAndErasingDoWhatTheySay()
    {
        Assert.True(FixedTime.AreEqual([1, 2], [1, 2]));
        Assert.False(FixedTime.AreEqual([1, 2], [1, 3]));
        Assert.False(FixedTime.AreEqual([1, 2], [1]));
        byte[] secret = [1, 2, 3];
        FixedTime.Erase(secret);
        Assert.True(FixedTime.IsZero(secret));
        Assert.False(FixedTime.IsZero([0, 1]));
    }

    private static byte[] Fill(ref RandomSource random)
    {
        byte[] output = new byte[32];
        Assert.True(random.TryFill(output));
        return output;
    }
}
