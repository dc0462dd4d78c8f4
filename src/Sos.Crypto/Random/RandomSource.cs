using System;
using Sos.Crypto.Ciphers;
using Sos.Crypto.Hashing;

namespace Sos.Crypto.Random;

/// <summary>
/// A generator of random bytes by fast key erasure: each request runs ChaCha20 on a key, the first 32 bytes replace the key, the rest is given out. What was
/// given out cannot be computed from the state later. It gives nothing before it was seeded.
/// </summary>
public unsafe struct RandomSource
{
    /// <summary>Bytes of a seed at least.</summary>
    public const int SeedSizeMin = 32;

    private fixed byte _key[ChaCha20.KeySize];
    private ulong _requests;
    private bool _isSeeded;

    /// <summary>Whether a seed was given.</summary>
    public readonly bool IsSeeded => _isSeeded;

    /// <summary>Mixes a seed of full entropy into the key: the new key is unknown to whoever lacks the old one or the seed.</summary>
    /// <returns>False if the seed is too short; nothing is changed then.</returns>
    public bool TryReseed(ReadOnlySpan<byte> seed)
    {
        if (seed.Length < SeedSizeMin)
        {
            return false;
        }

        MixIn(seed);
        _isSeeded = true;
        return true;
    }

    /// <summary>Mixes in what may have some entropy, such as the time at which a packet came. It counts as no seed, and cannot harm one.</summary>
    public void MixIn(ReadOnlySpan<byte> input)
    {
        fixed (byte* key = _key)
        {
            Span<byte> bytes = new(key, ChaCha20.KeySize);
            Sha256 hash = default;
            hash.Start();
            hash.Update("reseed"u8);
            hash.Update(bytes);
            hash.Update(input);
            hash.Finish(bytes);
        }
    }

    /// <summary>Fills the span.</summary>
    /// <returns>False, with nothing written, before the first seed.</returns>
    public bool TryFill(Span<byte> output)
    {
        Span<byte> next = stackalloc byte[ChaCha20.BlockSize];
        if (!_isSeeded)
        {
            return false;
        }

        next.Clear();
        fixed (byte* key = _key)
        {
            Span<byte> bytes = new(key, ChaCha20.KeySize);
            ChaCha20.Apply(bytes, 0, _requests, next);
            output.Clear();
            ChaCha20.Apply(bytes, 1, _requests, output);
            next[..ChaCha20.KeySize].CopyTo(bytes);
        }

        _requests++;
        FixedTime.Erase(next);
        return true;
    }
}
