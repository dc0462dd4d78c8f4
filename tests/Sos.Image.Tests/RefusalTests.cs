using System.Linq;
using Sos.Image.Building;
using Xunit;

namespace Sos.Image.Tests;

/// <summary>Services that C# can express and that must be refused, each with its id, its method and the way to it.</summary>
[Collection("BadServices")]
public sealed class RefusalTests(BadServicesFixture services)
{
    [Theory]
    [InlineData("bad_allocation", DiagnosticIds.Allocation, "BadServices.Bad.Allocate", "Bad.cs", "new byte[size]")]
    [InlineData("bad_boxing", DiagnosticIds.Allocation, "BadServices.Bad.Box", "Bad.cs", "object Box(long value) => value")]
    [InlineData("bad_lock", DiagnosticIds.Lock, "BadServices.Bad.Locking", "Bad.cs", "Monitor.Enter")]
    [InlineData("bad_static_constructor", DiagnosticIds.LazyStaticConstructor, "BadServices.Bad.StaticConstructor", "Bad.cs",
        "LazyTable.Seed;")]
    [InlineData("bad_write_barrier", DiagnosticIds.WriteBarrier, "BadServices.Bad.Store", "Bad.cs", "where = what")]
    [InlineData("bad_interface_dispatch", DiagnosticIds.InterfaceDispatch, "BadServices.Bad.AreaOf", "Bad.cs", "shape.Area()")]
    [InlineData("bad_virtual_call", DiagnosticIds.IndirectCall, "BadServices.Bad.LegsOf", "Bad.cs", "animal.Legs()")]
    [InlineData("bad_function_pointer", DiagnosticIds.IndirectCall, "BadServices.Bad.FunctionPointer", "Bad.cs",
        "delegate*<long, long>")]
    [InlineData("bad_function_address", DiagnosticIds.FunctionPointer, "BadServices.Bad.AddressOfOpaque", "Bad.cs", "&Opaque")]
    [InlineData("bad_throw", DiagnosticIds.Throw, "BadServices.Bad.Throwing", "Bad.cs", "throw new")]
    [InlineData("bad_catch", DiagnosticIds.ExceptionHandler, "BadServices.Bad.Catching", "Bad.cs", "")]
    [InlineData("bad_pinvoke", DiagnosticIds.PInvoke, "BadServices.Bad.PInvoke", "Bad.cs", "GetProcessId()")]
    [InlineData("bad_runtime", DiagnosticIds.UnknownExternal, "BadServices.Bad.AskRuntime", "Bad.cs", "GC.MaxGeneration")]
    [InlineData("bad_thread_static", DiagnosticIds.ThreadStatic, "BadServices.Bad.ThreadStatic", "Bad.cs", "ThreadLocals.Value")]
    [InlineData("bad_reference_static", DiagnosticIds.ReferenceStatic, "BadServices.Bad.ReferenceStatic", "Bad.cs",
        "last = References.Last")]
    [InlineData("bad_cast", DiagnosticIds.TypeCast, "BadServices.Bad.Cast", "Bad.cs", "(IShape)value")]
    [InlineData("bad_recursion", DiagnosticIds.Recursion, "BadServices.Bad", "Bad.cs", "value <= 0")]
    [InlineData("bad_deep_stack", DiagnosticIds.StackTooDeep, "BadServices.Bad.DeepStack", "Bad.cs", "")]
    [InlineData("bad_dynamic_stack", DiagnosticIds.StackUnknown, "BadServices.Bad.DynamicStack", "Bad.cs",
        "stackalloc byte[(int)*p]")]
    public void ABadServiceIsRefusedByIdMethodAndLine(string entry, string id, string method, string file, string line)
    {
        BuiltImage built = services.Build(entry);

        ImageDiagnostic diagnostic = Assert.Single(built.Diagnostics, d => d.Id == id);
        Assert.StartsWith(method, diagnostic.Method, System.StringComparison.Ordinal);
        Assert.EndsWith(file, diagnostic.File, System.StringComparison.Ordinal);
        if (line.Length != 0)
        {
            Assert.Contains(line, System.IO.File.ReadAllLines(diagnostic.File!)[diagnostic.Line - 1],
                System.StringComparison.Ordinal);
        }
    }

