using System;
using System.Collections.Generic;
using System.Linq;
using System.Numerics;
using System.Text;
using Xunit;

namespace Sos.Ssh.Tests;

/// <summary>A client that does what it must not loses its connection, and nothing else: the next one logs in.</summary>
public sealed class HostileTests
{
    private static readonly byte[] Ignore = [2, 0, 0, 0, 0];

    // Each message at each place where it must not come.
    [Theory]
    [InlineData("before-kexinit-service", new byte[] { 5, 0, 0, 0, 12, 0x73, 0x73, 0x68, 0x2d, 0x75, 0x73, 0x65, 0x72, 0x61, 0x75, 0x74, 0x68 })]
    [InlineData("before-kexinit-newkeys", new byte[] { 21 })]
    [InlineData("before-kexinit-request", new byte[] { 30, 0, 0, 0, 1, 9 })]
    [InlineData("before-kexinit-channel", new byte[] { 90, 0, 0, 0, 0 })]
    [InlineData("before-kexinit-unknown", new byte[] { 200 })]
    [InlineData("before-kexinit-zero", new byte[] { 0 })]
    public void NothingComesBeforeTheFirstKeyExchange(string name, byte[] message)
    {
        Assert.StartsWith("before", name, StringComparison.Ordinal);
        using TestClient client = new();
        client.SendVersion();
        client.Send(message);
        Assert.Equal(EndReason.ProtocolError, client.EndReason);
    }

    [Fact]
    public void TerrapinsCondition()
    {
        // A strict client: a message in front of KEXINIT, or in the exchange, ends the connection, and sequence numbers begin anew.
        using (TestClient early = new())
        {
            early.SendVersion();
            early.Send(Ignore);
            Assert.Equal(EndReason.None, early.EndReason);
            early.Send(early.Init());
            Assert.Equal(EndReason.ProtocolError, early.EndReason);
        }

        byte[][] intruders = [Ignore, [4, 0, 0, 0, 0, 0, 0, 0, 0, 0], [3, 0, 0, 0, 0], [5, 0, 0, 0, 0], [7, 0, 0, 0, 0], [21], [20]];
        foreach (byte[] intruder in intruders)
        {
            using TestClient client = new();
            client.SendVersion();
            client.Send(client.Init());
            client.Send(intruder);
            Assert.Equal(EndReason.ProtocolError, client.EndReason);
        }

        // The same where NEWKEYS is due.
        foreach (byte[] intruder in intruders.Where(each => each[0] != 21))
        {
            using TestClient client = new();
            client.SendVersion();
            client.Send(client.Init());
            client.Send([30, .. TestClient.Text(ValidRequest())]);
            Assert.Equal(EndReason.None, client.EndReason);
            client.Send(intruder);
            Assert.Equal(EndReason.ProtocolError, client.EndReason);
        }

        using TestClient old = new() { Exchanges = "mlkem768x25519-sha256" };
        old.SendVersion();
        old.Send(Ignore);
        old.Send(old.Init());
        old.FinishExchange(old.Require(20));
        old.SendServiceRequest();
    }

    [Fact]
    public void RepeatedAndEarlyMessagesOfTheKeyExchange()
    {
        List<Action<TestClient>> attacks =
        [
            client => client.Send(client.Init()),
            client => client.Send([30, .. TestClient.Text(ValidRequest())]),
            client => client.Send(21),
            client => client.Send(31),
        ];
        foreach (Action<TestClient> attack in attacks.Skip(1))
        {
            using TestClient client = TestClient.LoggedIn();
            attack(client);
            Assert.Equal(EndReason.ProtocolError, client.EndReason);
        }

        // KEXINIT, and then what must not follow it.
        foreach (Action<TestClient> attack in attacks.Where((_, i) => i != 1))
        {
            using TestClient client = TestClient.LoggedIn();
            client.Send(client.Init());
            attack(client);
            Assert.Equal(EndReason.ProtocolError, client.EndReason);
        }

        using TestClient busy = TestClient.LoggedIn();
        busy.Send(busy.Init());
        busy.Send([90, .. TestClient.Text("session"), .. new byte[12]]);
        Assert.Equal(EndReason.ProtocolError, busy.EndReason);
    }

