using System;
using System.IO;
using System.Linq;
using Sos.Ssh.Keys;
using Xunit;

namespace Sos.Ssh.Tests;

public sealed class KeyFileTests
{
    private static readonly string Key = TestClient.UserKey.PublicKey.ToString();
    private static readonly string Other = HostKey.FromSeed(new byte[32]).PublicKey.ToString();

    [Fact]
    public void LinesAsOpenSshWritesThem()
    {
        AuthorizedKeysResult result = AuthorizedKeysFile.Parse(
            $"# comment\n\n  {Key} somebody@host with words \r\nno-pty,command=\"say \\\"hello, world\\\"\" {Other}\tother\n");
        Assert.Empty(result.Refusals);
        Assert.Equal(2, result.Keys.Count);
        Assert.Equal((3, "somebody@host with words", true, null), Describe(result.Keys[0]));
        Assert.Equal((4, "other", false, "say \"hello, world\""), Describe(result.Keys[1]));
        Assert.Equal("say \"hello, world\"", System.Text.Encoding.UTF8.GetString(result.Keys[1].ToEntry().Command));
        Assert.Equal(AuthorizedKeyOptions.NoTerminal | AuthorizedKeyOptions.HasCommand, result.Keys[1].ToEntry().Options);
        Assert.True(result.Keys[0].ToEntry().Key.SequenceEqual(TestClient.UserKey.PublicKey.Bytes));
    }

    [Theory]
    [InlineData("restrict", false)]
    [InlineData("restrict,pty", true)]
    [InlineData("no-pty", false)]
    [InlineData("no-port-forwarding,no-agent-forwarding,no-X11-forwarding,no-user-rc", true)]
    [InlineData("NO-PTY", false)]
    public void OptionsThatCanBeHonoured(string options, bool hasTerminal)
    {
        AuthorizedKeysResult result = AuthorizedKeysFile.Parse($"{options} {Key}");
        Assert.Empty(result.Refusals);
        Assert.Equal(hasTerminal, Assert.Single(result.Keys).HasTerminal);
    }

    [Theory]
    [InlineData("from=\"10.0.0.0/8\"", "from")]
    [InlineData("expiry-time=\"20300101\"", "expiry-time")]
    [InlineData("cert-authority", "cert-authority")]
    [InlineData("environment=\"A=B\"", "environment")]
    [InlineData("restrict,port-forwarding", "port-forwarding")]
    [InlineData("permitopen=\"host:1\"", "permitopen")]
    [InlineData("tunnel=\"0\"", "tunnel")]
    [InlineData("verify-required", "verify-required")]
    [InlineData("no-pty=\"yes\"", "no-pty")]
    [InlineData("command=status", "command")]
    [InlineData("command=\"a\",command=\"b\"", "command")]
    [InlineData("no-pty,,no-user-rc", "")]
    [InlineData("nonsense", "nonsense")]
    public void OptionsThatCannotBeHonouredRefuseTheKeyAndAreTold(string options, string named)
    {
        AuthorizedKeysResult result = AuthorizedKeysFile.Parse($"{Other}\n{options} {Key} me");
        Assert.Single(result.Keys);
        string refusal = Assert.Single(result.Refusals);
        Assert.StartsWith("line 2: ", refusal, StringComparison.Ordinal);
        Assert.Contains(named, refusal, StringComparison.Ordinal);
    }

    [Fact]
    public void KeysThatCannotBeUsedAreTold()
    {
        string[] lines =
        [
            "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQ me", "ssh-ed25519", "ssh-ed25519 AAAA me", $"{Key[..^4]} me", "garbage", "\"unclosed " + Key,
            "ecdsa-sha2-nistp256 AAAA", $"ssh-ed25519 {new PublicKey(new byte[32]).ToString()[12..]}", $"command=\"{new string('x', 257)}\" {Key}",
            $"{Key}\n{Key} twice",
        ];
        foreach (string line in lines)
        {
            Assert.Single(AuthorizedKeysFile.Parse(line).Refusals);
        }
    }

    [Fact]
    public void AKeyIsWrittenAndReadAgainAndOnlyItsOwnerMayReadIt()
    {
        string path = Path.Combine(Path.GetTempPath(), $"sos-key-{Guid.NewGuid():N}");
        try
        {
            HostKey key = HostKey.Generate();
            key.Save(path, "console");
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
            Assert.True(HostKey.Load(path).Seed.SequenceEqual(key.Seed));
            Assert.Throws<IOException>(() => key.Save(path, "again"));
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead);
            Assert.Contains("chmod 600", Assert.Throws<FormatException>(() => HostKey.Load(path)).Message, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void FilesThatAreNoKeysAreRefused()
    {
        string text = HostKey.FromSeed(new byte[32]).Encode("comment");
        Assert.NotNull(HostKey.TryDecode(text, out _));
        Assert.NotNull(HostKey.TryDecode(text.Replace("\n", "\r\n", StringComparison.Ordinal), out _));
        for (int i = 0; i < text.Length; i++)
        {
            Assert.True(HostKey.TryDecode(text[..i] + text[(i + 1)..], out string problem) is null || text[i] == '\n' || i >= text.Length - 2, problem);
        }

        string rsa = text.Replace("-----BEGIN OPENSSH PRIVATE KEY-----", "-----BEGIN RSA PRIVATE KEY-----", StringComparison.Ordinal);
        Assert.Null(HostKey.TryDecode(rsa, out string hint));
        Assert.Contains("ssh-keygen -t ed25519", hint, StringComparison.Ordinal);
    }

    [Fact]
    public void LinesForKnownHosts()
    {
        Assert.Equal($"10.0.0.1 {Key}", TestClient.UserKey.PublicKey.ToKnownHostsLine("10.0.0.1"));
        Assert.Equal($"[fe80::1%eth0]:2222 {Key}", TestClient.UserKey.PublicKey.ToKnownHostsLine("fe80::1%eth0", 2222));
    }

    private static (int Line, string Comment, bool HasTerminal, string? Command) Describe(AuthorizedKeyLine key)
        => (key.Line, key.Comment, key.HasTerminal, key.Command);
}
