using System;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Sos.Crypto;
using Sos.Crypto.Ciphers;
using Sos.Crypto.Curves;
using Sos.Crypto.Hashing;
using Sos.Crypto.MlKem;
using Sos.Ssh.Wire;

namespace Sos.Ssh.Transport;

/// <summary>
/// One key exchange, mlkem768x25519-sha256 (RFC 10042) or curve25519-sha256 (RFC 8731), in steps of which each is one expensive operation. The hash over what
/// both sides said is fed as things come, so that nothing of it has to be kept. The hybrid's parts have fixed width and are never numbers of variable length.
/// </summary>
internal struct KeyExchange
{
    /// <summary>Bytes of the hash H and of a session's id.</summary>
    public const int HashSize = Sha256.DigestSize;

    private const int HybridRequestSize = MlKem768.EncapsulationKeySize + X25519.KeySize;
    private const int HybridReplySize = MlKem768.CiphertextSize + X25519.KeySize;
    private const int SecretSize = MlKem768.SeedSize + X25519.KeySize;

    private Sha256 _hash;
    private ReplyBytes _reply;
    private SecretBytes _secret; // ML-KEM's part, then X25519's; in the end the shared secret K in the first 32 bytes
    private PrivateBytes _private;
    private HashBytes _exchangeHash;
    private Step _step;
    private bool _isHybrid;

    private enum Step : byte
    {
        None,
        Encapsulate,
        MakeKey,
        Agree,
        Sign,
    }

    /// <summary>H, once the exchange is computed.</summary>
    [UnscopedRef]
    public ReadOnlySpan<byte> ExchangeHash => _exchangeHash;

    /// <summary>Bytes of the payload of the server's reply.</summary>
    public readonly int ReplyPayloadSize => 1 + sizeof(uint) + SshServer.KeyBlobSize + sizeof(uint) + ReplySize + sizeof(uint) + SshServer.SignatureBlobSize;

    private readonly int ReplySize => _isHybrid ? HybridReplySize : X25519.KeySize;

    /// <summary>Begins with what is known before the client's public key comes: versions, both KEXINITs, the host's key (RFC 4253, 8).</summary>
    public void Start(bool isHybrid)
    {
        _isHybrid = isHybrid;
        _step = Step.None;
        _hash.Start();
    }

    /// <summary>Adds a string to the hash.</summary>
    public void AddString(ReadOnlySpan<byte> text)
    {
        Span<byte> length = stackalloc byte[sizeof(uint)];
        new WireWriter(length).Write((uint)text.Length);
        _hash.Update(length);
        _hash.Update(text);
    }

    /// <summary>Takes the client's public key.</summary>
    /// <returns>False if its length is not that of the algorithm.</returns>
    public bool TryTakeRequest(ReadOnlySpan<byte> request)
    {
        if (request.Length != (_isHybrid ? HybridRequestSize : X25519.KeySize))
        {
            return false;
        }

        _step = _isHybrid ? Step.Encapsulate : Step.MakeKey;
        return true;
    }

    /// <summary>Does one expensive operation: an encapsulation, or a multiplication on a curve.</summary>
    /// <param name="request">The client's public key again.</param>
    /// <param name="isReady">Whether the reply can be written now, which signs.</param>
    public EndReason Continue(ReadOnlySpan<byte> request, ref SshServer server, out bool isReady)
    {
        isReady = false;
        switch (_step)
        {
            case Step.Encapsulate:
                if (!server.Random.TryFill(_private))
                {
                    return EndReason.NoRandomness;
                }

                if (!MlKem768.TryEncapsulate(request[..MlKem768.EncapsulationKeySize], _private, _reply, _secret))
                {
                    return EndReason.KeyExchangeFailed;
                }

                _step = Step.MakeKey;
                return EndReason.None;
            case Step.MakeKey:
                if (!server.Random.TryFill(_private))
                {
                    return EndReason.NoRandomness;
                }

                X25519.WritePublicKey(_private, ((Span<byte>)_reply)[(ReplySize - X25519.KeySize)..]);
                _step = Step.Agree;
                return EndReason.None;
            case Step.Agree:
                bool agreed = X25519.TryAgree(_private, request[^X25519.KeySize..], ((Span<byte>)_secret)[MlKem768.SeedSize..]);
                FixedTime.Erase(ref _private);
                if (!agreed)
                {
                    return EndReason.KeyExchangeFailed;
                }

                FinishSecret(request);
                _step = Step.Sign;
                return EndReason.None;
            default:
                isReady = true;
                return EndReason.None;
        }
    }

