using System;
using System.Buffers;
using System.Buffers.Binary;
using System.Buffers.Text;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace FormServices;

/// <summary>The part of the core library that allocates nothing: spans, text as bytes, numbers, conversions.</summary>
public static unsafe class Library
{
    [UnmanagedCallersOnly(EntryPoint = "forms_spans")]
    public static long Spans(long* p)
    {
        long sum = Search((byte*)p) + Search((ushort*)p) + Search((int*)p) + Search(p);
        Span<byte> a = new(p, (int)p[0]);
        Span<byte> b = new(p + 100, (int)p[1]);
        sum += a.SequenceCompareTo(b) + a.CommonPrefixLength(b) + (a.StartsWith("GET "u8) ? 1 : 0) + (a.Overlaps(b) ? 2 : 0);
        a.Reverse();
        a[..(int)p[2]].CopyTo(b);
        sum += a.TrimEnd((byte)0).Length + MemoryMarshal.Cast<byte, int>(a).Length + a.Count((byte)3);
        return sum + a.IndexOfAnyExcept((byte)1, (byte)2) + a.IndexOfAnyInRange((byte)'0', (byte)'9');
    }

    [UnmanagedCallersOnly(EntryPoint = "forms_text")]
    public static long Texts(long* p)
    {
        Span<byte> text = new(p, 200);
        Utf8Formatter.TryFormat(p[0], text, out int n);
        Utf8Formatter.TryFormat((uint)p[0], text[n..], out int m, new StandardFormat('X', 8));
        Utf8Parser.TryParse(text, out int value, out int used);
        Utf8Parser.TryParse(text, out ulong wide, out used, 'x');
        Base64.EncodeToUtf8InPlace(text, 60, out int written);
        return n + m + value + (long)wide + used + written + (Ascii.IsValid(text) ? 1 : 0);
    }

    [UnmanagedCallersOnly(EntryPoint = "forms_binary")]
    public static long Binary(long* p)
    {
        Span<byte> bytes = new(p, 200);
        BinaryPrimitives.WriteInt32BigEndian(bytes, BinaryPrimitives.ReadInt32BigEndian(bytes[4..]) + 1);
        BinaryPrimitives.WriteUInt16BigEndian(bytes[8..], (ushort)(BinaryPrimitives.ReadUInt16BigEndian(bytes[10..]) + 1));
        BinaryPrimitives.WriteInt64BigEndian(bytes[16..], BinaryPrimitives.ReadInt64BigEndian(bytes[24..]) + 1);
        BinaryPrimitives.WriteDoubleBigEndian(bytes[32..], BinaryPrimitives.ReadSingleBigEndian(bytes[40..]));
        BinaryPrimitives.WriteUInt128BigEndian(bytes[48..], BinaryPrimitives.ReadUInt128BigEndian(bytes[64..]) + 1);
        ((uint*)p)[30] = BinaryPrimitives.ReverseEndianness(((uint*)p)[31]);
        p[20] = BinaryPrimitives.ReverseEndianness(p[21]);
        p[22] = BitConverter.DoubleToInt64Bits(BitConverter.Int64BitsToDouble(p[23]) + BitConverter.Int32BitsToSingle((int)p[24]));
        return bytes[(int)p[9]];
    }

