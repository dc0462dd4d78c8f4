using System;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Sos.Crypto;
using Sos.Crypto.Ciphers;
using Sos.Ssh.Wire;

namespace Sos.Ssh.Transport;

/// <summary>
/// RFC 4253's transport with strict key exchange: versions, packets, keys and their renewal. What it hands up is decrypted, authenticated and in order; what is
/// handed down while keys are exchanged waits until they are there, as 7.1 demands.
/// </summary>
internal struct SshTransport
{
    // Messages that wait for the end of a key exchange: their bytes, and at how many bytes, counted as they will be sent, no packet is read any more. With the
    // answers to one packet more, both what waits and the reply of the key exchange fit into what SendBuffer keeps for answers.
    private const int DeferredCapacity = 1024;
    private const int DeferredCostMax = 768;

    // Key exchanges before a log-in, the first included. Clients need one, and each costs what all visitors share.
    private const int ExchangesBeforeLogInMax = 3;

    private const int VersionLengthMax = 255; // RFC 4253, 4.2
    private const int ReasonTextMax = 48;

    private ReceiveBuffer _input;
    private SendBuffer _output;
    private KeyExchange _exchange;
    private VersionBytes _clientVersion;
    private CookieBytes _cookie;
    private SessionIdBytes _sessionId;
    private DeferredBytes _deferred;
    private ulong _keysSinceNs;
    private ulong _exchangeSinceNs;
    private int _clientVersionLength;
    private int _deferredLength;
    private int _deferredPayload;
    private int _deferredCost;
    private int _exchangesBeforeLogIn;
    private Phase _phase;
    private bool _isKeyed; // the first key exchange is done
    private bool _isStrict;
    private bool _wantsExtensions;
    private bool _ignoresNext;
    private bool _hasToken;
    private bool _isDeferring;

    private enum Phase : byte
    {
        Version,
        SentInit, // the server's KEXINIT is out, the client's is to come
        Negotiated, // the client's public key is to come
        Computing,
        AwaitNewKeys,
        Open,
    }

    /// <summary>Why the connection ended, or None.</summary>
    public EndReason EndReason { get; private set; }

    /// <summary>Whether the client has logged in: its key exchanges are not limited any more.</summary>
    public bool IsTrusted { get; set; }

    /// <summary>Bytes to be sent.</summary>
    [UnscopedRef]
    public ReadOnlySpan<byte> Pending => _output.Pending;

    /// <summary>The id of the session: H of the first key exchange.</summary>
    [UnscopedRef]
    public ReadOnlySpan<byte> SessionId => _sessionId;

    /// <summary>The client's version line.</summary>
    [UnscopedRef]
    public ReadOnlySpan<byte> ClientVersion => ((Span<byte>)_clientVersion)[.._clientVersionLength];

    /// <summary>Bytes of data that may be sent now: none during a key exchange, and never what is kept for answers.</summary>
    public readonly int DataRoom => _phase == Phase.Open && EndReason == EndReason.None
        ? Math.Max(0, _output.Room - SendBuffer.Reserve - SendBuffer.Overhead)
        : 0;

    /// <summary>Whether the transport can take an answer.</summary>
    public readonly bool HasRoomForAnswers => _output.Room >= SendBuffer.Reserve && _deferredCost <= DeferredCostMax;

    /// <summary>The payload of the packet that was handed out and not yet released.</summary>
    [UnscopedRef]
    public ReadOnlySpan<byte> OpenPayload => _input.OpenPayload;

    /// <summary>The number of that packet.</summary>
    public readonly uint PacketSequence => _input.Sequence - 1;

    private static ReadOnlySpan<byte> ServerVersion => "SSH-2.0-SOS_0.1"u8;

    /// <summary>Begins: the version line and the first KEXINIT go out at once.</summary>
    public void Start(ref SshServer server, ulong nowNs)
    {
        _input.Reset();
        _output.Reset();
        _exchange.Erase();
        (EndReason, IsTrusted) = (EndReason.None, false);
        (_clientVersionLength, _deferredLength, _deferredPayload, _deferredCost, _exchangesBeforeLogIn) = (0, 0, 0, 0, 0);
        (_isKeyed, _isStrict, _wantsExtensions, _ignoresNext, _hasToken, _isDeferring) = (false, false, false, false, false, false);
        _output.AppendRaw(ServerVersion);
        _output.AppendRaw("\r\n"u8);
        SendInit(ref server, nowNs);
        if (EndReason == EndReason.None)
        {
            _phase = Phase.Version;
        }
    }

    /// <summary>Takes received bytes and returns how many.</summary>
    public int Receive(ReadOnlySpan<byte> bytes) => EndReason == EndReason.None ? _input.Append(bytes) : bytes.Length;

