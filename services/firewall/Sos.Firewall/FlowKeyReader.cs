using System;
using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Sos.Sdk.Wire;

namespace Sos.Firewall;

/// <summary>
/// Reads and checks in one go what nearly all packets are: IPv4 without options or tags, whole, with TCP or UDP. Everything else
/// is left to <see cref="FrameParser"/>, and so is everything that is malformed, or may be a reply to a DHCP client.
/// </summary>
public static class FlowKeyReader
{
    /// <summary>Bytes that a frame must have to be read here: all headers up to TCP's.</summary>
    public const int FrameMin = Ethernet + Ipv4 + TcpHeader.SizeMin;

    private const int Ethernet = EthernetHeader.UntaggedSize;
    private const int Ipv4 = Ipv4Header.SizeMin;
    private const int Transport = Ethernet + Ipv4;

    // From the third last byte of the Ethernet header on, little endian: EtherType 0800, version 4, five words.
    private const uint PlainIpv4 = 0x45_0008;
    private const uint Tcp = (uint)IpProtocol.Tcp;
    private const uint Udp = (uint)IpProtocol.Udp;
    private const uint DhcpReplyPorts = 0x4400_4300; // from 67 to 68, little endian
    private const uint FragmentBits = 0xff3f; // all but DF and the reserved bit
    private const uint Flags = FlowKey.HasIpv4 | FlowKey.HasProtocol | FlowKey.HasSourcePort | FlowKey.HasDestinationPort;

    /// <summary>Reads a frame.</summary>
    /// <param name="frame">The frame without its FCS.</param>
    /// <param name="key">Its key.</param>
    /// <param name="length">Bytes of the packet from its IP header on.</param>
    /// <returns>Whether it is such a packet and well-formed; the rest is to be parsed in full.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryRead(ReadOnlySpan<byte> frame, ref FlowKey key, out uint length)
    {
        if (frame.Length < FrameMin)
        {
            length = 0;
            return false;
        }

        ref byte start = ref MemoryMarshal.GetReference(frame);
        ulong first = Read<ulong>(ref start, Ethernet);
        uint total = BinaryPrimitives.ReverseEndianness((ushort)(first >> 16));
        length = total;
        uint segment = total - Ipv4;
        uint protocol = Unsafe.Add(ref start, 23);
        uint wrong = (Read<uint>(ref start, 12) & 0xff_ffff) ^ PlainIpv4;
        wrong |= (uint)(first >> 48) & FragmentBits;
        wrong |= (protocol ^ Tcp) * (protocol ^ Udp);

        // RFC 9293, 3.1: a data offset of 5 to what the segment has. RFC 768: a length of 8 to what the segment has.
        uint tcpHeader = (uint)(Unsafe.Add(ref start, Transport + 12) >> 4) * 4;
        uint udpLength = BinaryPrimitives.ReverseEndianness(Read<ushort>(ref start, Transport + 4));
        uint tcpMask = (uint)((int)((protocol ^ Tcp) - 1) >> 31);
        uint claimed = udpLength ^ ((udpLength ^ tcpHeader) & tcpMask);
        uint least = UdpHeader.Size + ((TcpHeader.SizeMin - UdpHeader.Size) & tcpMask);

        // All of these are below 65,536: what is too small shows in the sign of a difference. No branch, since TCP and UDP come mixed.
        uint signs = ((uint)frame.Length - Ethernet - total) | segment | (claimed - least) | (segment - claimed);
        wrong |= signs & (1u << 31);
        bool good = wrong == 0 & Read<uint>(ref start, Transport) != DhcpReplyPorts
            & IsChecksumRight(first, Read<ulong>(ref start, Ethernet + 8), Read<uint>(ref start, Ethernet + 16));

        // The 16 bytes from the TTL on: TTL, protocol, checksum, addresses, ports.
        Vector128<byte> tail = Vector128.LoadUnsafe(ref start, Ethernet + 8);
        Vector128<byte> words = Vector128.Shuffle(
            tail, Vector128.Create((byte)7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12, 1, 255, 255, 255));
        (words | Vector128.Create(0, 0, 0, Flags).AsByte()).StoreUnsafe(ref Unsafe.As<FlowKey, byte>(ref key));
        return good;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static T Read<T>(ref byte start, int offset)
        where T : unmanaged => Unsafe.ReadUnaligned<T>(ref Unsafe.Add(ref start, offset));

    /// <summary>
    /// Whether the sum of RFC 1071 over 20 bytes is right: a sum of 16-bit numbers folds to 0xffff if it is a multiple of it and not
    /// 0, which the first byte of the header excludes. A multiple of an odd number shows by the product with its inverse.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsChecksumRight(ulong first, ulong second, uint third)
    {
        const ulong Inverse = 0xfffe_fffe_fffe_ffff; // of 0xffff, modulo 2^64
        ulong sum = (uint)first + (first >> 32) + (uint)second + (second >> 32) + third;
        return sum * Inverse <= ulong.MaxValue / 0xffff;
    }
}
