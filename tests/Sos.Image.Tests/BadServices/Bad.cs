using System;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Threading;

namespace BadServices;

public interface IShape
{
    long Area();
}

public sealed class Square(long side) : IShape
{
    public long Area() => side * side;
}

public sealed class Circle(long radius) : IShape
{
    public long Area() => 3 * radius * radius;
}

public abstract class Animal
{
    public abstract long Legs();
}

public sealed class Bird : Animal
{
    public override long Legs() => 2;
}

public sealed class Dog : Animal
{
    public override long Legs() => 4;
}

/// <summary>A table that ILC cannot evaluate when it compiles.</summary>
public static class LazyTable
{
    public static readonly long Seed = Environment.TickCount64;
}

public static class ThreadLocals
{
    [ThreadStatic]
    public static long Value;
}

public static class References
{
    public static object? Last;
}

public static unsafe class Bad
{
    [DllImport("*", EntryPoint = "getpid")]
    [SuppressGCTransition]
    private static extern int GetProcessId();

    [UnmanagedCallersOnly(EntryPoint = "bad_allocation")]
    public static long Allocation(long* p) => Allocate(*p).Length;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static byte[] Allocate(long size) => new byte[size];

    [UnmanagedCallersOnly(EntryPoint = "bad_boxing")]
    public static long Boxing(long* p) => Box(*p).GetHashCode();

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static object Box(long value) => value;

    [UnmanagedCallersOnly(EntryPoint = "bad_lock")]
    public static long Locking(long* p)
    {
        Monitor.Enter(typeof(Bad));
        return *p;
    }

    [UnmanagedCallersOnly(EntryPoint = "bad_static_constructor")]
    public static long StaticConstructor(long* p) => *p + LazyTable.Seed;

    [UnmanagedCallersOnly(EntryPoint = "bad_write_barrier")]
    public static long WriteBarrier(long* p)
    {
        Store(ref Unsafe.As<long, object?>(ref p[0]), Unsafe.As<long, object?>(ref p[1]));
        return 0;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Store(ref object? where, object? what) => where = what;

    [UnmanagedCallersOnly(EntryPoint = "bad_interface_dispatch")]
    public static long InterfaceDispatch(long* p) => AreaOf(Unsafe.As<long, IShape>(ref *p));

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long AreaOf(IShape shape) => shape.Area();

    [UnmanagedCallersOnly(EntryPoint = "bad_virtual_call")]
    public static long VirtualCall(long* p) => LegsOf(Unsafe.As<long, Animal>(ref *p));

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long LegsOf(Animal animal) => animal.Legs();

    [UnmanagedCallersOnly(EntryPoint = "bad_function_pointer")]
    public static long FunctionPointer(long* p) => ((delegate*<long, long>)p[0])(p[1]);

    [UnmanagedCallersOnly(EntryPoint = "bad_function_address")]
    public static long FunctionAddress(long* p) => AddressOfOpaque() - *p;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long AddressOfOpaque() => (long)(delegate*<long, long>)&Opaque;

    [UnmanagedCallersOnly(EntryPoint = "bad_throw")]
    public static long Throwing(long* p) => *p > 3 ? throw new InvalidOperationException() : *p;

    [UnmanagedCallersOnly(EntryPoint = "bad_catch")]
    public static long Catching(long* p)
    {
        try
        {
            return 100 / Opaque(*p);
        }
        catch (DivideByZeroException)
        {
            return -1;
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Opaque(long value) => value;

    [UnmanagedCallersOnly(EntryPoint = "bad_pinvoke")]
    public static long PInvoke(long* p) => GetProcessId();

    [UnmanagedCallersOnly(EntryPoint = "bad_runtime")]
    public static long Runtime(long* p) => AskRuntime() + *p;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long AskRuntime() => GC.MaxGeneration;

    [UnmanagedCallersOnly(EntryPoint = "bad_thread_static")]
    public static long ThreadStatic(long* p) => ++ThreadLocals.Value;

    [UnmanagedCallersOnly(EntryPoint = "bad_reference_static")]
    public static long ReferenceStatic(long* p)
    {
        object? last = References.Last;
        References.Last = Unsafe.As<long, object>(ref *p);
        return last is null ? 0 : 1;
    }

    [UnmanagedCallersOnly(EntryPoint = "bad_cast")]
    public static long Casting(long* p) => Cast(Unsafe.As<long, object>(ref *p)) is null ? 0 : 1;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static IShape? Cast(object value) => (IShape)value;

    [UnmanagedCallersOnly(EntryPoint = "bad_recursion")]
    public static long Recursion(long* p) => Odd(*p);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Odd(long value) => value <= 0 ? 0 : Even(value - 1) + 1;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Even(long value) => value <= 0 ? 1 : Odd(value - 1) + 2;

    [UnmanagedCallersOnly(EntryPoint = "bad_deep_stack")]
    public static long DeepStack(long* p)
    {
        Unsafe.SkipInit(out LargeBuffer buffer);
        return Fill(&buffer, *p);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Fill(LargeBuffer* buffer, long value) => ((byte*)buffer)[value] + value;

    [InlineArray(100_000)]
    private struct LargeBuffer
    {
        private byte _first;
    }

    [UnmanagedCallersOnly(EntryPoint = "bad_dynamic_stack")]
    public static long DynamicStack(long* p)
    {
        byte* buffer = stackalloc byte[(int)*p];
        buffer[0] = 1;
        return buffer[p[1]];
    }

    [UnmanagedCallersOnly(EntryPoint = "bad_string_format")]
    public static long StringFormat(long* p) => $"{*p:x} of {p[1]}".Length;
}
