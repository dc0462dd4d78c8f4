using System;
using Sos.Sdk.Wire;

namespace Sos.Fuzz.Targets;

/// <summary>Each header on its own: what it accepts, it writes and reads again the same.</summary>
internal static class HeaderTargets
{
    public static bool Ethernet(byte[] input)
    {
        if (EthernetHeader.Parse(input, out EthernetHeader header) != MalformedReason.None)
        {
            return false;
        }

        FuzzException.Require(header.Length <= input.Length, "the header is within");
        header.Write(input.AsSpan(0, header.Length));
        return Same(EthernetHeader.Parse(input, out EthernetHeader again), again == header);
    }

    public static bool Arp(byte[] input)
    {
        if (ArpPacket.Parse(input, out ArpPacket packet) != MalformedReason.None)
        {
            return false;
        }

        byte[] written = new byte[ArpPacket.Size];
        packet.Write(written);
        FuzzException.Require(written.AsSpan().SequenceEqual(input.AsSpan(0, ArpPacket.Size)), "an ARP packet is written as it was read");
        return true;
    }

    public static bool Ipv4(byte[] input)
    {
        // A mutated header is mostly refused for its checksum; half of the inputs get theirs repaired.
        int length = input.Length == 0 ? 0 : (input[0] & 15) * 4;
        if (input.Length % 2 == 0 && length >= Ipv4Header.SizeMin && length <= input.Length)
        {
            (input[10], input[11]) = (0, 0);
            ushort checksum = InternetChecksum.Compute(input.AsSpan(0, length));
            (input[10], input[11]) = ((byte)(checksum >> 8), (byte)checksum);
        }

        if (Ipv4Header.Parse(input, out Ipv4Header header) != MalformedReason.None)
        {
            return false;
        }

        FuzzException.Require(
            header.HeaderLength is >= 20 and <= 60 && header.HeaderLength <= header.TotalLength && header.TotalLength <= input.Length,
            "header and packet are within");
        header.Write(input);
        return Same(Ipv4Header.Parse(input, out Ipv4Header again), again == header);
    }

    public static bool Ipv6(byte[] input)
    {
        if (Ipv6Header.Parse(input, out Ipv6Header header) != MalformedReason.None)
        {
            return false;
        }

        FuzzException.Require(header.PayloadLength + Ipv6Header.Size <= input.Length, "the packet is within");
        byte[] before = input[..Ipv6Header.Size];
        header.Write(input);
        FuzzException.Require(before.AsSpan().SequenceEqual(input.AsSpan(0, Ipv6Header.Size)), "an IPv6 header is written as it was read");
        return true;
    }

    public static bool Ipv6Extensions(byte[] input)
    {
        if (input.Length == 0)
        {
            return false;
        }

        MalformedReason reason = Ipv6ExtensionChain.Parse(input.AsSpan(1), (IpProtocol)input[0], out Ipv6ExtensionChain chain);
        FuzzException.Require(chain.Count <= Ipv6ExtensionChain.HeadersMax, "the headers are bounded");
        FuzzException.Require(chain.Length < input.Length && chain.Length >= chain.Count * 8, "the chain is within");
        return reason == MalformedReason.None;
    }

    public static bool Tcp(byte[] input)
    {
        if (TcpHeader.Parse(input, out TcpHeader header) != MalformedReason.None)
        {
            return false;
        }

        FuzzException.Require(header.HeaderLength is >= 20 and <= 60 && header.HeaderLength <= input.Length, "the header is within");
        header.Write(input);
        return Same(TcpHeader.Parse(input, out TcpHeader again), again == header);
    }

    public static bool Udp(byte[] input)
    {
        MalformedReason reason = UdpHeader.Parse(input, out UdpHeader header);
        MalformedReason fragment = UdpHeader.ParseFirstFragment(input, out UdpHeader first);
        FuzzException.Require(reason != MalformedReason.None || fragment == MalformedReason.None, "a datagram is a fragment as well");
        FuzzException.Require(reason != MalformedReason.None || header.Length <= input.Length, "the datagram is within");
        if (fragment != MalformedReason.None)
        {
            return false;
        }

        first.Write(input);
        return Same(UdpHeader.ParseFirstFragment(input, out UdpHeader again), again == first) && reason == MalformedReason.None;
    }

    public static bool Icmp(byte[] input)
    {
        MalformedReason reason6 = Icmpv6Header.Parse(input, out Icmpv6Header header6);
        MalformedReason reason4 = IcmpHeader.Parse(input, out IcmpHeader header4);
        FuzzException.Require(reason4 != MalformedReason.None || reason6 == MalformedReason.None, "ICMPv6 needs no more bytes than ICMP");
        if (reason4 != MalformedReason.None)
        {
            return false;
        }

        header6.Write(input);
        header4.Write(input);
        Same(Icmpv6Header.Parse(input, out Icmpv6Header again6), again6 == header6);
        return Same(IcmpHeader.Parse(input, out IcmpHeader again4), again4 == header4);
    }

    private static bool Same(MalformedReason reason, bool same)
    {
        FuzzException.Require(reason == MalformedReason.None && same, "what is written is read back the same");
        return true;
    }
}
