namespace Sos.Firewall.Tables;

/// <summary>The place of a number of up to 64 bits that rules look at: bits of a packet's header, or the wall clock.</summary>
/// <param name="Word">The place as an instruction has it: the base in the lowest 8 bits, then 8 bits of the length, and 16 of the offset, both in bits.</param>
public readonly record struct NumberPlace(uint Word)
{
    /// <summary>The base of CLOCK_REALTIME in ns, which has 64 bits.</summary>
    public static NumberPlace Clock => Of(PlaceBase.Clock, 0, 64);

    /// <summary>Where the offset counts from.</summary>
    public PlaceBase Base => (PlaceBase)(byte)Word;

    /// <summary>Bits of the number.</summary>
    public int BitLength => (byte)(Word >> 8);

    /// <summary>Bits before the number.</summary>
    public int BitOffset => (int)(Word >> 16);

    /// <summary>Whether it is a place that can be read: within eight bytes.</summary>
    public bool IsValid => Base <= PlaceBase.Transport && BitLength is > 0 and <= 64 && (BitOffset & 7) + BitLength <= 64;

    /// <summary>Makes a place.</summary>
    /// <param name="start">Where the offset counts from.</param>
    /// <param name="bitOffset">Bits before the number, at most 65,535.</param>
    /// <param name="bitLength">Bits of the number, 1 to 64.</param>
    public static NumberPlace Of(PlaceBase start, int bitOffset, int bitLength) => new((uint)start | ((uint)bitLength << 8) | ((uint)bitOffset << 16));
}

/// <summary>The bases of a <see cref="NumberPlace"/>.</summary>
public enum PlaceBase : byte
{
    /// <summary>No packet: the wall clock.</summary>
    Clock = 0,

    /// <summary>The frame's first byte.</summary>
    Link = 1,

    /// <summary>The IP header.</summary>
    Network = 2,

    /// <summary>The transport header, which later fragments have not.</summary>
    Transport = 3,
}