    [Fact]
    public void ThePathFromTheEntryIsNamed()
    {
        ImageDiagnostic diagnostic = services.Build("bad_allocation").Diagnostics.First(d => d.Id == DiagnosticIds.Allocation);

        Assert.Equal(["BadServices.Bad.Allocation", "BadServices.Bad.Allocate"], diagnostic.CallPath.ToArray());
        Assert.Matches(@"^.*Bad\.cs\(\d+\): error SOS1001: .* in BadServices\.Bad\.Allocate \[reached through .*\]\. Instead: .+$",
            diagnostic.ToCanonicalString("x"));
    }

    [Fact]
    public void AStaticConstructorNamesItsType() => Assert.Contains(
        "BadServices.LazyTable", services.Build("bad_static_constructor").Diagnostics.First(d =>
            d.Id == DiagnosticIds.LazyStaticConstructor).Message,
        System.StringComparison.Ordinal);

    [Theory]
    [InlineData("bad_allocation", "memory is allocated on the heap (new byte[])")]
    [InlineData("bad_boxing", "memory is allocated on the heap (long is boxed)")]
    [InlineData("bad_throw", "memory is allocated on the heap (new System.InvalidOperationException)")]
    [InlineData("bad_interface_dispatch", "an interface method of an object is called (BadServices.IShape.Area)")]
    [InlineData("bad_pinvoke", "a native function is called (getpid)")]
    [InlineData("bad_deep_stack", "of them here; SosStackSize is 65536")]
    public void TheMessageIsInTheAuthorsWords(string entry, string message) => Assert.Contains(
        services.Build(entry).Diagnostics, d => d.Message.Contains(message, System.StringComparison.Ordinal));

    [Fact]
    public void ALineThatBreaksManyRulesInTheCoreLibraryIsToldOnce()
    {
        BuiltImage built = services.Build("bad_string_format");

        ImageDiagnostic diagnostic = Assert.Single(built.Diagnostics);
        Assert.EndsWith("Bad.cs", diagnostic.File, System.StringComparison.Ordinal);
        Assert.Equal(DiagnosticIds.Allocation, diagnostic.Id);
        Assert.Contains("what this line calls also breaks SOS1002, SOS1003", diagnostic.Message, System.StringComparison.Ordinal);
        Assert.StartsWith("BadServices.Bad.StringFormat", diagnostic.CallPath[0], System.StringComparison.Ordinal);
    }

    [Fact]
    public void TheDeepestWayIsTheCallPathOfAStackThatIsTooSmall() => Assert.Contains(
        "BadServices.Bad.DeepStack",
        Assert.Single(services.Build("bad_deep_stack").Diagnostics, d => d.Id == DiagnosticIds.StackTooDeep).CallPath);

    [Fact]
    public void AnImageOverItsLimitIsRefused()
    {
        Assert.Single(services.Build("good_mixture", maxImageSize: 4096).Diagnostics, d => d.Id == DiagnosticIds.TooLarge);
        Assert.Empty(services.Build("good_mixture", maxImageSize: 128 << 10).Diagnostics);
    }

    [Fact]
    public void AMissingEntryIsRefused() =>
        Assert.Equal(DiagnosticIds.NoEntry, Assert.Single(services.Build("no_such_entry").Diagnostics).Id);

    [Theory]
    [InlineData("good_mixture")]
    [InlineData("good_large_copy")]
    [InlineData("good_bounds_check")]
    [InlineData("good_notify")]
    [InlineData("good_instruction_sets")]
    public void AGoodServiceIsAccepted(string entry) =>
        Assert.Empty(services.Build(entry).Diagnostics.Select(d => d.ToCanonicalString(entry)));
}
