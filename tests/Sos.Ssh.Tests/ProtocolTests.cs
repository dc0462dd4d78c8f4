using System;
using System.Linq;
using System.Runtime.CompilerServices;
using System.Text;
using Xunit;

namespace Sos.Ssh.Tests;

/// <summary>A client that keeps to the protocol gets what it asks for.</summary>
public sealed class ProtocolTests
{
    [Fact]
    public void ASessionFitsItsMemory() => Assert.InRange(Unsafe.SizeOf<SshSession>(), 35_000, SshSession.SizeMax);

    [Theory]
    [InlineData(true, true)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(false, false)]
    public void BothKeyExchangesLogIn(bool isHybrid, bool isStrict)
    {
        using TestClient client = new()
        {
            IsHybrid = isHybrid,
            Exchanges = (isHybrid ? "mlkem768x25519-sha256" : "curve25519-sha256") + (isStrict ? "," + TestClient.Strict : ""),
        };
        client.LogIn();
        Assert.True(client.Memory.Session.IsLoggedIn);
        Assert.Equal("test", Encoding.ASCII.GetString(client.Memory.Session.Key.Label));
        Assert.Equal("SSH-2.0-test", Encoding.ASCII.GetString(client.Memory.Session.ClientVersion));
    }

    [Fact]
    public void ExtensionsComeRightBehindTheFirstNewKeys()
    {
        using TestClient client = new() { Exchanges = "mlkem768x25519-sha256,ext-info-c," + TestClient.Strict };
        client.Handshake();
        Assert.Equal([7, .. TestClient.Number(1), .. TestClient.Text("server-sig-algs"), .. TestClient.Text("ssh-ed25519")], client.Require(7));
        client.Send(7, 0, 0, 0, 0);
        client.SendServiceRequest();
    }

    [Fact]
    public void AWrongGuessIsIgnoredAndARightOneIsNot()
    {
        using TestClient wrong = new() { IsHybrid = false, Exchanges = "curve25519-sha256," + TestClient.Strict };
        wrong.SendVersion();
        wrong.SendRaw([.. wrong.Packet(wrong.Init(guessFollows: true)), .. wrong.Packet([30, 0, 0, 0, 1, 9])]);
        wrong.FinishExchange(wrong.Require(20));

        using TestClient right = new();
        right.SendVersion();
        right.Send(right.Init(guessFollows: true));
        right.FinishExchange(right.Require(20));
    }

    [Fact]
    public void TheClientRenewsKeysWhileDataFlows()
    {
        using TestClient client = TestClient.LoggedIn();
        uint channel = Shell(client);
        for (int round = 0; round < 3; round++)
        {
            client.Send([94, .. TestClient.Number(channel), .. TestClient.Text("before")]);
            client.Send(client.Init());

            // Nothing of a channel may leave between the server's KEXINIT and its NEWKEYS.
            Assert.Equal(0, client.Memory.Session.Write((int)channel, "x"u8));
            client.FinishExchange(client.Require(20));
            Assert.Equal("before", ReadAll(client, channel));
            Assert.Equal(1, client.Memory.Session.Write((int)channel, "x"u8));
            client.Pump();
            Assert.Equal([94, .. TestClient.Number(5), .. TestClient.Text("x")], client.Require(94));
        }
    }

    [Fact]
    public void TheServerRenewsKeysByBytesPacketsAndTime()
    {
        SshLimits limits = SshLimits.Default with { RekeyBytes = 20_000, RekeyPackets = 100 };
        using TestClient client = TestClient.LoggedIn(limits);
        uint channel = Shell(client);
        for (int round = 0; round < 3; round++)
        {
            byte[]? init = null;
            for (int i = 0; init is null; i++)
            {
                Assert.True(i < 200, "no new keys");
                Action more = round switch
                {
                    0 => () => client.Memory.Session.Write((int)channel, new byte[1000]),
                    1 => () => client.Send(2, 0, 0, 0, 0),
                    _ => () => client.NowNs += limits.RekeyNs / 3,
                };
                more();
                client.Pump();
                byte[]? message = client.Receive();
                init = message is [20, ..] ? message : null;
            }

            // A request that was on its way is answered, behind the new keys.
            client.Send(TestClient.Request(channel, "window-change", true, new byte[16]));
            Assert.Null(client.Receive());
            client.Send(client.Init());
            client.FinishExchange(init);
            while (client.Receive() is { } rest)
            {
                Assert.True(rest[0] is 94 or 99 or 100);
            }
        }
    }

    [Fact]
    public void AClientThatKeepsTheKeyExchangeWaitingIsEnded()
    {
        using TestClient client = TestClient.LoggedIn();
        client.Send(client.Init());
        client.NowNs += SshLimits.Default.KeyExchangeNs + 1;
        client.Pump();
        Assert.Equal(EndReason.TimedOut, client.EndReason);
    }

