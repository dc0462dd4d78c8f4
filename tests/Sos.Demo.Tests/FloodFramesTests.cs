using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Linq;
using System.Net;
using System.Net.NetworkInformation;
using Sos.Traffic.Wire;
using Xunit;

namespace Sos.Demo.Tests;

public sealed class FloodFramesTests
{
    private const int Count = 800;
    private static readonly IPAddress[] Blocked = [IPAddress.Parse("45.1.2.3"), IPAddress.Parse("77.9.8.7")];
    private static readonly FloodTarget Target = new(
        PhysicalAddress.Parse("52-54-00-77-00-02"), PhysicalAddress.Parse("02-05-05-00-00-01"), IPAddress.Parse("10.77.0.2"));

    [Fact]
    public void EveryFrameGoesToTheTarget() => Assert.All(Frames(), frame =>
    {
        Assert.Equal(Target.Mac.GetAddressBytes(), frame[..6]);
        Assert.Equal(Target.Address, new IPAddress(frame.AsSpan(30, 4)));
        Assert.Equal(0x0800, BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(12)));
    });

    [Fact]
    public void EveryChecksumIsRight() => Assert.All(Frames(), frame =>
    {
        byte[] ip = frame[14..34];
        Assert.Equal(0xffff, Sum(ip, 0));
        int length = BinaryPrimitives.ReadUInt16BigEndian(ip.AsSpan(2)) - 20;
        Assert.Equal(0xffff, Sum(frame[34..(34 + length)], (uint)(Sum(ip[12..], 0) + ip[9] + length)));
    });

    [Fact]
    public void BlockedSourcesSendMostOfIt()
    {
        int fromBlocked = Frames().Count(frame => Blocked.Contains(new IPAddress(frame.AsSpan(26, 4))));
        Assert.InRange(fromBlocked, Count * 7 / 8, Count);
    }

    [Fact]
    public void SpoofedSourcesAimAtClosedPortsOnly()
    {
        List<byte[]> spoofed = [.. Frames().Where(frame => !Blocked.Contains(new IPAddress(frame.AsSpan(26, 4))))];
        Assert.NotEmpty(spoofed);
        Assert.All(spoofed, frame =>
        {
            Assert.Equal(6, frame[23]);
            Assert.DoesNotContain(BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(36)), (ushort[])[22, 80]);
            Assert.InRange(frame[26], 11, 190);
        });
    }

    [Fact]
    public void ASeedGivesTheSameFrames() => Assert.Equal(
        FloodFrames.Build(64, Target, Blocked, 5), FloodFrames.Build(64, Target, Blocked, 5));

    private static List<byte[]> Frames() => [.. FloodFrames.Build(Count, Target, Blocked, 1).Chunk(FloodFrames.Length)];

    // RFC 1071, written down once more: with its checksum in place a sum is all ones.
    private static int Sum(byte[] bytes, uint start)
    {
        uint sum = start;
        for (int i = 0; i < bytes.Length; i++)
        {
            sum += (uint)(i % 2 == 0 ? bytes[i] << 8 : bytes[i]);
        }

        sum = (sum >> 16) + (sum & 0xffff);
        return (int)((sum >> 16) + (sum & 0xffff));
    }
}
