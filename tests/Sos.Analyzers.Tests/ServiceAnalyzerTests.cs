using System;
using System.Collections.Immutable;
using System.IO;
using System.Linq;
using System.Threading.Tasks;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.Diagnostics;
using Sos.Sdk.Services;
using Xunit;

namespace Sos.Analyzers.Tests;

/// <summary>Each rule finds what it should in what a service reaches, and nothing elsewhere.</summary>
public sealed class ServiceAnalyzerTests
{
    private static readonly MetadataReference[] References =
    [
        .. ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator).Append(typeof(IService).Assembly.Location)
            .Distinct().Select(p => MetadataReference.CreateFromFile(p)),
    ];

    [Theory]
    [InlineData("new Thing();", "SOS0001")]
    [InlineData("_ = new int[3];", "SOS0001")]
    [InlineData("object o = now;", "SOS0001")]
    [InlineData("string s = $\"{now}\";", "SOS0001")]
    [InlineData("throw new System.Exception();", "SOS0002")]
    [InlineData("try { _x++; } finally { _x--; }", "SOS0002")]
    [InlineData("lock (typeof(Thing)) { }", "SOS0003")]
    [InlineData("_x = Lazy.Value;", "SOS0004")]
    [InlineData("Thing? t = null; t!.Virtual();", "SOS0005")]
    [InlineData("ulong n = now; System.Func<ulong> f = () => n;", "SOS0006")]
    [InlineData("Other.Allocate();", "SOS0001")]
    [InlineData("string s = now.ToString();", "SOS0001")]
    [InlineData("string s = string.Concat(\"a\", Other.Text);", "SOS0001")]
    [InlineData("_x = (ulong)System.Linq.Enumerable.Count(Other.Text);", "SOS0001")]
    [InlineData("var a = new { now };", "SOS0001")]
    [InlineData("var b = new Box(1) with { };", "SOS0001")]
    [InlineData("int[] a = [(int)now, 2];", "SOS0001")]
    [InlineData("using var d = new Disposable();", "SOS0002")]
    [InlineData("using (new Disposable()) { }", "SOS0002")]
    [InlineData("System.Threading.Monitor.Enter(Other.Text);", "SOS0003")]
    [InlineData("System.Threading.Thread.Sleep(1);", "SOS0003")]
    [InlineData("Other.Sum(null!);", "SOS0005")]
    [InlineData("unsafe { delegate*<ulong, ulong> f = null; _x = f(now); }", "SOS0005")]
    [InlineData("Other.Callback!(now);", "SOS0006")]
    [InlineData("Other.Even(3);", "SOS0008")]
    [InlineData("Other.Direct(3);", "SOS0008")]
    [InlineData("Other.OfThread++;", "SOS0009")]
    [InlineData("if (Other.Last is null) { _x = 1; }", "SOS0009")]
    [InlineData("_x = (ulong)Other.getpid();", "SOS0010")]
    [InlineData("_x = Other.Weight;", "SOS0001")]
    [InlineData("Other.Weight = now;", null)]
    [InlineData("_x = Other.Level;", null)]
    [InlineData("Other.Level = now;", "SOS0001")]
    [InlineData("Other.Level += now;", "SOS0001")]
    [InlineData("Other.Level++;", "SOS0001")]
    [InlineData("_x = (default(Money) + default(Money)).Cents;", "SOS0001")]
    [InlineData("_x = (ulong)nameof(Other.Allocate).Length;", null)]
    [InlineData("Own(now);", "SOS0005")]
    [InlineData("Again(3);", "SOS0008")]
    [InlineData("Local(); static void Local() => _ = new Thing();", "SOS0001")]
    [InlineData("_x = 1;\n#pragma warning disable CS8321\nstatic void Local() => _ = new Thing();", null)]
    [InlineData("_x = System.Threading.Interlocked.Increment(ref _x);", null)]
    [InlineData("_x = (ulong)Other.Squares[(int)(now & 3)];", null)]
    [InlineData("foreach (byte b in \"abc\"u8) { _x += b; }", null)]
    [InlineData("System.ArgumentOutOfRangeException.ThrowIfNegative((int)now);", null)]
    [InlineData("_x = now + 1;", null)]
    [InlineData("System.Span<byte> b = stackalloc byte[8]; b[0] = 1;", null)]
    [InlineData("System.ReadOnlySpan<byte> b = [1, 2, 3]; _x = b[0];", null)]
    [InlineData("const string s = \"a\" + \"b\"; _x = (ulong)s.Length;", null)]
    [InlineData("var p = new Pair(1, 2); _x = p.A;", null)]
    public async Task WhatAServiceReachesIsLookedAt(string body, string? expected)
    {
        ImmutableArray<Diagnostic> found = await AnalyzeAsync(body);

        Assert.Equal(expected is null ? [] : [expected], found.Select(d => d.Id).Distinct());
    }

    private static async Task<ImmutableArray<Diagnostic>> AnalyzeAsync(string body)
    {
        string source = $$"""
            #nullable enable
            using System.Runtime.CompilerServices;
            using Sos.Sdk.Services;
            public struct Service : IService
            {
                private ulong _x;
                public long Initialize(ref ServiceSetup setup) => 0;
                [MethodImpl(MethodImplOptions.NoInlining)]
                public void Poll(ulong now) { {{body}} }
                private static void Own(ulong now) { Thing? t = null; if (now == 7) { t!.Virtual(); } }
                private static int Again(int n) => n == 0 ? 0 : Again(n - 1);
                public override string ToString() => new Thing().ToString()!;
            }
            public class Thing { public virtual void Virtual() { } }
            public readonly record struct Pair(ulong A, ulong B);
            public record Box(int Value);
            public struct Money
            {
                public ulong Cents;
                public static Money operator +(Money left, Money right) { Other.Allocate(); return left; }
            }
            public struct Disposable : System.IDisposable { public void Dispose() { } }
            public static class Other
            {
                public const string Text = "text";
                public static readonly int[] Squares = [0, 1, 4, 9];
                public static object? Last;
                public static ulong Weight { get { Allocate(); return 1; } set { } }
                public static ulong Level { get => 1; set => Allocate(); }
                public static readonly System.Action<ulong>? Callback;
                [System.ThreadStatic] public static ulong OfThread;
                public static void Allocate() => _ = new Thing();
                public static ulong Sum(System.Collections.Generic.IEnumerable<ulong> all) { ulong sum = 0; foreach (ulong n in all) { sum += n; } return sum; }
                public static bool Even(int n) => n == 0 || Odd(n - 1);
                public static bool Odd(int n) => n != 0 && Even(n - 1);
                public static int Direct(int n) => n == 0 ? 0 : Direct(n - 1);
                [System.Runtime.InteropServices.DllImport("libc")] public static extern int getpid();
            }
            public static class Lazy { public static readonly ulong Value; static Lazy() { Value = 3; } }
            public static class NotReached { public static object Allocate() => new Thing(); }
            """;
        CSharpCompilation compilation = CSharpCompilation.Create(
            "test", [CSharpSyntaxTree.ParseText(source)], References,
            new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary, allowUnsafe: true));
        Assert.Empty(compilation.GetDiagnostics().Where(d => d.Severity == DiagnosticSeverity.Error));
        return await compilation.WithAnalyzers([new ServiceAnalyzer()]).GetAnalyzerDiagnosticsAsync();
    }
}
