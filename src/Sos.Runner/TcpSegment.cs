using System;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Sos.Runner;

/// <summary>
/// A TCP segment with data, of a frame without tags, IP options, extension headers or fragments, whose checksums are right: what can be given to Linux
/// together with those that follow it.
/// </summary>
/// <param name="Transport">Bytes before the TCP header.</param>
/// <param name="Payload">Bytes before the data.</param>
/// <param name="End">Bytes of the frame.</param>
/// <param name="Sequence">Number of the first byte.</param>
/// <param name="Push">Whether the sender waits for nothing behind it.</param>
internal readonly record struct TcpSegment(int Transport, int Payload, int End, uint Sequence, bool Push)
{
    /// <summary>Bytes of all headers at most.</summary>
    public const int HeadersMax = Network + Ipv6Size + 60;

    /// <summary>Bytes before the IP header.</summary>
    public const int Network = 14;

    /// <summary>Where the flags of a TCP header are.</summary>
    public const int FlagsOffset = 13;

    /// <summary>TCP's PSH.</summary>
    public const byte PushFlag = 0x08;

    private const int Ipv4Size = 20;
    private const int Ipv6Size = 40;
    private const int TcpSizeMin = 20;
    private const byte Tcp = 6;
    private const byte Acknowledgement = 0x10;
    private const int FragmentBits = 0xbfff; // all but DF

    /// <summary>Whether it is IPv6's.</summary>
    public bool IsIpv6 => Transport == Network + Ipv6Size;

    /// <summary>Bytes of data.</summary>
    public int Length => End - Payload;

    /// <summary>Reads a frame.</summary>
    /// <returns>Whether it is such a segment.</returns>
    public static bool TryRead(ReadOnlySpan<byte> frame, out TcpSegment segment)
    {
        segment = default;
        int transport = frame.Length < Network + Ipv4Size + TcpSizeMin ? 0
            : BinaryPrimitives.ReadUInt16BigEndian(frame[12..]) switch
            {
                0x0800 when IsWhole4(frame) => Network + Ipv4Size,
                0x86dd when IsWhole6(frame) => Network + Ipv6Size,
                _ => 0,
            };
        if (transport == 0 || frame.Length < transport + TcpSizeMin)
        {
            return false;
        }

        ReadOnlySpan<byte> tcp = frame[transport..];
        int payload = transport + (tcp[12] >> 4) * 4;
        if ((tcp[12] & 0x0f) != 0 || payload < transport + TcpSizeMin || payload >= frame.Length || (tcp[FlagsOffset] & ~PushFlag) != Acknowledgement
            || Fold(Sum(tcp) + PseudoHeader(frame, transport, tcp.Length)) != 0xffff)
        {
            return false;
        }

        segment = new TcpSegment(
            transport, payload, frame.Length, BinaryPrimitives.ReadUInt32BigEndian(tcp[4..]), (tcp[FlagsOffset] & PushFlag) != 0);
        return true;
    }

    /// <summary>Whether a frame's segment differs from a first one's in nothing but its data, its place and what follows from these.</summary>
    /// <param name="first">The headers of the first.</param>
    /// <param name="other">The other frame, whose headers are as long.</param>
    public bool Continues(ReadOnlySpan<byte> first, ReadOnlySpan<byte> other)
    {
        bool sameAddresses = IsIpv6
            ? Same(first, other, 0, 18) && Same(first, other, 20, Transport) // all but the length
            : Same(first, other, 0, 16) && Same(first, other, 20, 24) && Same(first, other, 26, Transport); // nor the id and the checksum
        return sameAddresses && Same(first, other, Transport, Transport + 4) // ports
            && Same(first, other, Transport + 8, Transport + FlagsOffset) && Same(first, other, Transport + 14, Transport + 16) // acknowledgement, window
            && Same(first, other, Transport + 18, Payload); // options
    }

    /// <summary>Makes the headers of a first segment those of several that follow each other, whose checksum is left to who sends them on.</summary>
    /// <param name="headers">The headers of the first.</param>
    /// <param name="length">Bytes of data of all.</param>
    /// <param name="push">Whether the last one had PSH.</param>
    public void Extend(Span<byte> headers, int length, bool push)
    {
        int segmentLength = Payload - Transport + length;
        if (IsIpv6)
        {
            BinaryPrimitives.WriteUInt16BigEndian(headers[18..], (ushort)segmentLength);
        }
        else
        {
            BinaryPrimitives.WriteUInt16BigEndian(headers[16..], (ushort)(Ipv4Size + segmentLength));
            headers.Slice(24, 2).Clear();
            ushort sum = Fold(Sum(headers.Slice(Network, Ipv4Size)));
            MemoryMarshal.Write(headers[24..], (ushort)~sum);
        }

        headers[Transport + FlagsOffset] |= push ? PushFlag : (byte)0;

        // CHECKSUM_PARTIAL: the sum of the pseudo-header, to which the rest is added.
        ushort pseudo = Fold(PseudoHeader(headers, Transport, segmentLength));
        MemoryMarshal.Write(headers[(Transport + 16)..], in pseudo);
    }

    private static bool IsWhole4(ReadOnlySpan<byte> frame) => frame[Network] == 0x45
        && BinaryPrimitives.ReadUInt16BigEndian(frame[16..]) + Network == frame.Length
        && (BinaryPrimitives.ReadUInt16BigEndian(frame[20..]) & FragmentBits) == 0
        && frame[23] == Tcp
        && Fold(Sum(frame.Slice(Network, Ipv4Size))) == 0xffff;

    private static bool IsWhole6(ReadOnlySpan<byte> frame) => frame[Network] >> 4 == 6
        && BinaryPrimitives.ReadUInt16BigEndian(frame[18..]) + Network + Ipv6Size == frame.Length
        && frame[20] == Tcp;

    private static bool Same(ReadOnlySpan<byte> first, ReadOnlySpan<byte> other, int start, int end) => first[start..end].SequenceEqual(other[start..end]);

    /// <summary>The sum of addresses, protocol and length (RFC 9293, 3.1; RFC 8200, 8.1), in the order of this machine's bytes.</summary>
    private static ulong PseudoHeader(ReadOnlySpan<byte> frame, int transport, int length)
    {
        int addresses = transport == Network + Ipv6Size ? 32 : 8;
        return Sum(frame.Slice(transport - addresses, addresses)) + ((ulong)BinaryPrimitives.ReverseEndianness((ushort)length)) + ((ulong)Tcp << 8);
    }

    /// <summary>A sum of RFC 1071, not folded, in the order of this machine's bytes.</summary>
    private static ulong Sum(ReadOnlySpan<byte> bytes)
    {
        ulong sum = 0;
        Vector128<ulong> sums = default;
        for (; bytes.Length >= Vector128<byte>.Count; bytes = bytes[Vector128<byte>.Count..])
        {
            (Vector128<ulong> low, Vector128<ulong> high) = Vector128.Widen(Vector128.Create(bytes).AsUInt32());
            sums += low + high;
        }

        sum += Vector128.Sum(sums);
        for (; bytes.Length >= sizeof(ushort); bytes = bytes[sizeof(ushort)..])
        {
            sum += MemoryMarshal.Read<ushort>(bytes);
        }

        return sum + (bytes.IsEmpty ? 0u : bytes[0]);
    }

    private static ushort Fold(ulong sum)
    {
        sum = (sum & 0xffff_ffff) + (sum >> 32);
        sum = (sum & 0xffff) + ((sum >> 16) & 0xffff) + (sum >> 32);
        sum = (sum & 0xffff) + (sum >> 16);
        return (ushort)((sum & 0xffff) + (sum >> 16));
    }
}