    // Answers that wait for new keys have their bound: a client that goes on asking is not read further until it sends its KEXINIT, which is then too late.
    [Theory]
    [InlineData(20, true)]
    [InlineData(500, false)]
    public void AnswersThatWaitForKeysAreBounded(int requests, bool fits)
    {
        using TestClient client = TestClient.LoggedIn(SshLimits.Default with { RekeyPackets = 50 });
        byte[]? init = null;
        for (int i = 0; init is null && i < 100; i++)
        {
            client.Send(Ignore);
            init = client.Receive();
        }

        Assert.Equal(20, init![0]);
        client.SendRaw([.. Enumerable.Range(0, requests).SelectMany(_ => client.Packet([80, .. TestClient.Text("x"), 1]))]);
        Assert.Null(client.Receive());
        Assert.Equal(EndReason.None, client.EndReason);
        client.Send(client.Init());
        if (fits)
        {
            client.FinishExchange(init);
            Assert.All(Enumerable.Range(0, requests), _ => client.Require(82));
        }

        client.NowNs += SshLimits.Default.KeyExchangeNs + 1;
        client.Pump();
        Assert.Equal(fits ? EndReason.None : EndReason.TimedOut, client.EndReason);
    }

    [Theory]
    [InlineData("SSH-1.99-old\r\n")]
    [InlineData("SSH-1.5-old\n")]
    [InlineData("GET / HTTP/1.1\r\n")]
    [InlineData("\r\n")]
    public void OtherVersionsAreRefused(string line)
    {
        using TestClient client = new();
        client.SendRaw(Encoding.ASCII.GetBytes(line));
        Assert.Equal(EndReason.ProtocolVersionNotSupported, client.EndReason);
    }

    [Fact]
    public void AVersionThatDoesNotEndIsRefused()
    {
        using TestClient client = new();
        for (int i = 0; i < 254; i++)
        {
            client.SendRaw((byte)'S');
        }

        Assert.Equal(EndReason.None, client.EndReason);
        client.SendRaw((byte)'S');
        Assert.Equal(EndReason.ProtocolVersionNotSupported, client.EndReason);
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(4u)]
    [InlineData(5u)]
    [InlineData(13u)]
    [InlineData(35001u)]
    [InlineData(35004u)]
    [InlineData(0x7fffffffu)]
    [InlineData(0xffffffffu)]
    [InlineData(0xfffffffcu)]
    public void WrongLengthsEndTheConnectionAtOnce(uint length)
    {
        using TestClient plain = new();
        plain.SendVersion();
        plain.SendRaw(TestClient.Number(length));
        Assert.Equal(EndReason.ProtocolError, plain.EndReason);
    }

    [Fact]
    public void WrongPaddingEndsTheConnection()
    {
        foreach ((byte padding, int length) in new[] { ((byte)3, 12), ((byte)11, 12), ((byte)12, 12), ((byte)255, 20) })
        {
            using TestClient client = new();
            client.SendVersion();
            client.SendRaw([.. TestClient.Number((uint)length), padding, .. new byte[length - 1]]);
            Assert.Equal(EndReason.ProtocolError, client.EndReason);
        }
    }

    [Fact]
    public void TheLongestPacketIsTakenAndEveryBitIsAuthenticated()
    {
        using TestClient client = TestClient.LoggedIn();
        client.Send([2, .. TestClient.Text(new byte[34_900])]);
        Assert.Equal(EndReason.None, client.EndReason);
        byte[] packet = client.Packet([2, .. TestClient.Text(new byte[20])]);
        for (int bit = 0; bit < packet.Length * 8; bit += 7)
        {
            using TestClient other = TestClient.LoggedIn();
            byte[] changed = other.Packet([2, .. TestClient.Text(new byte[20])]);
            changed[bit / 8] ^= (byte)(1 << (bit % 8));
            other.SendRaw([.. changed, .. new byte[35_000]]);
            Assert.Contains(other.EndReason, new[] { EndReason.MacError, EndReason.ProtocolError });
            Assert.True(bit < 32 || other.EndReason == EndReason.MacError);
        }
    }

    [Fact]
    public void APacketThatComesTwiceOrOutOfOrderIsNone()
    {
        using TestClient twice = TestClient.LoggedIn();
        byte[] packet = twice.Packet(Ignore);
        twice.SendRaw(packet);
        twice.SendRaw(packet);
        Assert.NotEqual(EndReason.None, twice.EndReason);

        using TestClient swapped = TestClient.LoggedIn();
        byte[] first = swapped.Packet(Ignore);
        byte[] second = swapped.Packet(Ignore);
        swapped.SendRaw([.. second, .. first]);
        Assert.NotEqual(EndReason.None, swapped.EndReason);
    }

