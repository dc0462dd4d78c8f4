using System.Collections.Immutable;
using Microsoft.CodeAnalysis;

namespace Sos.Analyzers;

/// <summary>The rules, by id. Each is a rule of the verifier that can be seen in source code already.</summary>
public static class Rules
{
    /// <summary>Memory is allocated: new of a class, an array, a box, a string made at run time.</summary>
    public static readonly DiagnosticDescriptor Allocation =
        Create("SOS0001", "A service allocates no memory", "{0} allocates memory, which a service may not do", "SOS1001");

    /// <summary>An exception is thrown or caught.</summary>
    public static readonly DiagnosticDescriptor Exception =
        Create("SOS0002", "A service uses no exceptions", "{0}: there are no exceptions on a service core", "SOS1007");

    /// <summary>A lock is taken.</summary>
    public static readonly DiagnosticDescriptor Lock =
        Create("SOS0003", "A service takes no locks", "A lock is taken; a service core has a single context", "SOS1002");

    /// <summary>A type needs a static constructor.</summary>
    public static readonly DiagnosticDescriptor StaticConstructor = Create(
        "SOS0004", "A service has no static constructors", "'{0}' has a static constructor, which would run at first use",
            "SOS1003");

    /// <summary>A virtual or interface method of an object is called.</summary>
    public static readonly DiagnosticDescriptor VirtualCall = Create(
        "SOS0005", "A service makes no virtual calls",
            "The call of '{0}' is virtual; use a generic type parameter constrained to struct", "SOS1006");

    /// <summary>A delegate or lambda is made.</summary>
    public static readonly DiagnosticDescriptor Delegate = Create(
        "SOS0006", "A service makes no delegates", "A delegate is made, which allocates memory and is called indirectly",
            "SOS1014");

    /// <summary>A method is async or an iterator.</summary>
    public static readonly DiagnosticDescriptor StateMachine = Create(
        "SOS0007", "A service has no async methods and iterators", "'{0}' is async or an iterator, which allocates memory",
            "SOS1001");

    /// <summary>Methods call each other in a circle.</summary>
    public static readonly DiagnosticDescriptor Recursion = Create(
        "SOS0008", "A service does not recurse", "'{0}' calls itself, directly or through others; use a loop and a stack in the arena", "SOS1030");

    /// <summary>A thread-static field, or a static field that holds a reference that changes.</summary>
    public static readonly DiagnosticDescriptor StaticReference = Create(
        "SOS0009", "A service keeps its state in its struct", "The static field '{0}' needs the runtime; use a field of the service", "SOS1012");

    /// <summary>A native function is called.</summary>
    public static readonly DiagnosticDescriptor NativeCall = Create(
        "SOS0010", "A service calls no native functions", "'{0}' is a native function, which is not there; only Sos.Sdk's gate is", "SOS1009");

    /// <summary>The property SosService names nothing that can be a service. An error: there is nothing to make an image of.</summary>
    public static readonly DiagnosticDescriptor NoService = new(
        "SOS1015", "SosService names a struct that implements IService", "{0}", "Sos", DiagnosticSeverity.Error, true,
        "See docs/own-repository.md and docs/verifier.");

    /// <summary>All rules that warn.</summary>
    public static readonly ImmutableArray<DiagnosticDescriptor> All =
        ImmutableArray.Create(
            Allocation, Exception, Lock, StaticConstructor, VirtualCall, Delegate, StateMachine, Recursion, StaticReference, NativeCall);

    private static DiagnosticDescriptor Create(string id, string title, string message, string verifierId) => new(
        id, title, message, "Sos", DiagnosticSeverity.Warning, true,
        $"The verifier refuses what this leads to as {verifierId}; see docs/verifier.");
}
