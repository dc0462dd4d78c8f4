using System;
using System.Collections.Generic;
using System.Linq;
using Iced.Intel;
using Sos.Image.Elf;

namespace Sos.Image.Building;

/// <summary>
/// Splits an object file into atoms. ILC puts all functions into one section, and resolves references within a section itself
/// without leaving a relocation: those are found by decoding the instructions.
/// </summary>
internal sealed class ObjectAtoms
{
    private readonly ElfObject _object;
    private readonly Dictionary<string, ElfSymbol> _byName = new(StringComparer.Ordinal);
    private readonly Dictionary<int, List<ElfSymbol>> _bySection = [];
    private readonly Dictionary<(int Section, ulong Start), Atom> _atoms = [];

    public ObjectAtoms(ElfObject file)
    {
        _object = file;
        foreach (ElfSymbol symbol in file.Symbols)
        {
            if (symbol.Name.Length == 0 || symbol.Type == ElfFormat.SymbolSection || symbol.Section >= file.Sections.Count)
            {
                continue;
            }

            _byName.TryAdd(symbol.Name, symbol);
            if (!symbol.IsUndefined)
            {
                if (!_bySection.TryGetValue(symbol.Section, out List<ElfSymbol>? list))
                {
                    _bySection.Add(symbol.Section, list = []);
                }

                list.Add(symbol);
            }
        }

        foreach (List<ElfSymbol> list in _bySection.Values)
        {
            list.Sort(static (a, b) => a.Value != b.Value ? a.Value.CompareTo(b.Value) : string.CompareOrdinal(a.Name, b.Name));
        }
    }

    public ElfSymbol? FindSymbol(string name) => _byName.GetValueOrDefault(name);

    public ElfSymbol SymbolAt(int index) => _object.Symbols[index];

    /// <summary>Names of all symbols at the start of an atom, sorted.</summary>
    public IEnumerable<string> NamesOf(Atom atom) => atom.Section is null
        ? [atom.Name]
        : _bySection[atom.Section.Index].Where(s => s.Value == atom.Start).Select(s => s.Name);

    /// <summary>The atom that a defined symbol starts.</summary>
    public Atom AtomOf(ElfSymbol symbol)
    {
        if (_atoms.TryGetValue((symbol.Section, symbol.Value), out Atom? known))
        {
            return known;
        }

        ElfSection section = _object.Sections[symbol.Section];
        List<ElfSymbol> symbols = _bySection[symbol.Section];
        int next = FirstBehind(symbols, symbol.Value);
        ulong end = next == symbols.Count ? section.Size : StartOf(symbols[next]);
        int first = FirstBehind(symbols, symbol.Value - 1);
        ulong declared = symbols[first..next].Max(s => s.Size);
        ulong size = section.IsCode && declared != 0 ? Math.Min(declared, end - symbol.Value) : end - symbol.Value;
        AtomKind kind = section.IsCode ? AtomKind.Code
            : section.Type == ElfFormat.SectionNoBits ? AtomKind.ZeroData
            : section.IsWritable ? AtomKind.Data : AtomKind.ReadOnlyData;
        byte[] bytes = kind == AtomKind.ZeroData ? [] : section.Data.Span.Slice((int)symbol.Value, (int)size).ToArray();
        Atom atom = new(symbols[first].Name, kind, bytes, size, Math.Clamp(section.Alignment, 1, 64))
        {
            Section = section,
            Start = symbol.Value,
        };
        _atoms.Add((symbol.Section, symbol.Value), atom);
        return atom;
    }

    /// <summary>The atom that holds an offset of a section, or null.</summary>
    public Atom? AtomHolding(int section, ulong offset)
    {
        if (!_bySection.TryGetValue(section, out List<ElfSymbol>? symbols))
        {
            return null;
        }

        int next = FirstBehind(symbols, offset);
        return next == 0 ? null : AtomOf(symbols[next - 1]);
    }

    /// <summary>Index of the first symbol with a larger value.</summary>
    private static int FirstBehind(List<ElfSymbol> symbols, ulong value)
    {
        if (value == ulong.MaxValue)
        {
            return 0;
        }

        int low = 0, high = symbols.Count;
        while (low < high)
        {
            int middle = (low + high) / 2;
            (low, high) = symbols[middle].Value <= value ? (middle + 1, high) : (low, middle);
        }

        return low;
    }

    /// <summary>Where a symbol's data begins: in front of the statics of a type with a lazy static constructor lies a pointer
    /// to that.</summary>
    private ulong StartOf(ElfSymbol symbol)
    {
        if (!symbol.Name.StartsWith("__NONGCSTATICS", StringComparison.Ordinal) || symbol.Value < 8
            || !_object.Relocations.TryGetValue(symbol.Section, out ElfRelocation[]? all))
        {
            return symbol.Value;
        }

        int at = FirstAtOrBehind(all, symbol.Value - 8);
        bool hasConstructor = at < all.Length && all[at].Offset == symbol.Value - 8
            && SymbolAt(all[at].Symbol).Name.EndsWith("__cctor", StringComparison.Ordinal);
        return hasConstructor ? symbol.Value - 8 : symbol.Value;
    }

    private static int FirstAtOrBehind(ElfRelocation[] all, ulong offset)
    {
        int low = 0, high = all.Length;
        while (low < high)
        {
            int middle = (low + high) / 2;
            (low, high) = all[middle].Offset < offset ? (middle + 1, high) : (low, middle);
        }

        return low;
    }

    /// <summary>The relocations that lie in an atom.</summary>
    public IEnumerable<ElfRelocation> RelocationsOf(Atom atom)
    {
        if (atom.Section is null || !_object.Relocations.TryGetValue(atom.Section.Index, out ElfRelocation[]? all))
        {
            yield break;
        }

        for (int i = FirstAtOrBehind(all, atom.Start); i < all.Length && all[i].Offset < atom.Start + atom.Size; i++)
        {
            yield return all[i];
        }
    }

    /// <summary>References of a function that ILC resolved within its section: offset, target's offset in the section,
    /// instruction's end, and whether it is a branch.</summary>
    public IEnumerable<(int Offset, ulong Target, ulong InstructionEnd, bool IsBranch)> ResolvedReferencesOf(Atom atom)
    {
        HashSet<ulong> relocated = [.. RelocationsOf(atom).Select(r => r.Offset)];
        Decoder decoder = Decoder.Create(64, new ByteArrayCodeReader(atom.Bytes), atom.Start, DecoderOptions.None);
        ulong end = atom.Start + atom.Size;
        while (decoder.IP < end)
        {
            ulong at = decoder.IP;
            Instruction instruction = decoder.Decode();
            ConstantOffsets constants = decoder.GetConstantOffsets(instruction);
            ulong target;
            int offset;
            if (instruction.IsIPRelativeMemoryOperand && constants.HasDisplacement)
            {
                (target, offset) = (instruction.IPRelativeMemoryAddress, constants.DisplacementOffset);
            }
            else if (instruction.Op0Kind == OpKind.NearBranch64 && constants.HasImmediate)
            {
                (target, offset) = (instruction.NearBranchTarget, constants.ImmediateOffset);
            }
            else
            {
                continue;
            }

            bool inside = target >= atom.Start && target < end;
            if (!inside && !relocated.Contains(at + (ulong)offset))
            {
                yield return ((int)(at - atom.Start) + offset, target, at + (ulong)instruction.Length, !instruction.IsIPRelativeMemoryOperand);
            }
        }
    }
}
