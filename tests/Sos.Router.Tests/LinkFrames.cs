using System;
using System.Buffers.Binary;
using Sos.Sdk.Wire;

namespace Sos.Router.Tests;

/// <summary>Frames of ARP and neighbour discovery, made by hand so that the code under test has no part in them.</summary>
internal static class LinkFrames
{
    public const ulong Everybody = 0xffff_ffff_ffff;

    /// <summary>A packet of ARP: 1 asks, 2 answers.</summary>
    public static byte[] Arp(ushort operation, ulong to, ulong from, uint sender, ulong targetMac, uint target)
    {
        byte[] frame = new byte[60];
        WriteMacs(frame, to, from, 0x0806);
        new byte[] { 0, 1, 8, 0, 6, 4 }.CopyTo(frame, 14);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(20), operation);
        new MacAddress(from).Write(frame.AsSpan(22));
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(28), sender);
        new MacAddress(targetMac).Write(frame.AsSpan(32));
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(38), target);
        return frame;
    }

    /// <summary>A neighbour solicitation with its source's place on the link, or an advertisement with its target's.</summary>
    /// <param name="type">135 asks, 136 tells.</param>
    /// <param name="to">Where the frame goes.</param>
    /// <param name="from">Where it comes from.</param>
    /// <param name="source">The packet's source.</param>
    /// <param name="destination">The packet's destination.</param>
    /// <param name="target">The address that it is about.</param>
    /// <param name="flags">Of an advertisement: 0x80 router, 0x40 solicited, 0x20 override.</param>
    /// <param name="link">Whether the place on the link is in it.</param>
    public static byte[] Neighbour(
        byte type, ulong to, ulong from, UInt128 source, UInt128 destination, UInt128 target, byte flags = 0, bool link = true)
    {
        byte[] frame = new byte[14 + 40 + 24 + (link ? 8 : 0)];
        WriteMacs(frame, to, from, 0x86dd);
        frame[14] = 0x60;
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(18), (ushort)(frame.Length - 54));
        frame[20] = 58;
        frame[21] = 255;
        BinaryPrimitives.WriteUInt128BigEndian(frame.AsSpan(22), source);
        BinaryPrimitives.WriteUInt128BigEndian(frame.AsSpan(38), destination);
        frame[54] = type;
        frame[58] = flags;
        BinaryPrimitives.WriteUInt128BigEndian(frame.AsSpan(62), target);
        if (link)
        {
            frame[78] = type == 135 ? (byte)1 : (byte)2;
            frame[79] = 1;
            new MacAddress(from).Write(frame.AsSpan(80));
        }

        WriteSum(frame);
        return frame;
    }

    /// <summary>Writes an ICMPv6 message's checksum.</summary>
    public static void WriteSum(byte[] frame)
    {
        (frame[56], frame[57]) = (0, 0);
        uint sum = 58 + (uint)(frame.Length - 54);
        for (int i = 22; i < frame.Length; i += 2)
        {
            sum += BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(i));
        }

        sum = (sum & 0xffff) + (sum >> 16);
        sum = (sum & 0xffff) + (sum >> 16);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(56), (ushort)~sum);
    }

    /// <summary>The group in which an IPv6 address is asked for.</summary>
    public static UInt128 GroupOf(UInt128 address) => ((UInt128)0xff02 << 112) | 0x1_ff00_0000 | (address & 0xff_ffff);

    /// <summary>That group's place on the link.</summary>
    public static ulong GroupMacOf(UInt128 address) => 0x3333_ff00_0000 | (ulong)(address & 0xff_ffff);

    private static void WriteMacs(Span<byte> frame, ulong to, ulong from, ushort type)
    {
        new MacAddress(to).Write(frame);
        new MacAddress(from).Write(frame[6..]);
        BinaryPrimitives.WriteUInt16BigEndian(frame[12..], type);
    }
}