    [Fact]
    public void LogInHasATime()
    {
        using TestClient client = new();
        client.Handshake();
        client.NowNs += SshLimits.Default.LoginNs + 1;
        client.Pump();
        Assert.Equal(EndReason.TimedOut, client.EndReason);
    }

    [Fact]
    public void WithoutASeedThereIsNoSession()
    {
        using TestClient client = new(isSeeded: false);
        Assert.Equal(EndReason.NoRandomness, client.EndReason);
    }

    [Fact]
    public void ChannelsRunSeveralThingsAtOnce()
    {
        using TestClient client = TestClient.LoggedIn();
        uint[] channels = [.. Enumerable.Range(0, SshSession.ChannelsMax).Select(_ => client.OpenChannel())];
        Assert.Equal(SshSession.ChannelsMax, channels.Distinct().Count());
        client.Send([90, .. TestClient.Text("session"), .. new byte[12]]);
        Assert.Equal(4, client.Require(92)[8]); // RFC 4254, 5.1: resource shortage
        foreach (uint channel in channels)
        {
            client.Send(TestClient.Request(channel, "exec", true, TestClient.Text($"command {channel}")));
            client.Require(99);
            Assert.Equal(new SshEvent(SshEventKind.Execute, (int)channel, 0), client.Event());
            Assert.Equal($"command {channel}", Encoding.ASCII.GetString(client.Memory.Session.Command((int)channel)));
        }

        // One ends; its slot is free when both sides have closed it.
        client.Memory.Session.Exit((int)channels[1], 3);
        client.Pump();
        Assert.Equal([98, .. TestClient.Number(5), .. TestClient.Text("exit-status"), 0, 0, 0, 0, 3], client.Require(98));
        client.Require(96);
        client.Require(97);
        client.Send([97, .. TestClient.Number(channels[1])]);
        Assert.Equal(channels[1], client.OpenChannel());
        Assert.Equal(default, client.Event());
    }

    [Fact]
    public void TerminalSignalsBreaksAndSizesAreTold()
    {
        using TestClient client = TestClient.LoggedIn();
        uint channel = client.OpenChannel();
        byte[] size = [.. TestClient.Number(80), .. TestClient.Number(24), .. new byte[8]];
        client.Send(TestClient.Request(channel, "env", true, [.. TestClient.Text("LANG"), .. TestClient.Text("C")]));
        client.Require(100);
        client.Send(TestClient.Request(channel, "pty-req", true, [.. TestClient.Text("xterm"), .. size, .. TestClient.Text("")]));
        client.Require(99);
        client.Send(TestClient.Request(channel, "shell", true));
        client.Require(99);
        Assert.Equal(SshEventKind.Shell, client.Event().Kind);
        Assert.Equal(new SshTerminal(true, 80, 24), client.Memory.Session.Terminal((int)channel));
        client.Send(TestClient.Request(channel, "window-change", false, [.. TestClient.Number(100_000), .. TestClient.Number(50), .. new byte[8]]));
        Assert.Equal(SshEventKind.WindowChanged, client.Event().Kind);
        Assert.Equal(new SshTerminal(true, 65535, 50), client.Memory.Session.Terminal((int)channel));
        client.Send(TestClient.Request(channel, "signal", false, TestClient.Text("TERM")));
        Assert.Equal(new SshEvent(SshEventKind.Signal, (int)channel, (uint)SshSignal.Terminate), client.Event());
        client.Send(TestClient.Request(channel, "break", true, TestClient.Number(500)));
        client.Require(99);
        Assert.Equal(new SshEvent(SshEventKind.Break, (int)channel, 500), client.Event());
        client.Send([96, .. TestClient.Number(channel)]);
        Assert.Equal(SshEventKind.EndOfInput, client.Event().Kind);
        client.Send([97, .. TestClient.Number(channel)]);
        Assert.Equal(SshEventKind.Closed, client.Event().Kind);
        client.Require(97);

        // A second shell on a channel, a terminal too late, and what nobody knows are refused.
        uint other = Shell(client);
        client.Send(TestClient.Request(other, "exec", true, TestClient.Text("x")));
        client.Require(100);
        client.Send(TestClient.Request(other, "pty-req", true, [.. TestClient.Text("xterm"), .. size, .. TestClient.Text("")]));
        client.Require(100);
        client.Send(TestClient.Request(other, "x11-req", true, 1, 2, 3));
        client.Require(100);
    }

