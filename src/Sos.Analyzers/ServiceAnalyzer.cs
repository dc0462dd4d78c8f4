using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Diagnostics;

namespace Sos.Analyzers;

/// <summary>
/// Looks at what the types that implement <c>Sos.Sdk.Services.IService</c> reach by direct calls within their project. It
/// warns; the verifier, which sees the machine code, decides.
/// </summary>
[DiagnosticAnalyzer(LanguageNames.CSharp)]
public sealed class ServiceAnalyzer : DiagnosticAnalyzer
{
    private const string ServiceInterface = "Sos.Sdk.Services.IService";

    /// <inheritdoc/>
    public override ImmutableArray<DiagnosticDescriptor> SupportedDiagnostics => Rules.All;

    /// <inheritdoc/>
    public override void Initialize(AnalysisContext context)
    {
        context.ConfigureGeneratedCodeAnalysis(GeneratedCodeAnalysisFlags.None);
        context.EnableConcurrentExecution();
        context.RegisterCompilationStartAction(Start);
    }

    private static void Start(CompilationStartAnalysisContext context)
    {
        INamedTypeSymbol? service = context.Compilation.GetTypeByMetadataName(ServiceInterface);
        if (service is null)
        {
            return;
        }

        ConcurrentDictionary<IMethodSymbol, MethodFacts> methods = new(SymbolEqualityComparer.Default);
        context.RegisterOperationBlockAction(block =>
        {
            if (block.OwningSymbol is IMethodSymbol method)
            {
                OperationInspector.Inspect(method, block.OperationBlocks, methods);
            }
        });
        context.RegisterCompilationEndAction(end => Report(end, service, methods));
    }

    private static void Report(
        CompilationAnalysisContext context, INamedTypeSymbol service, ConcurrentDictionary<IMethodSymbol, MethodFacts> methods)
    {
        Queue<IMethodSymbol> queue = new();
        HashSet<ISymbol> seen = new(SymbolEqualityComparer.Default);
        foreach (IMethodSymbol method in methods.Keys)
        {
            if (ImplementsMember(method, service) && seen.Add(method))
            {
                queue.Enqueue(method);
            }
        }

        while (queue.Count > 0)
        {
            IMethodSymbol method = queue.Dequeue();
            if (!methods.TryGetValue(method, out MethodFacts facts))
            {
                continue;
            }

            if (CallsItself(method, methods))
            {
                context.ReportDiagnostic(Diagnostic.Create(Rules.Recursion, method.Locations[0], method.Name));
            }

            foreach (Diagnostic diagnostic in facts.Diagnostics)
            {
                context.ReportDiagnostic(diagnostic);
            }

            foreach (IMethodSymbol called in facts.Calls)
            {
                if (seen.Add(called.OriginalDefinition))
                {
                    queue.Enqueue(called.OriginalDefinition);
                }
            }
        }
    }

    private static bool CallsItself(IMethodSymbol method, ConcurrentDictionary<IMethodSymbol, MethodFacts> methods)
    {
        HashSet<ISymbol> seen = new(SymbolEqualityComparer.Default);
        Stack<IMethodSymbol> open = new();
        open.Push(method);
        while (open.Count > 0)
        {
            if (!methods.TryGetValue(open.Pop(), out MethodFacts facts))
            {
                continue;
            }

            foreach (IMethodSymbol called in facts.Calls)
            {
                if (SymbolEqualityComparer.Default.Equals(called.OriginalDefinition, method))
                {
                    return true;
                }

                if (seen.Add(called.OriginalDefinition))
                {
                    open.Push(called.OriginalDefinition);
                }
            }
        }

        return false;
    }

    /// <summary>Whether a method is what a service is called by; its other methods count when something calls them.</summary>
    private static bool ImplementsMember(IMethodSymbol method, INamedTypeSymbol service)
    {
        if (method.ContainingType is not { } type || !type.AllInterfaces.Contains(service, SymbolEqualityComparer.Default))
        {
            return false;
        }

        foreach (ISymbol member in service.GetMembers())
        {
            if (SymbolEqualityComparer.Default.Equals(type.FindImplementationForInterfaceMember(member)?.OriginalDefinition, method))
            {
                return true;
            }
        }

        return false;
    }
}

/// <summary>The facts of one method: what it may not do, and what it calls.</summary>
internal sealed class MethodFacts
{
    public List<Diagnostic> Diagnostics { get; } = new();

    public List<IMethodSymbol> Calls { get; } = new();
}
