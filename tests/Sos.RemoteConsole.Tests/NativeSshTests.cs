using System;
using System.IO;
using System.Text.Json;
using Xunit;
using Xunit.Abstractions;

namespace Sos.RemoteConsole.Tests;

/// <summary>OpenSSH's client and the console's image as it runs on a core: machine code without a runtime, here in a process.</summary>
public sealed class NativeSshTests(ITestOutputHelper output) : IDisposable
{
    private const int LogIns = 20;

    private readonly SshVisitor _visitor = new();
    private NativeConsole? _console;

    public void Dispose() => _visitor.Dispose();

    [Fact]
    public void TwentyOfTwentyLogIn()
    {
        using LinuxPeer peer = Start();
        string line = _visitor.Ssh(LinuxPeer.Address);
        for (int i = 0; i < LogIns; i++)
        {
            (int status, string shown) = peer.AtPeer(line + " version");
            Assert.True(status == 0, shown);
        }

        Assert.Equal((ulong)LogIns, peer.Counter("console.logins"));
        Assert.Equal(0ul, peer.Counter("console.logins_failed"));
    }

    [Fact]
    public void CommandsAndAShellRun()
    {
        using LinuxPeer peer = Start();
        _console!.Beat();
        string line = _visitor.Ssh(LinuxPeer.Address6);
        Assert.Equal("alive", JsonDocument.Parse(peer.AtPeer(line + " status --json").Output).RootElement.GetProperty("linux").GetString());
        foreach (string command in new[] { "help", "service", "log", "who", "version", "uptime" })
        {
            Assert.Equal(0, peer.AtPeer($"{line} {command}").ExitCode);
        }

        string shell = peer.AtPeer($"printf 'who\\rexit\\r' | {_visitor.Ssh(LinuxPeer.Address6, "-tt")}").Output;
        Assert.Contains(SshVisitor.Label, shell, StringComparison.Ordinal);
        Assert.Equal(1ul, peer.Counter("console.reseeded"));
        Assert.Contains("Permission denied", peer.AtPeer(_visitor.Ssh(LinuxPeer.Address6, key: "stranger") + " who").Output, StringComparison.Ordinal);
    }

    [Fact]
    public void ALossyCableAndAFloodOfSynsAreBorne()
    {
        using LinuxPeer peer = Start();
        peer.LossPercent = 3;
        Random random = new(7);
        for (int i = 0; i < 20_000; i++)
        {
            peer.Inject(LinuxPeerTests.Syn(random, port: 22));
        }

        string log = peer.AtPeer(_visitor.Ssh(LinuxPeer.Address) + " log --json").Output;
        Assert.NotEmpty(JsonDocument.Parse(log).RootElement.EnumerateArray());
        Assert.True(peer.Counter("console.syn_cookies") > 0);
    }

    [Fact]
    public void TheImageIsSmall()
    {
        long size = new FileInfo(NativeConsole.Image).Length;
        output.WriteLine($"console.sosimg has {size} bytes");
        Assert.InRange(size, 1, 384 << 10);
    }

    private LinuxPeer Start()
    {
        LinuxPeer peer = new(_visitor.Parameters(), parameters => _console = new NativeConsole(parameters));
        peer.AwaitPing();
        peer.AwaitPing(LinuxPeer.Address6);
        return peer;
    }
}
