using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Linq;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Operations;

namespace Sos.Analyzers;

/// <summary>Walks the operations of one method and collects what a service may not do.</summary>
internal sealed class OperationInspector
{
    private readonly IMethodSymbol _method;

    private readonly ConcurrentDictionary<IMethodSymbol, MethodFacts> _methods;

    private OperationInspector(IMethodSymbol method, ConcurrentDictionary<IMethodSymbol, MethodFacts> methods)
    {
        _method = method;
        _methods = methods;
        if (method.MethodKind == MethodKind.StaticConstructor)
        {
            return;
        }

        if (method.IsAsync)
        {
            Add(Rules.StateMachine, method.Locations.FirstOrDefault(), method.Name);
        }
    }

    private MethodFacts Facts { get; } = new();

    /// <summary>Adds the facts of a method, and of the local functions within it: they count when something calls them.</summary>
    public static void Inspect(IMethodSymbol method, IEnumerable<IOperation> blocks, ConcurrentDictionary<IMethodSymbol, MethodFacts> methods)
    {
        OperationInspector inspector = new(method, methods);
        foreach (IOperation operation in blocks)
        {
            inspector.Inspect(operation);
        }

        methods[method.OriginalDefinition] = inspector.Facts;
    }

    private void Inspect(IOperation operation)
    {
        // An attribute is made when it is looked for by reflection, not when the method runs; the operand of nameof never runs.
        if (operation is IAttributeOperation or INameOfOperation)
        {
            return;
        }

        if (operation is ILocalFunctionOperation local)
        {
            Inspect(local.Symbol, local.ChildOperations, _methods);
            return;
        }

        // What only a failing assertion or a throw evaluates does not count: a throw is reported itself.
        if (operation is IThrowOperation thrown)
        {
            Add(Rules.Exception, thrown.Syntax.GetLocation(), "A throw");
            return;
        }

        if (operation is IInvocationOperation { TargetMethod: { ContainingType: { Name: "Debug" }, Name: "Assert" } })
        {
            return;
        }

        Check(operation);
        AddCall(OperatorOf(operation));
        foreach (IOperation child in operation.ChildOperations)
        {
            Inspect(child);
        }
    }

    // The method behind an operator or a conversion that a type defines.
    private static IMethodSymbol? OperatorOf(IOperation operation) => operation switch
    {
        IBinaryOperation binary => binary.OperatorMethod,
        IUnaryOperation unary => unary.OperatorMethod,
        ICompoundAssignmentOperation compound => compound.OperatorMethod,
        IIncrementOrDecrementOperation step => step.OperatorMethod,
        IConversionOperation conversion => conversion.OperatorMethod,
        _ => null,
    };

    private void Check(IOperation operation)
    {
        Location location = operation.Syntax.GetLocation();
        switch (operation)
        {
            case IObjectCreationOperation { Type: { IsReferenceType: true } type }:
                Add(Rules.Allocation, location, "new " + type.Name);
                break;
            case IArrayCreationOperation array when !IsConstantSpan(array):
                Add(Rules.Allocation, location, "An array");
                break;
            case IConversionOperation conversion when IsBoxing(conversion):
                Add(Rules.Allocation, location, "Boxing");
                break;
            case IInterpolatedStringOperation text when !text.ConstantValue.HasValue:
            case IBinaryOperation
            {
                OperatorKind: BinaryOperatorKind.Add,
                Type: { SpecialType: SpecialType.System_String }
            } sum when !sum.ConstantValue.HasValue:
                Add(Rules.Allocation, location, "A string made at run time");
                break;
            case ITryOperation:
                Add(Rules.Exception, location, "A try block");
                break;
            case IUsingOperation or IUsingDeclarationOperation:
                Add(Rules.Exception, location, "A using (it has a finally block)");
                break;
            case IAnonymousObjectCreationOperation:
                Add(Rules.Allocation, location, "An object of an anonymous type");
                break;
            case IWithOperation { Type: { IsReferenceType: true } copied }:
                Add(Rules.Allocation, location, "A copy of " + copied.Name);
                break;
            case ICollectionExpressionOperation { Type: { IsReferenceType: true } } list when list.Elements.Length != 0:
                Add(Rules.Allocation, location, "A collection");
                break;
            case IForEachLoopOperation { Collection: var collection } when IsInterface(collection):
                Add(Rules.VirtualCall, collection.Syntax.GetLocation(), "GetEnumerator");
                break;
            case IFunctionPointerInvocationOperation:
                Add(Rules.VirtualCall, location, "a function pointer");
                break;
            case ILockOperation:
                Add(Rules.Lock, location);
                break;
            case IAnonymousFunctionOperation or IDelegateCreationOperation { Target: IMethodReferenceOperation }:
                Add(Rules.Delegate, location);
                break;
            case IReturnOperation { Kind: OperationKind.YieldReturn or OperationKind.YieldBreak }:
                Add(Rules.StateMachine, location, _method.Name);
                break;
            case IInvocationOperation call:
                Call(call.TargetMethod, call.Instance, call.IsVirtual, location);
                break;
            case IPropertyReferenceOperation property:
                Property(property, location);
                break;
            case IObjectCreationOperation { Constructor: { } constructor }:
                Facts.Calls.Add(constructor);
                break;
            case IFieldReferenceOperation { Field: { IsStatic: true, IsConst: false } field }:
                StaticField(field, location);
                break;
        }
    }

