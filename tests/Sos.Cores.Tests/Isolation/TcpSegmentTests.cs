using System;
using System.Buffers.Binary;
using System.Linq;
using Sos.Runner;
using Xunit;

namespace Sos.Cores.Tests.Isolation;

/// <summary>Segments are given to Linux together only where it could have put them together itself.</summary>
public sealed class TcpSegmentTests
{
    private const int Options = 12;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void ASegmentIsReadAndThoseThatFollowMakeOneFrameWithARightChecksum(bool ipv6)
    {
        byte[] first = Make(ipv6, 1000, 500, push: false);
        byte[] second = Make(ipv6, 1500, 501, push: true);
        Assert.True(TcpSegment.TryRead(first, out TcpSegment segment));
        Assert.Equal((500, 1000u, false, ipv6), (segment.Length, segment.Sequence, segment.Push, segment.IsIpv6));
        Assert.True(TcpSegment.TryRead(second, out TcpSegment next));
        Assert.True(next.Push);
        Assert.True(segment.Continues(first, second));

        byte[] headers = first[..segment.Payload];
        segment.Extend(headers, 1001, push: true);
        byte[] whole = [.. headers, .. first[segment.Payload..], .. second[next.Payload..]];

        // What whoever sends it on does: the sum over all of TCP, the field's pseudo-header included.
        ushort sum = Sum(whole.AsSpan(segment.Transport));
        BinaryPrimitives.WriteUInt16BigEndian(whole.AsSpan(segment.Transport + 16), (ushort)~sum);
        Assert.True(TcpSegment.TryRead(whole, out TcpSegment all));
        Assert.Equal((1001, 1000u, true), (all.Length, all.Sequence, all.Push));
    }

    [Fact]
    public void EachChangedByteOfASegmentIsFoundOut()
    {
        byte[] frame = Make(false, 7, 64, push: false);
        foreach (int at in Enumerable.Range(14, frame.Length - 14))
        {
            byte[] changed = [.. frame];
            changed[at] ^= 0x11;
            Assert.False(TcpSegment.TryRead(changed, out _), $"byte {at}");
        }
    }

    [Fact]
    public void WhatIsNoPlainSegmentWithDataIsLeftAlone()
    {
        byte[] frame = Make(false, 7, 64, push: false);
        for (int length = 0; length < frame.Length; length++)
        {
            Assert.False(TcpSegment.TryRead(frame.AsSpan(0, length), out _), $"{length} bytes");
        }

        Assert.False(TcpSegment.TryRead([.. frame, 0], out _), "padding");
        Assert.False(TcpSegment.TryRead(Make(false, 7, 0, push: false), out _), "no data");
        Assert.False(TcpSegment.TryRead(Make(false, 7, 64, push: false, flags: 0x12), out _), "SYN");
        Assert.False(TcpSegment.TryRead(Make(false, 7, 64, push: false, flags: 0x11), out _), "FIN");
        Assert.False(TcpSegment.TryRead(Make(false, 7, 64, push: false, fragment: 0x2000), out _), "fragment");
        Assert.True(TcpSegment.TryRead(Make(false, 7, 64, push: false, fragment: 0x4000), out _), "DF");
    }

    [Theory]
    [InlineData(0)] // a MAC address
    [InlineData(15)] // the type of service
    [InlineData(22)] // hops
    [InlineData(29)] // the source
    [InlineData(34)] // a port
    [InlineData(43)] // the acknowledgement
    [InlineData(49)] // the window
    [InlineData(60)] // an option
    public void OtherHeadersAreAnotherFlow(int at)
    {
        byte[] first = Make(false, 7, 64, push: false);
        byte[] other = Make(false, 71, 64, push: false);
        Assert.True(TcpSegment.TryRead(first, out TcpSegment segment));
        Assert.True(segment.Continues(first, other));
        other[at] ^= 1;
        Assert.False(segment.Continues(first, other));
    }

    private static byte[] Make(bool ipv6, uint sequence, int data, bool push, byte flags = 0x10, ushort fragment = 0)
    {
        byte[] tcp = new byte[20 + Options + data];
        (tcp[0], tcp[1], tcp[2], tcp[3]) = (0x30, 0x39, 0, 80);
        BinaryPrimitives.WriteUInt32BigEndian(tcp.AsSpan(4), sequence);
        tcp[12] = (20 + Options) / 4 << 4;
        tcp[13] = (byte)(flags | (push ? 8 : 0));
        tcp[15] = 99;
        tcp.AsSpan(20, Options).Fill(1);
        for (int i = 0; i < data; i++)
        {
            tcp[20 + Options + i] = (byte)(i * 37);
        }

        byte[] ip = ipv6
            ? [0x60, 0, 0, 0, (byte)(tcp.Length >> 8), (byte)tcp.Length, 6, 64, .. Enumerable.Range(1, 32).Select(i => (byte)i)]
            : [0x45, 0, (byte)((tcp.Length + 20) >> 8), (byte)(tcp.Length + 20), 0, (byte)sequence, (byte)(fragment >> 8), 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
        byte[] pseudo = ipv6 ? [.. ip[8..], 0, 6, (byte)(tcp.Length >> 8), (byte)tcp.Length] : [.. ip[12..], 0, 6, (byte)(tcp.Length >> 8), (byte)tcp.Length];
        BinaryPrimitives.WriteUInt16BigEndian(tcp.AsSpan(16), (ushort)~Sum([.. pseudo, .. tcp]));
        if (!ipv6)
        {
            BinaryPrimitives.WriteUInt16BigEndian(ip.AsSpan(10), (ushort)~Sum(ip));
        }

        return [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, ipv6 ? (byte)0x86 : (byte)8, ipv6 ? (byte)0xdd : (byte)0, .. ip, .. tcp];
    }

    private static ushort Sum(ReadOnlySpan<byte> bytes)
    {
        uint sum = 0;
        for (int i = 0; i < bytes.Length; i++)
        {
            sum += (uint)(bytes[i] << (i % 2 == 0 ? 8 : 0));
            sum = (sum & 0xffff) + (sum >> 16);
        }

        return (ushort)sum;
    }
}
