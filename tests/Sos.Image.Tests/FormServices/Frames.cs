using System;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace FormServices;

/// <summary>Exercises frames, calls and branches: arguments on the stack, structs by value, stack buffers, switches.</summary>
public static unsafe class Frames
{
    public struct Small
    {
        public int A;
        public short B;
    }

    public struct Pair
    {
        public long A;
        public long B;
    }

    public struct Large
    {
        public long A;
        public long B;
        public long C;
        public fixed byte Bytes[200];
    }

    [UnmanagedCallersOnly(EntryPoint = "forms_arguments")]
    public static long Arguments(long* p)
    {
        Large large = default;
        large.A = p[0];
        large.Bytes[p[1] & 127] = 3;
        Pair pair = new() { A = p[1], B = p[2] };
        long sum = Eight(p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7]);
        sum += ByValue(large, pair);
        sum += Changed(1, 2, 3, 4, 5, 6, p[7], (int)p[8], (short)p[9], (byte)p[10]);
        large = Returned(p);
        Small small = ReturnedSmall(p);
        return sum + large.C + Modified(large, pair, p) + small.A + small.B + AddressTaken(1, 2, 3, 4, 5, 6, 7, 8);
    }

    [UnmanagedCallersOnly(EntryPoint = "forms_stack_buffers")]
    public static long Buffers(long* p)
    {
        byte* small = stackalloc byte[24];
        Span<long> middle = stackalloc long[40];
        byte* large = stackalloc byte[3000];
        p[1] = (long)small ^ (long)large;
        small[p[0] & 7] = 1;
        middle[(int)p[1] & 31] = p[2];
        large[p[3] & 2047] = (byte)p[4];
        return small[p[5] & 15] + middle[3] + large[p[6] & 1023] + Wide(p);
    }

    [UnmanagedCallersOnly(EntryPoint = "forms_switches")]
    public static long Switches(long* p) =>
        Ints((int)p[0], p) + Longs(p[1], p) + Bytes((byte)p[2], p) + Offset((int)p[3], p) + Spilled((uint)p[4], p) + Shorts((short)p[5], p) + Two((int)p[6], (int)p[7], p);

    [UnmanagedCallersOnly(EntryPoint = "forms_branches")]
    public static long Branches(long* p)
    {
        int* i = (int*)p;
        uint* u = (uint*)p;
        long sum = 0;
        for (int n = 0; n < i[0]; n++)
        {
            sum += n == i[1] ? p[n] : n;
            if (u[n] > u[n + 1] || i[n] < i[n + 1])
            {
                sum -= i[n];
            }

            if (i[n] - i[n + 1] < 0 || (i[n] & i[n + 1]) == 0)
            {
                sum ^= i[n];
            }
        }

        while (p[3] >= 0 && p[4] != sum)
        {
            p[3]--;
            sum += p[5] > p[6] ? 1 : p[5] <= p[7] ? 2 : 3;
        }

        float f = *(float*)p;
        double d = *(double*)p;
        sum += f > 1 ? 3 : f == 2 ? 4 : float.IsNaN(f) ? 5 : 6;
        sum += d < 1 ? 3 : d != 2 ? 4 : 5;
        return sum;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Eight(long a, long b, long c, long d, long e, long f, long g, long h) => (a ^ b) + (c * d) - (e & f) + (g / (h | 1));

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long ByValue(Large large, Pair pair) => large.A + large.Bytes[pair.A & 63] + pair.B;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Changed(long a, long b, long c, long d, long e, long f, long g, int h, short i, byte j)
    {
        while (g < 100)
        {
            g += 3;
            h -= i;
            j++;
        }

        Touch(&g);
        Touch((long*)&h);
        return a + b + c + d + e + f + g + h + i + j;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long AddressTaken(long a, long b, long c, long d, long e, long f, long g, long h)
    {
        g = a * b;
        h = c + d;
        Touch(&g);
        return g + h + e + f;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Touch(long* p) => *p += 1;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static Large Returned(long* p)
    {
        Large result = default;
        result.C = p[3];
        result.Bytes[9] = (byte)p[1];
        return result;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static Small ReturnedSmall(long* p) => new() { A = (int)p[0], B = (short)p[1] };

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Modified(Large large, Pair pair, long* p)
    {
        large.A += 5;
        large.Bytes[3] = 7;
        large.B = large.A * pair.B;
        pair.A = large.B;
        *p = ByValue(large, pair);
        return large.B + pair.A;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Wide(long* p)
    {
        Large a = *(Large*)p;
        Large b = a;
        b.A++;
        *(Large*)(p + 100) = b;
        return ByValue(a, *(Pair*)p) + ByValue(b, default);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Ints(int value, long* p) => value switch
    {
        0 => p[5], 1 => p[9] * 3, 2 => 7, 3 => p[1] + p[2], 4 => -p[0], 5 => p[3] / 3, 6 => 11, 7 => p[7], 8 => 12, 9 => p[8] ^ 3, _ => 1,
    };

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Longs(long value, long* p) => value switch
    {
        0 => p[5], 1 => p[9] * 3, 2 => 7, 3 => p[1] + p[2], 4 => -p[0], 5 => p[3] / 3, 6 => 11, 7 => p[7], 8 => 12, 9 => p[8] ^ 3, _ => 1,
    };

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Bytes(byte value, long* p) => value switch
    {
        0 => p[5], 1 => p[9] * 3, 2 => 7, 3 => p[1] + p[2], 4 => -p[0], 5 => p[3] / 3, 6 => 11, 7 => p[7], 8 => 12, 9 => p[8] ^ 3, _ => 1,
    };

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Shorts(short value, long* p) => value switch
    {
        -3 => p[5], -2 => p[9] * 3, -1 => 7, 0 => p[1] + p[2], 1 => -p[0], 2 => p[3] / 3, 3 => 11, 4 => p[7], 5 => 12, 6 => p[8] ^ 3, _ => 1,
    };

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Offset(int value, long* p) => value switch
    {
        100 => p[5], 101 => p[9] * 3, 102 => 7, 103 => p[1] + p[2], 104 => -p[0], 105 => p[3] / 3, 106 => 11, 107 => p[7], 109 => p[8] ^ 3, _ => 1,
    };

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Two(int a, int b, long* p)
    {
        long sum = 0;
        for (int n = 0; n < 20; n++)
        {
            int which = a + n;
            switch (which)
            {
                case 0: sum += Ints(b, p); break;
                case 1: sum -= which; a++; break;
                case 2: sum ^= p[which]; break;
                case 3: sum *= 3; b += which; break;
                case 4: sum += p[b & 7] + which; break;
                case 5: goto case 3;
                default: sum++; break;
            }
        }

        return sum + b;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Spilled(uint value, long* p)
    {
        long a = p[0], b = p[1], c = p[2], d = p[3], e = p[4], f = p[5], g = p[6], h = p[7], i = p[8], j = p[9], k = p[10], l = p[11], m = p[12];
        p[20] = Eight(a, b, c, d, e, f, g, h);
        switch (value)
        {
            case 0: a += b; break;
            case 1: b += c * d; break;
            case 2: c -= e; break;
            case 3: d ^= f; break;
            case 4: e += value; break;
            case 5: f = g / (h | 1); break;
            case 6: g += Eight(h, i, j, k, l, m, a, b); break;
        }

        return a + (b * 2) + (c * 3) + (d * 5) + (e * 7) + (f * 11) + (g * 13) + (h * 17) + (i * 19) + (j * 23) + (k * 29) + (l * 31) + m + value;
    }
}