    [Fact]
    public void PublicKeysOfWrongLengthAreRefused()
    {
        byte[] valid = ValidRequest();
        foreach (byte[] request in (byte[][])[[], valid[..^1], [.. valid, 0], valid[..1184], valid[1184..], [0, .. valid]])
        {
            using TestClient client = new();
            client.SendVersion();
            client.Send(client.Init());
            client.Send([30, .. TestClient.Text(request)]);
            Assert.Equal(EndReason.ProtocolError, client.EndReason);
        }

        // Right length, and no key: a coefficient beyond the modulus; a point of small order.
        foreach (byte[] request in (byte[][])[[0xff, 0xff, .. valid[2..]], [.. valid[..1184], .. new byte[32]]])
        {
            using TestClient client = new();
            client.SendVersion();
            client.Send(client.Init());
            client.Send([30, .. TestClient.Text(request)]);
            Assert.Equal(EndReason.KeyExchangeFailed, client.EndReason);
        }
    }

    [Theory]
    [InlineData("diffie-hellman-group14-sha256", "ssh-ed25519")]
    [InlineData("", "ssh-ed25519")]
    [InlineData("kex-strict-c-v00@openssh.com,ext-info-c", "ssh-ed25519")]
    [InlineData("mlkem768x25519-sha256", "ssh-rsa")]
    [InlineData(",,,", ",")]
    public void NothingInCommonIsTold(string exchanges, string hostKeys)
    {
        using TestClient client = new() { Exchanges = exchanges };
        client.SendVersion();
        client.Send(client.Init(hostKeys: hostKeys));
        Assert.Equal(EndReason.KeyExchangeFailed, client.EndReason);
        client.Require(20);
        Assert.Equal(3, client.Require(1)[4]);
    }

    [Fact]
    public void EveryMessageCutShortEndsTheConnectionOrIsRefused()
    {
        using TestClient template = TestClient.LoggedIn();
        byte[] id = TestClient.Number(0);
        byte[][] messages =
        [
            [80, .. TestClient.Text("name"), 1], [90, .. TestClient.Text("session"), .. new byte[12]], [93, .. id, .. id],
            [94, .. id, .. TestClient.Text("data")], [95, .. id, .. TestClient.Number(1), .. TestClient.Text("data")], [96, .. id], [97, .. id],
            TestClient.Request(0, "exec", true, TestClient.Text("command")), TestClient.Request(0, "signal", true, TestClient.Text("INT")),
            TestClient.Request(0, "break", true, TestClient.Number(1)), TestClient.Request(0, "window-change", true, new byte[16]),
            TestClient.Request(0, "pty-req", true, [.. TestClient.Text("xterm"), .. new byte[16], .. TestClient.Text("")]),
        ];
        foreach (byte[] message in messages)
        {
            for (int length = 1; length < message.Length; length++)
            {
                using TestClient client = TestClient.LoggedIn();
                client.OpenChannel();
                client.Send(message[..length]);
                Assert.True(client.EndReason == EndReason.ProtocolError, $"message {message[0]} of {length} bytes");
            }
        }
    }

    [Fact]
    public void ChannelsThatAreNotThereAndWindowsThatAreExceeded()
    {
        List<Action<TestClient>> attacks =
        [
            client => client.Send([94, .. TestClient.Number(3), .. TestClient.Text("x")]),
            client => client.Send([94, .. TestClient.Number(uint.MaxValue), .. TestClient.Text("x")]),
            client => client.Send([94, .. TestClient.Number(4), .. TestClient.Text("x")]),
            client => client.Send([94, .. TestClient.Number(0), .. TestClient.Text(new byte[2049])]),
            client => client.Send([95, .. TestClient.Number(0), .. TestClient.Number(1), .. TestClient.Text(new byte[2049])]),
            client => client.Send([93, .. TestClient.Number(0), .. TestClient.Number(uint.MaxValue)]),
            client => { client.Send(96, 0, 0, 0, 0); client.Send(96, 0, 0, 0, 0); },
            client => { client.Send(96, 0, 0, 0, 0); client.Send([94, .. TestClient.Number(0), .. TestClient.Text("x")]); },
            client => { client.Send(97, 0, 0, 0, 0); client.Send(97, 0, 0, 0, 0); },
            client => client.Send(TestClient.Request(2, "shell", false)),
            client => client.Send([91, .. new byte[16]]),
            client => client.Send([99, .. new byte[4]]),
            client => client.Send([50, .. new byte[4]]),
            client => client.Send([52]),
            client => client.Send([5, .. TestClient.Text("ssh-userauth")]),
        ];
        for (int i = 0; i < attacks.Count; i++)
        {
            using TestClient client = TestClient.LoggedIn();
            client.OpenChannel();
            attacks[i](client);
            Assert.True(client.EndReason == EndReason.ProtocolError, $"attack {i}: {client.EndReason}");
        }
    }

