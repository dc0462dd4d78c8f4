using System;
using System.Linq;
using Sos.Cores;
using Sos.Cores.Loading;
using Sos.Cores.Native;
using Sos.Sdk.Control;
using Sos.Sdk.Testing;
using Xunit;

namespace Sos.Native.Tests;

/// <summary>Named ports from the loader to built images: the test plays the network and Linux on memory rings.</summary>
public sealed unsafe class NamedPortTests
{
    private static readonly byte[] Mac = [2, 0, 0, 0, 0, 1];

    [Fact]
    public void Two_Ports_Are_Bridged_By_Their_Names_Whatever_Their_Order()
    {
        using NativeService bridge = new("Bridge", Rings([Port("lan"), Port("wan")], []));
        using MappedMemory lanMemory = bridge.Core.MapAt(AddressSpace.HostPort);
        using MappedMemory wanMemory = bridge.Core.MapAt(AddressSpace.HostPort + AddressSpace.PortStride);
        PortPeer lan = new((HostPortLayout*)lanMemory.Address);
        PortPeer wan = new((HostPortLayout*)wanMemory.Address);
        bridge.Start();
        NativeService.Await(() => bridge.Shared.State == ServiceState.Initialised, "not initialised");
        byte[] toLan = [.. Mac, .. Mac, 8, 0, .. Enumerable.Range(0, 100).Select(i => (byte)i)];
        byte[] toWan = [.. toLan.Reverse()];
        Assert.True(wan.Send(toLan) && lan.Send(toWan));
        Assert.Equal(toLan, Receive(lan));
        Assert.Equal(toWan, Receive(wan));
        Assert.Equal((1ul, 1ul), (bridge.Counter("wan.rx_packets"), bridge.Counter("bridge.to_wan")));
    }

    [Fact]
    public void Linux_Sees_Every_Change_Of_The_Link_Though_The_Service_Does_Nothing_For_It()
    {
        using NativeService forwarder = new("Forwarder", Rings([Port("nic")], [Port("nic")]));
        using MappedMemory nicMemory = forwarder.Core.MapAt(AddressSpace.HostPort);
        using MappedMemory hostMemory = forwarder.Core.MapAt(AddressSpace.HostPort + AddressSpace.PortStride);
        PortPeer nic = new((HostPortLayout*)nicMemory.Address) { Up = false };
        PortPeer host = new((HostPortLayout*)hostMemory.Address);
        forwarder.Start();
        NativeService.Await(() => forwarder.Shared.State == ServiceState.Initialised, "not initialised");
        Assert.False(host.LinkUp);
        for (int i = 0; i < 5; i++)
        {
            nic.Up = true;
            NativeService.Await(() => host.LinkUp, "no carrier");
            nic.Up = false;
            NativeService.Await(() => !host.LinkUp, "the carrier stays");
        }

        Assert.Equal(10ul, forwarder.Counter("nic.link_changes"));
    }

    [Theory]
    [InlineData("host", "wan", "a port cannot be called \"host\"")]
    [InlineData("WAN", "lan", "a port cannot be called \"WAN\"")]
    [InlineData("wan", "wan", "two ports are called wan")]
    public void Names_That_Cannot_Be_Are_Refused(string first, string second, string text)
    {
        SosException refused = Assert.Throws<SosException>(() => new NativeService("Bridge", Rings([Port(first), Port(second)], [])));
        Assert.Equal(SosError.Usage, refused.Error);
        Assert.Contains(text, refused.Message, StringComparison.Ordinal);
    }

    private static PortRequest Port(string name) => new("", Mac, 1500, Port: name);

    private static ServiceConfiguration Rings(PortRequest[] cards, PortRequest[] hosts)
        => new() { MemoryPorts = cards, MemoryHostPorts = hosts, TableSlotSize = 0 };

    private static byte[] Receive(PortPeer peer)
    {
        byte[]? frame = null;
        NativeService.Await(() => (frame = peer.Receive()) is not null, "no frame came");
        return frame!;
    }
}
