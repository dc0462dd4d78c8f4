using System;

namespace Sos.Router.Routes;

/// <summary>
/// The table of an address's first bits: an entry for each value, owned by the longest prefix that covers it. The lengths are kept here, beside the shared
/// table, so that a change writes each entry that is its own, once, and no other.
/// </summary>
internal sealed unsafe class StrideTable
{
    /// <summary>Set in an owner's length: something below this entry is looked after by others.</summary>
    public const byte Divided = 0x80;

    private readonly int _bits;
    private readonly byte[] _owners;
    private ushort* _entries;

    /// <summary>Begins with no prefix.</summary>
    /// <param name="entries">The table, 2^bits entries.</param>
    /// <param name="bits">Bits of an address that it decides.</param>
    public StrideTable(ushort* entries, int bits)
    {
        _entries = entries;
        _bits = bits;
        _owners = new byte[1 << bits];
    }

    /// <summary>The table.</summary>
    public ushort* Entries => _entries;

    /// <summary>Goes on with another table, which has the same entries.</summary>
    public void MoveTo(ushort* entries) => _entries = entries;

    /// <summary>Length of an entry's prefix and one, or 0 for none.</summary>
    public byte OwnerOf(uint slot) => (byte)(_owners[slot] & ~Divided);

    /// <summary>Whether others look after what is below an entry.</summary>
    public bool IsDivided(uint slot) => (_owners[slot] & Divided) != 0;

    /// <summary>Gives what is below an entry to others, or takes it back.</summary>
    public void SetDivided(uint slot, bool divided)
        => _owners[slot] = divided ? (byte)(_owners[slot] | Divided) : (byte)(_owners[slot] & ~Divided);

    /// <summary>Gives a prefix the entries that no longer prefix has.</summary>
    /// <param name="start">Its first entry.</param>
    /// <param name="length">Its length, at most the table's bits.</param>
    /// <param name="value">The value.</param>
    /// <param name="divided">Called for each entry of its own that is divided.</param>
    public void Cover(uint start, int length, ushort value, Action<uint>? divided)
        => Write(start, length, 0, (byte)(length + 1), (byte)(length + 1), value, divided);

    /// <summary>Gives the entries of a prefix that is gone to the next shorter one.</summary>
    /// <param name="start">Its first entry.</param>
    /// <param name="length">Its length.</param>
    /// <param name="heir">Length of the shorter one and one, or 0 for none.</param>
    /// <param name="value">The value of the shorter one.</param>
    /// <param name="divided">Called for each entry that was its own and is divided.</param>
    public void Uncover(uint start, int length, byte heir, ushort value, Action<uint>? divided)
        => Write(start, length, (byte)(length + 1), (byte)(length + 1), heir, value, divided);

    private void Write(uint start, int length, byte least, byte most, byte owner, ushort value, Action<uint>? divided)
    {
        Span<byte> owners = _owners.AsSpan((int)start, 1 << (_bits - length));
        Span<ushort> entries = new(_entries + start, owners.Length);
        for (int i = 0; i < owners.Length;)
        {
            int run = owners[i..].IndexOfAnyExceptInRange(least, most);
            run = run < 0 ? owners.Length - i : run;
            entries.Slice(i, run).Fill(value);
            owners.Slice(i, run).Fill(owner);
            i += run;
            if (i < owners.Length)
            {
                byte bare = (byte)(owners[i] & ~Divided);
                if (bare != owners[i] && bare >= least && bare <= most)
                {
                    owners[i] = (byte)(owner | Divided);
                    divided?.Invoke(start + (uint)i);
                }

                i++;
            }
        }
    }
}
