using System.Runtime.CompilerServices;
using Sos.Firewall.Answers;
using Sos.Firewall.Tables;

namespace Sos.Firewall;

/// <summary>All that rules can look at in one packet, read once.</summary>
public struct PacketKey
{
    /// <summary>Numbers of fields; those of 128 bits have no word of their own.</summary>
    public const int WordCount = (int)Field.Weekday + 1;

    private Words _words;
    private uint _present;

    /// <summary>Bytes of the packet from its IP header on, without padding: what nftables counts.</summary>
    public uint Length;

    /// <summary>IPv6 source address; valid if present.</summary>
    public Address128 Ipv6Source;

    /// <summary>IPv6 destination address; valid if present.</summary>
    public Address128 Ipv6Destination;

    /// <summary>Which base chains see it: <see cref="BaseChain.Ipv4"/> or <see cref="BaseChain.Ipv6"/>, or one of those before connection tracking.</summary>
    public byte Families;

    /// <summary>Its bytes, for rules of tables with <see cref="TableNeeds.Packet"/>.</summary>
    public PacketBytes Bytes;

    /// <summary>CLOCK_REALTIME in ns, for rules of tables with <see cref="TableNeeds.Time"/>.</summary>
    public ulong Time;

    /// <summary>How the rule that rejected it has it answered; valid behind <see cref="Verdict.Rejected"/>.</summary>
    public Rejection Rejection;

    /// <summary>Forgets all fields.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Clear() => _present = 0;

    /// <summary>Whether the packet has that field.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly bool Has(Field field) => ((_present >> (int)field) & 1) != 0;

    /// <summary>The value of a field of up to 32 bits; 0 or a former packet's if it is not present.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly uint Value(Field field) => _words[(int)field];

    /// <summary>Sets a field of up to 32 bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Set(Field field, uint value)
    {
        _words[(int)field] = value;
        _present |= 1u << (int)field;
    }

    /// <summary>Writes a field of up to 32 bits that <see cref="Mark"/> tells of: so several cost but one update of what is present.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void Write(Field field, uint value) => _words[(int)field] = value;

    /// <summary>Tells of fields that were written.</summary>
    /// <param name="fields">One bit for each, by its number.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void Mark(uint fields) => _present |= fields;

    /// <summary>Sets both IPv6 addresses.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void SetIpv6Addresses(Address128 source, Address128 destination)
    {
        Ipv6Source = source;
        Ipv6Destination = destination;
        _present |= (1u << (int)Field.Ipv6Source) | (1u << (int)Field.Ipv6Destination);
    }

    [InlineArray(WordCount)]
    private struct Words
    {
        private uint _first;
    }
}
