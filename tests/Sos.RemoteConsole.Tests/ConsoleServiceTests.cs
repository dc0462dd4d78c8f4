using System;
using System.Linq;
using Sos.Sdk.Testing;
using Sos.Sdk.Wire;
using Xunit;

namespace Sos.RemoteConsole.Tests;

/// <summary>The service shares its card: what is not the console's passes as it is, in both directions.</summary>
public sealed class ConsoleServiceTests
{
    private const string Minimum = "address=00000000000000000000ffff0a4d0909/128\nseed=000102030405060708090a0b0c0d0e0f\n";

    private const string Secret = "1111111111111111111111111111111111111111111111111111111111111111";

    [Fact]
    public void WhatIsNotTheConsolesIsLinuxs()
    {
        using ServiceHarness<ConsoleService> harness = Start(Minimum);
        byte[] linux = Ip(0x0a4d_0901);
        Assert.True(harness.Nic().Send(linux) && harness.Nic().Send(Ip(0x0a4d_0909)) && harness.Nic().Send(linux));
        harness.Poll(4);
        Assert.Equal([linux, linux], harness.Host().ReceiveAll());
        Assert.Equal(1ul, harness.Counter("console.received"));
        _ = harness.Nic().ReceiveAll();
        Assert.True(harness.Host().Send(linux));
        harness.Poll(4);
        Assert.Contains(harness.Nic().ReceiveAll(), frame => frame.SequenceEqual(linux));
    }

    [Fact]
    public void WhatARouterTellsAllGoesToBoth()
    {
        using ServiceHarness<ConsoleService> harness = Start(Minimum + "autoconf=true\n");
        byte[] frame = new byte[70];
        new EthernetHeader { Destination = new MacAddress(0x3333_0000_0001), Source = new MacAddress(0x02_00_00_00_00_55), Type = EtherType.Ipv6 }.Write(frame);
        new Ipv6Header
        {
            PayloadLength = 16,
            NextHeader = IpProtocol.Icmpv6,
            HopLimit = 255,
            Source = new Ipv6Address(0xfe80_0000_0000_0000, 1),
            Destination = new Ipv6Address(0xff02_0000_0000_0000, 1),
        }.Write(frame.AsSpan(14));
        Assert.True(harness.Nic().Send(frame));
        harness.Poll(2);
        Assert.Equal(frame, Assert.Single(harness.Host().ReceiveAll()));
        Assert.Equal(1ul, harness.Counter("console.received"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("address=10.0.0.1\nseed=000102030405060708090a0b0c0d0e0f\n")]
    [InlineData("address=00000000000000000000ffff0a4d0909/128\n")]
    [InlineData(Minimum + "telnet-password=1:2:3\n")]
    [InlineData(Minimum + "ssh-host-seed=" + Secret + "\n")]
    [InlineData(Minimum + "ssh-host-seed=" + Secret + "\nssh-keys=" + Secret + "\nssh-random=" + Secret + "\n")]
    [InlineData(Minimum + "allow=\n")]
    [InlineData(Minimum + "mac=010000000000\n")]
    [InlineData(Minimum + "autoconf=perhaps\n")]
    public void AParameterThatCannotBeEndsItWithAReason(string parameters)
    {
        using ServiceHarness<ConsoleService> harness = new(Options(parameters));
        Assert.Equal(ConsoleService.BadParameter, harness.Start());
        Assert.StartsWith("console: ", Assert.Single(harness.TakeLog()).Text, StringComparison.Ordinal);
    }

    [Fact]
    public void WithoutAPortOrMemoryItDoesNotStart()
    {
        using ServiceHarness<ConsoleService> harness = new(new HarnessOptions { Parameters = Minimum });
        Assert.Equal(ConsoleService.NoPort, harness.Start());
        using ServiceHarness<ConsoleService> small = new(new HarnessOptions
        {
            Parameters = Minimum,
            Ports = ["nic"],
            HostPorts = ["nic"],
            ArenaSize = 256 << 10,
        });
        Assert.Equal(ConsoleService.NoMemory, small.Start());
    }

    private static HarnessOptions Options(string parameters) => new() { Ports = ["nic"], HostPorts = ["nic"], Parameters = parameters };

    private static ServiceHarness<ConsoleService> Start(string parameters)
    {
        ServiceHarness<ConsoleService> harness = new(Options(parameters));
        Assert.Equal(0, harness.Start());
        harness.Maintain();
        harness.Poll();
        return harness;
    }

    private static byte[] Ip(uint destination)
    {
        byte[] frame = new byte[60];
        new EthernetHeader { Destination = new MacAddress(0x02_00_00_00_00_01), Source = new MacAddress(0x02_00_00_00_00_55), Type = EtherType.Ipv4 }
            .Write(frame);
        new Ipv4Header { HeaderLength = 20, TotalLength = 40, TimeToLive = 64, Protocol = IpProtocol.Tcp, Source = 0x0a4d_0902, Destination = destination }
            .Write(frame.AsSpan(14));
        return frame;
    }
}
