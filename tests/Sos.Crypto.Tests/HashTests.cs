using System;
using System.Security.Cryptography;
using CsCheck;
using Org.BouncyCastle.Crypto.Digests;
using Sos.Crypto.Hashing;
using Xunit;

namespace Sos.Crypto.Tests;

/// <summary>Every length around the blocks' ends, in pieces and at once, beside other implementations.</summary>
public sealed class HashTests
{
    private const int LengthMax = 700;

    [Fact]
    public void Sha256IsThatOfThePlatformAtEveryLength()
    {
        byte[] data = Bytes(LengthMax);
        byte[] digest = new byte[Sha256.DigestSize];
        for (int length = 0; length <= LengthMax; length++)
        {
            Sha256.Hash(data.AsSpan(0, length), digest);
            Assert.Equal(SHA256.HashData(data.AsSpan(0, length)), digest);
        }
    }

    [Fact]
    public void Sha512IsThatOfThePlatformAtEveryLength()
    {
        byte[] data = Bytes(LengthMax);
        byte[] digest = new byte[Sha512.DigestSize];
        for (int length = 0; length <= LengthMax; length++)
        {
            Sha512.Hash(data.AsSpan(0, length), digest);
            Assert.Equal(SHA512.HashData(data.AsSpan(0, length)), digest);
        }
    }

    [Fact]
    public void PiecesGiveTheSameAsTheWhole() => Gen.Byte.Array[0, 300].Array[0, 8].Sample(pieces =>
    {
        Sha256 short256 = default;
        Sha512 long512 = default;
        short256.Start();
        long512.Start();
        byte[] whole = [];
        foreach (byte[] piece in pieces)
        {
            short256.Update(piece);
            long512.Update(piece);
            whole = [.. whole, .. piece];
        }

        byte[] digest = new byte[32];
        byte[] longDigest = new byte[64];
        short256.Finish(digest);
        long512.Finish(longDigest);
        Assert.Equal(SHA256.HashData(whole), digest);
        Assert.Equal(SHA512.HashData(whole), longDigest);
    });

    [Fact]
    public void KeccakIsThatOfBouncyCastleAtEveryLength()
    {
        byte[] data = Bytes(LengthMax);
        byte[] digest = new byte[64];
        byte[] expected = new byte[64];
        for (int length = 0; length <= LengthMax; length++)
        {
            ReadOnlySpan<byte> first = data.AsSpan(0, length / 3);
            ReadOnlySpan<byte> second = data.AsSpan(length / 3, length - (length / 3));
            Keccak.Sha3x256(first, second, digest);
            Digest(new Sha3Digest(256), data, length, expected.AsSpan(0, 32));
            Assert.Equal(expected[..32], digest[..32]);
            Keccak.Sha3x512(first, second, digest);
            Digest(new Sha3Digest(512), data, length, expected);
            Assert.Equal(expected, digest);
        }
    }

    [Fact]
    public void ShakeIsThatOfBouncyCastleAtEveryLengthOfOutput()
    {
        byte[] data = Bytes(200);
        for (int length = 0; length <= 400; length++)
        {
            byte[] output = new byte[length];
            byte[] expected = new byte[length];
            Keccak.Shake256(data, [1], output);
            ShakeDigest shake = new(256);
            shake.BlockUpdate(data, 0, data.Length);
            shake.Update(1);
            shake.OutputFinal(expected, 0, length);
            Assert.Equal(expected, output);

            Keccak sponge = default;
            sponge.StartShake128();
            sponge.Absorb(data);
            sponge.FinishInput();
            sponge.Squeeze(output.AsSpan(0, length / 2));
            sponge.Squeeze(output.AsSpan(length / 2));
            ShakeDigest narrow = new(128);
            narrow.BlockUpdate(data, 0, data.Length);
            narrow.OutputFinal(expected, 0, length);
            Assert.Equal(expected, output);
        }
    }

    [Fact]
    public void Pbkdf2IsThatOfThePlatform()
    {
        (int Password, int Salt, uint Iterations)[] cases = [(0, 0, 1), (8, 16, 2), (127, 1, 7), (128, 16, 3), (129, 16, 1000), (300, 64, 50)];
        foreach ((int password, int salt, uint iterations) in cases)
        {
            Pbkdf2 derivation = default;
            derivation.Start(Bytes(password), Bytes(salt), iterations);
            int polls = 0;
            while (!derivation.IsDone)
            {
                derivation.Continue(100);
                polls++;
            }

            byte[] output = new byte[Pbkdf2.OutputSize];
            derivation.Finish(output);
            Assert.Equal(Rfc2898DeriveBytes.Pbkdf2(Bytes(password), Bytes(salt), (int)iterations, HashAlgorithmName.SHA512, output.Length), output);
            Assert.Equal((int)(iterations + 98) / 100, polls);
        }
    }

    private static void Digest(Sha3Digest digest, byte[] data, int length, Span<byte> output)
    {
        digest.BlockUpdate(data, 0, length);
        digest.DoFinal(output);
    }

    private static byte[] Bytes(int length)
    {
        byte[] bytes = new byte[length];
        new System.Random(length).NextBytes(bytes);
        return bytes;
    }
}