    [UnmanagedCallersOnly(EntryPoint = "forms_floats")]
    public static long Floats(long* p)
    {
        Real((float*)p);
        Real((double*)p);
        Conversions(p, (double*)p, (float*)p);
        double* d = (double*)p;
        float* f = (float*)p;
        d[0] = Math.Floor(d[1]) + Math.Ceiling(d[2]) + Math.Truncate(d[3]) + Math.Round(d[4]) + Math.Sqrt(d[5]) + Math.Abs(d[6]);
        d[1] = Math.FusedMultiplyAdd(d[2], d[3], d[4]) + Math.CopySign(d[5], d[6]) + Math.Min(d[7], d[8]) + Math.Max(d[9], d[10]);
        f[0] = MathF.Floor(f[1]) + MathF.Ceiling(f[2]) + MathF.Truncate(f[3]) + MathF.Round(f[4]) + MathF.Sqrt(f[5]) + MathF.Abs(f[6]);
        f[1] = MathF.FusedMultiplyAdd(f[2], f[3], f[4]) + MathF.CopySign(f[5], f[6]) + MathF.Min(f[7], f[8]) + MathF.Max(f[9], f[10]);
        d[2] = Math.ReciprocalEstimate(d[3]) + Math.ReciprocalSqrtEstimate(d[4]) + Math.ScaleB(d[5], (int)p[6]);
        f[2] = MathF.ReciprocalEstimate(f[3]) + MathF.ReciprocalSqrtEstimate(f[4]);
        return d[0] > d[1] ? 1 : f[0] < f[1] ? 2 : Math.ILogB(d[3]);
    }

    [UnmanagedCallersOnly(EntryPoint = "forms_halves")]
    public static long Halves(long* p)
    {
        Half* h = (Half*)p;
        h[0] = (Half)((float)h[1] + (float)h[2]);
        h[3] = h[4] * h[5];
        return h[0] > h[3] ? 1 : (long)h[6];
    }

    [UnmanagedCallersOnly(EntryPoint = "forms_times")]
    public static long Times(long* p)
    {
        TimeSpan span = new(p[0]);
        DateTime time = new(Math.Abs(p[1]) % DateTime.MaxValue.Ticks);
        p[2] = span.Hours + span.Milliseconds + time.Year + time.Month + time.DayOfYear + (int)time.DayOfWeek;
        return (long)span.TotalSeconds;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Search<T>(T* p)
        where T : unmanaged, IBinaryInteger<T>
    {
        Span<T> a = new(p, 100);
        Span<T> b = new(p + 50, 80);
        a.Fill(p[2]);
        b.Clear();
        a[..20].CopyTo(b);
        return a.IndexOf(p[1]) + a.LastIndexOf(p[3]) + a.IndexOfAny(p[4], p[5]) + a.IndexOfAny(p[4], p[5], p[6]) + a.IndexOfAnyExcept(T.Zero)
            + (a.SequenceEqual(b) ? 1 : 0) + (a.Contains(p[9]) ? 1 : 0) + a.IndexOf(b[..3]) + a.Count(p[8]) + a.IndexOfAnyInRange(p[1], p[2]);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Real<T>(T* p)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        p[0] += p[1];
        p[1] -= p[2];
        p[2] *= p[3];
        p[3] = p[4] / p[5];
        p[4] = -p[5];
        p[5] = T.Abs(p[6]);
        p[6] = T.Min(p[7], p[8]);
        p[7] = T.Max(p[8], p[9]);
        p[8] = T.Sqrt(p[9]);
        p[9] = p[0] > p[1] ? p[2] : p[3];
        p[10] = T.IsNaN(p[1]) || T.IsInfinity(p[2]) ? p[3] : T.Zero;
        p[11] = T.MaxMagnitude(p[1], p[2]) + T.MinNumber(p[3], p[4]);
        p[12] = T.Clamp(p[1], T.One, p[2]);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Conversions(long* p, double* d, float* f)
    {
        p[0] = (long)d[1];
        ((ulong*)p)[1] = (ulong)d[2];
        ((int*)p)[4] = (int)d[3];
        ((uint*)p)[6] = (uint)f[3];
        p[4] = (long)f[9];
        ((ulong*)p)[5] = (ulong)f[11];
        ((short*)p)[40] = (short)f[13];
        d[6] = p[7];
        d[7] = ((ulong*)p)[8];
        d[8] = ((int*)p)[20];
        d[9] = ((uint*)p)[21];
        f[20] = p[11];
        f[21] = ((ulong*)p)[12];
        f[22] = ((int*)p)[30];
        f[23] = ((uint*)p)[31];
        d[12] = f[24];
        f[25] = (float)d[13];
        p[14] = (long)Math.Round(d[15]) + double.ConvertToInteger<int>(d[16]) + float.ConvertToIntegerNative<int>(f[40]);
    }
}
