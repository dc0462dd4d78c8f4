using System;

namespace Sos.Crypto.Curves;

/// <summary>
/// The function X25519 (RFC 7748) by the Montgomery ladder. One call is 255 steps of ten multiplications and squarings, whatever the numbers are.
/// </summary>
public static class X25519
{
    /// <summary>Bytes of a private key, a public key and a shared secret.</summary>
    public const int KeySize = 32;

    /// <summary>Writes the public key of a private one.</summary>
    public static void WritePublicKey(ReadOnlySpan<byte> privateKey, Span<byte> publicKey)
    {
        Span<byte> basePoint = stackalloc byte[KeySize];
        basePoint.Clear();
        basePoint[0] = 9;
        Multiply(privateKey, basePoint, publicKey);
    }

    /// <summary>Writes the secret shared with the owner of a public key.</summary>
    /// <returns>False if the secret is all zeros: the key is of small order and gives no secret (RFC 7748, 6.1).</returns>
    public static bool TryAgree(ReadOnlySpan<byte> privateKey, ReadOnlySpan<byte> publicKey, Span<byte> secret)
    {
        Multiply(privateKey, publicKey, secret);
        return !FixedTime.IsZero(secret[..KeySize]);
    }

    private static void Multiply(ReadOnlySpan<byte> privateKey, ReadOnlySpan<byte> point, Span<byte> product)
    {
        Span<byte> scalar = stackalloc byte[KeySize];
        privateKey[..KeySize].CopyTo(scalar);
        scalar[0] &= 248;
        scalar[31] = (byte)((scalar[31] & 127) | 64);

        FieldElement x1 = FieldElement.Read(point);
        (FieldElement x2, FieldElement z2) = (FieldElement.One, FieldElement.Zero);
        (FieldElement x3, FieldElement z3) = (x1, FieldElement.One);
        ulong swapped = 0;
        for (int i = 254; i >= 0; i--)
        {
            ulong bit = (ulong)(scalar[i >> 3] >> (i & 7)) & 1;
            swapped ^= bit;
            Swap(swapped, ref x2, ref x3);
            Swap(swapped, ref z2, ref z3);
            swapped = bit;
            Step(x1, ref x2, ref z2, ref x3, ref z3);
        }

        Swap(swapped, ref x2, ref x3);
        Swap(swapped, ref z2, ref z3);
        (x2 * z2.Invert()).Write(product);
        FixedTime.Erase(scalar);
    }

    // RFC 7748, 5: one bit of the ladder.
    private static void Step(in FieldElement x1, ref FieldElement x2, ref FieldElement z2, ref FieldElement x3, ref FieldElement z3)
    {
        FieldElement a = x2 + z2;
        FieldElement b = x2 - z2;
        FieldElement da = (x3 - z3) * a;
        FieldElement cb = (x3 + z3) * b;
        FieldElement aa = a.Square();
        FieldElement bb = b.Square();
        FieldElement e = aa - bb;
        x3 = (da + cb).Square();
        z3 = x1 * (da - cb).Square();
        x2 = aa * bb;
        z2 = e * (aa + e.Times(121665));
    }

    private static void Swap(ulong bit, ref FieldElement left, ref FieldElement right)
    {
        FieldElement first = FieldElement.Select(bit, left, right);
        right = FieldElement.Select(bit, right, left);
        left = first;
    }
}
