using System;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Threading;

namespace FormServices;

/// <summary>Integers of every width, in registers and in memory, by variables and by constants.</summary>
public static unsafe class Integers
{
    [UnmanagedCallersOnly(EntryPoint = "forms_integers")]
    public static long Every(long* p)
    {
        Arithmetic((byte*)p);
        Arithmetic((sbyte*)p);
        Arithmetic((short*)p);
        Arithmetic((ushort*)p);
        Arithmetic((int*)p);
        Arithmetic((uint*)p);
        Arithmetic(p);
        Arithmetic((ulong*)p);
        Arithmetic((nint*)p);
        return Bytes((byte*)p) + Words((ushort*)p) + DoubleWords((int*)p, (uint*)p) + QuadWords(p, (ulong*)p) + Bits((uint)p[0], (ulong)p[1], (int)p[2])
            + Pairs((int)p[0], (int)p[1], p[2], p[3]);
    }

    [UnmanagedCallersOnly(EntryPoint = "forms_wide_integers")]
    public static long Wide(long* p)
    {
        UInt128* a = (UInt128*)p;
        Int128* b = (Int128*)p;
        a[0] = (a[1] * a[2]) + (a[3] - a[4]);
        a[1] = (a[0] << (int)p[0]) | (a[2] >> (int)p[1]);
        b[2] = -b[3] ^ ~b[4];
        b[5] = b[0] >> 3;
        p[3] = Math.BigMul(p[0], p[1], out p[2]);
        ((ulong*)p)[3] = Math.BigMul(((ulong*)p)[0], ((ulong*)p)[1], out ((ulong*)p)[2]);
        return (a[0] > a[1] ? 1 : 0) + (b[0] <= b[1] ? 2 : 0) + (int)UInt128.PopCount(a[2]) + (int)UInt128.LeadingZeroCount(a[3]);
    }

