using System;
using System.Buffers.Binary;

namespace Sos.Sdk.Wire;

/// <summary>An IPv4 header (RFC 791, 3.1). Options are counted, not read.</summary>
public readonly record struct Ipv4Header
{
    /// <summary>Bytes without options.</summary>
    public const int SizeMin = 20;

    private const ushort DoNotFragmentBit = 0x4000;
    private const ushort MoreFragmentsBit = 0x2000;

    /// <summary>Bytes of the header with its options, 20 to 60.</summary>
    public byte HeaderLength { get; init; }

    /// <summary>Type of service: DSCP and ECN (RFC 2474, RFC 3168).</summary>
    public byte TypeOfService { get; init; }

    /// <summary>Bytes of the packet with its header.</summary>
    public ushort TotalLength { get; init; }

    /// <summary>Whether routers must not fragment it.</summary>
    public bool DoNotFragment { get; init; }

    /// <summary>Which part of a packet it is.</summary>
    public FragmentInfo Fragment { get; init; }

    /// <summary>Hops left.</summary>
    public byte TimeToLive { get; init; }

    /// <summary>The protocol that the packet carries.</summary>
    public IpProtocol Protocol { get; init; }

    /// <summary>Source address.</summary>
    public uint Source { get; init; }

    /// <summary>Destination address.</summary>
    public uint Destination { get; init; }

    /// <summary>Reads and checks the header at the start of <paramref name="bytes"/>; what follows the packet is padding.</summary>
    public static MalformedReason Parse(ReadOnlySpan<byte> bytes, out Ipv4Header header)
    {
        header = default;
        if (bytes.Length < SizeMin)
        {
            return MalformedReason.Ipv4Truncated;
        }

        if (bytes[0] >> 4 != 4)
        {
            return MalformedReason.Ipv4Version;
        }

        int headerLength = (bytes[0] & 15) * 4;
        int totalLength = BinaryPrimitives.ReadUInt16BigEndian(bytes[2..]);
        if (headerLength < SizeMin || headerLength > totalLength)
        {
            return MalformedReason.Ipv4HeaderLength;
        }

        if (totalLength > bytes.Length)
        {
            return MalformedReason.Ipv4TotalLength;
        }

        if (!InternetChecksum.IsValid(bytes[..headerLength]))
        {
            return MalformedReason.Ipv4Checksum;
        }

        ushort fragment = BinaryPrimitives.ReadUInt16BigEndian(bytes[6..]);
        header = new Ipv4Header
        {
            HeaderLength = (byte)headerLength,
            TypeOfService = bytes[1],
            TotalLength = (ushort)totalLength,
            DoNotFragment = (fragment & DoNotFragmentBit) != 0,
            Fragment = new FragmentInfo(
                (ushort)(fragment << 3), (fragment & MoreFragmentsBit) != 0, BinaryPrimitives.ReadUInt16BigEndian(bytes[4..])),
            TimeToLive = bytes[8],
            Protocol = (IpProtocol)bytes[9],
            Source = BinaryPrimitives.ReadUInt32BigEndian(bytes[12..]),
            Destination = BinaryPrimitives.ReadUInt32BigEndian(bytes[16..]),
        };
        return header.Fragment.Check(totalLength - headerLength, headerLength);
    }

    /// <summary>Writes <see cref="HeaderLength"/> bytes with their checksum; the options' bytes are taken as they stand there.</summary>
    public void Write(Span<byte> bytes)
    {
        bytes[0] = (byte)(0x40 | (HeaderLength / 4));
        bytes[1] = TypeOfService;
        BinaryPrimitives.WriteUInt16BigEndian(bytes[2..], TotalLength);
        BinaryPrimitives.WriteUInt16BigEndian(bytes[4..], (ushort)Fragment.Identification);
        int fragment = (Fragment.Offset >> 3) | (Fragment.More ? MoreFragmentsBit : 0) | (DoNotFragment ? DoNotFragmentBit : 0);
        BinaryPrimitives.WriteUInt16BigEndian(bytes[6..], (ushort)fragment);
        bytes[8] = TimeToLive;
        bytes[9] = (byte)Protocol;
        BinaryPrimitives.WriteUInt16BigEndian(bytes[10..], 0);
        BinaryPrimitives.WriteUInt32BigEndian(bytes[12..], Source);
        BinaryPrimitives.WriteUInt32BigEndian(bytes[16..], Destination);
        BinaryPrimitives.WriteUInt16BigEndian(bytes[10..], InternetChecksum.Compute(bytes[..HeaderLength]));
    }
}