    [Fact]
    public void OnlyTheUsersKeyLogsInAndTriesAreCounted()
    {
        using TestClient client = new();
        client.Handshake();
        client.SendServiceRequest();
        byte[] request = client.AuthenticationRequest();
        byte[] signature = client.Sign(request);
        BigInteger order = BigInteger.Pow(2, 252) + BigInteger.Parse("27742317777372353535851937790883648493");
        byte[] other = new byte[32];
        (new BigInteger(signature.AsSpan(32), isUnsigned: true) + order).TryWriteBytes(other, out _, isUnsigned: true);
        byte[] elsewhere = [.. TestClient.Text(new byte[32])];
        byte[][] tries =
        [
            [.. request, .. TestClient.Text(TestClient.Blob([.. signature[..32], .. other]))],
            [.. request, .. TestClient.Text(TestClient.Blob(new byte[64]))],
            [.. client.AuthenticationRequest("root"), .. TestClient.Text(TestClient.Blob(client.Sign(client.AuthenticationRequest("root"))))],
            [.. request, .. TestClient.Text(signature)],
            [.. request, .. TestClient.Text(elsewhere)],
        ];
        client.Send([50, .. TestClient.Text("console"), .. TestClient.Text("ssh-connection"), .. TestClient.Text("none")]);
        client.Require(51);
        foreach (byte[] each in tries)
        {
            client.Send(each);
            Assert.Equal([51, .. TestClient.Text("publickey"), 0], client.Require(51));
        }

        Assert.False(client.Memory.Session.IsLoggedIn);
        client.Send([50, .. TestClient.Text("console"), .. TestClient.Text("ssh-connection"), .. TestClient.Text("password"), 0, .. TestClient.Text("x")]);
        Assert.Equal(EndReason.NoMoreAuthenticationMethods, client.EndReason);
        client.Require(1);
    }

    [Fact]
    public void LogInHasItsOrder()
    {
        byte[] other = [.. TestClient.Text("console"), .. TestClient.Text("other"), .. TestClient.Text("none")];
        List<(Action<TestClient> Attack, EndReason Reason)> attacks =
        [
            (client => client.SendSignature(), EndReason.ProtocolError),
            (client => client.Send([5, .. TestClient.Text("ssh-connection")]), EndReason.ServiceNotAvailable),
            (client => client.Send([90, .. TestClient.Text("session"), .. new byte[12]]), EndReason.ProtocolError),
            (client => { client.SendServiceRequest(); client.Send([5, .. TestClient.Text("ssh-userauth")]); }, EndReason.ProtocolError),
            (client => { client.SendServiceRequest(); client.Send([90, .. TestClient.Text("session"), .. new byte[12]]); }, EndReason.ProtocolError),
            (client => { client.SendServiceRequest(); client.Send(52); }, EndReason.ProtocolError),
            (client => { client.SendServiceRequest(); client.Send(200); }, EndReason.ProtocolError),
            (client => { client.SendServiceRequest(); client.Send(50, 0, 0, 0, 9); }, EndReason.ProtocolError),
            (client => { client.SendServiceRequest(); client.Send([50, .. other]); }, EndReason.ServiceNotAvailable),
        ];
        foreach ((Action<TestClient> attack, EndReason reason) in attacks)
        {
            using TestClient client = new();
            client.Handshake();
            attack(client);
            Assert.Equal(reason, client.EndReason);
            Assert.False(client.Memory.Session.IsLoggedIn);
        }
    }

