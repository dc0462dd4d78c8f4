using System;
using System.Text;
using CsCheck;
using Sos.Sdk.Services;
using Xunit;

namespace Sos.Sdk.Tests.Services;

public sealed unsafe class ParametersTests
{
    [Theory]
    [InlineData("a=1\nb=22\n", "b", 22UL)]
    [InlineData("a=18446744073709551615", "a", ulong.MaxValue)]
    [InlineData("ab=1\na=2\n", "a", 2UL)]
    [InlineData("a=1\na=2\n", "a", 1UL)]
    [InlineData("a=0\0a=9", "a", 0UL)]
    public void ReadsNumbers(string text, string name, ulong expected)
    {
        Assert.True(With(text, p => p.TryGetUInt64(Encoding.UTF8.GetBytes(name), out ulong value) && value == expected));
    }

    [Theory]
    [InlineData("a=18446744073709551616", "a")]
    [InlineData("a=99999999999999999999", "a")]
    [InlineData("a=", "a")]
    [InlineData("a=-1", "a")]
    [InlineData("a=1 ", "a")]
    [InlineData("a", "a")]
    [InlineData("", "a")]
    [InlineData("\n\n=\n", "a")]
    [InlineData("b=1\0a=1", "a")]
    public void RefusesWhatIsNoNumber(string text, string name)
    {
        Assert.True(With(text, p => !p.TryGetUInt64(Encoding.UTF8.GetBytes(name), out ulong value) && value == 0));
    }

    [Fact]
    public void ReadsBooleansAndText()
    {
        Assert.True(With("x=true\ny=false\nz=1\nw=a=b", p =>
            p.TryGetBoolean("x"u8, out bool x) && x
            && p.TryGetBoolean("y"u8, out bool y) && !y
            && !p.TryGetBoolean("z"u8, out _)
            && !p.TryGetBoolean("none"u8, out _)
            && p.TryFind("w"u8, out ReadOnlySpan<byte> w) && w.SequenceEqual("a=b"u8)));
    }

    [Theory]
    [InlineData("a=x\r\n", "a", "x\r")]
    [InlineData("a=\nb=1", "a", "")]
    [InlineData("aa=1\na=2", "a", "2")]
    [InlineData("a =1\na=2", "a", "2")]
    [InlineData(" a=1\na=2", "a", "2")]
    [InlineData("A=1\na=2", "a", "2")]
    [InlineData("=1\na=2", "a", "2")]
    [InlineData("größe=ü", "größe", "ü")]
    [InlineData("a=b=c", "a=b", "c")]
    public void FindsTheFirstLineOfExactlyThatName(string text, string name, string expected)
    {
        Assert.True(With(text, p => p.TryFind(Encoding.UTF8.GetBytes(name), out ReadOnlySpan<byte> value)
            && Encoding.UTF8.GetString(value) == expected));
    }

    [Fact]
    public void NoParametersAreNoError()
    {
        Assert.False(default(Parameters).TryFind("a"u8, out ReadOnlySpan<byte> value));
        Assert.True(value.IsEmpty);
        Assert.False(new Parameters(null, 0).TryGetUInt64("a"u8, out _));
    }

    [Fact]
    public void NothingBehindTheGivenBytesIsRead()
    {
        byte[] bytes = Encoding.UTF8.GetBytes("a=12345");
        fixed (byte* pointer = bytes)
        {
            Assert.True(new Parameters(pointer, 4).TryGetUInt64("a"u8, out ulong value));
            Assert.Equal(12UL, value);
            Assert.False(new Parameters(pointer, 1).TryFind("a"u8, out _));
        }
    }

    [Fact]
    public void EveryNumberIsReadBackAndOneDigitMoreIsRefused()
        => Gen.ULong.Sample(number =>
            With($"n={number}\n", p => p.TryGetUInt64("n"u8, out ulong value) && value == number)
            && With($"n={number}{ulong.MaxValue}", p => !p.TryGetUInt64("n"u8, out _) || number == 0));

    private static bool With(string text, Func<Parameters, bool> check)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        fixed (byte* pointer = bytes)
        {
            return check(new Parameters(pointer, bytes.Length));
        }
    }
}