    [UnmanagedCallersOnly(EntryPoint = "forms_interlocked")]
    public static long Exchange(long* p)
    {
        Atomics((int*)p);
        Atomics(p);
        Narrow((byte*)p);
        Narrow((ushort*)p);
        Interlocked.MemoryBarrier();
        Thread.MemoryBarrier();
        return Volatile.Read(ref p[0]) + Volatile.Read(ref *(byte*)p) + Volatile.Read(ref *(int*)p);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Atomics(int* p)
    {
        p[1] = Interlocked.Add(ref p[0], p[2]);
        p[1] += Interlocked.Increment(ref p[0]);
        p[1] += Interlocked.Exchange(ref p[0], p[3]);
        p[1] += Interlocked.CompareExchange(ref p[0], p[3], p[4]);
        p[1] += Interlocked.And(ref p[0], 7) + Interlocked.Or(ref p[0], p[2]);
        Interlocked.And(ref p[5], p[2]);
        Interlocked.Or(ref p[6], p[2]);
        Interlocked.Decrement(ref p[7]);
        Interlocked.Add(ref p[8], 5);
        Volatile.Write(ref p[9], p[1]);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Atomics(long* p)
    {
        p[1] = Interlocked.Add(ref p[0], p[2]);
        p[1] += Interlocked.Increment(ref p[0]);
        p[1] += Interlocked.Exchange(ref p[0], p[3]);
        p[1] += Interlocked.CompareExchange(ref p[0], p[3], p[4]);
        p[1] += Interlocked.And(ref p[0], 7) + Interlocked.Or(ref p[0], p[2]);
        Interlocked.And(ref p[5], p[2]);
        Interlocked.Or(ref p[6], p[2]);
        Interlocked.Decrement(ref p[7]);
        Interlocked.Add(ref p[8], 5);
        Volatile.Write(ref p[9], p[1]);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Narrow(byte* p)
    {
        p[1] = Interlocked.Exchange(ref p[0], p[2]);
        p[1] += Interlocked.CompareExchange(ref p[0], p[3], p[4]);
        Volatile.Write(ref p[9], p[1]);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Narrow(ushort* p)
    {
        p[1] = Interlocked.Exchange(ref p[0], p[2]);
        p[1] += Interlocked.CompareExchange(ref p[0], p[3], p[4]);
        Volatile.Write(ref p[9], p[1]);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Arithmetic<T>(T* p)
        where T : unmanaged, IBinaryInteger<T>
    {
        int n = int.CreateTruncating(p[9]);
        T two = T.One + T.One;
        p[0] += p[1];
        p[1] -= p[2];
        p[2] *= p[3];
        p[3] = p[4] / p[5];
        p[4] = p[5] % p[6];
        p[5] &= p[6];
        p[6] |= p[7];
        p[7] ^= p[8];
        p[8] = ~p[0];
        p[9] = -p[1];
        p[10] <<= n;
        p[11] >>= n;
        p[12] >>>= n;
        p[13] = p[14] << 3;
        p[14] = p[15] >> 1;
        p[15] = p[16] >>> 5;
        p[16]++;
        p[17]--;
        p[18] = T.PopCount(p[19]);
        p[19] = T.LeadingZeroCount(p[20]);
        p[20] = T.TrailingZeroCount(p[21]);
        p[21] = T.RotateLeft(p[22], n);
        p[22] = T.RotateRight(p[23], 3);
        p[23] = T.Min(p[0], p[1]);
        p[24] = T.Max(p[2], p[3]);
        p[25] = T.Abs(p[4]);
        p[26] = T.Log2(p[5] | T.One);
        p[27] = p[0] < p[1] ? p[2] : p[3];
        p[28] = p[0] == two ? p[4] : p[5];
        p[29] = p[0] >= p[6] ? p[1] : T.Zero;
        p[30] = T.IsPow2(p[7]) ? p[8] : p[9];
        p[31] = p[0] & (p[0] - T.One);
        p[32] = p[0] & -p[0];
        p[33] = p[0] & ~p[1];
        p[34] = T.Sign(p[3]) > 0 ? p[1] : p[0];
        p[35] = T.Clamp(p[1], T.One, two + two + two);
        (p[36], p[37]) = T.DivRem(p[38], p[39]);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Bytes(byte* p)
    {
        p[0] += 3;
        p[1] &= 0x7f;
        p[2] |= 0x80;
        p[3] ^= 0x55;
        p[4]++;
        p[5]--;
        p[6] = (byte)(p[7] << 1);
        p[8] -= p[9];
        p[10] = (byte)-p[11];
        p[12] = (byte)~p[12];
        p[13] >>= 1;
        p[14] = (byte)(p[15] == 3 ? 1 : 0);
        p[16] = 77;
        bool carry = p[17] > p[18];
        return (p[0] < p[1] ? 1 : 0) + ((p[2] & 4) != 0 ? 2 : 0) + (carry ? (sbyte)p[19] : 0) + (p[20] == 200 ? p[3] : (sbyte)p[4]);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Words(ushort* p)
    {
        p[0] += 300;
        p[1] &= 0x7fff;
        p[2] |= 0x8000;
        p[3] ^= 0x5555;
        p[4]++;
        p[5]--;
        p[6] = (ushort)(p[7] << 1);
        p[8] -= p[9];
        p[10] = (ushort)-p[11];
        p[12] = (ushort)~p[12];
        p[13] >>= 1;
        p[16] = 777;
        p[17] = System.Buffers.Binary.BinaryPrimitives.ReverseEndianness(p[18]);
        p[19] = BitOperations.RotateRight(p[20], 5) is var r ? (ushort)r : p[3];
        return (p[0] < p[1] ? 1 : 0) + ((p[2] & 1024) != 0 ? 2 : 0) + (p[17] > p[18] ? (short)p[19] : 0) + (p[20] == 2000 ? p[3] : (short)p[4]);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long DoubleWords(int* p, uint* u)
    {
        p[0] += 300;
        p[1] &= 0x7fff1234;
        p[2] |= 0x18000;
        p[3] ^= 5;
        p[4] = -p[4];
        p[5] = ~p[5];
        p[6] <<= 1;
        p[7] <<= 7;
        p[8] >>= 2;
        u[9] >>= 3;
        u[10] = u[11] / 7;
        p[12] = p[13] / 10;
        p[14] = p[15] % 1000;
        u[16] = BitOperations.RotateLeft(u[17], 9);
        u[18] = u[19] & (1u << p[20]);
        u[21] |= 1u << p[22];
        u[23] &= ~(1u << p[24]);
        u[25] = (uint)BitOperations.Log2(u[26]) + BitOperations.RoundUpToPowerOf2(u[27]);
        u[28] = BitOperations.Crc32C(u[29], (byte)u[30]) + BitOperations.Crc32C(u[29], (ushort)u[30]) + BitOperations.Crc32C(u[29], u[30])
            + BitOperations.Crc32C(u[29], (ulong)u[30]);
        p[31] = p[32] * 19;
        p[33] = p[34] * 100000;
        p[35] = checked(p[36] + p[37]) + checked(p[38] * p[39]) + checked((short)p[40]);
        u[41] = checked(u[42] - u[43]);
        return p[0] < 0 ? (long)(uint)p[1] : Math.Abs(p[2]) + Math.Sign(p[3]) + (p[4] is > 5 and < 90 ? 4L : 9L) + ((p[44] & 0x100) == 0 ? 1 : 0);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long QuadWords(long* p, ulong* u)
    {
        p[0] += 3000000;
        p[1] &= 0x7fff1234567;
        p[2] |= 0x18000;
        p[3] ^= 5;
        p[4] = -p[4];
        p[5] = ~p[5];
        p[6] <<= 1;
        p[7] <<= 7;
        p[8] >>= 2;
        u[9] >>= 3;
        u[10] = u[11] / 7;
        p[12] = p[13] / 10;
        p[14] = p[15] % 1000;
        u[16] = BitOperations.RotateLeft(u[17], 9);
        u[18] = u[19] & (1ul << (int)p[20]);
        u[21] |= 1ul << (int)p[22];
        u[23] &= ~(1ul << (int)p[24]);
        u[25] = (ulong)BitOperations.Log2(u[26]) + BitOperations.RoundUpToPowerOf2(u[27]);
        p[31] = p[32] * 19;
        p[33] = p[34] * 100000;
        p[35] = checked(p[36] + p[37]) + checked(p[38] * p[39]) + checked((int)p[40]);
        u[41] = checked(u[42] - u[43]);
        p[44] = 0x123456789abcdef;
        p[45] = -1;
        u[46] = Math.BigMul((uint)u[47], (uint)u[48]);
        return p[0] < 0 ? (long)(uint)p[1] : Math.Abs(p[2]) + Math.Sign(p[3]) + (p[4] is > 5 and < 90 ? 4L : 9L) + ((p[44] & 0x100) == 0 ? 1 : 0);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Bits(uint u, ulong w, int n)
    {
        long sum = 0;
        for (; n < 60; n++)
        {
            sum += (u & (1u << n)) != 0 ? 3 : (w & (1ul << n)) == 0 ? 4 : 5;
            if (((u >> n) & 1) != 0)
            {
                sum ^= 7;
            }

            u |= 1u << (n + 1);
            w |= 1ul << (n + 3);
            u &= ~(1u << (n + 2));
            w &= ~(1ul << (n + 5));
            u ^= 1u << (n + 4);
            w ^= 1ul << (n + 7);
        }

        return sum + u + (long)w;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Pairs(int a, int b, long c, long d)
    {
        long sum = 0;
        for (int n = 0; n < b; n++)
        {
            (a, b) = (b, a);
            (c, d) = (d, c);
            sum += a > b ? Math.Max(c, d) : Math.Min(a, b);
            sum += a >= n ? c : d;
            sum -= c <= d ? a : b;
            sum ^= ((uint)a >= (uint)b ? 1 : 0) | ((ulong)c <= (ulong)d ? 2 : 0) | (a >= b ? 4 : 0) | (c < 0 ? 8 : 0);
            sum += (a & b) < 0 ? 1 : 0;
        }

        return sum;
    }
}
