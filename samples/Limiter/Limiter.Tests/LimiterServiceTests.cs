using System;
using System.Linq;
using Limiter.Control;
using Sos.Sdk.Testing;
using Sos.Sdk.Wire;
using Xunit;

namespace Limiter.Tests;

public sealed class LimiterServiceTests : IDisposable
{
    private const uint Limited = 0x0a00_0001;
    private const uint Other = 0x0a00_0002;
    private const ulong Start = ulong.MaxValue / 2;
    private const ulong MillisecondTicks = 1_000_000; // the harness's clock ticks once a nanosecond

    private readonly ServiceHarness<LimiterService> _harness = new(new HarnessOptions { Ports = ["wan", "lan"], Parameters = "burst=2\n" });

    public LimiterServiceTests() => Assert.Equal(0, _harness.Start());

    public void Dispose() => _harness.Dispose();

    [Fact]
    public void AHostGetsItsBurstAndThenItsRate()
    {
        Load("10.0.0.1 1000");
        Assert.Equal(2, Receive(Limited, 5, Start));
        Assert.Equal(0, Receive(Limited, 1, Start + MillisecondTicks - 1));
        Assert.Equal(1, Receive(Limited, 2, Start + MillisecondTicks));
        Assert.Equal((3UL, 5UL), (_harness.Counter("limit0.passed"), _harness.Counter("limit0.dropped")));
    }

    [Fact]
    public void OthersAndOtherFramesPass()
    {
        Load("10.0.0.1 1");
        Assert.Equal(20, Receive(Other, 20, Start));
        for (int i = 0; i < 20; i++)
        {
            _harness.Nic("wan").Send(new byte[60]);
            _harness.Nic("lan").Send(Packet(Limited));
        }

        _harness.PollAt(Start);
        Assert.Equal(20, _harness.Nic("lan").ReceiveAll().Count);
        Assert.Equal(20, _harness.Nic("wan").ReceiveAll().Count);
    }

    [Fact]
    public void WithoutATableEverythingPasses() => Assert.Equal(20, Receive(Limited, 20, Start));

    [Fact]
    public void AnotherTableCountsFromItsOwnBeginning()
    {
        Load("10.0.0.1 1000");
        Assert.Equal(2, Receive(Limited, 5, Start));
        Load("10.0.0.2 1000");
        Assert.Equal(5, Receive(Limited, 5, Start));
        Assert.Equal(2, Receive(Other, 5, Start));
    }

    [Fact]
    public void ATableThatNamesMoreThanItHasIsRefused()
    {
        using TemporaryFile file = new("10.0.0.1 1000");
        byte[] table = LimitFile.Read(file.Path).Bytes.ToArray();
        table[LimitTable.CountOffset] = 2;
        Assert.False(_harness.LoadTable(table));
        Assert.Equal(5, Receive(Limited, 5, Start));
    }

    [Fact]
    public void EveryBufferComesBack()
    {
        Load("10.0.0.1 1");
        for (int round = 0; round < 1000; round++)
        {
            Receive(Limited, 8, Start);
        }

        Assert.Equal(8, Receive(Other, 8, Start));
    }

    [Theory]
    [InlineData("burst=0\n")]
    [InlineData("burst=65536\n")]
    public void ABurstThatCannotBeIsRefused(string parameters)
    {
        using ServiceHarness<LimiterService> harness = new(new HarnessOptions { Ports = ["wan", "lan"], Parameters = parameters });
        Assert.Equal(1, harness.Start());
    }

    private static byte[] Packet(uint destination)
    {
        byte[] frame = new byte[60];
        new EthernetHeader { Type = EtherType.Ipv4 }.Write(frame);
        new Ipv4Header
        {
            HeaderLength = Ipv4Header.SizeMin,
            TotalLength = 46,
            TimeToLive = 64,
            Protocol = IpProtocol.Udp,
            Source = 0xc000_0201,
            Destination = destination,
        }.Write(frame.AsSpan(EthernetHeader.UntaggedSize));
        return frame;
    }

    private void Load(string limits)
    {
        using TemporaryFile file = new(limits);
        Assert.True(_harness.LoadTable(LimitFile.Read(file.Path).Bytes.Span));
    }

    /// <summary>Sends packets to a host and tells how many it got.</summary>
    private int Receive(uint host, int packets, ulong now)
    {
        Assert.All(Enumerable.Repeat(Packet(host), packets), packet => Assert.True(_harness.Nic("wan").Send(packet)));
        _harness.PollAt(now);
        return _harness.Nic("lan").ReceiveAll().Count;
    }
}
