using System;
using Org.BouncyCastle.Crypto.Kems;
using Org.BouncyCastle.Crypto.Parameters;
using Sos.Crypto.MlKem;
using Xunit;

namespace Sos.Crypto.Tests;

/// <summary>Keys, ciphertexts and secrets beside BouncyCastle's, both ways.</summary>
public sealed class MlKemTests
{
    private const int Rounds = 60;

    [Fact]
    public void KeysCiphertextsAndSecretsAreThoseOfBouncyCastle()
    {
        System.Random random = new(5);
        for (int i = 0; i < Rounds; i++)
        {
            byte[] seed = Next(random, 64);
            Pair pair = new(seed);
            MLKemPrivateKeyParameters other = MLKemPrivateKeyParameters.FromSeed(MLKemParameters.ml_kem_768, seed);
            Assert.Equal(other.GetPublicKey().GetEncoded(), pair.Encapsulation);

            (byte[] ciphertext, byte[] secret, byte[] theirs) = (new byte[MlKem768.CiphertextSize], new byte[32], new byte[32]);
            Assert.True(MlKem768.TryEncapsulate(pair.Encapsulation, Next(random, 32), ciphertext, secret));
            MLKemDecapsulator decapsulator = new(MLKemParameters.ml_kem_768);
            decapsulator.Init(other);
            decapsulator.Decapsulate(ciphertext, 0, ciphertext.Length, theirs, 0, 32);
            Assert.Equal(theirs, secret);

            MLKemEncapsulator encapsulator = new(MLKemParameters.ml_kem_768);
            encapsulator.Init(other.GetPublicKey());
            encapsulator.Encapsulate(ciphertext, 0, ciphertext.Length, theirs, 0, 32);
            MlKem768.Decapsulate(pair.Decapsulation, ciphertext, secret);
            Assert.Equal(theirs, secret);

            ciphertext[random.Next(ciphertext.Length)] ^= (byte)(1 << random.Next(8));
            decapsulator.Decapsulate(ciphertext, 0, ciphertext.Length, theirs, 0, 32);
            MlKem768.Decapsulate(pair.Decapsulation, ciphertext, secret);
            Assert.Equal(theirs, secret);
        }
    }

    [Fact]
    public void AKeyWithACoefficientThatIsNotReducedIsRefused()
    {
        Pair pair = new(new byte[64]);
        (byte[] ciphertext, byte[] secret) = (new byte[MlKem768.CiphertextSize], new byte[32]);
        foreach (int coefficient in new[] { 0, 1, 255, 256, 767 })
        {
            byte[] key = [.. pair.Encapsulation];
            int at = coefficient / 2 * 3;
            (key[at], key[at + 1], key[at + 2]) = coefficient % 2 == 0
                ? ((byte)0x01, (byte)((key[at + 1] & 0xf0) | 0x0d), key[at + 2]) // 3329
                : (key[at], (byte)((key[at + 1] & 0x0f) | 0x10), (byte)0xd0);
            Assert.False(MlKem768.TryEncapsulate(key, new byte[32], ciphertext, secret));
        }

        Assert.False(MlKem768.TryEncapsulate(pair.Encapsulation.AsSpan(1), new byte[32], ciphertext, secret));
        Assert.True(MlKem768.TryEncapsulate(pair.Encapsulation, new byte[32], ciphertext, secret));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(10)]
    public void RoundingIsExact(int bits)
    {
        for (int x = 0; x < Polynomial.Modulus; x++)
        {
            int expected = ((2 * (x << bits)) + Polynomial.Modulus) / (2 * Polynomial.Modulus) % (1 << bits);
            Assert.Equal(expected, Polynomial.Compress((short)x, bits));
            Assert.Equal(expected, Polynomial.Compress((short)(x - Polynomial.Modulus), bits));
        }
    }

    private static byte[] Next(System.Random random, int length)
    {
        byte[] bytes = new byte[length];
        random.NextBytes(bytes);
        return bytes;
    }

    private sealed class Pair
    {
        public Pair(byte[] seed) => MlKem768.MakeKeys(seed, Encapsulation, Decapsulation);

        public byte[] Encapsulation { get; } = new byte[MlKem768.EncapsulationKeySize];

        public byte[] Decapsulation { get; } = new byte[MlKem768.DecapsulationKeySize];
    }
}
