using System;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Sos.Crypto.Curves;
using Sos.Crypto.Random;
using Sos.Sdk.Time;
using Sos.Ssh.Transport;
using Sos.Ssh.Wire;

namespace Sos.Ssh;

/// <summary>
/// The state shared by a server's sessions: its key, the keys that may log in, randomness, and how many handshakes and signatures it computes in a second.
/// It lies beside the sessions in the service's memory and is handed to each call by reference.
/// </summary>
public unsafe struct SshServer
{
    /// <summary>Bytes of a user name at most.</summary>
    public const int UserNameSizeMax = 32;

    private const ulong NsPerSecond = 1_000_000_000;

    private KeyPairBytes _keyPair;
    private UserNameBytes _userName;
    private int _userNameLength;
    private AuthorizedKey* _keys;
    private int _keyCount;
    private bool _isTurnTaken;
    private TokenBucket _computations;
    private RandomSource _random;
    private SshLimits _limits;

    /// <summary>The source of randomness. Without a seed, every session ends with <see cref="EndReason.NoRandomness"/>.</summary>
    [UnscopedRef]
    public ref RandomSource Random => ref _random;

    /// <summary>Times and amounts.</summary>
    public readonly SshLimits Limits => _limits;

    /// <summary>Makes the server ready.</summary>
    /// <param name="hostSeed">The host key's seed, 32 bytes.</param>
    /// <param name="userName">The only user that may log in.</param>
    /// <returns>False if the user's name is empty or too long, or a limit is 0.</returns>
    public bool TryStart(ReadOnlySpan<byte> hostSeed, ReadOnlySpan<byte> userName, in SshLimits limits, ulong nowNs)
    {
        if (userName.IsEmpty || userName.Length > UserNameSizeMax || !limits.AreValid)
        {
            return false;
        }

        Ed25519.WriteKeyPair(hostSeed, _keyPair);
        userName.CopyTo(_userName);
        _userNameLength = userName.Length;
        _limits = limits;
        _computations = new(NsPerSecond / limits.ComputationsPerSecond, limits.ComputationsBurst, nowNs);
        return true;
    }

    /// <summary>
    /// Begins a pass of the host: all sessions together do one expensive operation in it. What else the core does waits for no more, however many they are.
    /// </summary>
    public void BeginPass() => _isTurnTaken = false;

    /// <summary>Names the keys that may log in. The memory must stay as long as the server does, or until other keys are named.</summary>
    public void SetAuthorizedKeys(AuthorizedKey* keys, int count)
    {
        _keys = keys;
        _keyCount = count;
    }

    /// <summary>The host key's public part, 32 bytes.</summary>
    [UnscopedRef]
    public ReadOnlySpan<byte> PublicKey => ((Span<byte>)_keyPair)[Ed25519.SeedSize..];

    /// <summary>Bytes of a public key as RFC 8709 encodes it.</summary>
    internal static int KeyBlobSize => WireWriter.StringSize(Algorithms.Ed25519) + sizeof(uint) + Ed25519.PublicKeySize;

    /// <summary>Bytes of a signature as RFC 8709 encodes it.</summary>
    internal static int SignatureBlobSize => WireWriter.StringSize(Algorithms.Ed25519) + sizeof(uint) + Ed25519.SignatureSize;

    /// <summary>Whether an expensive operation may be done in this pass still.</summary>
    internal readonly bool HasTurn => !_isTurnTaken;

    /// <summary>Notes that one is done now.</summary>
    internal void TakeTurn() => _isTurnTaken = true;

    /// <summary>Takes the right to one expensive computation: a key exchange or a user's signature.</summary>
    internal bool TryTakeComputation(ulong nowNs) => _computations.TryTake(1, nowNs);

    /// <summary>Writes the host's key (RFC 8709, 4).</summary>
    internal void WriteKeyBlob(Span<byte> blob)
    {
        WireWriter writer = new(blob);
        writer.WriteString(Algorithms.Ed25519);
        writer.WriteString(PublicKey);
    }

    /// <summary>Signs with the host's key (RFC 8709, 6).</summary>
    internal void WriteSignatureBlob(ReadOnlySpan<byte> message, Span<byte> blob)
    {
        WireWriter writer = new(blob);
        writer.WriteString(Algorithms.Ed25519);
        writer.Write((uint)Ed25519.SignatureSize);
        Ed25519.Sign(_keyPair, message, blob[writer.Length..]);
    }

    /// <summary>Returns whether a user is the one that may log in.</summary>
    internal bool IsUser(ReadOnlySpan<byte> name) => name.SequenceEqual(((Span<byte>)_userName)[.._userNameLength]);

    /// <summary>Finds a key that may log in.</summary>
    internal readonly bool TryFindKey(ReadOnlySpan<byte> publicKey, out int index)
    {
        for (index = 0; index < _keyCount; index++)
        {
            if (_keys[index].Key.SequenceEqual(publicKey))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Returns a key that was found.</summary>
    internal readonly ref AuthorizedKey KeyAt(int index) => ref _keys[index];

    [InlineArray(Ed25519.KeyPairSize)]
    private struct KeyPairBytes
    {
        private byte _element;
    }

    [InlineArray(UserNameSizeMax)]
    private struct UserNameBytes
    {
        private byte _element;
    }
}
