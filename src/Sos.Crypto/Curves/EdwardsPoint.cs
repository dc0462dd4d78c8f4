using System;

namespace Sos.Crypto.Curves;

/// <summary>A point of edwards25519 in extended coordinates (RFC 8032, 5.1.4): x = X/Z, y = Y/Z, xy = T/Z.</summary>
internal readonly struct EdwardsPoint(in FieldElement x, in FieldElement y, in FieldElement z, in FieldElement t)
{
    /// <summary>Bytes of an encoded point.</summary>
    public const int Size = 32;

    /// <summary>Digits of a scalar, of four bits each.</summary>
    private const int Digits = 64;

    private const int TableSize = 16;

    private readonly FieldElement _x = x;
    private readonly FieldElement _y = y;
    private readonly FieldElement _z = z;
    private readonly FieldElement _t = t;

    /// <summary>The neutral element.</summary>
    public static EdwardsPoint Identity => new(FieldElement.Zero, FieldElement.One, FieldElement.One, FieldElement.Zero);

    /// <summary>The base point B.</summary>
    public static EdwardsPoint Base => new(
        new(0x62d608f25d51a, 0x412a4b4f6592a, 0x75b7171a4b31d, 0x1ff60527118fe, 0x216936d3cd6e5),
        new(0x6666666666658, 0x4cccccccccccc, 0x1999999999999, 0x3333333333333, 0x6666666666666),
        FieldElement.One,
        new(0x68ab3a5b7dda3, 0x00eea2a5eadbb, 0x2af8df483c27e, 0x332b375274732, 0x67875f0fd78b7));

    private static FieldElement CurveD => new(0x34dca135978a3, 0x1a8283b156ebd, 0x5e7a26001c029, 0x739c663a03cbb, 0x52036cee2b6ff);

    private static FieldElement TwiceCurveD => new(0x69b9426b2f159, 0x35050762add7a, 0x3cf44c0038052, 0x6738cc7407977, 0x2406d9dc56dff);

    private static FieldElement RootOfMinusOne => new(0x61b274a0ea0b0, 0x0d5a5fc8f189d, 0x7ef5e9cbd0c60, 0x78595a6804c9e, 0x2b8324804fc1d);

    /// <summary>
    /// Reads an encoded point (RFC 8032, 5.1.3): refuses what is not on the curve, and every encoding but the one that <see cref="Write"/> gives.
    /// </summary>
    public static bool TryRead(ReadOnlySpan<byte> bytes, out EdwardsPoint point)
    {
        Span<byte> canonical = stackalloc byte[Size];
        FieldElement y = FieldElement.Read(bytes);
        FieldElement yy = y.Square();
        FieldElement u = yy - FieldElement.One;
        FieldElement v = (yy * CurveD) + FieldElement.One;
        FieldElement v3 = v.Square() * v;
        FieldElement x = u * v3 * (u * v3.Square() * v).ToPower252();
        FieldElement vxx = v * x.Square();
        ulong isRoot = FixedTime.Bit((vxx - u).IsZero());
        ulong isRootOfMinus = FixedTime.Bit((vxx + u).IsZero());
        x = FieldElement.Select(isRootOfMinus, x, x * RootOfMinusOne);
        x = x.NegateIf(x.LowBit() ^ (ulong)(bytes[Size - 1] >> 7));
        point = new(x, y, FieldElement.One, x * y);
        point.Write(canonical);
        return (isRoot | isRootOfMinus) != 0 && FixedTime.AreEqual(canonical, bytes[..Size]);
    }

    /// <summary>Writes the encoded point.</summary>
    public void Write(Span<byte> bytes)
    {
        FieldElement inverse = _z.Invert();
        (_y * inverse).Write(bytes);
        bytes[Size - 1] |= (byte)((_x * inverse).LowBit() << 7);
    }

    /// <summary>Returns the sum, for any two points.</summary>
    public static EdwardsPoint operator +(in EdwardsPoint p, in EdwardsPoint q)
    {
        FieldElement a = (p._y - p._x) * (q._y - q._x);
        FieldElement b = (p._y + p._x) * (q._y + q._x);
        FieldElement c = p._t * TwiceCurveD * q._t;
        FieldElement d = p._z * q._z;
        d += d;
        (FieldElement e, FieldElement f, FieldElement g, FieldElement h) = (b - a, d - c, d + c, b + a);
        return new(e * f, g * h, f * g, e * h);
    }

    /// <summary>Returns the point's double.</summary>
    public EdwardsPoint Double()
    {
        FieldElement a = _x.Square();
        FieldElement b = _y.Square();
        FieldElement c = _z.Square();
        c += c;
        FieldElement h = a + b;
        FieldElement e = h - (_x + _y).Square();
        FieldElement g = a - b;
        FieldElement f = c + g;
        return new(e * f, g * h, f * g, e * h);
    }

    /// <summary>Returns the inverse point.</summary>
    public EdwardsPoint Negate() => new(FieldElement.Zero - _x, _y, _z, FieldElement.Zero - _t);

    /// <summary>Returns whether eight times the point is the neutral element: such a point is nobody's key.</summary>
    public bool IsOfSmallOrder()
    {
        EdwardsPoint eight = Double().Double().Double();
        return eight._x.IsZero() && (eight._y - eight._z).IsZero();
    }

    /// <summary>
    /// Returns the point times a scalar of 32 bytes: 256 doublings and 64 additions of an entry of a table that is read whole each time, so that neither time
    /// nor addresses depend on the scalar.
    /// </summary>
    public EdwardsPoint Multiply(ReadOnlySpan<byte> scalar)
    {
        Span<EdwardsPoint> table = stackalloc EdwardsPoint[TableSize];
        table[0] = Identity;
        for (int i = 1; i < TableSize; i++)
        {
            table[i] = table[i - 1] + this;
        }

        EdwardsPoint result = Identity;
        for (int i = Digits - 1; i >= 0; i--)
        {
            result = result.Double().Double().Double().Double();
            result += Pick(table, (ulong)(scalar[i / 2] >> (i % 2 * 4)) & 0xf);
        }

        return result;
    }

    private static EdwardsPoint Pick(ReadOnlySpan<EdwardsPoint> table, ulong index)
    {
        EdwardsPoint picked = Identity;
        for (int i = 0; i < table.Length; i++)
        {
            ulong bit = FixedTime.MaskIfEqual((ulong)i, index) & 1;
            picked = new(
                FieldElement.Select(bit, picked._x, table[i]._x),
                FieldElement.Select(bit, picked._y, table[i]._y),
                FieldElement.Select(bit, picked._z, table[i]._z),
                FieldElement.Select(bit, picked._t, table[i]._t));
        }

        return picked;
    }
}