    /// <summary>Takes bytes from what is to be sent.</summary>
    public void Sent(int count) => _output.Remove(count);

    /// <summary>
    /// Goes on by one packet, or by one expensive operation if it is this session's turn.
    /// </summary>
    /// <param name="payload">A message for the layers above, which call <see cref="Release"/> when they are done with it; or nothing.</param>
    /// <returns>Whether something was done, so that it is worth to be called again.</returns>
    [UnscopedRef]
    public bool Continue(ref SshServer server, ulong nowNs, out ReadOnlySpan<byte> payload)
    {
        payload = default;
        if (EndReason != EndReason.None)
        {
            return false;
        }

        if (_phase != Phase.Open && _isKeyed && nowNs - _exchangeSinceNs > server.Limits.KeyExchangeNs)
        {
            return End(EndReason.TimedOut);
        }

        ulong packetsMax = 2 * server.Limits.RekeyPackets;
        if (_isKeyed && (_input.PacketsUnderKeys >= packetsMax || _output.PacketsUnderKeys >= packetsMax))
        {
            return End(EndReason.ProtocolError); // a sequence number must not come twice under one key
        }

        if (!HasRoomForAnswers)
        {
            return false;
        }

        switch (_phase)
        {
            case Phase.Version:
                return ReadVersion();
            case Phase.Computing:
                return Compute(ref server, nowNs);
            case Phase.Open when NeedsKeys(ref server, nowNs):
                SendInit(ref server, nowNs);
                return true;
            default:
                return ReadPacket(ref server, nowNs, out payload);
        }
    }

    /// <summary>Gives back the packet of the message that was handed out.</summary>
    public void Release() => _input.Remove();

    /// <summary>Begins a message of the layers above and returns the room for it, all of which is to be written before <see cref="EndMessage"/>.</summary>
    [UnscopedRef]
    public Span<byte> BeginMessage(int payload)
    {
        _isDeferring = _phase is not (Phase.Open or Phase.AwaitNewKeys) || _deferredLength > 0;
        if (!_isDeferring)
        {
            return _output.Begin(payload);
        }

        _deferredPayload = payload;
        Span<byte> deferred = ((Span<byte>)_deferred)[_deferredLength..];
        deferred[0] = (byte)(payload >> 8);
        deferred[1] = (byte)payload;
        return deferred.Slice(2, payload);
    }

    /// <summary>Ends the message.</summary>
    public void EndMessage()
    {
        if (_isDeferring)
        {
            _deferredLength += 2 + _deferredPayload;
            _deferredCost += _deferredPayload + SendBuffer.Overhead;
        }
        else
        {
            _output.End();
        }
    }

    /// <summary>Ends the connection: tells the client why, if that is its matter, and takes nothing more.</summary>
    /// <returns>True: something was done.</returns>
    public bool End(EndReason reason)
    {
        if (EndReason != EndReason.None)
        {
            return true;
        }

        EndReason = reason;
        if (reason < EndReason.ClientLeft && _phase != Phase.Version && _output.Room >= SendBuffer.Overhead + 13 + ReasonTextMax)
        {
            ReadOnlySpan<byte> text = Describe(reason);
            WireWriter writer = new(_output.Begin(1 + sizeof(uint) + WireWriter.StringSize(text) + sizeof(uint)));
            writer.Write(MessageNumber.Disconnect);
            writer.Write((uint)reason);
            writer.WriteString(text);
            writer.WriteString(default);
            _output.End();
        }

        _exchange.Erase();
        _input.Reset();
        return true;
    }

    /// <summary>Forgets everything, keys first.</summary>
    public void Erase()
    {
        _exchange.Erase();
        _input.Reset();
        _output.Reset();
        FixedTime.Erase(ref _sessionId);
    }

    private static ReadOnlySpan<byte> Describe(EndReason reason) => reason switch
    {
        EndReason.KeyExchangeFailed => "no key exchange: algorithm or public key"u8,
        EndReason.MacError => "wrong authenticator"u8,
        EndReason.ServiceNotAvailable => "no such service"u8,
        EndReason.ProtocolVersionNotSupported => "SSH 2.0 only"u8,
        EndReason.ByApplication => "the console ended the session"u8,
        EndReason.NoMoreAuthenticationMethods => "too many keys were refused"u8,
        _ => "unexpected message"u8,
    };