    [Fact]
    public void ComputationsAreLimitedForAllSessionsAndWhatIsMoreWaits()
    {
        const ulong Second = 1_000_000_000;
        using TestClient client = new(SshLimits.Default with { ComputationsPerSecond = 1, ComputationsBurst = 1 });
        client.Handshake();
        client.SendServiceRequest();

        // The handshake took what there was: the signature waits for its turn, and is answered once, when it comes.
        client.SendSignature();
        Assert.Null(client.Receive());
        client.NowNs += Second - 2;
        client.Pump();
        Assert.Null(client.Receive());
        client.NowNs += 2;
        client.Pump();
        client.Require(52);
        Assert.Null(client.Receive());

        // Another session's handshake waits for what this one took.
        using TestClient next = new(client) { NowNs = client.NowNs };
        next.SendVersion();
        next.Send(next.Init());
        next.Require(20);
        next.Send([30, .. TestClient.Text(ValidRequest())]);
        Assert.Null(next.Receive());
        next.NowNs += Second;
        next.Pump();
        next.Require(31);
    }

    [Fact]
    public void RenewingKeysBeforeALogInIsLimitedTooAndAfterItIsNot()
    {
        const ulong Second = 1_000_000_000;
        using TestClient client = new(SshLimits.Default with { ComputationsPerSecond = 1, ComputationsBurst = 1 });
        client.Handshake();
        client.Send(client.Init());
        client.Require(20);
        client.Send([30, .. TestClient.Text(ValidRequest())]);
        Assert.Null(client.Receive());
        client.NowNs += Second;
        client.Pump();
        client.Require(31);

        using TestClient trusted = new(SshLimits.Default with { ComputationsPerSecond = 1, ComputationsBurst = 2 });
        trusted.LogIn();
        for (int i = 0; i < 3; i++)
        {
            trusted.Send(trusted.Init());
            trusted.FinishExchange(trusted.Require(20));
        }
    }

    [Fact]
    public void AllSessionsTogetherDoOneExpensiveOperationInAPass()
    {
        using TestClient stranger = new();
        stranger.SendVersion();
        using TestClient user = TestClient.LoggedIn();
        foreach (TestClient client in (TestClient[])[stranger, user])
        {
            client.Send(client.Init());
            client.Require(20);
            client.IsPassHeld = true;
            client.Send([30, .. TestClient.Text(ValidRequest())]);

            // Encapsulation, the server's key, the shared secret; then the signature, and with it the reply.
            for (int pass = 1; pass < 4; pass++)
            {
                Assert.Null(client.Receive());
                client.NextPass();
            }

            client.Require(31);
        }

        // What another session did in this pass counts: a user's signature waits for the next.
        using TestClient late = new();
        late.Handshake();
        late.SendServiceRequest();
        late.IsPassHeld = true;
        late.Memory.Server.TakeTurn();
        late.SendSignature();
        Assert.Null(late.Receive());
        late.NextPass();
        late.Require(52);
    }

    [Fact]
    public void AStrangerRenewsKeysTwiceAndNoMore()
    {
        using TestClient client = new();
        client.Handshake();
        for (int i = 0; i < 2; i++)
        {
            client.Send(client.Init());
            client.FinishExchange(client.Require(20));
        }

        client.SendServiceRequest();
        client.Send(client.Init());
        Assert.Equal(EndReason.ProtocolError, client.EndReason);

        // The next connection in the same memory begins anew.
        client.Memory.Session.Erase();
        using TestClient next = new(client);
        next.LogIn();
    }

    [Fact]
    public void AfterAnEndNothingMoreHappensAndTheNextConnectionLogsIn()
    {
        using TestClient client = TestClient.LoggedIn();
        client.Send([2, .. TestClient.Text(new string(' ', 1000) + "what was decrypted")]);
        Assert.True(client.Memory.Remembers("what was decrypted"u8));
        client.Send(21);
        Assert.Equal(EndReason.ProtocolError, client.EndReason);
        client.Require(1);
        client.SendRaw(new byte[100_000]);
        Assert.Null(client.Receive());
        client.Memory.Session.Erase();
        Assert.False(client.Memory.Remembers("what was decrypted"u8));
        Assert.False(client.Memory.Session.IsLoggedIn);
        Assert.True(client.Memory.Session.IsEnded);
    }

    private static byte[] ValidRequest()
    {
        byte[] encapsulation = new byte[Crypto.MlKem.MlKem768.EncapsulationKeySize];
        Crypto.MlKem.MlKem768.MakeKeys(new byte[64], encapsulation, new byte[Crypto.MlKem.MlKem768.DecapsulationKeySize]);
        byte[] point = new byte[32];
        Crypto.Curves.X25519.WritePublicKey(new byte[32], point);
        return [.. encapsulation, .. point];
    }
}
