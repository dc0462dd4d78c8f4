using System;
using System.Globalization;
using System.IO;
using Xunit;
using Xunit.Abstractions;

namespace Sos.RemoteConsole.Tests;

/// <summary>The options of OpenSSH's client that a user may have set: what can be had works, and what cannot ends with a message that says so.</summary>
public sealed class SshOptionTests : IDisposable
{
    private readonly SshVisitor _visitor = new();
    private readonly LinuxPeer _peer;
    private readonly ITestOutputHelper _output;

    public SshOptionTests(ITestOutputHelper output)
    {
        _output = output;
        _peer = new LinuxPeer(_visitor.Parameters());
        _peer.AwaitPing();
    }

    public void Dispose()
    {
        _peer.Dispose();
        _visitor.Dispose();
    }

    [Fact]
    public void OptionsThatCanBeHonouredWork()
    {
        string[] options =
        [
            "-o KexAlgorithms=curve25519-sha256", "-o KexAlgorithms=curve25519-sha256@libssh.org", "-o KexAlgorithms=ecdh-sha2-nistp256,curve25519-sha256",
            "-c chacha20-poly1305@openssh.com", "-o Ciphers=aes128-ctr,chacha20-poly1305@openssh.com", "-m hmac-sha2-256", "-o HostKeyAlgorithms=ssh-ed25519",
            "-C", "-o RekeyLimit=1K", "-o 'RekeyLimit=default 1s'", "-A", "-x", "-X", "-o SendEnv=LANG", "-o SetEnv=NAME=value", "-o UpdateHostKeys=yes",
            "-o TCPKeepAlive=no", "-o ServerAliveInterval=1", "-o IPQoS=ef", "-o IPQoS=none", "-o PreferredAuthentications=publickey",
            "-o PreferredAuthentications=password,keyboard-interactive,publickey", "-o PubkeyAuthentication=unbound", "-o PubkeyAuthentication=host-bound",
            "-o PasswordAuthentication=yes", "-o GSSAPIAuthentication=yes", "-o HostbasedAuthentication=yes", "-4", "-n", "-T", "-tt", "-vvv", "-q",
            "-o HashKnownHosts=yes", "-o CheckHostIP=yes", "-o ConnectionAttempts=3", "-e none", "-o EscapeChar='~'", "-o Tunnel=no",
            "-o NoHostAuthenticationForLocalhost=yes", "-o VisualHostKey=yes", "-o AddKeysToAgent=no", "-o StreamLocalBindUnlink=yes",
            "-L 127.0.0.1:7001:127.0.0.1:1", "-D 127.0.0.1:7002", "-R 7003:127.0.0.1:1", "-o ControlMaster=no -o ControlPath=none",
        ];
        Assert.All(options, option =>
        {
            (int status, string output) = _peer.AtPeer($"{_visitor.Ssh(LinuxPeer.Address, option)} version");
            Assert.True(status == 0 && output.Contains("SOS console", StringComparison.Ordinal), $"{option}: {status} {output}");
        });
        Assert.Equal((ulong)options.Length, _peer.Counter("console.logins"));
    }

    [Theory]
    [InlineData("-o KexAlgorithms=diffie-hellman-group14-sha256", "no matching key exchange method")]
    [InlineData("-o KexAlgorithms=ecdh-sha2-nistp256", "no matching key exchange method")]
    [InlineData("-o Ciphers=aes256-gcm@openssh.com", "no matching cipher")]
    [InlineData("-o HostKeyAlgorithms=rsa-sha2-512", "no matching host key type")]
    [InlineData("-o PubkeyAuthentication=no", "Permission denied (publickey)")]
    [InlineData("-o PreferredAuthentications=password", "Permission denied (publickey)")]
    [InlineData("-o PubkeyAcceptedAlgorithms=rsa-sha2-512", "Permission denied (publickey)")]
    [InlineData("-o ExitOnForwardFailure=yes -R 7004:127.0.0.1:1", "remote port forwarding failed")]
    [InlineData("-W 127.0.0.1:22", "forwarding failed")]
    [InlineData("-s", "subsystem request failed")]
    public void OptionsThatCannotAreRefusedWithAMessage(string option, string message)
    {
        string command = option[..2] switch
        {
            "-s" => "sftp",
            "-W" => "",
            _ => "version",
        };
        (int status, string output) = _peer.AtPeer($"timeout 100 {_visitor.Ssh(LinuxPeer.Address, option)} {command}");
        Assert.Equal(255, status);
        Assert.Contains(message, output, StringComparison.Ordinal);
    }

    [Fact]
    public void CopiesOfFilesAreRefusedWithAMessage()
    {
        string ssh = _visitor.Ssh(LinuxPeer.Address);
        string options = ssh[ssh.IndexOf("-F", StringComparison.Ordinal)..ssh.LastIndexOf(' ')];
        foreach (string program in new[] { $"scp {options} console@{LinuxPeer.Address}:file .", $"sftp {options} console@{LinuxPeer.Address}" })
        {
            (int status, string output) = _peer.AtPeer($"timeout 100 {program} </dev/null");
            Assert.True(status is 1 or 255, $"{program}: {status} {output}");
            Assert.Contains("subsystem request failed", output, StringComparison.Ordinal);
        }
    }

    /// <summary>ssh-audit's judgement of algorithms and of Terrapin's condition: nothing that it calls a failure.</summary>
    [AuditFact]
    public void AnAuditFindsNoFailure()
    {
        string tool = Environment.GetEnvironmentVariable(AuditFactAttribute.Variable)!;
        (int status, string output) = _peer.AtPeer(string.Create(
            CultureInfo.InvariantCulture, $"timeout 300 {tool} --skip-rate-test --no-colors {LinuxPeer.Address}"));
        _output.WriteLine(output);
        if (Environment.GetEnvironmentVariable("SOS_SSH_AUDIT_REPORT") is { Length: > 0 } report)
        {
            File.WriteAllText(report, output);
        }

        Assert.Contains("(kex) curve25519-sha256", output, StringComparison.Ordinal);
        Assert.DoesNotContain("[fail]", output, StringComparison.Ordinal);
        Assert.True(status is 0 or 2, $"{status}: {output}"); // 2: it warns of something; its report says of what
    }

    /// <summary>A test that needs ssh-audit.</summary>
    private sealed class AuditFactAttribute : FactAttribute
    {
        public const string Variable = "SOS_SSH_AUDIT";

        public AuditFactAttribute()
        {
            if (string.IsNullOrEmpty(Environment.GetEnvironmentVariable(Variable)))
            {
                Skip = $"set {Variable} to the command ssh-audit to run this";
            }
        }
    }
}
