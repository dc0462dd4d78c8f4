using System.Numerics;
using Sos.Firewall.Tables;

namespace Sos.Firewall.Sets;

/// <summary>A set that packets fill, as it lies in memory: buckets, two to a word of 64 bits, then elements, which are numbers from 1 on.</summary>
internal struct SetState
{
    /// <summary>Words of an element before its key, and before its bucket of a limit.</summary>
    public const int HeadLength = 2;

    /// <summary>Words of an element's bucket of a limit.</summary>
    public const int LimitLength = 2;

    /// <summary>The declaration's name; 0 where there is no set.</summary>
    public ulong Name;

    /// <summary>Its first word.</summary>
    public int Start;

    /// <summary>Words in all; 0 where it has no memory.</summary>
    public int Length;

    /// <summary>Words of an element.</summary>
    public int ElementLength;

    /// <summary>Word of an element at which its key begins.</summary>
    public int KeyAt;

    /// <summary>Buckets, less one.</summary>
    public uint BucketMask;

    /// <summary>Elements at most.</summary>
    public uint Capacity;

    /// <summary>Elements.</summary>
    public uint Count;

    /// <summary>Elements that the table brought.</summary>
    public uint Listed;

    /// <summary>The first element that was removed; each names the next one.</summary>
    public uint Free;

    /// <summary>The highest number that was in use so far.</summary>
    public uint Fresh;

    /// <summary>The element that was looked at last to see whether its time is over.</summary>
    public uint Swept;

    /// <summary>Describes a set that has no memory yet.</summary>
    public SetState(in DynamicSet set)
    {
        Name = set.Name;
        KeyAt = HeadLength + (set.HasLimit != 0 ? LimitLength : 0);
        ElementLength = KeyAt + (int)set.KeyLength;
        Capacity = set.Capacity;
        BucketMask = BitOperations.RoundUpToPowerOf2(uint.Max(Capacity, 2)) - 1;
    }

    /// <summary>Whether another set was declared the same, and has its form.</summary>
    public readonly bool IsAs(in SetState other)
        => Name == other.Name && KeyAt == other.KeyAt && ElementLength == other.ElementLength && Capacity == other.Capacity;

    /// <summary>Words that buckets take.</summary>
    public readonly int BucketsLength => (int)((BucketMask + 1) / 2);

    /// <summary>Words that all of it takes.</summary>
    public readonly long NeededLength => BucketsLength + ((long)Capacity * ElementLength);

    /// <summary>Bytes that a set takes.</summary>
    public static long BytesFor(in DynamicSet set) => new SetState(in set).NeededLength * sizeof(ulong);
}
