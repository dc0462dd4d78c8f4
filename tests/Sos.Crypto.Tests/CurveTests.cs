using System;
using System.Collections.Generic;
using System.Linq;
using System.Numerics;
using CsCheck;
using Sos.Crypto.Curves;
using Xunit;
using BouncyEd25519 = Org.BouncyCastle.Math.EC.Rfc8032.Ed25519;
using BouncyX25519 = Org.BouncyCastle.Math.EC.Rfc7748.X25519;
using Ed25519 = Sos.Crypto.Curves.Ed25519;
using X25519 = Sos.Crypto.Curves.X25519;

namespace Sos.Crypto.Tests;

public sealed class CurveTests
{
    private static readonly BigInteger Prime = BigInteger.Pow(2, 255) - 19;
    private static readonly BigInteger Order = BigInteger.Pow(2, 252) + BigInteger.Parse("27742317777372353535851937790883648493");

    // Numbers at which carries and reductions turn.
    public static IReadOnlyList<BigInteger> Edges { get; } =
    [
        0, 1, 2, 18, 19, 20, Prime - 1, Prime - 2, Prime - 19, Prime, Prime + 1, Prime + 18, BigInteger.Pow(2, 255) - 1,
        .. Enumerable.Range(1, 4).SelectMany(limb => new[] { BigInteger.Pow(2, 51 * limb) - 1, BigInteger.Pow(2, 51 * limb) }),
        .. Enumerable.Range(0, 5).Select(limb => Prime - BigInteger.Pow(2, 51 * limb)),
    ];

    [Fact]
    public void FieldArithmeticIsThatOfBigIntegers()
    {
        Gen<BigInteger> number = Gen.OneOf(
            Gen.Byte.Array[32].Select(bytes => new BigInteger(bytes, isUnsigned: true) % BigInteger.Pow(2, 255)),
            Gen.Int[0, Edges.Count - 1].Select(i => Edges[i]));
        Gen.Select(number, number).Sample((x, y) => Check(x, y), iter: 2000);
        foreach (BigInteger x in Edges)
        {
            foreach (BigInteger y in Edges)
            {
                Check(x, y);
            }
        }
    }

    // RFC 7748, 5.2.
    [Fact]
    public void TheVectorsOfRfc7748()
    {
        byte[] shared = new byte[32];
        Assert.True(X25519.TryAgree(
            Hex("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4"),
            Hex("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c"),
            shared));
        Assert.Equal("c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552", Convert.ToHexStringLower(shared));

        byte[] k = [9, .. new byte[31]];
        byte[] u = [.. k];
        for (int i = 1; i <= 1000; i++)
        {
            Assert.True(X25519.TryAgree(k, u, shared));
            (k, u, shared) = (shared, k, u);
            if (i == 1)
            {
                Assert.Equal("422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079", Convert.ToHexStringLower(k));
            }
        }

        Assert.Equal("684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51", Convert.ToHexStringLower(k));
    }

    [Fact]
    public void X25519IsThatOfBouncyCastle()
    {
        System.Random random = new(7);
        foreach (byte[] point in Edges.Select(Bytes).Concat(Enumerable.Range(0, 100).Select(_ => Next(random))))
        {
            byte[] key = Next(random);
            byte[] expected = new byte[32];
            byte[] shared = new byte[32];
            BouncyX25519.ScalarMult(key, 0, point, 0, expected, 0);
            bool agreed = X25519.TryAgree(key, point, shared);
            Assert.Equal(expected, shared);
            Assert.Equal(expected.Any(each => each != 0), agreed);
            BouncyX25519.ScalarMultBase(key, 0, expected, 0);
            X25519.WritePublicKey(key, shared);
            Assert.Equal(expected, shared);
        }
    }

