using System;
using Sos.Crypto.Hashing;

namespace Sos.Crypto.MlKem;

/// <summary>
/// ML-KEM-768 (FIPS 203). A server encapsulates to the key that a client sends; making keys and decapsulating are here so that both sides can be tested. The
/// matrix is sampled where it is needed: no more than ten polynomials of 512 bytes lie on the stack at once.
/// </summary>
public static class MlKem768
{
    /// <summary>Bytes of an encapsulation key.</summary>
    public const int EncapsulationKeySize = (Rank * Polynomial.EncodedSize) + SeedSize;

    /// <summary>Bytes of a decapsulation key.</summary>
    public const int DecapsulationKeySize = (Rank * Polynomial.EncodedSize) + EncapsulationKeySize + (2 * SeedSize);

    /// <summary>Bytes of a ciphertext.</summary>
    public const int CiphertextSize = (Rank * VectorPartSize) + (Polynomial.Length * CoarseBits / 8);

    /// <summary>Bytes of a shared secret, and of each seed.</summary>
    public const int SeedSize = 32;

    private const int Rank = 3;
    private const int FineBits = 10;
    private const int CoarseBits = 4;
    private const int VectorPartSize = Polynomial.Length * FineBits / 8;

    /// <summary>Makes the key pair of two random seeds of 32 bytes, d and z (algorithm 16).</summary>
    public static void MakeKeys(ReadOnlySpan<byte> seed, Span<byte> encapsulationKey, Span<byte> decapsulationKey)
    {
        Span<byte> seeds = stackalloc byte[2 * SeedSize];
        Span<short> secret = stackalloc short[Rank * Polynomial.Length];
        Span<short> row = stackalloc short[Polynomial.Length];
        Span<short> noise = stackalloc short[Polynomial.Length];
        Keccak.Sha3x512(seed[..SeedSize], [Rank], seeds);
        ReadOnlySpan<byte> matrixSeed = seeds[..SeedSize];
        for (int i = 0; i < Rank; i++)
        {
            Polynomial.SampleNoise(seeds[SeedSize..], (byte)i, Part(secret, i));
            Polynomial.Transform(Part(secret, i));
        }

        for (int i = 0; i < Rank; i++)
        {
            MultiplyMatrixRow(matrixSeed, i, false, secret, row);
            Polynomial.Scale(row);
            Polynomial.SampleNoise(seeds[SeedSize..], (byte)(Rank + i), noise);
            Polynomial.Transform(noise);
            Polynomial.Add(row, noise);
            Polynomial.Normalize(row);
            Polynomial.Encode(row, 12, encapsulationKey[(i * Polynomial.EncodedSize)..]);
        }

        matrixSeed.CopyTo(encapsulationKey[(Rank * Polynomial.EncodedSize)..]);
        for (int i = 0; i < Rank; i++)
        {
            Polynomial.Normalize(Part(secret, i));
            Polynomial.Encode(Part(secret, i), 12, decapsulationKey[(i * Polynomial.EncodedSize)..]);
        }

        Span<byte> rest = decapsulationKey[(Rank * Polynomial.EncodedSize)..];
        encapsulationKey[..EncapsulationKeySize].CopyTo(rest);
        Keccak.Sha3x256(encapsulationKey[..EncapsulationKeySize], default, rest[EncapsulationKeySize..]);
        seed.Slice(SeedSize, SeedSize).CopyTo(rest[(EncapsulationKeySize + SeedSize)..]);
        secret.Clear();
        FixedTime.Erase(seeds);
    }

    /// <summary>Makes a shared secret and the ciphertext that carries it to the key's owner (algorithm 20).</summary>
    /// <param name="seed">32 random bytes.</param>
    /// <returns>False if the key is no key: its length is wrong, or a coefficient is not below the modulus (7.2).</returns>
    public static bool TryEncapsulate(ReadOnlySpan<byte> encapsulationKey, ReadOnlySpan<byte> seed, Span<byte> ciphertext, Span<byte> secret)
    {
        Span<byte> digest = stackalloc byte[SeedSize];
        Span<byte> both = stackalloc byte[2 * SeedSize];
        if (!IsEncapsulationKey(encapsulationKey))
        {
            return false;
        }

        Keccak.Sha3x256(encapsulationKey, default, digest);
        Keccak.Sha3x512(seed[..SeedSize], digest, both);
        both[..SeedSize].CopyTo(secret);
        seed[..SeedSize].CopyTo(both);
        Encrypt(encapsulationKey, both, ciphertext);
        FixedTime.Erase(both);
        return true;
    }

    /// <summary>Writes the shared secret of a ciphertext (algorithm 21); of one that nobody made for this key, a secret that nobody else can know.</summary>
    public static void Decapsulate(ReadOnlySpan<byte> decapsulationKey, ReadOnlySpan<byte> ciphertext, Span<byte> secret)
    {
        Span<byte> seed = stackalloc byte[SeedSize];
        Span<byte> both = stackalloc byte[2 * SeedSize];
        Span<byte> accepted = stackalloc byte[SeedSize];
        Span<byte> rejected = stackalloc byte[SeedSize];
        Span<byte> again = stackalloc byte[CiphertextSize];
        ReadOnlySpan<byte> encapsulationKey = decapsulationKey.Slice(Rank * Polynomial.EncodedSize, EncapsulationKeySize);
        ReadOnlySpan<byte> rest = decapsulationKey[((Rank * Polynomial.EncodedSize) + EncapsulationKeySize)..];
        Decrypt(decapsulationKey, ciphertext, seed);
        Keccak.Sha3x512(seed, rest[..SeedSize], both);
        Keccak.Shake256(rest.Slice(SeedSize, SeedSize), ciphertext[..CiphertextSize], rejected);
        both[..SeedSize].CopyTo(accepted);
        seed.CopyTo(both);
        Encrypt(encapsulationKey, both, again);
        byte keep = (byte)(0 - FixedTime.Bit(FixedTime.AreEqual(again, ciphertext[..CiphertextSize])));
        for (int i = 0; i < SeedSize; i++)
        {
            secret[i] = (byte)((accepted[i] & keep) | (rejected[i] & ~keep));
        }

        FixedTime.Erase(seed);
        FixedTime.Erase(both);
        FixedTime.Erase(accepted);
        FixedTime.Erase(rejected);
    }

