using System;
using System.Linq;
using System.Runtime.CompilerServices;
using System.Text;
using Sos.RemoteConsole.Ssh;
using Sos.Sdk.Services;
using Sos.Ssh;
using Xunit;

namespace Sos.RemoteConsole.Tests;

/// <summary>The parameters of SSH: all of them or none, and no secret stays where it was handed over.</summary>
public sealed unsafe class SshSettingsTests
{
    private static readonly string Seed = string.Concat(Enumerable.Repeat("a5", 32));
    private static readonly string Random = string.Concat(Enumerable.Repeat("5a", 32));
    private static readonly string Key = string.Concat(Enumerable.Repeat("01", AuthorizedKey.Size));

    [Fact]
    public void SecretsAreOverwrittenOnceTheyAreRead()
    {
        byte[] text = Text($"ssh-host-seed={Seed}\nssh-keys={Key}{Key}\nssh-random={Random}\nssh-port=2222\n");
        Assert.True(Read(text, out SshSettings settings));
        Assert.Equal(2222, settings.Port);
        Assert.Equal(2, settings.KeyCount);
        Assert.Equal(Seed, Convert.ToHexStringLower(settings.HostSeed));
        string left = Encoding.ASCII.GetString(text);
        Assert.DoesNotContain("a5a5", left, StringComparison.Ordinal);
        Assert.DoesNotContain("5a5a", left, StringComparison.Ordinal);
        Assert.Contains("ssh-port=2222\n", left, StringComparison.Ordinal);

        // Started from the same memory once more it would repeat its randomness: refused.
        Assert.False(Read(text, out settings));
        Assert.Equal(0, settings.Port);
    }

    [Theory]
    [InlineData("ssh-random")]
    [InlineData("ssh-keys")]
    public void EachOfThemIsNeeded(string missing)
    {
        string[] lines = [$"ssh-host-seed={Seed}", $"ssh-keys={Key}", $"ssh-random={Random}"];
        Assert.False(Read(Text(string.Join('\n', lines.Where(line => !line.StartsWith(missing, StringComparison.Ordinal)))), out SshSettings settings));
        Assert.Equal(0, settings.Port);
        Assert.True(Read(Text(string.Join('\n', lines)), out _));
    }

    [Fact]
    public void WithoutAHostKeyItIsOff()
    {
        Assert.True(Read(Text("address=1\n"), out SshSettings settings));
        Assert.Equal(0, settings.Port);
    }

    [Theory]
    [InlineData("0")]
    [InlineData("65536")]
    [InlineData("x")]
    public void APortThatIsNoneIsRefused(string port)
        => Assert.False(Read(Text($"ssh-host-seed={Seed}\nssh-keys={Key}\nssh-random={Random}\nssh-port={port}\n"), out _));

    [Fact]
    public void AKeyThatIsCutOrNoNumberIsRefused()
    {
        Assert.False(Read(Text($"ssh-host-seed={Seed}\nssh-keys={Key[..^2]}\nssh-random={Random}\n"), out _));
        Assert.False(Read(Text($"ssh-host-seed={Seed}\nssh-keys={Key[..^2]}zz\nssh-random={Random}\n"), out _));
    }

    [Fact]
    public void ASessionTakes64KiBAtMost() => Assert.InRange(Unsafe.SizeOf<ConsoleSession>(), 1, 65536);

    private static byte[] Text(string text) => Encoding.ASCII.GetBytes(text);

    private static bool Read(byte[] text, out SshSettings settings)
    {
        fixed (byte* bytes = text)
        {
            return SshSettings.TryRead(new Parameters(bytes, text.Length), out settings);
        }
    }
}