    [Fact]
    public void WindowsBoundWhatIsSentAndGrowAsInputIsRead()
    {
        using TestClient client = TestClient.LoggedIn();
        uint channel = Shell(client, window: 10);
        Assert.Equal(10, client.Memory.Session.Write((int)channel, new byte[100]));
        Assert.Equal(0, client.Memory.Session.Write((int)channel, new byte[1]));
        client.Send([93, .. TestClient.Number(channel), .. TestClient.Number(7)]);
        client.Require(94);
        Assert.Equal(7, client.Memory.Session.Write((int)channel, new byte[100], isError: true));
        client.Pump();
        client.Require(95);

        client.Send([94, .. TestClient.Number(channel), .. TestClient.Text(new byte[2048])]);
        Assert.Null(client.Receive());
        Assert.Equal(1023, client.Memory.Session.Read((int)channel, new byte[1023]));
        client.Pump();
        Assert.Null(client.Receive());
        Assert.Equal(1, client.Memory.Session.Read((int)channel, new byte[1]));
        client.Pump();
        Assert.Equal([93, .. TestClient.Number(5), .. TestClient.Number(1024)], client.Require(93));
    }

    [Fact]
    public void AForcedCommandReplacesWhatIsAskedForAndARestrictedKeyHasNoTerminal()
    {
        AuthorizedKey key = Keys.AuthorizedKeysFile.Parse($"restrict,command=\"status -v\" {TestClient.UserKey.PublicKey}").Keys[0].ToEntry();
        using TestClient client = TestClient.LoggedIn(key: key);
        foreach (byte[] asked in (byte[][])[[.. TestClient.Text("shell"), 1], [.. TestClient.Text("exec"), 1, .. TestClient.Text("reboot")]])
        {
            uint channel = client.OpenChannel();
            client.Send(TestClient.Request(channel, "pty-req", true, [.. TestClient.Text("xterm"), .. new byte[16], .. TestClient.Text("")]));
            client.Require(100);
            client.Send([98, .. TestClient.Number(channel), .. asked]);
            client.Require(99);
            Assert.Equal(SshEventKind.Execute, client.Event().Kind);
            Assert.Equal("status -v", Encoding.ASCII.GetString(client.Memory.Session.Command((int)channel)));
        }
    }

    [Fact]
    public void OneMemoryServesOneConnectionAfterTheOther()
    {
        SshLimits limits = SshLimits.Default with { ComputationsPerSecond = 1_000_000, ComputationsBurst = 1_000_000 };
        using TestClient first = new(limits);
        for (int i = 0; i < 200; i++)
        {
            using TestClient client = new(first);
            client.LogIn();
            uint channel = Shell(client);
            Assert.Equal(0u, channel);
            client.Send([94, .. TestClient.Number(channel), .. TestClient.Text("left behind")]);
            if (i % 2 == 0)
            {
                client.Memory.Session.Erase();
            }
        }
    }

    [Fact]
    public void ForwardingAndGlobalRequestsAreRefused()
    {
        using TestClient client = TestClient.LoggedIn();
        client.Send([80, .. TestClient.Text("tcpip-forward"), 1, .. TestClient.Text("0.0.0.0"), .. TestClient.Number(22)]);
        client.Require(82);
        client.Send([90, .. TestClient.Text("direct-tcpip"), .. new byte[12], .. TestClient.Text("host"), .. new byte[12]]);
        Assert.Equal(1, client.Require(92)[8]);
        client.Send([90, .. TestClient.Text("unknown"), .. new byte[12]]);
        Assert.Equal(3, client.Require(92)[8]);
        client.Send([80, .. TestClient.Text("no-more-sessions@openssh.com"), 0]);
        client.Send([90, .. TestClient.Text("session"), .. new byte[12]]);
        Assert.Equal(1, client.Require(92)[8]);
        client.Send(192, 0, 0, 0, 0);
        client.Require(3);
    }

    [Fact]
    public void DataThatNobodyReadsStopsAtTheBuffersAndNothingIsLost()
    {
        using TestClient client = TestClient.LoggedIn();
        uint channel = Shell(client, window: 1 << 20);
        int written = 0;
        while (client.Memory.Session.Write((int)channel, [(byte)written]) == 1)
        {
            written++;
        }

        Assert.InRange(written, 100, 16384);
        client.Pump();
        for (int i = 0; i < written; i++)
        {
            Assert.Equal((byte)i, client.Require(94)[^1]);
        }
    }

    private static uint Shell(TestClient client, uint window = 100_000)
    {
        uint channel = client.OpenChannel(window);
        client.Send(TestClient.Request(channel, "shell", true));
        client.Require(99);
        Assert.Equal(SshEventKind.Shell, client.Event().Kind);
        return channel;
    }

    private static string ReadAll(TestClient client, uint channel)
    {
        byte[] data = new byte[4096];
        return Encoding.ASCII.GetString(data, 0, client.Memory.Session.Read((int)channel, data));
    }
}
