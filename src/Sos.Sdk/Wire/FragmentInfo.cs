namespace Sos.Sdk.Wire;

/// <summary>Which part of a packet a fragment is (RFC 791, 3.2; RFC 8200, 4.5).</summary>
/// <param name="Offset">Bytes of the packet's data before it, a multiple of 8.</param>
/// <param name="More">Whether it is not the last.</param>
/// <param name="Identification">What the fragments of a packet have in common.</param>
public readonly record struct FragmentInfo(ushort Offset, bool More, uint Identification)
{
    /// <summary>Bytes of a packet that can be put together, its header included (RFC 791) or not (RFC 8200).</summary>
    public const int PacketMax = 65535;

    /// <summary>Whether it is a part and not the whole.</summary>
    public bool IsFragment => More || Offset != 0;

    /// <summary>Whether it has no transport header.</summary>
    public bool IsLater => Offset != 0;

    /// <summary>Checks a fragment's place against its length.</summary>
    /// <param name="dataLength">Bytes of data in the fragment.</param>
    /// <param name="headerLength">Bytes that count towards the largest packet beside the data.</param>
    internal MalformedReason Check(int dataLength, int headerLength)
    {
        if (!IsFragment)
        {
            return MalformedReason.None;
        }

        if (dataLength == 0 || (More && (dataLength & 7) != 0))
        {
            return MalformedReason.FragmentLength;
        }

        return Offset + dataLength + headerLength > PacketMax ? MalformedReason.FragmentBeyondPacket : MalformedReason.None;
    }
}
