using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Security.Cryptography;
using System.Text;
using Sos.Crypto.Ciphers;
using Sos.Crypto.Curves;
using Sos.Crypto.MlKem;
using Sos.Ssh.Keys;

namespace Sos.Ssh.Tests;

/// <summary>A client that keeps to the protocol until it is told otherwise, in front of a session without a network between.</summary>
internal sealed class TestClient : IDisposable
{
    public const string Strict = "kex-strict-c-v00@openssh.com";

    private static readonly HostKey Host = HostKey.FromSeed(Enumerable.Repeat((byte)7, 32).ToArray());
    private readonly List<byte> _received = [];
    private readonly bool _isBorrower;
    private byte[]? _sendKeys;
    private byte[]? _receiveKeys;
    private byte[] _ownInit = [];
    private byte[] _serverInit = [];

    public TestClient(SshLimits? limits = null, AuthorizedKey? key = null, bool isSeeded = true)
    {
        AuthorizedKey entry = key ?? new AuthorizedKeyLine(1, UserKey.PublicKey, "test").ToEntry();
        Memory = new(Host, entry, limits, isSeeded);
        Memory.Session.Start(ref Memory.Server, NowNs);
        Pump();
    }

    /// <summary>Begins a new connection in the memory of another.</summary>
    public TestClient(TestClient before)
    {
        Memory = before.Memory;
        _isBorrower = true;
        Memory.Session.Start(ref Memory.Server, NowNs);
        Pump();
    }

    public static HostKey UserKey { get; } = HostKey.FromSeed(Enumerable.Repeat((byte)9, 32).ToArray());

    public SessionMemory Memory { get; }

    public ulong NowNs { get; set; } = 1;

    public string Exchanges { get; set; } = "mlkem768x25519-sha256," + Strict;

    public bool IsHybrid { get; set; } = true;

    /// <summary>Whether all that is done belongs to one pass of the host, until <see cref="NextPass"/>.</summary>
    public bool IsPassHeld { get; set; }

    public uint SendSequence { get; set; }

    public uint ReceiveSequence { get; set; }

    public byte[] SessionId { get; private set; } = [];

    public EndReason EndReason => Memory.Session.EndReason;

    public bool IsStrict => Exchanges.Contains(Strict, StringComparison.Ordinal);

    public static byte[] Text(string text) => [.. Number((uint)Encoding.ASCII.GetByteCount(text)), .. Encoding.ASCII.GetBytes(text)];

    public static byte[] Text(byte[] text) => [.. Number((uint)text.Length), .. text];

