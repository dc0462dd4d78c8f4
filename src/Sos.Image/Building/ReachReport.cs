using System;
using System.Collections.Generic;
using System.Collections.Immutable;
using System.Linq;
using Sos.Image.Debugging;

namespace Sos.Image.Building;

/// <summary>Turns what was found while following references into diagnostics with a call path and a source line.</summary>
internal sealed class ReachReport
{
    private readonly ReachableAtoms _reached;
    private readonly DebugFile _debug;
    private readonly MethodNames _names;
    private const string DispatchCell = "__InterfaceDispatchCell_";
    private const string MethodTable = "_ZTV";
    private const string Boxed = "Boxed_";
    private const string Sdk = "Sos_Sdk_";
    private const string Entry = "sos_service_main";
    private const int DiagnosticsOfLineMax = 2;

    // Code that allocates loads the type's method table right before: MOV or LEA, and at most a few instructions between.
    private const int TypeDistanceMax = 48;

    private readonly Dictionary<Atom, (Atom Parent, int Offset)> _parents = [];

    public ReachReport(ReachableAtoms reached, DebugFile debug, MethodNames names)
    {
        _reached = reached;
        _debug = debug;
        _names = names;

        // Breadth first, so that the path to each is a shortest one.
        Queue<Atom> queue = new([reached.Start]);
        _parents.Add(reached.Start, (reached.Start, 0));
        while (queue.TryDequeue(out Atom? atom))
        {
            foreach (AtomReference r in atom.References)
            {
                if (_parents.TryAdd(r.Target, (atom, r.Offset)))
                {
                    queue.Enqueue(r.Target);
                }
            }
        }
    }

    /// <summary>Makes the author's diagnostics: for each of his lines at most a few diagnostics; nearest to the entry first.</summary>
    public IEnumerable<ImageDiagnostic> Diagnostics()
    {
        List<Found> found = [];
        foreach (ReachFinding finding in _reached.Findings)
        {
            List<(Atom Atom, int Offset)> path = PathTo(finding.In, finding.Offset);

            // The place to show is the last of the author's own lines on the way: neither the core library's sources nor the SDK's are his,
            // unless nothing else is there.
            (Atom atom, int offset) = path.FindLast(p => IsSource(p.Atom) && !p.Atom.Name.StartsWith(Sdk, StringComparison.Ordinal) && p.Atom.Name != Entry);
            (atom, offset) = atom is null ? path.FindLast(p => IsSource(p.Atom)) : (atom, offset);
            atom ??= finding.In;
            CodeLocation? location = _debug.Resolve(atom.Rva + (ulong)offset);
            ImmutableArray<string> names =
                [.. path.Where(p => p.Atom.Kind == AtomKind.Code && p.Atom.Section is not null).Select(p => NameOf(p.Atom))];
            ImageDiagnostic diagnostic =
                new(finding.Id, Message(finding), NameOf(finding.In), names, location?.File, location?.Line ?? 0);
            found.Add(new Found(diagnostic, NameOf(atom) + location?.Line, atom == finding.In));
        }

        return found.OrderBy(f => f.Diagnostic.CallPath.Length).DistinctBy(f => (f.Diagnostic.Id, f.Place))
            .GroupBy(f => f.Place).SelectMany(line => Shorten([.. line]));
    }

    /// <summary>
    /// One line that calls into the core library can break a dozen rules there, which tell its author no more than the first: what
    /// he wrote himself is named, or the allocation that is behind it, and the others by their ids.
    /// </summary>
    private static IEnumerable<ImageDiagnostic> Shorten(List<Found> line)
    {
        if (line.Count <= DiagnosticsOfLineMax)
        {
            return line.Select(f => f.Diagnostic);
        }

        Found first = line.Find(f => f.IsOwn
                && f.Diagnostic.Id is not (DiagnosticIds.ReferenceStatic or DiagnosticIds.LazyStaticConstructor or DiagnosticIds.FunctionPointer))
            ?? line.Find(f => f.Diagnostic.Id == DiagnosticIds.Allocation) ?? line[0];
        IEnumerable<string> others = line.Where(f => f != first).Select(f => f.Diagnostic.Id).Where(i => i != first.Diagnostic.Id).Distinct().Order();
        return [first.Diagnostic with { Message = $"{first.Diagnostic.Message}; what this line calls also breaks {string.Join(", ", others)}" }];
    }

