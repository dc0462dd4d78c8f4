using System;
using System.Collections.Generic;
using System.Linq;
using Sos.Net.Wire;
using Sos.Sdk.Packets;
using Sos.Sdk.Wire;
using Xunit;

namespace Sos.Net.Tests;

/// <summary>Passes that are full of strangers' frames: their answers leave room for connections.</summary>
public sealed class FloodTests
{
    public static TheoryData<string> Kinds
    {
        get
        {
            TheoryData<string> kinds = [];
            foreach (string kind in Floods.Keys)
            {
                kinds.Add(kind);
            }

            return kinds;
        }
    }

    private static Dictionary<string, Func<int, byte[]>> Floods { get; } = new()
    {
        ["syn"] = number => Frames.Tcp(Syn(23), source: Stranger(number)),
        ["closed port"] = number => Frames.Tcp(Syn(80), source: Stranger(number)),
        ["ping"] = number => Frames.Ping(source: Stranger(number)),
        ["datagram"] = number => Frames.Ip([3, 232, 0, 53, 0, 8, 0, 0], IpProtocol.Udp, source: Stranger(number)),
        ["arp"] = number => Frames.Arp(new ArpPacket
        {
            Operation = ArpPacket.Request,
            SenderMac = TestEndpoint.HostMac,
            SenderAddress = Stranger(number).Ipv4,
            TargetAddress = TestEndpoint.Ipv4,
        }),
        ["neighbour"] = _ => Frames.Neighbor(Solicitation(hasLink: true)),
        ["probe"] = _ => Frames.Neighbor(Solicitation(hasLink: false), default(IpAddress), Group),
    };

    private static IpAddress Group => new(new Ipv6Address(0xff02_0000_0000_0000, 0x1_ff00_0000 | (TestEndpoint.Ipv6.Low & 0xff_ffff)));

    [Theory]
    [MemberData(nameof(Kinds))]
    public void AFloodInEachPassLeavesRoomForAConnection(string kind)
    {
        using TestEndpoint endpoint = new();
        TcpClient client = new TcpClient(endpoint).Connect();
        for (int pass = 0; pass < 10; pass++)
        {
            for (int i = 0; i < 2 * Burst.Capacity; i++)
            {
                endpoint.Take(Floods[kind]((pass * 2 * Burst.Capacity) + i));
            }

            Assert.True(client.IsAlive(), $"pass {pass}");
            Assert.Empty(client.Send(TcpFlags.Ack));
        }
    }

    [Fact]
    public void AllKindsTogetherLeaveRoomForAConnection()
    {
        using TestEndpoint endpoint = new();
        TcpClient client = new TcpClient(endpoint).Connect();
        for (int pass = 0; pass < 10; pass++)
        {
            foreach (int number in Enumerable.Range(pass * 100, 100))
            {
                foreach (Func<int, byte[]> make in Floods.Values)
                {
                    endpoint.Take(make(number));
                }
            }

            Assert.True(client.IsAlive(), $"pass {pass}");
        }

        Assert.NotEqual(0ul, endpoint.Endpoint.Lost);
    }

    private static TcpHeader Syn(ushort port) => new() { SourcePort = 1000, DestinationPort = port, Sequence = 7, Flags = TcpFlags.Syn };

    private static IpAddress Stranger(int number) => IpAddress.FromIpv4(0x0a00_0000u + (uint)number);

    private static NeighborMessage Solicitation(bool hasLink) => new()
    {
        Type = NeighborMessage.Solicitation,
        Target = TestEndpoint.Ipv6,
        HasLink = hasLink,
        Link = hasLink ? TestEndpoint.HostMac : default,
    };
}