    private void Call(IMethodSymbol target, IOperation? instance, bool isVirtual, Location location)
    {
        Facts.Calls.Add(target);
        string space = target.ContainingType?.ContainingNamespace?.ToDisplayString() ?? "";
        if (target.MethodKind == MethodKind.DelegateInvoke)
        {
            Add(Rules.Delegate, location);
            return;
        }

        if (target.GetDllImportData() is not null && target.DeclaringSyntaxReferences.Length > 0)
        {
            Add(Rules.NativeCall, location, target.Name);
        }
        else if (space == "System.Linq")
        {
            Add(Rules.Allocation, location, "LINQ's " + target.Name);
        }
        else if (target.ReturnType.SpecialType == SpecialType.System_String && space.StartsWith("System", System.StringComparison.Ordinal))
        {
            Add(Rules.Allocation, location, "The string that " + target.Name + " makes");
        }
        else if (IsOfThreads(target.ContainingType))
        {
            Add(Rules.Lock, location);
        }

        if (isVirtual && instance?.Type is { IsReferenceType: true } type && type.TypeKind != TypeKind.TypeParameter
            && !type.IsSealed)
        {
            Add(Rules.VirtualCall, location, target.Name);
        }
    }

    private void AddCall(IMethodSymbol? method)
    {
        if (method is not null)
        {
            Facts.Calls.Add(method);
        }
    }

    private void Property(IPropertyReferenceOperation property, Location location)
    {
        bool isAssigned = property.Parent is IAssignmentOperation assignment && assignment.Target == property;
        bool isChanged = property.Parent is IIncrementOrDecrementOperation || (isAssigned && property.Parent is not ISimpleAssignmentOperation);
        AddCall(isAssigned && !isChanged && !property.Property.ReturnsByRef ? null : property.Property.GetMethod);
        AddCall(isAssigned || isChanged ? property.Property.SetMethod : null);

        IMethodSymbol? any = property.Property.GetMethod ?? property.Property.SetMethod;
        bool isVirtual = any is not null && (any.IsVirtual || any.IsAbstract || any.IsOverride) && !any.IsSealed;
        if (isVirtual && property.Instance?.Type is { IsReferenceType: true, IsSealed: false } type
            && type.TypeKind != TypeKind.TypeParameter)
        {
            Add(Rules.VirtualCall, location, property.Property.Name);
        }
    }

    /// <summary>A static constructor that is written out runs at first use; initialisers may still be evaluated by the
    /// compiler.</summary>
    private void StaticField(IFieldSymbol field, Location location)
    {
        bool isThreadStatic = field.GetAttributes().Any(a => a.AttributeClass?.Name == "ThreadStaticAttribute");
        if (isThreadStatic || (field.Type.IsReferenceType && !field.IsReadOnly && field.DeclaringSyntaxReferences.Length > 0))
        {
            Add(Rules.StaticReference, location, field.Name);
        }

        bool isWritten = field.ContainingType.StaticConstructors.Any(c => !c.IsImplicitlyDeclared);
        if (isWritten && field.DeclaringSyntaxReferences.Length > 0)
        {
            Add(Rules.StaticConstructor, location, field.ContainingType.Name);
        }
    }

    /// <summary>Whether a type's methods wait, or start others that run at the same time. Interlocked, Volatile and Barrier-like methods
    /// of a processor do not.</summary>
    private static bool IsOfThreads(INamedTypeSymbol? type) => type?.ContainingNamespace?.ToDisplayString() is "System.Threading" or "System.Threading.Tasks"
        && type.Name is "Monitor" or "Thread" or "Lock" or "Mutex" or "Semaphore" or "SemaphoreSlim" or "SpinLock" or "SpinWait" or "Timer" or "ThreadPool"
            or "Task" or "Parallel" or "WaitHandle" or "EventWaitHandle" or "ManualResetEventSlim" or "ReaderWriterLockSlim";

    private static bool IsInterface(IOperation operation)
    {
        while (operation is IConversionOperation { IsImplicit: true } conversion)
        {
            operation = conversion.Operand;
        }

        return operation.Type is { TypeKind: TypeKind.Interface };
    }

    private static bool IsBoxing(IConversionOperation conversion) =>
        conversion.Operand.Type is { IsValueType: true } && conversion.Type is { IsReferenceType: true }
        && conversion.OperatorMethod is null && !conversion.ConstantValue.HasValue;

    /// <summary>The compiler puts a constant array that becomes a read-only span into the image's data.</summary>
    private static bool IsConstantSpan(IArrayCreationOperation array) =>
        array.Parent is IConversionOperation { Type: { Name: "ReadOnlySpan" } } && array.Initializer is { } values
        && values.ElementValues.All(v => v.ConstantValue.HasValue);

    private void Add(DiagnosticDescriptor rule, Location? location, params object[] arguments) =>
        Facts.Diagnostics.Add(Diagnostic.Create(rule, location, arguments));
}
