using System;

namespace Sos.Image.Building;

/// <summary>The builder's treatment of a symbol that code refers to.</summary>
internal enum SymbolAction
{
    /// <summary>Ordinary: followed.</summary>
    Follow,

    /// <summary>The builder brings it itself.</summary>
    Provide,

    /// <summary>Ends the service: becomes a trap under its own name.</summary>
    Trap,

    /// <summary>A type's method table: only its identity is kept, nothing that it refers to.</summary>
    TypeIdentity,

    /// <summary>A service may not use it.</summary>
    Refuse,
}

/// <summary>Knows ILC's names of helpers, and which of them have no place in a service.</summary>
internal static class SymbolPolicy
{
    /// <summary>Bytes of a method table that are kept: flags, base size, related type, counts, hash. Enough to compare
    /// types.</summary>
    public const int TypeIdentitySize = 24;

    private const string CoreLib = "S_P_CoreLib_";
    private const string ClassConstructorRunner = CoreLib + "System_Runtime_CompilerServices_ClassConstructorRunner__";

    /// <summary>Decides on a symbol; for a refusal, <paramref name="diagnostic"/> is the id and <paramref name="subject"/> what
    /// to name.</summary>
    public static SymbolAction Decide(string name, bool defined, out string diagnostic, out string subject)
    {
        diagnostic = "";
        subject = name;
        if (defined ? RuntimeStubs.Replaces(name) : RuntimeStubs.Create(name) is not null)
        {
            return SymbolAction.Provide;
        }

        if (name is "RhpFallbackFailFast" or "RhpGcPoll" || IsThrowHelper(name))
        {
            return SymbolAction.Trap;
        }

        if (name.StartsWith("_ZTV", StringComparison.Ordinal))
        {
            return SymbolAction.TypeIdentity;
        }

        // What no object file defines is the runtime's, or a native function that the author declared.
        diagnostic = Refusal(name, ref subject)
            ?? (defined ? "" : IsRuntimes(name) ? DiagnosticIds.UnknownExternal : DiagnosticIds.PInvoke);
        return diagnostic.Length == 0 ? SymbolAction.Follow : SymbolAction.Refuse;
    }

    private static string? Refusal(string name, ref string subject)
    {
        foreach (string prefix in (ReadOnlySpan<string>)["__GetNonGCStaticBase_", "__GetGCStaticBase_", "__GetThreadStaticBase_"])
        {
            if (name.StartsWith(prefix, StringComparison.Ordinal))
            {
                subject = name[prefix.Length..];
                return prefix == "__GetThreadStaticBase_" ? DiagnosticIds.ThreadStatic : DiagnosticIds.LazyStaticConstructor;
            }
        }

        if (name.StartsWith("__GCSTATICS", StringComparison.Ordinal))
        {
            subject = name["__GCSTATICS".Length..];
            return DiagnosticIds.ReferenceStatic;
        }

        if (name.StartsWith(ClassConstructorRunner, StringComparison.Ordinal))
        {
            return DiagnosticIds.LazyStaticConstructor;
        }

        if (StartsWithAny(name, "RhpNew", "RhNew", "RhAllocate", "RhBox", "RhpGcSafeZeroMemory", "RhMemberwiseClone"))
        {
            return DiagnosticIds.Allocation;
        }

        if (StartsWithAny(name, CoreLib + "System_Threading_Monitor__", CoreLib + "System_Threading_Lock__",
            CoreLib + "System_Threading_WaitHandle__", CoreLib + "System_Threading_Thread__"))
        {
            return DiagnosticIds.Lock;
        }

        if (StartsWithAny(name, "RhpAssignRef", "RhpCheckedAssignRef", "RhpByRefAssignRef", "RhpCheckedXchg",
            "RhpCheckedLockCmpXchg",
            "RhBulkMoveWithWriteBarrier", "RhpBulkWriteBarrier"))
        {
            return DiagnosticIds.WriteBarrier;
        }

        if (StartsWithAny(name, "RhpInitialDynamicInterfaceDispatch", "RhpResolve", "RhpInterfaceDispatch",
            "RhpInitialInterfaceDispatch",
            "__InterfaceDispatchCell_", "RhpCidResolve", CoreLib + "System_Runtime_CachedInterfaceDispatch__"))
        {
            return DiagnosticIds.InterfaceDispatch;
        }

        if (StartsWithAny(name, "RhpThrowEx", "RhpRethrow", "RhpThrowHwEx", "RhpCallCatchFunclet", "RhpCallFinallyFunclet",
            "RhThrowEx", "RhRethrow"))
        {
            return DiagnosticIds.Throw;
        }

        if (StartsWithAny(name, "RhTypeCast_", "RhTypeCast", CoreLib + "System_Runtime_TypeCast__"))
        {
            return DiagnosticIds.TypeCast;
        }

        return StartsWithAny(name, "RhpPInvoke", "__pinvoke", "__imp_") ? DiagnosticIds.PInvoke
            : StartsWithAny(name, "tls_", "__tls_get_addr", "RhGetThreadStatic") ? DiagnosticIds.ThreadStatic
            : null;
    }

    private static bool IsRuntimes(string name) => StartsWithAny(name, "Rh", "__", "g_", CoreLib);

    /// <summary>
    /// Whether a method of the core library does nothing but throw: they are named Throw..., and those that first check are
    /// named ThrowIf...
    /// </summary>
    private static bool IsThrowHelper(string name)
    {
        if (StartsWithAny(name, CoreLib + "Internal_Runtime_CompilerHelpers_ThrowHelpers__",
            CoreLib + "System_Environment__FailFast",
            CoreLib + "System_RuntimeExceptionHelpers__FailFast", CoreLib + "System_Diagnostics_Debug__Fail", "RuntimeFailFast"))
        {
            return true;
        }

        if (!name.StartsWith("S_P_", StringComparison.Ordinal) && !name.StartsWith("System_", StringComparison.Ordinal))
        {
            return false;
        }

        int method = name.IndexOf("__Throw", StringComparison.Ordinal);
        if (method < 0 || name.AsSpan(method).StartsWith("__ThrowIf"))
        {
            return false;
        }

        // "__" also stands between a type's generic arguments: the method's name is what follows the last angle bracket's end.
        return name.AsSpan(0, method).Count('<') == name.AsSpan(0, method).Count('>');
    }

    private static bool StartsWithAny(string name, params ReadOnlySpan<string> prefixes)
    {
        foreach (string prefix in prefixes)
        {
            if (name.StartsWith(prefix, StringComparison.Ordinal))
            {
                return true;
            }
        }

        return false;
    }
}
