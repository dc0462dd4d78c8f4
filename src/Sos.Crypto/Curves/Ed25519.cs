using System;
using Sos.Crypto.Hashing;

namespace Sos.Crypto.Curves;

/// <summary>
/// Signatures of Ed25519 (RFC 8032, without a prehash or a context). Signing is constant time. Verifying is strict: S below L, keys and R in their one
/// encoding, no key of small order, and the equation without a cofactor.
/// </summary>
public static class Ed25519
{
    /// <summary>Bytes of the seed that is the private key.</summary>
    public const int SeedSize = 32;

    /// <summary>Bytes of a public key.</summary>
    public const int PublicKeySize = 32;

    /// <summary>Bytes of a seed with its public key behind it, as <see cref="WriteKeyPair"/> makes it.</summary>
    public const int KeyPairSize = SeedSize + PublicKeySize;

    /// <summary>Bytes of a signature.</summary>
    public const int SignatureSize = 64;

    /// <summary>Writes the public key of a seed.</summary>
    public static void WritePublicKey(ReadOnlySpan<byte> seed, Span<byte> publicKey)
    {
        Span<byte> expanded = stackalloc byte[Sha512.DigestSize];
        Expand(seed, expanded);
        EdwardsPoint.Base.Multiply(expanded[..Scalar.Size]).Write(publicKey);
        FixedTime.Erase(expanded);
    }

    /// <summary>Writes a seed and its public key, 64 bytes.</summary>
    public static void WriteKeyPair(ReadOnlySpan<byte> seed, Span<byte> keyPair)
    {
        seed[..SeedSize].CopyTo(keyPair);
        WritePublicKey(seed, keyPair[SeedSize..]);
    }

    /// <summary>Writes the signature of a message: one multiplication of the base point.</summary>
    /// <param name="keyPair">What <see cref="WriteKeyPair"/> wrote. A seed with another public key would give itself away by its signatures.</param>
    public static void Sign(ReadOnlySpan<byte> keyPair, ReadOnlySpan<byte> message, Span<byte> signature)
    {
        Span<byte> expanded = stackalloc byte[Sha512.DigestSize];
        Span<byte> wide = stackalloc byte[Sha512.DigestSize];
        Span<byte> nonce = stackalloc byte[Scalar.Size];
        Span<byte> challenge = stackalloc byte[Scalar.Size];
        Expand(keyPair, expanded);
        Hash(expanded[Scalar.Size..], default, message, wide);
        Scalar.Reduce(wide, nonce);
        EdwardsPoint.Base.Multiply(nonce).Write(signature);
        Hash(signature[..EdwardsPoint.Size], keyPair.Slice(SeedSize, PublicKeySize), message, wide);
        Scalar.Reduce(wide, challenge);
        Scalar.MultiplyAdd(challenge, expanded[..Scalar.Size], nonce, signature[EdwardsPoint.Size..]);
        FixedTime.Erase(expanded);
        FixedTime.Erase(wide);
        FixedTime.Erase(nonce);
    }

    /// <summary>Returns whether 32 bytes are a key that may verify anything: a point in its one encoding, not of small order.</summary>
    public static bool IsPublicKey(ReadOnlySpan<byte> publicKey)
        => publicKey.Length == PublicKeySize && EdwardsPoint.TryRead(publicKey, out EdwardsPoint key) && !key.IsOfSmallOrder();

    /// <summary>Verifies a signature: two multiplications. The time depends on what is public only.</summary>
    public static bool Verify(ReadOnlySpan<byte> publicKey, ReadOnlySpan<byte> message, ReadOnlySpan<byte> signature)
    {
        Span<byte> wide = stackalloc byte[Sha512.DigestSize];
        Span<byte> challenge = stackalloc byte[Scalar.Size];
        Span<byte> expected = stackalloc byte[EdwardsPoint.Size];
        if (publicKey.Length != PublicKeySize || signature.Length != SignatureSize || !Scalar.IsCanonical(signature[EdwardsPoint.Size..])
            || !EdwardsPoint.TryRead(publicKey, out EdwardsPoint key) || key.IsOfSmallOrder())
        {
            return false;
        }

        Hash(signature[..EdwardsPoint.Size], publicKey, message, wide);
        Scalar.Reduce(wide, challenge);
        (EdwardsPoint.Base.Multiply(signature[EdwardsPoint.Size..]) + key.Negate().Multiply(challenge)).Write(expected);
        return FixedTime.AreEqual(expected, signature[..EdwardsPoint.Size]);
    }

    private static void Expand(ReadOnlySpan<byte> seed, Span<byte> expanded)
    {
        Sha512.Hash(seed[..SeedSize], expanded);
        expanded[0] &= 248;
        expanded[31] = (byte)((expanded[31] & 127) | 64);
    }

    private static void Hash(ReadOnlySpan<byte> first, ReadOnlySpan<byte> second, ReadOnlySpan<byte> message, Span<byte> digest)
    {
        Sha512 hash = default;
        hash.Start();
        hash.Update(first);
        hash.Update(second);
        hash.Update(message);
        hash.Finish(digest);
    }
}