    public static byte[] Number(uint value)
    {
        byte[] bytes = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, value);
        return bytes;
    }

    public static TestClient LoggedIn(SshLimits? limits = null, AuthorizedKey? key = null)
    {
        TestClient client = new(limits, key);
        client.LogIn();
        return client;
    }

    public void LogIn()
    {
        Handshake();
        SendServiceRequest();
        SendSignature();
        Require(52);
    }

    /// <summary>Lets the session work until it has nothing to do, and takes what it sends.</summary>
    public void Pump()
    {
        ref SshSession session = ref Memory.Session;
        do
        {
            if (!IsPassHeld)
            {
                Memory.Server.BeginPass();
            }

            _received.AddRange(session.Pending.ToArray());
            session.Sent(session.Pending.Length);
        }
        while (session.Poll(ref Memory.Server, NowNs) || session.Pending.Length > 0);
    }

    /// <summary>Begins a pass of the host, and lets the session work in it.</summary>
    public void NextPass()
    {
        Memory.Server.BeginPass();
        Pump();
    }

    public void SendRaw(params ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            int taken = Memory.Session.Receive(bytes);
            bytes = bytes[taken..];
            Pump();
            if (taken == 0 && !bytes.IsEmpty)
            {
                throw new InvalidOperationException("the session takes nothing and does nothing");
            }
        }

        Pump();
    }

    /// <summary>Makes a packet as RFC 4253, 6, has it, with the keys of now.</summary>
    public byte[] Packet(byte[] payload, int paddingMore = 0)
    {
        int aligned = payload.Length + 1 + (_sendKeys is null ? 4 : 0);
        int padding = 4 + ((8 - ((aligned + 4) % 8)) % 8) + paddingMore;
        byte[] packet =
        [
            .. Number((uint)(1 + payload.Length + padding)), (byte)padding, .. payload, .. new byte[padding], .. new byte[_sendKeys is null ? 0 : 16],
        ];
        if (_sendKeys is not null)
        {
            PacketCipher.Seal(_sendKeys, SendSequence, packet);
        }

        SendSequence++;
        return packet;
    }

    public void Send(params byte[] payload) => SendRaw(Packet(payload));

    /// <summary>Returns the next packet's payload, or null if there is none.</summary>
    public byte[]? Receive()
    {
        if (_received.Count < 4)
        {
            return null;
        }

        byte[] all = [.. _received];
        int length = (int)(_receiveKeys is null
            ? BinaryPrimitives.ReadUInt32BigEndian(all)
            : PacketCipher.ReadLength(_receiveKeys, ReceiveSequence, all));
        int size = 4 + length + (_receiveKeys is null ? 0 : 16);
        byte[] packet = all[..size];
        if (_receiveKeys is not null && !PacketCipher.TryOpen(_receiveKeys, ReceiveSequence, packet))
        {
            throw new InvalidDataException("the server's packet does not open");
        }

        ReceiveSequence++;
        _received.RemoveRange(0, size);
        return packet[5..(4 + length - packet[4])];
    }

    public byte[] Require(byte number)
    {
        byte[] message = Receive() ?? throw new InvalidDataException($"no message {number}; the session ended with {EndReason}");
        return message[0] == number ? message : throw new InvalidDataException($"message {message[0]} instead of {number}");
    }

    public void SendVersion(string line = "SSH-2.0-test\r\n")
    {
        SendRaw(Encoding.ASCII.GetBytes(line));
        string text = Encoding.ASCII.GetString(_received.ToArray());
        _received.RemoveRange(0, text.IndexOf('\n', StringComparison.Ordinal) + 1);
    }

    public byte[] Init(bool guessFollows = false, string? hostKeys = null) => _ownInit =
    [
        20, .. new byte[16], .. Text(Exchanges), .. Text(hostKeys ?? "ssh-ed25519"), .. Text("chacha20-poly1305@openssh.com"),
        .. Text("chacha20-poly1305@openssh.com"), .. Text("hmac-sha2-256"), .. Text("hmac-sha2-256"), .. Text("none"), .. Text("none"), .. Text(""),
        .. Text(""), guessFollows ? (byte)1 : (byte)0, 0, 0, 0, 0,
    ];

    public void Handshake()
    {
        SendVersion();
        Send(Init());
        _serverInit = Require(20);
        FinishExchange();
    }

    /// <summary>The server's KEXINIT is here, the client's is out.</summary>
    public void FinishExchange(byte[]? serverInit = null)
    {
        _serverInit = serverInit ?? _serverInit;
        byte[] privateKey = Enumerable.Repeat((byte)3, 32).ToArray();
        byte[] publicKey = new byte[32];
        X25519.WritePublicKey(privateKey, publicKey);
        byte[] encapsulation = new byte[MlKem768.EncapsulationKeySize];
        byte[] decapsulation = new byte[MlKem768.DecapsulationKeySize];
        MlKem768.MakeKeys(new byte[64], encapsulation, decapsulation);
        byte[] request = IsHybrid ? [.. encapsulation, .. publicKey] : publicKey;
        Send([30, .. Text(request)]);
        byte[] reply = Require(31);
        (byte[] hostKey, int next) = ReadText(reply, 1);
        (byte[] answer, next) = ReadText(reply, next);
        (byte[] signature, _) = ReadText(reply, next);

        byte[] agreed = new byte[32];
        X25519.TryAgree(privateKey, answer[^32..], agreed);
        byte[] secret = Text(agreed);
        if (IsHybrid)
        {
            byte[] first = new byte[32];
            MlKem768.Decapsulate(decapsulation, answer, first);
            secret = Text(SHA256.HashData([.. first, .. agreed]));
        }
        else
        {
            byte[] trimmed = [.. agreed.SkipWhile(each => each == 0)];
            secret = Text(trimmed[0] >= 0x80 ? [0, .. trimmed] : trimmed);
        }

        byte[] hash = SHA256.HashData(
        [
            .. Text("SSH-2.0-test"), .. Text("SSH-2.0-SOS_0.1"), .. Text(_ownInit), .. Text(_serverInit), .. Text(hostKey), .. Text(request), .. Text(answer),
            .. secret,
        ]);
        if (!Ed25519.Verify(Host.PublicKey.Bytes, hash, signature[^64..]))
        {
            throw new InvalidDataException("the host's signature is wrong");
        }

        SessionId = SessionId.Length == 0 ? hash : SessionId;
        Require(21);
        TakeKeys(secret, hash);
    }

    public void SendServiceRequest()
    {
        Send([5, .. Text("ssh-userauth")]);
        Require(6);
    }

    public byte[] AuthenticationRequest(string user = "console") =>
        [50, .. Text(user), .. Text("ssh-connection"), .. Text("publickey"), 1, .. Text("ssh-ed25519"), .. Text(Blob(UserKey.PublicKey.Bytes))];

    public static byte[] Blob(ReadOnlySpan<byte> bytes) => [.. Text("ssh-ed25519"), .. Text(bytes.ToArray())];

    public byte[] Sign(byte[] request)
    {
        byte[] pair = new byte[64];
        Ed25519.WriteKeyPair(UserKey.Seed, pair);
        byte[] signature = new byte[64];
        Ed25519.Sign(pair, [.. Text(SessionId), .. request], signature);
        return signature;
    }

    public void SendSignature()
    {
        byte[] request = AuthenticationRequest();
        Send([.. request, .. Text(Blob(Sign(request)))]);
    }

    /// <summary>Opens a session's channel, number 5 at this side, and returns the server's number.</summary>
    public uint OpenChannel(uint window = 100_000)
    {
        Send([90, .. Text("session"), .. Number(5), .. Number(window), .. Number(32768)]);
        return BinaryPrimitives.ReadUInt32BigEndian(Require(91).AsSpan(5));
    }

    public static byte[] Request(uint channel, string name, bool wantsReply, params byte[] rest)
        => [98, .. Number(channel), .. Text(name), wantsReply ? (byte)1 : (byte)0, .. rest];

    public SshEvent Event() => Memory.Session.TryTakeEvent(out SshEvent taken) ? taken : default;

    public void Dispose()
    {
        if (!_isBorrower)
        {
            Memory.Dispose();
        }
    }

    private void TakeKeys(byte[] secret, byte[] hash)
    {
        SendRaw(Packet([21]));
        byte[] Derive(char letter)
        {
            byte[] first = SHA256.HashData([.. secret, .. hash, (byte)letter, .. SessionId]);
            return [.. first, .. SHA256.HashData([.. secret, .. hash, .. first])];
        }

        (_sendKeys, _receiveKeys) = (Derive('C'), Derive('D'));
        if (IsStrict)
        {
            (SendSequence, ReceiveSequence) = (0, 0);
        }

    }

    private static (byte[] Text, int Next) ReadText(byte[] message, int at)
    {
        int length = (int)BinaryPrimitives.ReadUInt32BigEndian(message.AsSpan(at));
        return (message[(at + 4)..(at + 4 + length)], at + 4 + length);
    }
}
