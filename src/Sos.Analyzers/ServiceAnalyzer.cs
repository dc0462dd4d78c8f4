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
                OperationInspector inspector = new(method);
                foreach (IOperation operation in block.OperationBlocks)
                {
                    inspector.Inspect(operation);
                }

                methods[method.OriginalDefinition] = inspector.Facts;
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
            if (Implements(method.ContainingType, service) && seen.Add(method))
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

    private static bool Implements(INamedTypeSymbol? type, INamedTypeSymbol service)
    {
        for (; type is not null; type = type.ContainingType)
        {
            foreach (INamedTypeSymbol candidate in type.AllInterfaces)
            {
                if (SymbolEqualityComparer.Default.Equals(candidate, service))
                {
                    return true;
                }
            }
        }

        return false;
    }
}

/// <summary>What was seen in one method.</summary>
internal sealed class MethodFacts
{
    public List<Diagnostic> Diagnostics { get; } = new();

    public List<IMethodSymbol> Calls { get; } = new();
}