    // RFC 8032, 7.1.
    [Theory]
    [InlineData(
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b")]
    [InlineData(
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00")]
    public void TheVectorsOfRfc8032(string seed, string publicKey, string message, string signature)
    {
        byte[] key = new byte[32];
        byte[] signed = new byte[64];
        Ed25519.WritePublicKey(Hex(seed), key);
        Assert.Equal(publicKey, Convert.ToHexStringLower(key));
        Ed25519.Sign(Pair(Hex(seed)), Hex(message), signed);
        Assert.Equal(signature, Convert.ToHexStringLower(signed));
        Assert.True(Ed25519.Verify(key, Hex(message), signed));
    }

    [Fact]
    public void SignaturesAreThoseOfBouncyCastle()
    {
        System.Random random = new(11);
        for (int length = 0; length < 150; length++)
        {
            (byte[] seed, byte[] key, byte[] signature, byte[] expected) = (Next(random), new byte[32], new byte[64], new byte[64]);
            byte[] message = new byte[length];
            random.NextBytes(message);
            Ed25519.WritePublicKey(seed, key);
            Ed25519.Sign(Pair(seed), message, signature);
            BouncyEd25519.Sign(seed, 0, message, 0, length, expected, 0);
            Assert.Equal(expected, signature);
            Assert.True(Ed25519.Verify(key, message, signature));

            signature[random.Next(64)] ^= (byte)(1 << random.Next(8));
            Assert.False(Ed25519.Verify(key, message, signature));
        }
    }

    [Fact]
    public void ASignatureWithAnotherSOfTheSameRemainderIsRefused()
    {
        (byte[] seed, byte[] key, byte[] signature) = (Next(new(3)), new byte[32], new byte[64]);
        Ed25519.WritePublicKey(seed, key);
        Ed25519.Sign(Pair(seed), "message"u8, signature);
        BigInteger s = new(signature.AsSpan(32), isUnsigned: true);
        for (BigInteger other = s + Order; other < BigInteger.Pow(2, 256); other += Order)
        {
            Assert.False(Ed25519.Verify(key, "message"u8, [.. signature[..32], .. Bytes(other)]));
        }
    }

    // The eight points of small order and their other encodings: with them, S = 0 and R = the neutral element verify for some messages.
    [Fact]
    public void KeysOfSmallOrderAreRefused()
    {
        string[] keys =
        [
            "0100000000000000000000000000000000000000000000000000000000000000", "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "0000000000000000000000000000000000000000000000000000000000000000", "0000000000000000000000000000000000000000000000000000000000000080",
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
            "0100000000000000000000000000000000000000000000000000000000000080", "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
            "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
            "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        ];
        byte[] signature = [1, .. new byte[63]];
        foreach (string key in keys)
        {
            Assert.False(Ed25519.IsPublicKey(Hex(key)));
            for (byte i = 0; i < 16; i++)
            {
                Assert.False(Ed25519.Verify(Hex(key), [i], signature));
            }
        }

        Assert.False(Ed25519.IsPublicKey(new byte[31]));
        Assert.False(Ed25519.IsPublicKey([2, .. new byte[31]])); // not on the curve
        Assert.False(Ed25519.Verify(Hex(keys[0]), [], new byte[63]));
    }

    [Fact]
    public void ScalarsAreReducedAsBigIntegersAre()
    {
        byte[][] edges = [new byte[32], Enumerable.Repeat((byte)255, 32).ToArray(), Bytes(Order), Bytes(Order - 1), Bytes(Order + 1)];
        Gen<byte[]> number = Gen.OneOf(Gen.Byte.Array[32], Gen.Int[0, edges.Length - 1].Select(i => edges[i]));
        Gen.Select(number, number, number).Sample((a, b, c) =>
        {
            byte[] scalar = new byte[32];
            Scalar.MultiplyAdd(a, b, c, scalar);
            Assert.Equal(((Number(a) * Number(b)) + Number(c)) % Order, Number(scalar));
            Scalar.Reduce([.. a, .. b], scalar);
            Assert.Equal(Number([.. a, .. b]) % Order, Number(scalar));
            Assert.Equal(Number(a) < Order, Scalar.IsCanonical(a));
        }, iter: 2000);
    }

    private static void Check(BigInteger x, BigInteger y)
    {
        (FieldElement a, FieldElement b) = (FieldElement.Read(Bytes(x)), FieldElement.Read(Bytes(y)));
        Assert.Equal((x + y) % Prime, Number(a + b));
        Assert.Equal(((x - y) % Prime + Prime) % Prime, Number(a - b));
        Assert.Equal(x * y % Prime, Number(a * b));
        Assert.Equal(x * x % Prime, Number(a.Square()));
        Assert.Equal(x * 121665 % Prime, Number(a.Times(121665)));
        Assert.Equal(BigInteger.ModPow(x, Prime - 2, Prime), Number(a.Invert()));
        Assert.Equal(x % Prime == 0, a.IsZero());

        // Results of operations are operands again, with their limbs as they are.
        Assert.Equal((x + y) * (((x - y) % Prime) + Prime) % Prime, Number((a + b) * (a - b)));
    }

    private static BigInteger Number(FieldElement element)
    {
        byte[] bytes = new byte[32];
        element.Write(bytes);
        return Number(bytes);
    }

    private static BigInteger Number(byte[] bytes) => new(bytes, isUnsigned: true);

    private static byte[] Bytes(BigInteger number)
    {
        byte[] bytes = new byte[32];
        Assert.True(number.TryWriteBytes(bytes, out _, isUnsigned: true));
        return bytes;
    }

    private static byte[] Next(System.Random random)
    {
        byte[] bytes = new byte[32];
        random.NextBytes(bytes);
        return bytes;
    }

    private static byte[] Pair(byte[] seed)
    {
        byte[] pair = new byte[Ed25519.KeyPairSize];
        Ed25519.WriteKeyPair(seed, pair);
        return pair;
    }

    private static byte[] Hex(string text) => Convert.FromHexString(text);
}
