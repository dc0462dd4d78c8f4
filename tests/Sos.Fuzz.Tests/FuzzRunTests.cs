using System;
using System.Collections.Generic;
using System.Linq;
using Xunit;

namespace Sos.Fuzz.Tests;

/// <summary>The fuzzer finds what is there to find, and its runs can be repeated.</summary>
public sealed class FuzzRunTests
{
    private static readonly byte[][] Seeds = ["length=4 data=abcd"u8.ToArray(), "length=2 data=xy"u8.ToArray()];

    [Fact]
    public void FindsADefectAndItsInputShowsItAgain()
    {
        FuzzTarget broken = new("broken", "trusts a length", Broken);
        FuzzResult result = new FuzzRun(broken, Seeds, 1).Run(0, 100_000, TimeSpan.MaxValue);
        FuzzFinding finding = Assert.IsType<FuzzFinding>(result.Finding);
        Assert.Contains(nameof(ArgumentOutOfRangeException), finding.Problem, StringComparison.Ordinal);
        Assert.NotNull(FuzzRun.Try(broken, finding.Input, out _));
        Assert.Equal(finding.Input, new Mutator(Seeds, 1, broken.LengthMax).Make(finding.Number));
        Assert.Equal(finding.Number, new FuzzRun(broken, Seeds, 1).Run(finding.Number, 1, TimeSpan.MaxValue).Finding?.Number);
    }

    [Fact]
    public void ABrokenPromiseIsAFinding()
    {
        FuzzTarget broken = new("broken", "breaks a promise", input => input.Length < 3 ? throw new FuzzException("three bytes") : true);
        FuzzResult result = new FuzzRun(broken, Seeds, 7).Run(0, 100_000, TimeSpan.MaxValue);
        Assert.InRange(Assert.IsType<FuzzFinding>(result.Finding).Input.Length, 0, 2);
        Assert.Equal(result.Finding!.Number + 1, result.Executions);
    }

    [Fact]
    public void InputsDependOnTheSeedAndTheirNumberAlone()
    {
        Mutator one = new(Seeds, 5, 64);
        Mutator same = new(Seeds, 5, 64);
        Mutator other = new(Seeds, 6, 64);
        int[] numbers = [.. Enumerable.Range(0, 300)];
        List<string> forward = [.. numbers.Select(number => Convert.ToHexString(one.Make(number)))];
        List<string> backward = [.. numbers.Reverse().Select(number => Convert.ToHexString(same.Make(number)))];
        backward.Reverse();
        Assert.Equal(forward, backward);
        Assert.NotEqual(forward, numbers.Select(number => Convert.ToHexString(other.Make(number))));
        Assert.True(forward.Distinct().Count() > 100);
        Assert.All(forward, input => Assert.InRange(input.Length, 0, 128));
        Assert.Equal(Seeds.Select(Convert.ToHexString), forward.Take(2));
    }

    [Fact]
    public void TheNumberOfEachInputIsToldBeforeItIsTried()
    {
        List<long> told = [];
        FuzzTarget harmless = new("harmless", "accepts all", _ => true);
        FuzzResult result = new FuzzRun(harmless, Seeds, 1, told.Add).Run(10, 5, TimeSpan.MaxValue);
        Assert.Equal([10L, 11, 12, 13, 14], told);
        Assert.Equal(new FuzzResult(5, 5, null), result);
    }

    private static bool Broken(byte[] input)
    {
        string text = string.Concat(input.Select(b => (char)b));
        if (!text.StartsWith("length=", StringComparison.Ordinal) || text.Length < 9 || !char.IsAsciiDigit(text[7]))
        {
            return false;
        }

        int data = text.IndexOf("data=", StringComparison.Ordinal);
        return data >= 0 && text.Substring(data + 5, text[7] - '0').Length > 0;
    }
}
