using System;
using System.Collections;
using System.Collections.Generic;
using System.Linq;

namespace Sos.Image.Verification;

/// <summary>A slot of a frame of which something is known.</summary>
/// <param name="At">Its distance from RSP at the function's entry.</param>
/// <param name="Value">What is known of it.</param>
internal readonly record struct FrameSlot(long At, Value Value);

/// <summary>
/// Holds what is known of the 8-byte slots of a frame, in ascending order of their distance from RSP at the function's entry. It never changes, so that states
/// share it: an instruction that touches no slot costs nothing, however many there are.
/// </summary>
internal sealed class FrameSlots : IEquatable<FrameSlots>, IReadOnlyCollection<FrameSlot>
{
    private readonly FrameSlot[] _slots;

    private FrameSlots(FrameSlot[] slots) => _slots = slots;

    /// <summary>No slot of which anything is known.</summary>
    public static FrameSlots None { get; } = new([]);

    /// <summary>Gives the number of slots of which something is known.</summary>
    public int Count => _slots.Length;

    /// <summary>Whether a join widened an address in one.</summary>
    public bool HasHulls => Array.Exists(_slots, s => s.Value.Hulls != 0);

    /// <summary>Gives the value of the slot at a distance.</summary>
    public Value this[long at]
    {
        get
        {
            int index = IndexFrom(at);
            return index < _slots.Length && _slots[index].At == at ? _slots[index].Value : Value.Unknown;
        }
    }

    public static FrameSlots Of(IReadOnlyDictionary<long, Value> slots) =>
        New([.. slots.Where(s => s.Value != Value.Unknown).Select(s => new FrameSlot(s.Key, s.Value)).OrderBy(s => s.At)]);

    /// <summary>The same with one more, of which something is known, or another value of it.</summary>
    public FrameSlots With(long at, Value value)
    {
        int index = IndexFrom(at);
        int rest = index < _slots.Length && _slots[index].At == at ? index + 1 : index;
        return new([.. _slots.AsSpan(0, index), new(at, value), .. _slots.AsSpan(rest)]);
    }

    /// <summary>The same without those from one distance up to another.</summary>
    public FrameSlots Without(long first, long end)
    {
        int from = IndexFrom(first);
        int rest = Math.Max(from, IndexFrom(end));
        return from == rest ? this : New([.. _slots.AsSpan(0, from), .. _slots.AsSpan(rest)]);
    }

    /// <summary>Those alone that hold a saved register, and of these that alone.</summary>
    public FrameSlots SavedAlone() => Array.TrueForAll(_slots, s => IsSavedAlone(s.Value)) ? this
        : New([.. _slots.Where(s => s.Value.Kind == ValueKind.Saved).Select(s => new FrameSlot(s.At, Value.Saved((int)s.Value.At)))]);

    /// <summary>The same with another value in each that has the same lower half as others of this name.</summary>
    public FrameSlots ChangeCopies(ulong copies, Func<Value, Value> change)
    {
        bool IsCopy(FrameSlot slot) => slot.Value.HasFacts && slot.Value.Copies == copies;
        return Array.Exists(_slots, IsCopy)
            ? New([.. _slots.Select(s => IsCopy(s) ? s with { Value = change(s.Value) } : s).Where(s => s.Value != Value.Unknown)]) : this;
    }

    /// <summary>Keeps what holds of both.</summary>
    /// <param name="other">The slots on the other way.</param>
    /// <param name="isLoop">Whether that way comes around a loop.</param>
    public FrameSlots Join(FrameSlots other, bool isLoop)
    {
        if (Equals(other))
        {
            return this;
        }

        List<FrameSlot> both = [];
        int o = 0;
        foreach ((long at, Value value) in _slots)
        {
            while (o < other._slots.Length && other._slots[o].At < at)
            {
                o++;
            }

            if (o < other._slots.Length && other._slots[o].At == at && value.Join(other._slots[o].Value, isLoop) is var joined && joined != Value.Unknown)
            {
                both.Add(new(at, joined));
            }
        }

        return both.Count == 0 ? None : _slots.AsSpan().SequenceEqual(both.ToArray()) ? this : new([.. both]);
    }

    public bool Equals(FrameSlots? other) => ReferenceEquals(this, other) || (other is not null && _slots.AsSpan().SequenceEqual(other._slots));

    public override bool Equals(object? obj) => Equals(obj as FrameSlots);

    public override int GetHashCode() => _slots.Length;

    public IEnumerator<FrameSlot> GetEnumerator() => ((IEnumerable<FrameSlot>)_slots).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    private static FrameSlots New(FrameSlot[] slots) => slots.Length == 0 ? None : new(slots);

    /// <summary>Whether a value is a saved register's, and no bound or copy is known of it besides.</summary>
    private static bool IsSavedAlone(Value value) => value.Kind == ValueKind.Saved && value == Value.Saved((int)value.At);

    /// <summary>Index of the first slot that is not below a distance.</summary>
    private int IndexFrom(long at)
    {
        int low = 0, high = _slots.Length;
        while (low < high)
        {
            int middle = (low + high) / 2;
            (low, high) = _slots[middle].At < at ? (middle + 1, high) : (low, middle);
        }

        return low;
    }
}
