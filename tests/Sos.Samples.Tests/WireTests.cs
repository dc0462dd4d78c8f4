using System;
using System.Linq;
using Bridge;
using Forwarder;
using Pacing;
using Sos.Sdk.Testing;
using Xunit;

namespace Sos.Samples.Tests;

/// <summary>The samples that are wires, as services of a test: every frame comes out at the other end, as it went in and in order.</summary>
public sealed class WireTests
{
    private static readonly HarnessOptions OnePort = new() { Ports = ["nic"], HostPorts = ["nic"] };

    [Fact]
    public void The_forwarder_passes_frames_between_card_and_linux()
    {
        using ServiceHarness<ForwarderService> harness = new(OnePort);
        Assert.Equal(0, harness.Start());
        AssertWire(harness.Nic(), harness.Host(), () => harness.Poll());
        AssertWire(harness.Host(), harness.Nic(), () => harness.Poll());
    }

    [Fact]
    public void The_bridge_passes_frames_between_two_cards()
    {
        using ServiceHarness<BridgeService> harness = new(new HarnessOptions { Ports = ["lan", "wan"] });
        Assert.Equal(0, harness.Start());
        AssertWire(harness.Nic("wan"), harness.Nic("lan"), () => harness.Poll());
        AssertWire(harness.Nic("lan"), harness.Nic("wan"), () => harness.Poll());
        Assert.Equal((200UL, 200UL), (harness.Counter("bridge.to_lan"), harness.Counter("bridge.to_wan")));
        Assert.Equal((200UL, 200UL), (harness.Counter("wan.rx_packets"), harness.Counter("lan.rx_packets")));
    }

    [Fact]
    public void The_bridge_says_which_port_is_missing()
    {
        using ServiceHarness<BridgeService> harness = new(new HarnessOptions { Ports = ["wan", "dmz"] });
        Assert.Equal(1, harness.Start());
        Assert.Equal("port lan: the service was given no card of that name", Assert.Single(harness.TakeLog()).Text);
    }

    [Fact]
    public void Pacing_passes_everything_and_sends_no_faster_than_it_may()
    {
        using ServiceHarness<PacingService> harness = new(new HarnessOptions
        {
            Ports = ["nic"],
            HostPorts = ["nic"],
            Parameters = "packets-per-second=1000",
        });
        Assert.Equal(0, harness.Start());
        AssertWire(harness.Nic(), harness.Host(), () => harness.Poll());
        for (int i = 0; i < 10; i++)
        {
            Assert.True(harness.Host().Send(Frame(i)));
        }

        // The harness's clock ticks once a nanosecond: a packet is due each million of ticks.
        ulong start = ulong.MaxValue / 2;
        harness.PollAt(start);
        Assert.Single(harness.Nic().ReceiveAll());
        harness.PollAt(start + 999_999);
        Assert.Empty(harness.Nic().ReceiveAll());
        for (ulong i = 1; i < 10; i++)
        {
            harness.PollAt(start + (i * 1_000_000));
            Assert.Single(harness.Nic().ReceiveAll());
        }
    }

    internal static byte[] Frame(int seed)
    {
        byte[] frame = new byte[60 + (seed % 1400)];
        new Random(seed).NextBytes(frame);
        return frame;
    }

    private static void AssertWire(PortPeer from, PortPeer to, Action poll)
    {
        byte[][] frames = [.. Enumerable.Range(0, 200).Select(Frame)];
        foreach (byte[] frame in frames)
        {
            Assert.True(from.Send(frame));
        }

        for (int i = 0; i < 10; i++)
        {
            poll();
        }

        Assert.Equal(frames, to.ReceiveAll());
    }
}
