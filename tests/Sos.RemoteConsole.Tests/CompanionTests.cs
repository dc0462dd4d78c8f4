using System;
using System.Collections.Generic;
using System.IO;
using System.Text;
using Sos.Cores;
using Sos.Cores.Companions;
using Sos.Cores.Loading;
using Sos.Cores.Plan;
using Sos.RemoteConsole.Control;
using Sos.Verbs;
using Xunit;

namespace Sos.RemoteConsole.Tests;

/// <summary>The console's companion: what people write becomes what the service reads.</summary>
public sealed class CompanionTests : IDisposable
{
    private readonly string _file = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());

    public void Dispose() => File.Delete(_file);

    [Fact]
    public void AddressesBecomeNumbers()
    {
        IReadOnlyDictionary<string, string> made = Configure(new()
        {
            ["address"] = "192.0.2.9",
            ["address6"] = "2001:db8::9",
            ["allow"] = "10.0.0.0/8,2001:db8::/32,192.0.2.2",
            ["mac"] = "02:00:00:00:00:09",
        });
        Assert.Equal("00000000000000000000ffffc0000209/128", made["address"]);
        Assert.Equal("20010db8000000000000000000000009/128", made["address6"]);
        Assert.Equal(
            "00000000000000000000ffff0a000000/104,20010db8000000000000000000000000/32,00000000000000000000ffffc0000202/128", made["allow"]);
        Assert.Equal("020000000009", made["mac"]);
        Assert.Equal(32, made["seed"].Length);
        Assert.NotEqual(made["seed"], Configure(new() { ["autoconf"] = "true" })["seed"]);
        Assert.False(made.ContainsKey("telnet-password")); // nothing is on unless it was asked for
    }

    [Theory]
    [InlineData("address", "192.0.2")]
    [InlineData("address", "192.0.2.9/24")]
    [InlineData("address", "2001:db8::9")]
    [InlineData("address", "127.0.0.1")]
    [InlineData("address", "224.0.0.1")]
    [InlineData("address", "0.0.0.0")]
    [InlineData("address6", "192.0.2.9")]
    [InlineData("address6", "::1")]
    [InlineData("address6", "fe80::1%eth0")]
    [InlineData("address6", "::ffff:192.0.2.9")]
    [InlineData("allow", "10.0.0.0/33")]
    [InlineData("allow", "10.0.0.0/")]
    [InlineData("allow", "")]
    [InlineData("allow", "10.0.0.1,")]
    [InlineData("mac", "03:00:00:00:00:09")]
    [InlineData("mac", "00:00:00:00:00:00")]
    [InlineData("mac", "02:00")]
    [InlineData("telnet-port", "0")]
    [InlineData("autoconf", "yes")]
    public void ValuesThatCannotBeAreRefused(string name, string value)
        => Assert.Throws<SosException>(() => ServiceParameter.Check(new ConsoleCompanion(), new Dictionary<string, string> { [name] = value }));

    [Fact]
    public void AConsoleNeedsAnAddress()
    {
        SosException refused = Assert.Throws<SosException>(() => Configure([]));
        Assert.Contains("-p address=", refused.Message, StringComparison.Ordinal);
        Assert.Throws<SosException>(() => Configure(new() { ["autoconf"] = "false" }));
    }

    [Fact]
    public void TelnetNeedsAPasswordThatOthersCannotRead()
    {
        Assert.Throws<SosException>(() => Configure(new() { ["address"] = "192.0.2.9", ["telnet-port"] = "2323" }));
        Assert.Contains("console password", Refused().Message, StringComparison.Ordinal);
        using StringWriter output = new();
        Assert.Equal(0, ConsoleVerbs.WritePassword(new Terminal(output, output), new StringReader("open sesame\n"), _file));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(_file));
        IReadOnlyDictionary<string, string> made = Configure(new() { ["address"] = "192.0.2.9" }, _file);
        Assert.True(PasswordHash.TryParse(Encoding.ASCII.GetBytes(made["telnet-password"]), out PasswordHash hash));
        Assert.Equal((uint)PasswordFile.Iterations, hash.Iterations);
        Assert.DoesNotContain("sesame", made["telnet-password"], StringComparison.Ordinal);

        File.SetUnixFileMode(_file, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead);
        Assert.Contains("chmod 600", Refused().Message, StringComparison.Ordinal);
        File.SetUnixFileMode(_file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        Assert.Throws<SosException>(() => PasswordFile.Write(_file, "x")); // one that is there is not written over
        File.WriteAllText(_file, "open sesame");
        Assert.Contains("no password's hash", Refused().Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("short")]
    [InlineData("tab\tis no character")]
    [InlineData("pässwort")]
    public void PasswordsThatCannotBeTypedAreRefused(string password)
        => Assert.Throws<SosException>(() => PasswordFile.Hash(password, iterations: 1));

    [Fact]
    public void APasswordOfMoreThanALineIsRefused()
        => Assert.Throws<SosException>(() => PasswordFile.Hash(new string('x', PasswordFile.LengthMax + 1), iterations: 1));

    [Theory]
    [InlineData(0, false)]
    [InlineData(1, true)]
    [InlineData(10_000_000, true)]
    [InlineData(10_000_001, false)]
    public void AHashHasItsForm(int iterations, bool valid)
    {
        string salt = new('0', 32);
        string hash = new('f', 128);
        Assert.Equal(valid, PasswordHash.TryParse(Encoding.ASCII.GetBytes($"{iterations}:{salt}:{hash}"), out _));
        Assert.False(PasswordHash.TryParse(Encoding.ASCII.GetBytes($"{iterations}:{salt}:{hash}0"), out _));
        Assert.False(PasswordHash.TryParse(Encoding.ASCII.GetBytes($"{iterations}:{salt}0{hash}"), out _));
    }

    private SosException Refused() => Assert.Throws<SosException>(() => Configure(new() { ["address"] = "192.0.2.9" }, _file));

    private static IReadOnlyDictionary<string, string> Configure(Dictionary<string, string> parameters, string? telnet = null)
    {
        ConsoleCompanion companion = new();
        ServiceParameter.Check(companion, parameters);
        ServicePlan plan = new()
        {
            Image = "/console.sosimg",
            Parameters = parameters,
            Options = telnet is null ? new Dictionary<string, string>() : new() { [ConsoleCompanion.TelnetOption] = telnet },
        };
        return companion.Configure(new ServiceConfiguration { Parameters = parameters }, plan).Parameters;
    }
}
