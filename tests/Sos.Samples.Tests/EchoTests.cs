using System;
using Echo;
using Sos.Sdk.Testing;
using Sos.Sdk.Wire;
using Xunit;

namespace Sos.Samples.Tests;

/// <summary>Echo answers ARP and ping for its own address and leaves the rest to Linux.</summary>
public sealed class EchoTests : IDisposable
{
    private const uint Own = 0x0a00_0064;
    private const uint Peer = 0x0a00_0001;

    private static readonly MacAddress PeerMac = new(0x0200_0000_0099);

    private readonly ServiceHarness<EchoService> _harness = new(new HarnessOptions
    {
        Ports = ["nic"],
        HostPorts = ["nic"],
        Parameters = $"address={Own}",
    });

    public EchoTests() => Assert.Equal(0, _harness.Start());

    public void Dispose() => _harness.Dispose();

    [Fact]
    public void An_arp_request_is_answered_with_the_cards_own_address()
    {
        byte[] request = Ethernet(EtherType.Arp, ArpPacket.Size);
        new ArpPacket { Operation = ArpPacket.Request, SenderMac = PeerMac, SenderAddress = Peer, TargetAddress = Own }.Write(request.AsSpan(14));
        byte[] answer = Assert.Single(Answers(request));
        Assert.Equal(MalformedReason.None, ArpPacket.Parse(answer.AsSpan(14), out ArpPacket reply));
        MacAddress own = MacAddress.Read(answer.AsSpan(6));
        Assert.NotEqual(0UL, own.Value);
        Assert.Equal((ArpPacket.Reply, own, Own, PeerMac, Peer), (reply.Operation, reply.SenderMac, reply.SenderAddress, reply.TargetMac, reply.TargetAddress));
        Assert.Equal(PeerMac, MacAddress.Read(answer));
    }

    [Fact]
    public void A_ping_is_answered()
    {
        byte[] answer = Assert.Single(Answers(Ping(Own)));
        Assert.Equal(MalformedReason.None, Ipv4Header.Parse(answer.AsSpan(14), out Ipv4Header ip));
        Assert.Equal((Own, Peer), (ip.Source, ip.Destination));
        Assert.Equal(IcmpHeader.EchoReply, answer[34]);
        Assert.Equal(0, InternetChecksum.Compute(answer.AsSpan(34, 40)));
    }

    [Fact]
    public void What_is_for_another_address_goes_to_linux_and_its_answers_back()
    {
        byte[] ping = Ping(Own + 1);
        Assert.Empty(Answers(ping));
        Assert.Equal([ping], _harness.Host().ReceiveAll());
        Assert.True(_harness.Host().Send(ping));
        Assert.Equal([ping], Answers());
    }

    private static byte[] Ping(uint destination)
    {
        byte[] frame = Ethernet(EtherType.Ipv4, 60);
        new Ipv4Header
        {
            HeaderLength = Ipv4Header.SizeMin,
            TotalLength = 60,
            TimeToLive = 64,
            Protocol = IpProtocol.Icmp,
            Source = Peer,
            Destination = destination,
        }.Write(frame.AsSpan(14));
        frame[34] = IcmpHeader.EchoRequest;
        new Random(1).NextBytes(frame.AsSpan(38, 36));
        ushort checksum = InternetChecksum.Compute(frame.AsSpan(34, 40));
        (frame[36], frame[37]) = ((byte)(checksum >> 8), (byte)checksum);
        return frame;
    }

    private static byte[] Ethernet(EtherType type, int payload)
    {
        byte[] frame = new byte[14 + payload];
        new EthernetHeader { Destination = MacAddress.Broadcast, Source = PeerMac, Type = type }.Write(frame);
        return frame;
    }

    private byte[][] Answers(params byte[][] frames)
    {
        foreach (byte[] frame in frames)
        {
            Assert.True(_harness.Nic().Send(frame));
        }

        _harness.Poll(2);
        return [.. _harness.Nic().ReceiveAll()];
    }
}
