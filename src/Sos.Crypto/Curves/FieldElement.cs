using System;
using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace Sos.Crypto.Curves;

/// <summary>
/// A number modulo 2^255 - 19 in five limbs of 51 bits. Between operations each limb is below 2^51 + 2^14, so that sums of products fit 128 bits and
/// differences can be taken from twice the modulus.
/// </summary>
internal readonly struct FieldElement(ulong a, ulong b, ulong c, ulong d, ulong e)
{
    /// <summary>Bytes of an encoded number.</summary>
    public const int Size = 32;

    private const ulong Mask = (1UL << 51) - 1;

    private readonly ulong _a = a;
    private readonly ulong _b = b;
    private readonly ulong _c = c;
    private readonly ulong _d = d;
    private readonly ulong _e = e;

    /// <summary>Zero.</summary>
    public static FieldElement Zero => default;

    /// <summary>One.</summary>
    public static FieldElement One => new(1, 0, 0, 0, 0);

    /// <summary>Reads 32 bytes, little endian; the highest bit is ignored. Numbers from the modulus on are taken modulo it.</summary>
    public static FieldElement Read(ReadOnlySpan<byte> bytes)
    {
        ulong w0 = BinaryPrimitives.ReadUInt64LittleEndian(bytes);
        ulong w1 = BinaryPrimitives.ReadUInt64LittleEndian(bytes[8..]);
        ulong w2 = BinaryPrimitives.ReadUInt64LittleEndian(bytes[16..]);
        ulong w3 = BinaryPrimitives.ReadUInt64LittleEndian(bytes[24..]);
        return new(
            w0 & Mask,
            ((w0 >> 51) | (w1 << 13)) & Mask,
            ((w1 >> 38) | (w2 << 26)) & Mask,
            ((w2 >> 25) | (w3 << 39)) & Mask,
            (w3 >> 12) & Mask);
    }

    /// <summary>Writes the number below the modulus, 32 bytes, little endian.</summary>
    public void Write(Span<byte> bytes)
    {
        FieldElement reduced = Carry(_a, _b, _c, _d, _e);
        (ulong a, ulong b, ulong c, ulong d, ulong e) = (reduced._a, reduced._b, reduced._c, reduced._d, reduced._e);

        // 1 if the number is the modulus or more, which is when adding 19 carries out of bit 255.
        ulong over = (a + 19) >> 51;
        over = (b + over) >> 51;
        over = (c + over) >> 51;
        over = (d + over) >> 51;
        over = (e + over) >> 51;
        a += 19 * over;
        b += a >> 51;
        c += b >> 51;
        d += c >> 51;
        e += d >> 51;
        (a, b, c, d, e) = (a & Mask, b & Mask, c & Mask, d & Mask, e & Mask);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, a | (b << 51));
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[8..], (b >> 13) | (c << 38));
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[16..], (c >> 26) | (d << 25));
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[24..], (d >> 39) | (e << 12));
    }

    /// <summary>Returns the sum.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FieldElement operator +(in FieldElement x, in FieldElement y) => Carry(x._a + y._a, x._b + y._b, x._c + y._c, x._d + y._d, x._e + y._e);

    /// <summary>Returns the difference.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FieldElement operator -(in FieldElement x, in FieldElement y) => Carry(
        x._a + 0xfffffffffffda - y._a,
        x._b + 0xffffffffffffe - y._b,
        x._c + 0xffffffffffffe - y._c,
        x._d + 0xffffffffffffe - y._d,
        x._e + 0xffffffffffffe - y._e);

    /// <summary>Returns the product.</summary>
    public static FieldElement operator *(in FieldElement x, in FieldElement y)
    {
        (ulong b19, ulong c19, ulong d19, ulong e19) = (y._b * 19, y._c * 19, y._d * 19, y._e * 19);
        WideSum r0 = WideSum.Of(x._a, y._a);
        r0.Add(x._b, e19);
        r0.Add(x._c, d19);
        r0.Add(x._d, c19);
        r0.Add(x._e, b19);
        WideSum r1 = WideSum.Of(x._a, y._b);
        r1.Add(x._b, y._a);
        r1.Add(x._c, e19);
        r1.Add(x._d, d19);
        r1.Add(x._e, c19);
        WideSum r2 = WideSum.Of(x._a, y._c);
        r2.Add(x._b, y._b);
        r2.Add(x._c, y._a);
        r2.Add(x._d, e19);
        r2.Add(x._e, d19);
        WideSum r3 = WideSum.Of(x._a, y._d);
        r3.Add(x._b, y._c);
        r3.Add(x._c, y._b);
        r3.Add(x._d, y._a);
        r3.Add(x._e, e19);
        WideSum r4 = WideSum.Of(x._a, y._e);
        r4.Add(x._b, y._d);
        r4.Add(x._c, y._c);
        r4.Add(x._d, y._b);
        r4.Add(x._e, y._a);
        return Reduce(r0, r1, r2, r3, r4);
    }

    /// <summary>Returns the square.</summary>
    public FieldElement Square()
    {
        (ulong a2, ulong b2) = (_a * 2, _b * 2);
        (ulong d19, ulong e19, ulong c38, ulong d38) = (_d * 19, _e * 19, _c * 38, _d * 38);
        WideSum r0 = WideSum.Of(_a, _a);
        r0.Add(b2, e19);
        r0.Add(c38, _d);
        WideSum r1 = WideSum.Of(a2, _b);
        r1.Add(c38, _e);
        r1.Add(_d, d19);
        WideSum r2 = WideSum.Of(a2, _c);
        r2.Add(_b, _b);
        r2.Add(d38, _e);
        WideSum r3 = WideSum.Of(a2, _d);
        r3.Add(b2, _c);
        r3.Add(_e, e19);
        WideSum r4 = WideSum.Of(a2, _e);
        r4.Add(b2, _d);
        r4.Add(_c, _c);
        return Reduce(r0, r1, r2, r3, r4);
    }

    /// <summary>Returns the number squared again and again.</summary>
    public FieldElement Square(int times)
    {
        FieldElement result = this;
        for (int i = 0; i < times; i++)
        {
            result = result.Square();
        }

        return result;
    }

    /// <summary>Returns the product with a number below 2^18.</summary>
    public FieldElement Times(uint factor)
        => Reduce(WideSum.Of(_a, factor), WideSum.Of(_b, factor), WideSum.Of(_c, factor), WideSum.Of(_d, factor), WideSum.Of(_e, factor));

    /// <summary>Returns the inverse, the power of 2^255 - 21. That of 0 is 0.</summary>
    public FieldElement Invert() => ToPower250(out FieldElement eleven).Square(5) * eleven;

    /// <summary>Returns the power of 2^252 - 3, from which square roots are made.</summary>
    public FieldElement ToPower252() => ToPower250(out _).Square(2) * this;

    /// <summary>Returns the same number, negated if the bit is 1.</summary>
    public FieldElement NegateIf(ulong bit) => Select(bit, this, Zero - this);

    /// <summary>Returns the second number if the bit is 1, else the first.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FieldElement Select(ulong bit, in FieldElement ifZero, in FieldElement ifOne)
    {
        ulong mask = 0 - bit;
        return new(
            ifZero._a ^ (mask & (ifZero._a ^ ifOne._a)),
            ifZero._b ^ (mask & (ifZero._b ^ ifOne._b)),
            ifZero._c ^ (mask & (ifZero._c ^ ifOne._c)),
            ifZero._d ^ (mask & (ifZero._d ^ ifOne._d)),
            ifZero._e ^ (mask & (ifZero._e ^ ifOne._e)));
    }

    /// <summary>Returns whether the number is 0 modulo the modulus.</summary>
    public bool IsZero()
    {
        Span<byte> bytes = stackalloc byte[Size];
        Write(bytes);
        return FixedTime.IsZero(bytes);
    }

    /// <summary>Returns the lowest bit of the number below the modulus: its sign in an encoded point.</summary>
    public ulong LowBit()
    {
        Span<byte> bytes = stackalloc byte[Size];
        Write(bytes);
        return (ulong)bytes[0] & 1;
    }

    private FieldElement ToPower250(out FieldElement eleven)
    {
        FieldElement two = Square();
        FieldElement nine = two.Square(2) * this;
        eleven = nine * two;
        FieldElement p5 = eleven.Square() * nine; // 2^5 - 1
        FieldElement p10 = p5.Square(5) * p5;
        FieldElement p20 = p10.Square(10) * p10;
        FieldElement p40 = p20.Square(20) * p20;
        FieldElement p50 = p40.Square(10) * p10;
        FieldElement p100 = p50.Square(50) * p50;
        FieldElement p200 = p100.Square(100) * p100;
        return p200.Square(50) * p50;
    }

    private static FieldElement Reduce(WideSum r0, WideSum r1, WideSum r2, WideSum r3, WideSum r4)
    {
        r1.Add(r0.ShiftRight(51));
        r2.Add(r1.ShiftRight(51));
        r3.Add(r2.ShiftRight(51));
        r4.Add(r3.ShiftRight(51));
        ulong a = (r0.Low & Mask) + (r4.ShiftRight(51) * 19);
        return new(a & Mask, (r1.Low & Mask) + (a >> 51), r2.Low & Mask, r3.Low & Mask, r4.Low & Mask);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static FieldElement Carry(ulong a, ulong b, ulong c, ulong d, ulong e) => new(
        (a & Mask) + ((e >> 51) * 19),
        (b & Mask) + (a >> 51),
        (c & Mask) + (b >> 51),
        (d & Mask) + (c >> 51),
        (e & Mask) + (d >> 51));
}
