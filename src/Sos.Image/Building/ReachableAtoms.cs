using System;
using System.Collections.Generic;
using Sos.Image.Elf;

namespace Sos.Image.Building;

/// <summary>A refusal found while following references: in an atom, at an offset.</summary>
internal readonly record struct ReachFinding(string Id, Atom In, int Offset, string Subject);

/// <summary>Everything that the service's entry reaches, and how it is reached.</summary>
internal sealed class ReachableAtoms
{
    private readonly ObjectAtoms _objects;
    private readonly Dictionary<string, Atom> _made = new(StringComparer.Ordinal);
    private readonly HashSet<Atom> _seen = [];
    private readonly Queue<Atom> _queue = new();

    public ReachableAtoms(ObjectAtoms objects, string entry)
    {
        _objects = objects;
        ElfSymbol? main = objects.FindSymbol(entry);
        if (main is null || main.IsUndefined)
        {
            throw new EntryNotFoundException(entry);
        }

        Start = RuntimeStubs.CreateStart(objects.AtomOf(main));
        Add(Start);
        Add(Start.References[0].Target);
        while (_queue.TryDequeue(out Atom? atom))
        {
            Follow(atom);
        }
    }

    public Atom Start { get; }

    /// <summary>The start stub first, the others in the order in which they were found.</summary>
    public List<Atom> Atoms { get; } = [];

    public List<ReachFinding> Findings { get; } = [];

    /// <summary>Atoms that are traps, with the names of what they stand for.</summary>
    public HashSet<Atom> Traps { get; } = [];

    public Atom? IsaVariable => _made.GetValueOrDefault(RuntimeStubs.IsaVariable);

    private void Add(Atom atom)
    {
        if (_seen.Add(atom))
        {
            Atoms.Add(atom);
            _queue.Enqueue(atom);
        }
    }

    private void Follow(Atom atom)
    {
        if (atom.Section is null)
        {
            return;
        }

        if (atom.Kind == AtomKind.Code)
        {
            CheckExceptionHandlers(atom);
            foreach ((int offset, ulong target, ulong end, bool isBranch) in _objects.ResolvedReferencesOf(atom))
            {
                Atom? holder = _objects.AtomHolding(atom.Section.Index, target);
                if (holder is null || target >= holder.Start + holder.Size)
                {
                    Findings.Add(new ReachFinding(DiagnosticIds.OutOfCode, atom, offset, $"0x{target:x} of {atom.Section.Name}"));
                    continue;
                }

                if (!isBranch && holder.Kind == AtomKind.Code)
                {
                    Findings.Add(new ReachFinding(DiagnosticIds.FunctionPointer, atom, offset, holder.Name));
                }

                long distance = (long)(target - holder.Start) - (long)(end - atom.Start - (ulong)offset);
                Refer(atom, offset, ReferenceKind.Relative32, holder.Name, holder, distance);
            }
        }

        foreach (ElfRelocation r in _objects.RelocationsOf(atom))
        {
            FollowRelocation(atom, r);
        }
    }

    private void FollowRelocation(Atom atom, ElfRelocation r)
    {
        ElfSymbol symbol = _objects.SymbolAt(r.Symbol);
        int offset = (int)(r.Offset - atom.Start);
        ReferenceKind kind;
        switch (r.Type)
        {
            case ElfFormat.RelocationAbsolute64:
                kind = ReferenceKind.Absolute64;
                break;
            case ElfFormat.RelocationPc32 or ElfFormat.RelocationPlt32:
                kind = ReferenceKind.Relative32;
                break;
            case ElfFormat.RelocationTlsGd:
                Findings.Add(new ReachFinding(DiagnosticIds.ThreadStatic, atom, offset, symbol.Name));
                return;
            default:
                throw new ImageFormatException(ImageFormatError.BadRelocation, $"relocation of type {r.Type} in {atom.Name}");
        }

        Refer(atom, offset, kind, symbol.Name, symbol.IsUndefined ? null : _objects.AtomOf(symbol), r.Addend);
    }

    private void Refer(Atom atom, int offset, ReferenceKind kind, string name, Atom? defined, long targetOffset)
    {
        SymbolAction action = SymbolPolicy.Decide(name, defined is not null, out string diagnostic, out string subject);
        Atom target;
        switch (action)
        {
            case SymbolAction.Provide:
                target = Made(name, static n => RuntimeStubs.Create(n)!);
                break;
            case SymbolAction.TypeIdentity:
                target = Made(name, n => TypeIdentity(n, defined));
                break;
            case SymbolAction.Trap:
                target = Trap(name);
                break;
            case SymbolAction.Refuse:
                Findings.Add(new ReachFinding(diagnostic, atom, offset, subject));
                target = Trap(name);
                break;
            default:
                target = defined!;
                break;
        }

        if (target.Kind == AtomKind.Code && atom.Kind != AtomKind.Code && action != SymbolAction.Refuse)
        {
            // Data that points to code: a table of functions, a delegate, a dictionary of a shared generic method. The code is
            // not followed, since nothing may call it.
            Findings.Add(new ReachFinding(DiagnosticIds.FunctionPointer, atom, offset, name));
            target = Trap(name);
        }

        atom.References.Add(new AtomReference(offset, kind, target, targetOffset));
        Add(target);
    }

    private Atom Trap(string name)
    {
        Atom trap = Made(name, RuntimeStubs.Trap);
        Traps.Add(trap);
        return trap;
    }

    private Atom Made(string name, Func<string, Atom> make)
    {
        if (!_made.TryGetValue(name, out Atom? atom))
        {
            _made.Add(name, atom = make(name));
        }

        return atom;
    }

    private static Atom TypeIdentity(string name, Atom? defined)
    {
        byte[] bytes = new byte[SymbolPolicy.TypeIdentitySize];
        defined?.Bytes.AsSpan(0, Math.Min(8, defined.Bytes.Length)).CopyTo(bytes);
        return new Atom(name, AtomKind.ReadOnlyData, bytes, (ulong)bytes.Length, 8);
    }

    /// <summary>ILC writes one "_lsda" record for each funclet of a method: a second one is a handler.</summary>
    private void CheckExceptionHandlers(Atom atom)
    {
        foreach (string name in _objects.NamesOf(atom))
        {
            if (_objects.FindSymbol("_lsda1" + name) is not null)
            {
                Findings.Add(new ReachFinding(DiagnosticIds.ExceptionHandler, atom, 0, name));
                return;
            }
        }
    }
}

/// <summary>The object file defines no such entry point.</summary>
internal sealed class EntryNotFoundException(string entry) : Exception($"the service has no entry point {entry}");