    /// <summary>Writes the reply (RFC 5656, 4): the host's key, the server's public key, the signature of H.</summary>
    public void WriteReply(Span<byte> payload, ref SshServer server)
    {
        WireWriter writer = new(payload);
        writer.Write(MessageNumber.KeyExchangeReply);
        writer.Write((uint)SshServer.KeyBlobSize);
        server.WriteKeyBlob(payload[writer.Length..]);
        Span<byte> rest = payload[(writer.Length + SshServer.KeyBlobSize)..];
        writer = new(rest);
        writer.WriteString(((Span<byte>)_reply)[..ReplySize]);
        writer.Write((uint)SshServer.SignatureBlobSize);
        server.WriteSignatureBlob(_exchangeHash, rest[writer.Length..]);
    }

    /// <summary>Derives a cipher's 64 bytes (RFC 4253, 7.2), 'C' for what the client sends, 'D' for what the server does.</summary>
    public void DeriveKeys(byte letter, ReadOnlySpan<byte> sessionId, Span<byte> keys)
    {
        StartDerivation();
        _hash.Update(letter);
        _hash.Update(sessionId);
        _hash.Finish(keys);
        StartDerivation();
        _hash.Update(keys[..Sha256.DigestSize]);
        _hash.Finish(keys[Sha256.DigestSize..PacketCipher.KeySize]);
    }

    /// <summary>Forgets every secret.</summary>
    public void Erase() => FixedTime.Erase(ref this);

    private void FinishSecret(ReadOnlySpan<byte> request)
    {
        Span<byte> secret = _secret;
        AddString(request);
        AddString(((Span<byte>)_reply)[..ReplySize]);
        if (_isHybrid)
        {
            Sha256.Hash(secret, secret);
        }
        else
        {
            secret[MlKem768.SeedSize..].CopyTo(secret);
        }

        FixedTime.Erase(secret[MlKem768.SeedSize..]);
        AddSecret();
        _hash.Finish(_exchangeHash);
    }

    private void StartDerivation()
    {
        _hash.Start();
        AddSecret();
        _hash.Update(_exchangeHash);
    }

    // K is a string of fixed width in the hybrid (RFC 10042), and a positive number without leading zeros in RFC 8731, 3.1. That its length then tells of
    // leading zeros is that standard's, and of an ephemeral secret.
    private void AddSecret()
    {
        ReadOnlySpan<byte> secret = ((Span<byte>)_secret)[..X25519.KeySize];
        if (_isHybrid)
        {
            AddString(secret);
            return;
        }

        while (secret.Length > 0 && secret[0] == 0)
        {
            secret = secret[1..];
        }

        if (secret.Length > 0 && secret[0] >= 0x80)
        {
            AddLength(secret.Length + 1);
            _hash.Update((byte)0);
            _hash.Update(secret);
            return;
        }

        AddString(secret);
    }

    private void AddLength(int length)
    {
        _hash.Update((byte)0);
        _hash.Update((byte)0);
        _hash.Update((byte)0);
        _hash.Update((byte)length);
    }

    [InlineArray(HybridReplySize)]
    private struct ReplyBytes
    {
        private byte _element;
    }

    [InlineArray(SecretSize)]
    private struct SecretBytes
    {
        private byte _element;
    }

    [InlineArray(X25519.KeySize)]
    private struct PrivateBytes
    {
        private byte _element;
    }

    [InlineArray(HashSize)]
    private struct HashBytes
    {
        private byte _element;
    }
}