    private bool ReadVersion()
    {
        if (!_input.TryReadLine(VersionLengthMax, out ReadOnlySpan<byte> line, out bool isTooLong))
        {
            return isTooLong && End(EndReason.ProtocolVersionNotSupported);
        }

        if (!line.StartsWith("SSH-2.0-"u8) || line.Contains((byte)0))
        {
            return End(EndReason.ProtocolVersionNotSupported);
        }

        line.CopyTo(_clientVersion);
        _clientVersionLength = line.Length;
        _phase = Phase.SentInit;
        return true;
    }

    [UnscopedRef]
    private bool ReadPacket(ref SshServer server, ulong nowNs, out ReadOnlySpan<byte> payload)
    {
        payload = default;
        if (!_input.TryOpen(out ReadOnlySpan<byte> message, out EndReason problem))
        {
            return problem != EndReason.None && End(problem);
        }

        MessageNumber number = (MessageNumber)message[0];
        if (number == MessageNumber.Disconnect)
        {
            return End(EndReason.ClientLeft);
        }

        bool isOurs = number switch
        {
            MessageNumber.KeyExchangeInit => TakeInit(message, ref server, nowNs),
            MessageNumber.KeyExchangeRequest => TakeRequest(message),
            MessageNumber.NewKeys => TakeNewKeys(message, nowNs),
            MessageNumber.Ignore or MessageNumber.Unimplemented or MessageNumber.Debug => TakeNoise(),
            _ => false,
        };
        if (isOurs)
        {
            if (_phase != Phase.Computing && EndReason == EndReason.None)
            {
                Release();
            }

            return true;
        }

        // During a key exchange the client sends nothing else once its KEXINIT is out (7.1); before the first one is done, nothing else at all.
        // Numbers up to 49 that are none of these belong to no message that a client may send.
        bool isForUs = number < MessageNumber.ServiceRequest || number is >= MessageNumber.KeyExchangeInit and < MessageNumber.AuthenticationRequest;
        if (!_isKeyed || _phase is not (Phase.Open or Phase.SentInit) || isForUs)
        {
            return End(EndReason.ProtocolError);
        }

        payload = message;
        return true;
    }

    private bool TakeNoise()
    {
        // With strict key exchange nothing is allowed into the first one. Whether the client is strict is known from its KEXINIT on, which must be its first
        // packet then.
        if (!_isKeyed && _isStrict)
        {
            End(EndReason.ProtocolError);
        }

        return true;
    }

    private bool TakeInit(ReadOnlySpan<byte> message, ref SshServer server, ulong nowNs)
    {
        if (!IsTrusted && ++_exchangesBeforeLogIn > ExchangesBeforeLogInMax)
        {
            return End(EndReason.ProtocolError);
        }

        if (_phase == Phase.Open)
        {
            SendInit(ref server, nowNs);
        }

        if (_phase != Phase.SentInit)
        {
            return End(EndReason.ProtocolError);
        }

        EndReason problem = Algorithms.Negotiate(message, out Algorithms.Choice choice);
        if (problem != EndReason.None)
        {
            return End(problem);
        }

        if (!_isKeyed)
        {
            (_isStrict, _wantsExtensions) = (choice.IsStrict, choice.WantsExtensions);
            if (_isStrict && _input.Sequence != 1)
            {
                return End(EndReason.ProtocolError);
            }
        }

        _ignoresNext = choice.IgnoresNext;
        _exchange.Start(choice.IsHybrid);
        _exchange.AddString(ClientVersion);
        _exchange.AddString(ServerVersion);
        _exchange.AddString(message);
        HashOwnParts(ref server);
        _phase = Phase.Negotiated;
        return true;
    }

    private void HashOwnParts(ref SshServer server)
    {
        Span<byte> scratch = stackalloc byte[Algorithms.InitSizeMax];
        WireWriter writer = new(scratch);
        Algorithms.WriteInit(ref writer, _cookie, !_isKeyed);
        _exchange.AddString(writer.Written);
        Span<byte> blob = scratch[..SshServer.KeyBlobSize];
        server.WriteKeyBlob(blob);
        _exchange.AddString(blob);
    }

    private bool TakeRequest(ReadOnlySpan<byte> message)
    {
        if (_phase != Phase.Negotiated)
        {
            return End(EndReason.ProtocolError);
        }

        if (_ignoresNext)
        {
            _ignoresNext = false;
            return true;
        }

        if (!TryReadRequest(message, out ReadOnlySpan<byte> request) || !_exchange.TryTakeRequest(request))
        {
            return End(EndReason.ProtocolError);
        }

        // The packet stays where it is until the exchange is computed: the public key is read from it.
        _phase = Phase.Computing;
        _hasToken = false;
        return true;
    }

    private static bool TryReadRequest(ReadOnlySpan<byte> message, out ReadOnlySpan<byte> request)
    {
        WireReader reader = new(message);
        reader.ReadByte();
        request = reader.ReadString();
        return reader.IsComplete;
    }

