using System.Collections.Generic;

namespace Sos.Image;

/// <summary>Says in a few words how an author mends what was refused; docs/verifier has a section for each id.</summary>
public static class DiagnosticAdvice
{
    /// <summary>The page with a section for each id, relative to the folder of the documents.</summary>
    public const string Page = "verifier/README.md";

    private const string Damaged = "build the image again from its sources";
    private const string Compiled = "it does not come from C#: report it with the service's source, or leave out what the method calls";

    private static readonly Dictionary<string, string> Texts = new()
    {
        [DiagnosticIds.Allocation] = "use structs, stackalloc and \"...\"u8 literals, and take memory from the arena in Initialize",
        [DiagnosticIds.Lock] = "a service has one context and needs none; share with Linux through counters, rings and tables",
        [DiagnosticIds.LazyStaticConstructor] = "use a constant, a ReadOnlySpan<T> literal, or compute the value in Initialize into the arena",
        [DiagnosticIds.WriteBarrier] = "hold structs and pointers in fields, not references",
        [DiagnosticIds.InterfaceDispatch] = "make the callee a struct and the caller generic (where T : struct, IThing)",
        [DiagnosticIds.IndirectCall] = "make the callee a struct and the caller generic (where T : struct, IThing)",
        [DiagnosticIds.Throw] = "return an error, or end the service with Trap.Raise",
        [DiagnosticIds.ExceptionHandler] = "return errors; a using or a foreach over an enumerator with Dispose has a finally block, too",
        [DiagnosticIds.PInvoke] = "ask the SDK's Gate and Tsc; what needs the system belongs on Linux's side",
        [DiagnosticIds.UnknownExternal] = "call something simpler that needs no runtime, or write it out",
        [DiagnosticIds.ThreadStatic] = "use a field of the service",
        [DiagnosticIds.ReferenceStatic] = "use a field of the service, or a ReadOnlySpan<T> literal for a constant table",
        [DiagnosticIds.TypeCast] = "use generics in place of casts between reference types",
        [DiagnosticIds.FunctionPointer] = "call the method directly, or through a generic parameter constrained to struct",
        [DiagnosticIds.NoEntry] = "name a struct that implements IService in the property SosService",
        [DiagnosticIds.SystemCall] = Compiled,
        [DiagnosticIds.Privileged] = "do without the intrinsic that makes it; what a service may use is listed in InstructionRules",
        [DiagnosticIds.FarOrSegment] = Compiled,
        [DiagnosticIds.Undecodable] = Compiled,
        [DiagnosticIds.OutOfCode] = Compiled,
        [DiagnosticIds.Overlap] = Compiled,
        [DiagnosticIds.IndirectJump] = "write the switch as if and else, or look the value up in a span",
        [DiagnosticIds.UnreachedCode] = Damaged,
        [DiagnosticIds.WritableCode] = Damaged,
        [DiagnosticIds.TooLarge] = "raise SosMaxImageSize, or leave something out",
        [DiagnosticIds.Recursion] = "use a loop, with a stack in the arena where one is needed",
        [DiagnosticIds.StackTooDeep] = "raise SosStackSize, or take large buffers from the arena",
        [DiagnosticIds.StackUnknown] = "give stackalloc a constant size of at most a page, or take the memory from the arena",
        [DiagnosticIds.Malformed] = Damaged,
        [DiagnosticIds.CallerState] = Compiled,
        [DiagnosticIds.FormNotAllowed] = "do without the intrinsic that makes it; what a service may use is listed in Sos.Image's Verification/Forms",
        [DiagnosticIds.TooComplex] = "mend what else is refused; if nothing is, make methods that call each other of a large one",
    };

    /// <summary>Returns the advice for an id; empty where there is none.</summary>
    public static string For(string id) => Texts.GetValueOrDefault(id, "");
}