    private static bool IsSource(Atom atom) => atom.Section is not null && !CoreLibrary.Contains(atom.Name);

    private List<(Atom Atom, int Offset)> PathTo(Atom atom, int offset)
    {
        List<(Atom, int)> path = [(atom, offset)];
        while (atom != _reached.Start)
        {
            (Atom parent, int at) = _parents[atom];
            path.Add((parent, at));
            atom = parent;
        }

        path.Reverse();
        return path;
    }

    private string NameOf(Atom atom) => _names.ToCSharp(atom.Name);

    private string Message(ReachFinding f)
    {
        string subject = Subject(f);
        return f.Id switch
        {
            DiagnosticIds.Allocation => $"memory is allocated on the heap ({subject})",
            DiagnosticIds.Lock => $"a lock or a thread is used ({subject})",
            DiagnosticIds.LazyStaticConstructor => $"the static constructor of {subject} would run at first use",
            DiagnosticIds.WriteBarrier => $"a reference is stored in the heap ({subject})",
            DiagnosticIds.InterfaceDispatch => $"an interface method of an object is called ({subject})",
            DiagnosticIds.Throw => "an exception is thrown",
            DiagnosticIds.ExceptionHandler => "the method has a catch or finally block",
            DiagnosticIds.PInvoke => $"a native function is called ({subject})",
            DiagnosticIds.ThreadStatic => $"a thread-static variable is used ({subject})",
            DiagnosticIds.ReferenceStatic => $"{subject} has a static field of a reference type",
            DiagnosticIds.TypeCast => $"an object is cast or its type tested by the runtime ({subject})",
            DiagnosticIds.FunctionPointer =>
                $"the address of {subject} is taken: by a delegate, a table of functions, or a shared generic method",
            DiagnosticIds.OutOfCode => $"code refers to {subject}, which is no function",
            _ => $"{subject} belongs to the runtime, which is not there",
        };
    }

    /// <summary>Names the subject of a finding in the author's words where ILC's name can be read.</summary>
    private string Subject(ReachFinding f)
    {
        switch (f.Id)
        {
            case DiagnosticIds.Allocation when TypeBefore(f) is { } type:
                return type.StartsWith(Boxed, StringComparison.Ordinal) ? _names.ToCSharp(type[Boxed.Length..]) + " is boxed" : "new " + type;
            case DiagnosticIds.InterfaceDispatch when f.Subject.StartsWith(DispatchCell, StringComparison.Ordinal):
                // "cell" + interface method + "_" + caller.
                string method = f.Subject[DispatchCell.Length..];
                string caller = "_" + f.In.Name;
                return _names.ToCSharp(method.EndsWith(caller, StringComparison.Ordinal) ? method[..^caller.Length] : method);
            case DiagnosticIds.PInvoke:
                int separator = f.Subject.LastIndexOf("__", StringComparison.Ordinal);
                return separator > 0 ? f.Subject[(separator + 2)..] : f.Subject;
            default:
                return _names.ToCSharp(f.Subject);
        }
    }

    /// <summary>The type whose method table was last referred to before the finding's place, if that is near.</summary>
    private string? TypeBefore(ReachFinding f)
    {
        AtomReference? table = f.In.References
            .Where(r => r.Offset < f.Offset && r.Offset >= f.Offset - TypeDistanceMax && r.Target.Name.StartsWith(MethodTable, StringComparison.Ordinal))
            .Select(r => (AtomReference?)r).MaxBy(r => r!.Value.Offset);
        if (table is null)
        {
            return null;
        }

        // "_ZTV" + length + name.
        string name = table.Value.Target.Name[MethodTable.Length..].TrimStart('0', '1', '2', '3', '4', '5', '6', '7', '8', '9');
        const string array = "__Array<";
        return name.StartsWith(array, StringComparison.Ordinal) && name.EndsWith('>')
            ? _names.ToCSharp(name[array.Length..^1]) + "[]" : _names.ToCSharp(name);
    }

    /// <summary>A diagnostic, the author's line that it belongs to, and whether he wrote the method that it is in.</summary>
    private sealed record Found(ImageDiagnostic Diagnostic, string Place, bool IsOwn);
}