    /// <summary>Returns whether bytes are an encapsulation key: of the right length, each coefficient below the modulus.</summary>
    public static bool IsEncapsulationKey(ReadOnlySpan<byte> key)
    {
        Span<short> part = stackalloc short[Polynomial.Length];
        if (key.Length != EncapsulationKeySize)
        {
            return false;
        }

        for (int i = 0; i < Rank; i++)
        {
            Polynomial.Decode(key[(i * Polynomial.EncodedSize)..], 12, part);
            foreach (short each in part)
            {
                if (each >= Polynomial.Modulus)
                {
                    return false;
                }
            }
        }

        return true;
    }

    // Algorithm 14, of a message and the randomness behind it.
    private static void Encrypt(ReadOnlySpan<byte> encapsulationKey, ReadOnlySpan<byte> both, Span<byte> ciphertext)
    {
        Span<short> vector = stackalloc short[Rank * Polynomial.Length];
        Span<short> sum = stackalloc short[Polynomial.Length];
        Span<short> other = stackalloc short[Polynomial.Length];
        ReadOnlySpan<byte> matrixSeed = encapsulationKey[(Rank * Polynomial.EncodedSize)..];
        ReadOnlySpan<byte> message = both[..SeedSize];
        ReadOnlySpan<byte> randomness = both[SeedSize..];
        for (int i = 0; i < Rank; i++)
        {
            Polynomial.SampleNoise(randomness, (byte)i, Part(vector, i));
            Polynomial.Transform(Part(vector, i));
        }

        for (int i = 0; i < Rank; i++)
        {
            MultiplyMatrixRow(matrixSeed, i, true, vector, sum);
            Polynomial.Restore(sum);
            Polynomial.SampleNoise(randomness, (byte)(Rank + i), other);
            Polynomial.Add(sum, other);
            Polynomial.Compress(sum, FineBits);
            Polynomial.Encode(sum, FineBits, ciphertext[(i * VectorPartSize)..]);
        }

        sum.Clear();
        for (int i = 0; i < Rank; i++)
        {
            Polynomial.Decode(encapsulationKey[(i * Polynomial.EncodedSize)..], 12, other);
            Polynomial.AddProduct(sum, other, Part(vector, i));
        }

        Polynomial.Restore(sum);
        Polynomial.SampleNoise(randomness, 2 * Rank, other);
        Polynomial.Add(sum, other);
        Polynomial.Decode(message, 1, other);
        Polynomial.Decompress(other, 1);
        Polynomial.Add(sum, other);
        Polynomial.Compress(sum, CoarseBits);
        Polynomial.Encode(sum, CoarseBits, ciphertext[(Rank * VectorPartSize)..]);
        vector.Clear();
        other.Clear();
    }

    // Algorithm 15.
    private static void Decrypt(ReadOnlySpan<byte> decapsulationKey, ReadOnlySpan<byte> ciphertext, Span<byte> message)
    {
        Span<short> sum = stackalloc short[Polynomial.Length];
        Span<short> left = stackalloc short[Polynomial.Length];
        Span<short> right = stackalloc short[Polynomial.Length];
        sum.Clear();
        for (int i = 0; i < Rank; i++)
        {
            Polynomial.Decode(ciphertext[(i * VectorPartSize)..], FineBits, left);
            Polynomial.Decompress(left, FineBits);
            Polynomial.Transform(left);
            Polynomial.Decode(decapsulationKey[(i * Polynomial.EncodedSize)..], 12, right);
            Polynomial.AddProduct(sum, right, left);
        }

        Polynomial.Restore(sum);
        Polynomial.Decode(ciphertext[(Rank * VectorPartSize)..], CoarseBits, left);
        Polynomial.Decompress(left, CoarseBits);
        Polynomial.SubtractFrom(left, sum);
        Polynomial.Compress(sum, 1);
        Polynomial.Encode(sum, 1, message);
        sum.Clear();
        right.Clear();
    }

    private static void MultiplyMatrixRow(ReadOnlySpan<byte> seed, int row, bool transposed, ReadOnlySpan<short> vector, Span<short> sum)
    {
        Span<short> entry = stackalloc short[Polynomial.Length];
        sum.Clear();
        for (int i = 0; i < Rank; i++)
        {
            Polynomial.SampleUniform(seed[..SeedSize], (byte)(transposed ? row : i), (byte)(transposed ? i : row), entry);
            Polynomial.AddProduct(sum, entry, Part(vector, i));
        }
    }

    private static Span<short> Part(Span<short> vector, int index) => vector.Slice(index * Polynomial.Length, Polynomial.Length);

    private static ReadOnlySpan<short> Part(ReadOnlySpan<short> vector, int index) => vector.Slice(index * Polynomial.Length, Polynomial.Length);
}
