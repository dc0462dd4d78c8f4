using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace FormServices;

/// <summary>Vectors of .NET's portable classes, with every element type, and the intrinsics that packet code asks for by name.</summary>
public static unsafe class Vectors
{
    [UnmanagedCallersOnly(EntryPoint = "forms_vectors")]
    public static long Every(long* p)
    {
        Integer128((byte*)p);
        Integer128((sbyte*)p);
        Integer128((short*)p);
        Integer128((ushort*)p);
        Integer128((int*)p);
        Integer128((uint*)p);
        Integer128(p);
        Integer128((ulong*)p);
        Integer256((byte*)p);
        Integer256((sbyte*)p);
        Integer256((short*)p);
        Integer256((ushort*)p);
        Integer256((int*)p);
        Integer256((uint*)p);
        Integer256(p);
        Integer256((ulong*)p);
        Real128((float*)p);
        Real128((double*)p);
        Real256((float*)p);
        Real256((double*)p);
        Multiplies((float*)p);
        Multiplies((double*)p);
        Scalars((float*)p, (double*)p);
        return Widths(p) + Widen(p) + Convert(p);
    }

    [UnmanagedCallersOnly(EntryPoint = "forms_intrinsics")]
    public static long Named(long* p)
    {
        Bits((uint*)p, (ulong*)p);
        Bytes((byte*)p);
        Lanes((int*)p, p);
        Crypto((byte*)p);
        Sse.Prefetch0(p);
        Sse.Prefetch1(p);
        Sse.Prefetch2(p);
        Sse.PrefetchNonTemporal(p);
        Sse.StoreFence();
        Sse2.LoadFence();
        Sse2.MemoryFence();
        Sse2.X64.StoreNonTemporal(p + 1, p[2]);
        Sse2.StoreNonTemporal((int*)p + 8, (int)p[3]);
        Avx.StoreAlignedNonTemporal((byte*)p, Avx.LoadVector256((byte*)p + 32));
        Sse2.StoreAlignedNonTemporal((byte*)p, Sse2.LoadVector128((byte*)p + 32));
        X86Base.Pause();
        return p[0];
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Integer128<T>(T* p)
        where T : unmanaged, IBinaryInteger<T>
    {
        Vector128<T> a = Vector128.Load(p);
        Vector128<T> b = Vector128.Load(p + 16);
        int n = int.CreateTruncating(p[9]);
        Vector128<T>* r = (Vector128<T>*)p;
        r[0] = a + b;
        r[1] = a - b;
        r[2] = a * b;
        r[3] = (a & b) | (a ^ r[9]);
        r[4] = Vector128.AndNot(a, b) & ~r[8];
        r[5] = Vector128.Equals(a, b) | Vector128.GreaterThan(a, r[10]) | Vector128.LessThanOrEqual(r[11], b);
        r[6] = Vector128.Min(a, b) + Vector128.Max(a, r[7]);
        r[7] = Vector128.ConditionalSelect(a, b, r[8]);
        r[8] = (a << 3) + (b >> 1) + (a >>> 2) + (a << n) + (b >> n) + (b >>> n);
        r[9] = Vector128.Create(p[0]) + Vector128<T>.One - Vector128<T>.AllBitsSet + Vector128.CreateScalar(p[3]) + Vector128.CreateScalarUnsafe(p[4]);
        r[10] = Vector128.Shuffle(a.AsByte(), b.AsByte()).As<byte, T>() + Vector128.Abs(a) + -b;
        r[11] = a.WithElement(1, p[5]).WithLower(b.GetUpper());
        p[300] = a[0] + b[1] + a.ToScalar() + Vector128.Sum(b) + Vector128.Dot(a, b);
        p[301] = Vector128.EqualsAll(a, b) || Vector128.GreaterThanAny(a, b) || a == Vector128<T>.Zero ? p[1] : p[2];
        p[302] = T.CreateTruncating(Vector128.ExtractMostSignificantBits(a));
        Vector128.StoreAligned(a, p);
        r[12] = Vector128.AddSaturate(a, b) + Vector128.SubtractSaturate(a, b);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Integer256<T>(T* p)
        where T : unmanaged, IBinaryInteger<T>
    {
        Vector256<T> a = Vector256.Load(p);
        Vector256<T> b = Vector256.Load(p + 16);
        int n = int.CreateTruncating(p[9]);
        Vector256<T>* r = (Vector256<T>*)p;
        r[0] = a + b;
        r[1] = a - b;
        r[2] = a * b;
        r[3] = (a & b) | (a ^ r[9]);
        r[4] = Vector256.AndNot(a, b) & ~r[8];
        r[5] = Vector256.Equals(a, b) | Vector256.GreaterThan(a, r[10]) | Vector256.LessThanOrEqual(r[11], b);
        r[6] = Vector256.Min(a, b) + Vector256.Max(a, r[7]);
        r[7] = Vector256.ConditionalSelect(a, b, r[8]);
        r[8] = (a << 3) + (b >> 1) + (a >>> 2) + (a << n) + (b >> n) + (b >>> n);
        r[9] = Vector256.Create(p[0]) + Vector256<T>.One - Vector256<T>.AllBitsSet + Vector256.CreateScalar(p[3]) + Vector256.CreateScalarUnsafe(p[4]);
        r[10] = Vector256.Shuffle(a.AsByte(), b.AsByte()).As<byte, T>() + Vector256.Abs(a) + -b;
        r[11] = a.WithElement(1, p[5]).WithLower(b.GetUpper());
        p[300] = a[0] + b[1] + a.ToScalar() + Vector256.Sum(b) + Vector256.Dot(a, b);
        p[301] = Vector256.EqualsAll(a, b) || Vector256.GreaterThanAny(a, b) || a == Vector256<T>.Zero ? p[1] : p[2];
        p[302] = T.CreateTruncating(Vector256.ExtractMostSignificantBits(a));
        Vector256.StoreAligned(a, p);
        r[12] = Vector256.AddSaturate(a, b) + Vector256.SubtractSaturate(a, b);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Real128<T>(T* p)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        Vector128<T> a = Vector128.Load(p);
        Vector128<T> b = Vector128.Load(p + 16);
        Vector128<T>* r = (Vector128<T>*)p;
        r[0] = a + b;
        r[1] = a - (b * a);
        r[2] = a / b;
        r[3] = Vector128.Equals(a, b) | Vector128.GreaterThan(a, r[10]) | Vector128.LessThanOrEqual(r[11], b);
        r[4] = Vector128.Min(a, b) + Vector128.Max(a, r[7]);
        r[5] = Vector128.ConditionalSelect(a, b, r[8]);
        r[6] = Vector128.Sqrt(a) + Vector128.Abs(b) + -a;
        r[7] = Vector128.Create(p[0]) + Vector128<T>.One;
        r[8] = a.WithElement(1, p[5]);
        p[300] = a[0] + b[1] + Vector128.Sum(b) + Vector128.Dot(a, b);
        p[301] = Vector128.EqualsAll(a, b) || Vector128.GreaterThanAny(a, b) ? p[1] : p[2];
        p[302] = T.CreateTruncating(Vector128.ExtractMostSignificantBits(a));
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Real256<T>(T* p)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        Vector256<T> a = Vector256.Load(p);
        Vector256<T> b = Vector256.Load(p + 16);
        Vector256<T>* r = (Vector256<T>*)p;
        r[0] = a + b;
        r[1] = a - (b * a);
        r[2] = a / b;
        r[3] = Vector256.Equals(a, b) | Vector256.GreaterThan(a, r[10]) | Vector256.LessThanOrEqual(r[11], b);
        r[4] = Vector256.Min(a, b) + Vector256.Max(a, r[7]);
        r[5] = Vector256.ConditionalSelect(a, b, r[8]);
        r[6] = Vector256.Sqrt(a) + Vector256.Abs(b) + -a;
        r[7] = Vector256.Create(p[0]) + Vector256<T>.One;
        r[8] = a.WithElement(1, p[5]);
        p[300] = a[0] + b[1] + Vector256.Sum(b) + Vector256.Dot(a, b);
        p[301] = Vector256.EqualsAll(a, b) || Vector256.GreaterThanAny(a, b) ? p[1] : p[2];
        p[302] = T.CreateTruncating(Vector256.ExtractMostSignificantBits(a));
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Widths(long* p)
    {
        Vector128<byte> b = Vector128.Load((byte*)p);
        Vector256<ushort> w = Vector256.WidenLower(Vector256.Load((byte*)p + 8));
        Vector256<int> i = Vector256.WidenUpper(Vector256.Load((short*)p + 8));
        Vector256.Store(Vector256.Narrow(w, w), (byte*)p + 64);
        Vector256.Store(Vector256.Narrow(i, i), (short*)p + 64);
        Vector128.Store(Vector128.Narrow(Vector128.WidenLower(b), Vector128.WidenUpper(b)), (byte*)p + 100);
        Vector256.Store(Vector256.ConvertToSingle(i), (float*)p + 70);
        Vector256.Store(Vector256.ConvertToInt32(Vector256.Load((float*)p + 40)), (int*)p + 90);
        Vector128.Store(Vector128.ConvertToDouble(Vector128.Load(p)), (double*)p + 30);
        Vector256.Store(Vector256.Floor(Vector256.Load((double*)p)) + Vector256.Ceiling(Vector256.Load((double*)p + 9)), (double*)p + 50);
        Vector256.Store(Vector256.Floor(Vector256.Load((float*)p)) + Vector256.Ceiling(Vector256.Load((float*)p + 9)), (float*)p + 150);
        Vector<byte> v = new Vector<byte>(*(byte*)p) + Vector.LoadUnsafe(ref *((byte*)p + 77));
        v.StoreUnsafe(ref *((byte*)p + 99));
        Vector4 f = new(*(float*)p, 1, 2, 3);
        *(Vector4*)p = Vector4.Normalize(f) * Vector4.Dot(f, *(Vector4*)(p + 3));
        return Vector256.Sum(w) + i[3];
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Bits(uint* p, ulong* q)
    {
        p[0] = Bmi1.AndNot(p[1], p[2]) + Bmi1.BitFieldExtract(p[3], (ushort)p[4]) + Bmi1.ExtractLowestSetBit(p[5]) + Bmi1.ResetLowestSetBit(p[6])
            + Bmi1.GetMaskUpToLowestSetBit(p[7]) + Bmi1.TrailingZeroCount(p[8]) + Lzcnt.LeadingZeroCount(p[9]) + Popcnt.PopCount(p[10]);
        p[1] = Bmi2.ParallelBitDeposit(p[0], p[1]) + Bmi2.ParallelBitExtract(p[2], p[3]) + Bmi2.ZeroHighBits(p[4], p[5]) + Bmi2.MultiplyNoFlags(p[6], p[7]);
        q[0] = Bmi1.X64.AndNot(q[1], q[2]) + Bmi1.X64.BitFieldExtract(q[3], (ushort)q[4]) + Bmi1.X64.ExtractLowestSetBit(q[5])
            + Bmi1.X64.ResetLowestSetBit(q[6]) + Bmi1.X64.GetMaskUpToLowestSetBit(q[7]) + Bmi1.X64.TrailingZeroCount(q[8])
            + Lzcnt.X64.LeadingZeroCount(q[9]) + Popcnt.X64.PopCount(q[10]);
        q[1] = Bmi2.X64.ParallelBitDeposit(q[0], q[1]) + Bmi2.X64.ParallelBitExtract(q[2], q[3]) + Bmi2.X64.ZeroHighBits(q[4], q[5])
            + Bmi2.X64.MultiplyNoFlags(q[6], q[7], q + 40);
        p[9] = Sse42.Crc32(p[1], (byte)p[2]) + Sse42.Crc32(p[1], (ushort)p[2]) + Sse42.Crc32(p[1], p[2]) + (uint)Sse42.X64.Crc32(q[1], q[2]);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Bytes(byte* p)
    {
        Vector256<byte> a = Avx.LoadVector256(p);
        Vector256<byte> b = Avx.LoadVector256(p + 32);
        Vector128<byte> s = Sse2.LoadVector128(p);
        Vector128<byte> t = Sse2.LoadVector128(p + 16);
        Avx.Store(p + 64, Avx2.Shuffle(a, b));
        Avx.Store(p + 96, Avx2.AlignRight(a, b, 5));
        Avx.Store(p + 128, Avx2.UnpackLow(a, b));
        Avx.Store(p + 160, Avx2.UnpackHigh(a, b));
        Avx.Store(p + 192, Avx2.Average(a, b));
        Avx.Store(p + 224, Avx2.SumAbsoluteDifferences(a, b).AsByte());
        Avx.Store(p + 256, Avx2.BlendVariable(a, b, a));
        Avx.Store(p + 288, Avx2.Permute2x128(a, b, 0x21));
        Avx.Store(p + 320, Avx2.MultiplyAddAdjacent(a, b.AsSByte()).AsByte());
        Avx.Store(p + 352, Avx2.ShiftLeftLogical128BitLane(a, 3));
        Avx.Store(p + 384, Avx2.ShiftRightLogical128BitLane(a, 3));
        Sse2.Store(p + 416, Ssse3.Shuffle(s, t));
        Sse2.Store(p + 432, Ssse3.AlignRight(s, t, 7));
        Sse2.Store(p + 448, Sse2.UnpackLow(s, t));
        Sse2.Store(p + 464, Sse2.UnpackHigh(s, t));
        Sse2.Store(p + 480, Sse2.ShiftLeftLogical128BitLane(s, 2));
        Sse2.Store(p + 496, Sse2.ShiftRightLogical128BitLane(s, 2));
        Sse2.Store(p + 512, Sse41.BlendVariable(s, t, s));
        Sse2.Store(p + 528, Sse2.SumAbsoluteDifferences(s, t).AsByte());
        Sse2.Store(p + 544, Sse2.PackUnsignedSaturate(s.AsInt16(), t.AsInt16()));
        Sse2.Store(p + 560, Avx.ExtractVector128(Avx.InsertVector128(a, s, 1), 1));
        Sse2.Store(p + 576, Avx2.ExtractVector128(Avx2.InsertVector128(a.AsInt32(), s.AsInt32(), 1), 1).AsByte());
        p[600] = Sse41.Extract(s, 3);
        Sse2.Store(p + 608, Sse41.Insert(s, p[601], 4));
        p[602] = (byte)(Sse2.MoveMask(s) + Avx2.MoveMask(a) + (Sse41.TestZ(s, t) ? 1 : 0) + (Avx.TestC(a, b) ? 2 : 0) + (Avx.TestZ(a, b) ? 2 : 0));
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Lanes(int* p, long* q)
    {
        Vector256<int> a = Avx.LoadVector256(p);
        Vector256<int> b = Avx.LoadVector256(p + 8);
        Vector128<int> s = Sse2.LoadVector128(p);
        Vector256<long> l = Avx.LoadVector256(q);
        Avx.Store(p + 16, Avx2.Permute4x64(l, 0x4e).AsInt32());
        Avx.Store(p + 24, Avx2.PermuteVar8x32(a, b));
        Avx.Store(p + 32, Avx2.Shuffle(a, 0x1b));
        Avx.Store(p + 40, Avx2.ShiftLeftLogicalVariable(a, b.AsUInt32()));
        Avx.Store(p + 48, Avx2.ShiftRightLogicalVariable(a, b.AsUInt32()));
        Avx.Store(p + 56, Avx2.Multiply(a, b).AsInt32());
        Avx.Store(p + 64, Avx2.PackSignedSaturate(a, b).AsInt32());
        Avx.Store(p + 72, Avx2.Blend(a, b, 0x55));
        Avx.Store(p + 80, Avx2.BroadcastVector128ToVector256(p));
        Avx.Store(p + 88, Avx2.GatherVector256(p, a, 4));
        Avx.Store(p + 96, Avx2.MaskLoad(p, a));
        Avx2.MaskStore(p + 104, a, b);
        Avx.Store(p + 112, Avx2.HorizontalAdd(a, b));
        Avx.Store(p + 120, Avx2.ConvertToVector256Int32((short*)p));
        Avx.Store(p + 128, Avx2.ConvertToVector256Int64(p).AsInt32());
        Avx.Store(p + 136, Fma.MultiplyAdd(a.AsSingle(), b.AsSingle(), a.AsSingle()).AsInt32());
        Sse2.Store(p + 144, Sse2.Shuffle(s, 0x4e));
        Sse2.Store(p + 148, Sse2.ShuffleLow(s.AsInt16(), 3).AsInt32());
        Sse2.Store(p + 152, Sse2.ShuffleHigh(s.AsInt16(), 3).AsInt32());
        p[160] = Sse41.Extract(s, 2) + Sse2.ConvertToInt32(s) + Sse2.Extract(s.AsUInt16(), 3);
        q[90] = Sse41.X64.Extract(s.AsInt64(), 1) + Sse2.X64.ConvertToInt64(s.AsInt64());
        Sse2.Store(p + 200, Sse41.Insert(s, p[161], 2));
        Sse2.Store(q + 110, Sse41.X64.Insert(s.AsInt64(), q[5], 1));
        Sse2.Store(q + 112, Sse2.ConvertScalarToVector128Int32(p[3]).AsInt64());
        Sse2.Store(q + 114, Sse2.X64.ConvertScalarToVector128Int64(q[3]));
        p[170] = Sse.MoveMask(s.AsSingle()) + Sse2.MoveMask(s.AsDouble()) + Avx.MoveMask(a.AsSingle()) + Avx.MoveMask(a.AsDouble());
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Crypto(byte* p)
    {
        Vector128<byte> s = Sse2.LoadVector128(p);
        if (Aes.IsSupported)
        {
            s = Aes.Encrypt(s, Sse2.LoadVector128(p + 16));
            s = Aes.EncryptLast(s, Sse2.LoadVector128(p + 32));
            s = Aes.Decrypt(s, Sse2.LoadVector128(p + 48));
            s = Aes.DecryptLast(s, Sse2.LoadVector128(p + 64));
            s = Aes.KeygenAssist(Aes.InverseMixColumns(s), 3);
        }

        if (Pclmulqdq.IsSupported)
        {
            s ^= Pclmulqdq.CarrylessMultiply(s.AsUInt64(), s.AsUInt64(), 0x11).AsByte();
        }

        if (Avx512BW.IsSupported)
        {
            Vector512<byte> a = Vector512.Load(p) + Vector512.Load(p + 64);
            Vector512.Store(a, p);
            s ^= a.GetLower().GetLower();
        }

        Sse2.Store(p, s);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Multiplies(float* p)
    {
        Vector128<float>* s = (Vector128<float>*)p;
        Vector256<float>* w = (Vector256<float>*)p;
        s[0] = Vector128.FusedMultiplyAdd(s[1], s[2], s[3]);
        s[4] = Vector128.FusedMultiplyAdd(-s[1], s[2], s[3]);
        s[5] = Vector128.FusedMultiplyAdd(s[1], s[2], -s[3]);
        s[6] = Vector128.FusedMultiplyAdd(-s[1], s[2], -s[3]);
        w[4] = Vector256.FusedMultiplyAdd(w[5], w[6], w[7]);
        w[8] = Vector256.FusedMultiplyAdd(-w[5], w[6], w[7]);
        w[9] = Vector256.FusedMultiplyAdd(w[5], w[6], -w[7]);
        w[10] = Vector256.FusedMultiplyAdd(-w[5], w[6], -w[7]);
        Vector256<float> sum = w[11];
        Vector128<float> small = s[30];
        for (int n = 0; n < 4; n++)
        {
            sum = Vector256.FusedMultiplyAdd(w[n], w[n + 1], sum);
            small = Vector128.FusedMultiplyAdd(s[n], small, s[n + 1]);
        }

        w[12] = sum;
        s[28] = small;
        p[200] = float.FusedMultiplyAdd(p[201], p[202], p[203]);
        p[204] = float.FusedMultiplyAdd(-p[201], p[202], p[203]);
        p[205] = float.FusedMultiplyAdd(p[201], p[202], -p[203]);
        p[206] = float.FusedMultiplyAdd(-p[201], p[202], -p[203]);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Multiplies(double* p)
    {
        Vector128<double>* s = (Vector128<double>*)p;
        Vector256<double>* w = (Vector256<double>*)p;
        s[0] = Vector128.FusedMultiplyAdd(s[1], s[2], s[3]);
        s[4] = Vector128.FusedMultiplyAdd(-s[1], s[2], s[3]);
        s[5] = Vector128.FusedMultiplyAdd(s[1], s[2], -s[3]);
        s[6] = Vector128.FusedMultiplyAdd(-s[1], s[2], -s[3]);
        w[4] = Vector256.FusedMultiplyAdd(w[5], w[6], w[7]);
        w[8] = Vector256.FusedMultiplyAdd(-w[5], w[6], w[7]);
        w[9] = Vector256.FusedMultiplyAdd(w[5], w[6], -w[7]);
        w[10] = Vector256.FusedMultiplyAdd(-w[5], w[6], -w[7]);
        Vector256<double> sum = w[11];
        Vector128<double> small = s[30];
        for (int n = 0; n < 4; n++)
        {
            sum = Vector256.FusedMultiplyAdd(w[n], w[n + 1], sum);
            small = Vector128.FusedMultiplyAdd(s[n], small, s[n + 1]);
        }

        w[12] = sum;
        s[28] = small;
        p[200] = double.FusedMultiplyAdd(p[201], p[202], p[203]);
        p[204] = double.FusedMultiplyAdd(-p[201], p[202], p[203]);
        p[205] = double.FusedMultiplyAdd(p[201], p[202], -p[203]);
        p[206] = double.FusedMultiplyAdd(-p[201], p[202], -p[203]);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Scalars(float* f, double* d)
    {
        for (int n = 0; n < 9; n++)
        {
            f[n] = float.MultiplyAddEstimate(f[n], f[n + 1], f[n + 2]) + (f[n] > f[n + 4] ? f[n] : f[n + 3]);
            d[n] = double.MultiplyAddEstimate(d[n], d[n + 1], d[n + 2]) + (d[n] > d[n + 4] ? d[n] : d[n + 3]);
            f[n + 20] = float.MinNative(f[n], f[1]) + float.MaxNative(f[2], f[n]);
            d[n + 20] = double.MinNative(d[n], d[1]) + double.MaxNative(d[2], d[n]);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Widen(long* p)
    {
        Spread((byte*)p, (ushort*)(p + 20), (uint*)(p + 40), (ulong*)(p + 60));
        Spread((sbyte*)p, (short*)(p + 20), (int*)(p + 40), p + 60);
        return p[0];
    }

    private static void Spread(byte* b, ushort* w, uint* d, ulong* q)
    {
        Vector128.Store(Vector128.WidenLower(Vector128.Load(b)) + Vector128.WidenUpper(Vector128.Load(b)), w);
        Vector128.Store(Vector128.WidenLower(Vector128.Load(w)) + Vector128.WidenUpper(Vector128.Load(w)), d);
        Vector128.Store(Vector128.WidenLower(Vector128.Load(d)) + Vector128.WidenUpper(Vector128.Load(d)), q);
        Vector256.Store(Vector256.WidenLower(Vector256.Load(b)) + Vector256.WidenUpper(Vector256.Load(b)), w);
        Vector256.Store(Vector256.WidenLower(Vector256.Load(w)) + Vector256.WidenUpper(Vector256.Load(w)), d);
        Vector256.Store(Vector256.WidenLower(Vector256.Load(d)) + Vector256.WidenUpper(Vector256.Load(d)), q);
        Vector128.Store(Vector128.Narrow(Vector128.Load(w), Vector128.Load(w + 8)), b);
        Vector128.Store(Vector128.Narrow(Vector128.Load(d), Vector128.Load(d + 8)), w);
        Vector128.Store(Vector128.Narrow(Vector128.Load(q), Vector128.Load(q + 8)), d);
        Vector256.Store(Vector256.Narrow(Vector256.Load(d), Vector256.Load(d + 8)), w);
        Vector256.Store(Vector256.Narrow(Vector256.Load(q), Vector256.Load(q + 8)), d);
        Vector128.Store(Vector128.NarrowWithSaturation(Vector128.Load(w), Vector128.Load(w + 8)), b);
        Vector128.Store(Vector128.NarrowWithSaturation(Vector128.Load(d), Vector128.Load(d + 8)), w);
    }

    private static void Spread(sbyte* b, short* w, int* d, long* q)
    {
        Vector128.Store(Vector128.WidenLower(Vector128.Load(b)) + Vector128.WidenUpper(Vector128.Load(b)), w);
        Vector128.Store(Vector128.WidenLower(Vector128.Load(w)) + Vector128.WidenUpper(Vector128.Load(w)), d);
        Vector128.Store(Vector128.WidenLower(Vector128.Load(d)) + Vector128.WidenUpper(Vector128.Load(d)), q);
        Vector256.Store(Vector256.WidenLower(Vector256.Load(b)) + Vector256.WidenUpper(Vector256.Load(b)), w);
        Vector256.Store(Vector256.WidenLower(Vector256.Load(w)) + Vector256.WidenUpper(Vector256.Load(w)), d);
        Vector256.Store(Vector256.WidenLower(Vector256.Load(d)) + Vector256.WidenUpper(Vector256.Load(d)), q);
        Vector128.Store(Vector128.NarrowWithSaturation(Vector128.Load(w), Vector128.Load(w + 8)), b);
        Vector128.Store(Vector128.NarrowWithSaturation(Vector128.Load(d), Vector128.Load(d + 8)), w);
        Vector256.Store(Vector256.NarrowWithSaturation(Vector256.Load(w), Vector256.Load(w + 8)), b);
        Vector256.Store(Vector256.NarrowWithSaturation(Vector256.Load(d), Vector256.Load(d + 8)), w);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Convert(long* p)
    {
        float* f = (float*)p;
        double* d = (double*)p;
        Vector128.Store(Vector128.ConvertToSingle(Vector128.Load((int*)p)), f + 9);
        Vector128.Store(Vector128.ConvertToInt32(Vector128.Load(f)), (int*)p + 19);
        Vector128.Store(Vector128.ConvertToInt32Native(Vector128.Load(f + 2)), (int*)p + 29);
        Vector256.Store(Vector256.ConvertToInt32Native(Vector256.Load(f + 2)), (int*)p + 29);
        Vector256.Store(Vector256.ConvertToDouble(Vector256.Load(p)), d + 33);
        Vector128.Store(Vector128.WidenLower(Vector128.Load(f)) + Vector128.WidenUpper(Vector128.Load(f)), d + 43);
        Vector256.Store(Vector256.WidenLower(Vector256.Load(f)) + Vector256.WidenUpper(Vector256.Load(f)), d + 53);
        Vector128.Store(Vector128.Narrow(Vector128.Load(d), Vector128.Load(d + 8)), f + 3);
        Vector256.Store(Vector256.Narrow(Vector256.Load(d), Vector256.Load(d + 8)), f + 3);
        Vector128.Store(Vector128.Round(Vector128.Load(d)) + Vector128.Truncate(Vector128.Load(d + 8)), d + 3);
        Vector256.Store(Avx.ConvertToVector256Double(Vector128.Load((int*)p)), d + 60);
        Vector128.Store(Avx.ConvertToVector128Int32WithTruncation(Vector256.Load(d)), (int*)p + 90);
        Vector256.Store(Avx2.ShiftRightArithmeticVariable(Vector256.Load((int*)p), Vector256.Load((uint*)p)), (int*)p);
        Vector256.Store(Avx2.ShiftLeftLogicalVariable(Vector256.Load(p), Vector256.Load((ulong*)p)), p);
        Vector256.Store(Avx2.ShiftRightLogicalVariable(Vector256.Load(p), Vector256.Load((ulong*)p)), p);
        Vector256.Store(Avx.Shuffle(Vector256.Load(f), Vector256.Load(f + 8), 0x1b), f);
        Vector256.Store(Avx.Blend(Vector256.Load(f), Vector256.Load(f + 8), 0x1b), f);
        Vector256.Store(Avx2.UnpackLow(Vector256.Load(p), Vector256.Load(p + 8)) + Avx2.UnpackHigh(Vector256.Load(p), Vector256.Load(p + 8)), p);
        Vector256.Store(Avx2.UnpackLow(Vector256.Load((int*)p), Vector256.Load((int*)p + 8))
            + Avx2.UnpackHigh(Vector256.Load((int*)p), Vector256.Load((int*)p)), (int*)p);
        Vector256.Store(Avx2.UnpackLow(Vector256.Load((short*)p), Vector256.Load((short*)p + 8))
            + Avx2.UnpackHigh(Vector256.Load((short*)p), Vector256.Load((short*)p)), (short*)p);
        Vector256.Store(Avx2.MultiplyHigh(Vector256.Load((short*)p), Vector256.Load((short*)p + 8)), (short*)p);
        Vector256.Store(Avx2.MultiplyHigh(Vector256.Load((ushort*)p), Vector256.Load((ushort*)p + 8)), (ushort*)p);
        Vector256.Store(Avx2.MultiplyAddAdjacent(Vector256.Load((short*)p), Vector256.Load((short*)p + 8)), (int*)p);
        Vector256.Store(Avx2.ShuffleLow(Vector256.Load((short*)p), 9) + Avx2.ShuffleHigh(Vector256.Load((short*)p), 7), (short*)p);
        Vector256.Store(Avx2.Sign(Vector256.Load((int*)p), Vector256.Load((int*)p + 4))
            + Avx2.HorizontalSubtract(Vector256.Load((int*)p), Vector256.Load((int*)p + 4)), (int*)p);
        Vector256.Store(Avx2.GatherVector256(p, Vector128.Load((int*)p), 8) + Avx2.GatherVector256(p, Vector256.Load(p), 8), p);
        Vector256.Store(Avx2.Average(Vector256.Load((ushort*)p), Vector256.Load((ushort*)p + 8)), (ushort*)p);
        Vector256.Store(Avx2.PackUnsignedSaturate(Vector256.Load((short*)p), Vector256.Load((short*)p + 8)), (byte*)p);
        Vector256.Store(Avx2.PackSignedSaturate(Vector256.Load((short*)p), Vector256.Load((short*)p + 8)), (sbyte*)p);
        Vector256.Store(Avx.Permute2x128(Vector256.Load(d), Vector256.Load(d + 8), 1), d);
        Vector256.Store(Avx.Permute(Vector256.Load(d), 1) + Avx.PermuteVar(Vector256.Load(d), Vector256.Load(p)), d);
        Vector256.Store(Avx.Permute(Vector256.Load(f), 1) + Avx.PermuteVar(Vector256.Load(f), Vector256.Load((int*)p)), f);
        Vector256.Store(Avx2.PermuteVar8x32(Vector256.Load(f), Vector256.Load((int*)p)), f);
        Vector256.Store(Avx.HorizontalAdd(Vector256.Load(f), Vector256.Load(f)) + Avx.DuplicateOddIndexed(Vector256.Load(f))
            + Avx.DuplicateEvenIndexed(Vector256.Load(f)), f);
        return (long)Sse41.MinHorizontal(Vector128.Load((ushort*)p)).ToScalar() + Sse41.Extract(Vector128.Load(f), 2).GetHashCode();
    }
}