    private bool Compute(ref SshServer server, ulong nowNs)
    {
        // What a stranger can make the server compute is limited, the renewal of keys before a log-in included; what all do in a pass, for everybody.
        if (!server.HasTurn || (!_hasToken && !IsTrusted && !server.TryTakeComputation(nowNs)))
        {
            return false;
        }

        _hasToken = true;
        server.TakeTurn();
        TryReadRequest(_input.OpenPayload, out ReadOnlySpan<byte> request);
        EndReason problem = _exchange.Continue(request, ref server, out bool isReady);
        if (problem != EndReason.None)
        {
            return End(problem);
        }

        if (isReady)
        {
            FinishExchange(ref server);
            Release();
        }

        return true;
    }

    private void FinishExchange(ref SshServer server)
    {
        Span<byte> keys = stackalloc byte[PacketCipher.KeySize];
        if (!_isKeyed)
        {
            _exchange.ExchangeHash.CopyTo(_sessionId);
        }

        _exchange.WriteReply(_output.Begin(_exchange.ReplyPayloadSize), ref server);
        _output.End();
        _output.Begin(1)[0] = (byte)MessageNumber.NewKeys;
        _output.End();
        _exchange.DeriveKeys((byte)'D', _sessionId, keys);
        _output.SetKeys(keys, _isStrict);
        _exchange.DeriveKeys((byte)'C', _sessionId, keys);
        _input.SetNextKeys(keys);
        _exchange.Erase();
        FixedTime.Erase(keys);
        if (!_isKeyed && _wantsExtensions)
        {
            SendExtensions();
        }

        FlushDeferred();
        _phase = Phase.AwaitNewKeys;
    }

    // RFC 8308, 2.4: the message right behind the first NEWKEYS.
    private void SendExtensions()
    {
        ReadOnlySpan<byte> name = "server-sig-algs"u8;
        WireWriter writer = new(_output.Begin(1 + sizeof(uint) + WireWriter.StringSize(name) + WireWriter.StringSize(Algorithms.Ed25519)));
        writer.Write(MessageNumber.ExtensionInfo);
        writer.Write(1u);
        writer.WriteString(name);
        writer.WriteString(Algorithms.Ed25519);
        _output.End();
    }

    private void FlushDeferred()
    {
        Span<byte> deferred = ((Span<byte>)_deferred)[.._deferredLength];
        while (!deferred.IsEmpty)
        {
            int length = (deferred[0] << 8) | deferred[1];
            deferred.Slice(2, length).CopyTo(_output.Begin(length));
            _output.End();
            deferred = deferred[(2 + length)..];
        }

        (_deferredLength, _deferredCost) = (0, 0);
    }

    private bool TakeNewKeys(ReadOnlySpan<byte> message, ulong nowNs)
    {
        if (_phase != Phase.AwaitNewKeys || message.Length != 1)
        {
            return End(EndReason.ProtocolError);
        }

        _input.UseNextKeys(_isStrict);
        _isKeyed = true;
        _keysSinceNs = nowNs;
        _phase = Phase.Open;
        return true;
    }

    private void SendInit(ref SshServer server, ulong nowNs)
    {
        Span<byte> scratch = stackalloc byte[Algorithms.InitSizeMax];
        if (!server.Random.TryFill(_cookie))
        {
            End(EndReason.NoRandomness);
            return;
        }

        WireWriter writer = new(scratch);
        Algorithms.WriteInit(ref writer, _cookie, !_isKeyed);
        writer.Written.CopyTo(_output.Begin(writer.Length));
        _output.End();
        _exchangeSinceNs = nowNs;
        _phase = Phase.SentInit;
    }

    private readonly bool NeedsKeys(ref SshServer server, ulong nowNs)
    {
        SshLimits limits = server.Limits;
        return _input.BytesUnderKeys >= limits.RekeyBytes || _output.BytesUnderKeys >= limits.RekeyBytes
            || _input.PacketsUnderKeys >= limits.RekeyPackets || _output.PacketsUnderKeys >= limits.RekeyPackets
            || nowNs - _keysSinceNs >= limits.RekeyNs;
    }

    [InlineArray(VersionLengthMax)]
    private struct VersionBytes
    {
        private byte _element;
    }

    [InlineArray(Algorithms.CookieSize)]
    private struct CookieBytes
    {
        private byte _element;
    }

    [InlineArray(KeyExchange.HashSize)]
    private struct SessionIdBytes
    {
        private byte _element;
    }

    [InlineArray(DeferredCapacity)]
    private struct DeferredBytes
    {
        private byte _element;
    }
}
