using System;
using System.Diagnostics;
using System.Linq;
using Sos.Guard;
using Sos.Sdk.Testing;
using Sos.Sdk.Wire;
using Xunit;

namespace Sos.RemoteConsole.Tests;

/// <summary>Firewall and console on one card: each gets the frames that are its own.</summary>
public sealed class GuardServiceTests
{
    private const uint ConsoleAddress = 0x0a4d_0909;
    private const uint HostAddress = 0x0a4d_0901;

    [Fact]
    public void TheConsoleAnswersWhileTheFirewallDropsAll()
    {
        using ServiceHarness<GuardService> harness = new(new HarnessOptions
        {
            ArenaSize = 8 << 20,
            Ports = ["nic"],
            HostPorts = ["nic"],
            Parameters = "address=00000000000000000000ffff0a4d0909/128\nseed=000102030405060708090a0b0c0d0e0f\n",
        });
        Assert.Equal(0, harness.Start());
        harness.Maintain();
        byte[] ping = Ping(ConsoleAddress);
        for (Stopwatch waited = Stopwatch.StartNew(); !harness.Nic().ReceiveAll().Any(frame => frame[23] == 1);)
        {
            Assert.True(waited.Elapsed < TimeSpan.FromMinutes(1), "the console does not answer");
            _ = harness.Nic().Send(ping);
            harness.Poll(2);
        }

        // Without a table the firewall drops all; the console's frames never came to it.
        Assert.Equal(0ul, harness.Counter("firewall.received"));
        Assert.True(harness.Nic().Send(Ping(HostAddress)));
        harness.Poll(2);
        Assert.Equal(1ul, harness.Counter("firewall.dropped_no_table"));
        Assert.Empty(harness.Host().ReceiveAll());
    }

    [Theory]
    [InlineData("seed=000102030405060708090a0b0c0d0e0f\nvlan=perhaps\n")]
    [InlineData("vlan=drop\n")]
    public void AParameterThatCannotBeEndsIt(string parameters)
    {
        using ServiceHarness<GuardService> harness = new(new HarnessOptions { Ports = ["nic"], HostPorts = ["nic"], Parameters = parameters });
        Assert.Equal(GuardService.BadParameter, harness.Start());
        Assert.Single(harness.TakeLog());
    }

    private static byte[] Ping(uint destination)
    {
        byte[] frame = new byte[60];
        new EthernetHeader { Destination = new MacAddress(0x02_00_00_00_00_01), Source = new MacAddress(0x02_00_00_00_00_55), Type = EtherType.Ipv4 }
            .Write(frame);
        new Ipv4Header { HeaderLength = 20, TotalLength = 28, TimeToLive = 64, Protocol = IpProtocol.Icmp, Source = 0x0a4d_0902, Destination = destination }
            .Write(frame.AsSpan(14));
        byte[] message = new byte[IcmpHeader.Size];
        message[0] = IcmpHeader.EchoRequest;
        ushort checksum = InternetChecksum.Compute(message);
        (message[2], message[3]) = ((byte)(checksum >> 8), (byte)checksum);
        message.CopyTo(frame, 34);
        return frame;
    }
}
