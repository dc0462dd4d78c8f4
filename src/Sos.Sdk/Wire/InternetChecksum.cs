using System;
using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Sos.Sdk.Wire;

/// <summary>The Internet checksum (RFC 1071), whole and incremental (RFC 1624).</summary>
public static class InternetChecksum
{
    /// <summary>Sums bytes as 16-bit numbers in network order, folded to 16 bits; not complemented.</summary>
    /// <param name="bytes">An odd last byte counts as if a zero followed.</param>
    /// <param name="initial">A sum to go on from, such as a pseudo-header's; it must cover an even number of bytes.</param>
    /// <remarks>
    /// The sum does not depend on byte order (RFC 1071, 2.B): it is taken in the CPU's order, 32 bits at a time into 64, and swapped once.
    /// </remarks>
    public static ushort Sum(ReadOnlySpan<byte> bytes, ushort initial = 0)
    {
        ulong sum = BinaryPrimitives.ReverseEndianness(initial);
        while (bytes.Length >= 16)
        {
            ulong first = MemoryMarshal.Read<ulong>(bytes);
            ulong second = MemoryMarshal.Read<ulong>(bytes[8..]);
            sum += (first & 0xffff_ffff) + (first >> 32) + (second & 0xffff_ffff) + (second >> 32);
            bytes = bytes[16..];
        }

        while (bytes.Length >= 4)
        {
            sum += MemoryMarshal.Read<uint>(bytes);
            bytes = bytes[4..];
        }

        if (bytes.Length >= 2)
        {
            sum += MemoryMarshal.Read<ushort>(bytes);
            bytes = bytes[2..];
        }

        if (bytes.Length != 0)
        {
            sum += bytes[0];
        }

        return BinaryPrimitives.ReverseEndianness(Fold(sum));
    }

    /// <summary>The checksum of bytes whose checksum field is zero. Write it in network order.</summary>
    public static ushort Compute(ReadOnlySpan<byte> bytes, ushort initial = 0) => (ushort)~Sum(bytes, initial);

    /// <summary>Whether bytes with their checksum field in place are right.</summary>
    public static bool IsValid(ReadOnlySpan<byte> bytes, ushort initial = 0) => Sum(bytes, initial) == 0xffff;

    /// <summary>The sum of the IPv4 pseudo-header (RFC 9293, 3.1; RFC 768).</summary>
    public static ushort PseudoHeader(uint source, uint destination, IpProtocol protocol, ushort length)
        => Fold((source >> 16) + (ulong)(ushort)source + (destination >> 16) + (ushort)destination + (byte)protocol + length);

    /// <summary>The sum of the IPv6 pseudo-header (RFC 8200, 8.1).</summary>
    public static ushort PseudoHeader(Ipv6Address source, Ipv6Address destination, IpProtocol protocol, uint length)
        => Fold(Halves(source.High) + Halves(source.Low) + Halves(destination.High) + Halves(destination.Low) + (byte)protocol + length);

    /// <summary>The checksum after a 16-bit field that it covers changed (RFC 1624, equation 3).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ushort Update(ushort checksum, ushort before, ushort after)
        => (ushort)~Fold((ulong)(ushort)~checksum + (ushort)~before + after);

    /// <summary>The checksum after a 32-bit field that it covers changed.</summary>
    public static ushort Update(ushort checksum, uint before, uint after)
        => Update(Update(checksum, (ushort)(before >> 16), (ushort)(after >> 16)), (ushort)before, (ushort)after);

    private static ulong Halves(ulong value) => (value >> 32) + (value & 0xffff_ffff);

    private static ushort Fold(ulong sum)
    {
        sum = (sum >> 32) + (sum & 0xffff_ffff);
        sum = (sum >> 32) + (sum & 0xffff_ffff);
        sum = (sum >> 16) + (sum & 0xffff);
        sum = (sum >> 16) + (sum & 0xffff);
        return (ushort)sum;
    }
}
