using System;
using System.Runtime.InteropServices;

namespace Sos.Image.Verification;

/// <summary>Kinds of abstract values.</summary>
internal enum ValueKind : byte
{
    /// <summary>A number of which no more is known than its facts.</summary>
    Number,

    /// <summary>The value of a callee-saved register at the function's entry.</summary>
    Saved,

    /// <summary>An address on the stack.</summary>
    Stack,

    /// <summary>An address in the image.</summary>
    Image,

    /// <summary>An entry of a table of 32-bit offsets.</summary>
    Entry,

    /// <summary>An entry of such a table, added to an address in the image.</summary>
    Target,
}

/// <summary>Describes a general register, or 8 bytes of a function's frame: an element of the abstract domain. A state has many: their fields are
/// packed.</summary>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct Value
{
    /// <summary>Distances from the stack pointer that are taken for addresses on the stack: far more than any stack has.</summary>
    private const long DistanceMax = 1L << 40;

    /// <summary>How many joins at one place may widen an address: after each of them the place is walked again.</summary>
    private const int HullsMax = 8;

    /// <summary>A number of which nothing is known.</summary>
    public static Value Unknown => default;

    /// <summary>Which of the others matter.</summary>
    public ValueKind Kind { get; private init; }

    /// <summary>Of a stack address, its lowest distance in bytes from RSP at the function's entry; of a saved value, the register; of
    /// an image address, it; of an entry or target, the table.</summary>
    public long At { get; private init; }

    /// <summary>Of a stack address, how many bytes higher it may lie; of a target, the address that the entry was added to.</summary>
    public long Extra { get; private init; }

    /// <summary>Of a number or saved value, its lower 32 bits are below this; of an entry or target, the index was. 0: no bound.</summary>
    public uint Below { get; private init; }

    /// <summary>Of a number or saved value: what has the same, other than 0, has the same lower 32 bits.</summary>
    public ulong Copies { get; private init; }

    /// <summary>Of a number or saved value: the upper 32 bits are zero.</summary>
    public bool IsExtended { get; private init; }

    /// <summary>Of an entry or target: the entry was extended with its sign.</summary>
    public bool IsSigned { get; private init; }

    /// <summary>Of a stack address: how many joins widened it.</summary>
    public byte Hulls { get; private init; }

    /// <summary>Whether bounds and copies are kept of it.</summary>
    public bool HasFacts => Kind is ValueKind.Number or ValueKind.Saved;

    /// <summary>An address on the stack of which the distance is exact.</summary>
    public bool IsExactStack => Kind == ValueKind.Stack && Extra == 0;

    /// <summary>The most that all 64 bits can be, plus one; 0 if that is not known.</summary>
    public uint FullBelow => HasFacts && IsExtended ? Below : 0;

    public static Value Stack(long distance, long slack = 0) => Math.Abs(distance) > DistanceMax || slack > DistanceMax ? Unknown
        : new Value { Kind = ValueKind.Stack, At = distance, Extra = slack };

    public static Value Saved(int register) => new() { Kind = ValueKind.Saved, At = register };

    public static Value Image(ulong rva) => new() { Kind = ValueKind.Image, At = (long)rva };

    /// <summary>A number whose upper half is zero, and whose lower half is at most <paramref name="most"/>.</summary>
    public static Value AtMost(ulong most) => new() { IsExtended = true, Below = most < uint.MaxValue ? (uint)most + 1 : 0 };

    /// <summary>A number whose upper half is zero.</summary>
    public static Value Extended() => new() { IsExtended = true };

    /// <summary>The entry of the table at this address with an index below <paramref name="below"/>.</summary>
    public static Value Entry(long table, uint below, bool isSigned) =>
        new() { Kind = ValueKind.Entry, At = table, Below = below, IsSigned = isSigned };

    /// <summary>The sum of an entry and an address in the image, in either order; else nothing.</summary>
    public static Value Sum(Value a, Value b)
    {
        (Value entry, Value address) = a.Kind == ValueKind.Entry ? (a, b) : (b, a);
        return entry.Kind == ValueKind.Entry && address.Kind == ValueKind.Image
            ? entry with { Kind = ValueKind.Target, Extra = address.At } : Unknown;
    }

    /// <summary>The address moved up; what is no address becomes unknown.</summary>
    public Value Plus(long bytes) => Kind switch
    {
        ValueKind.Stack => Stack(unchecked(At + bytes), Extra),
        ValueKind.Image => Image(unchecked((ulong)(At + bytes))),
        _ => Unknown,
    };

    /// <summary>The lower half of the value, zero-extended; of what has no facts, a number without a bound.</summary>
    public Value LowerHalf() => HasFacts ? new() { IsExtended = true, Below = Below, Copies = Copies } : Extended();

    /// <summary>The same value, known to have the same lower half as others of this name.</summary>
    public Value Named(ulong copies) => HasFacts ? this with { Copies = copies } : this;

    /// <summary>The same value, its lower half known to be below a bound; if <paramref name="isWide"/>, all of it.</summary>
    public Value Bounded(uint below, bool isWide) => HasFacts
        ? this with { Below = Below == 0 ? below : Math.Min(Below, below), IsExtended = IsExtended || isWide } : this;

    /// <summary>Keeps the facts that hold of both.</summary>
    /// <param name="other">The other value.</param>
    /// <param name="isLoop">Whether the other comes around a loop: a stack address that moved on the way moves on each time.</param>
    public Value Join(Value other, bool isLoop)
    {
        if (this == other)
        {
            return this;
        }

        if (Kind == ValueKind.Stack && other.Kind == ValueKind.Stack)
        {
            return Hull(other, isLoop);
        }

        // What two kinds have in common are the facts of numbers.
        bool sameKind = Kind == other.Kind && At == other.At && Extra == other.Extra;
        if (!HasFacts || !other.HasFacts)
        {
            return Unknown;
        }

        Value value = sameKind ? new() { Kind = Kind, At = At } : Unknown;
        return value with
        {
            Below = Below == 0 || other.Below == 0 ? 0 : Math.Max(Below, other.Below),
            Copies = Copies == other.Copies ? Copies : 0,
            IsExtended = IsExtended && other.IsExtended,
        };
    }

    /// <summary>Returns the addresses from the lowest to the highest of both, so that a store there is checked for both, whichever comes first.</summary>
    private Value Hull(Value other, bool isLoop)
    {
        long lowest = Math.Min(At, other.At);
        long highest = Math.Max(At + Extra, other.At + other.Extra);
        if (lowest == At && highest == At + Extra)
        {
            return this;
        }

        Value hull = Stack(lowest, highest - lowest);
        return isLoop || Hulls >= HullsMax || hull == Unknown ? Unknown : hull with { Hulls = (byte)(Hulls + 1) };
    }
}
