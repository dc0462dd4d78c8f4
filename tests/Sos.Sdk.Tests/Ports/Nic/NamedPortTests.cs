using System;
using System.Diagnostics;
using System.Linq;
using System.Text;
using Sos.Sdk.Control;
using Sos.Sdk.Packets;
using Sos.Sdk.Ports;
using Sos.Sdk.Services;
using Sos.Sdk.Testing;
using Xunit;

namespace Sos.Sdk.Tests.Ports.Nic;

/// <summary>A service takes its ports by name, and as many as it was given.</summary>
public sealed unsafe class NamedPortTests
{
    [Fact]
    public void A_service_is_told_of_its_ports_in_their_order()
    {
        using ServiceHarness<TakesAll> harness = new(new HarnessOptions { Ports = ["wan", "lan-2", "dmz_3"], HostPorts = ["lan-2", "mgmt"] });
        Assert.Equal(0, harness.Start());
        Assert.Equal(["wan", "lan-2 host", "dmz_3", "mgmt host only"], harness.TakeLog().Select(entry => entry.Text));
    }

    [Fact]
    public void Frames_go_to_the_port_whose_name_is_meant()
    {
        using ServiceHarness<TakesAll> harness = new(new HarnessOptions { Ports = ["wan", "lan"], HostPorts = ["wan", "lan"] });
        Assert.Equal(0, harness.Start());
        byte[] toWan = PortBench.Frame(60, 1);
        byte[] toLan = PortBench.Frame(61, 2);
        Assert.True(harness.Nic("wan").Send(toWan));
        Assert.True(harness.Nic("lan").Send(toLan));
        harness.Poll();
        Assert.Equal([toWan], harness.Host("wan").ReceiveAll());
        Assert.Equal([toLan], harness.Host("lan").ReceiveAll());
        Assert.Equal((1UL, 60UL), (harness.Counter("wan.rx_packets"), harness.Counter("wan.host.tx_bytes")));
        Assert.Equal(61UL, harness.Counter("lan.host.tx_bytes"));
    }

    [Fact]
    public void The_counters_of_the_port_nic_keep_their_names()
    {
        using ServiceHarness<TakesAll> harness = new(new HarnessOptions { Ports = ["nic"], HostPorts = ["nic"] });
        Assert.Equal(0, harness.Start());
        Assert.Contains("nic.rx_packets", harness.Counters().Keys);
        Assert.Contains("host.tx_dropped_full", harness.Counters().Keys);
    }

    [Fact]
    public void The_link_of_each_port_goes_to_its_own_host_port()
    {
        using ServiceHarness<TakesAll> harness = new(new HarnessOptions { Ports = ["wan", "lan"], HostPorts = ["wan", "lan"] });
        Assert.Equal(0, harness.Start());
        Assert.True(harness.Nic("wan").LinkUp && harness.Host("wan").LinkUp && harness.Host("lan").LinkUp);
        harness.Nic("lan").Up = false;
        harness.Maintain();
        Assert.True(harness.Host("wan").LinkUp);
        Assert.False(harness.Host("lan").LinkUp);
    }

    [Fact]
    public void The_host_of_a_service_maintains_its_ports_between_polls()
    {
        using ServiceHarness<TakesAll> harness = new(new HarnessOptions { Ports = ["wan", "lan"], HostPorts = ["wan", "lan"] });
        Assert.Equal(0, harness.Start());
        harness.Nic("lan").Up = false;
        Stopwatch patience = Stopwatch.StartNew();
        while (harness.Host("lan").LinkUp && patience.Elapsed < TimeSpan.FromMinutes(1))
        {
            harness.Poll();
        }

        Assert.False(harness.Host("lan").LinkUp);
        Assert.True(harness.Host("wan").LinkUp);
    }

    [Fact]
    public void A_service_without_ports_is_never_interrupted_for_them()
    {
        using ServiceHarness<TakesAll> harness = new();
        Assert.Equal(0, harness.Start());
        harness.Poll(3);
        Assert.Empty(harness.Counters());
    }

    [Fact]
    public void A_port_that_was_not_given_is_not_opened_and_the_log_says_so()
    {
        using ServiceHarness<WantsWan> harness = new(new HarnessOptions { Ports = ["lan"], HostPorts = ["wan"] });
        Assert.Equal(1, harness.Start());
        Assert.Equal(["port wan: the service was given no card of that name"], harness.TakeLog().Select(entry => entry.Text));

        using ServiceHarness<WantsWan> other = new(new HarnessOptions { Ports = ["wan"], HostPorts = ["lan"] });
        Assert.Equal(1, other.Start());
        Assert.Equal(["port wan: the service was given no host port of that name"], other.TakeLog().Select(entry => entry.Text));
    }

    [Fact]
    public void A_port_is_opened_once()
    {
        using ServiceHarness<OpensTwice> harness = new(new HarnessOptions { Ports = ["wan"] });
        TrapAssert.Traps(() => harness.Start());
    }

    [Fact]
    public void A_control_plane_that_knows_no_names_gives_the_port_nic()
    {
        using ServiceHarness<TakesAll> harness = new(new HarnessOptions { Ports = ["wan"], HostPorts = ["lan"] });
        for (int i = 0; i < (int)harness.Control->ResourceCount; i++)
        {
            harness.Control->Resources[i].Name = default;
        }

        Assert.Equal(0, harness.Start());
        Assert.Equal(["nic host"], harness.TakeLog().Select(entry => entry.Text));
    }

    [Fact]
    public void More_ports_than_there_can_be_are_left_out()
    {
        using ServiceHarness<TakesAll> harness = new(new HarnessOptions
        {
            Ports = [.. Enumerable.Range(0, PortList.CountMax + 2).Select(i => $"p{i}")],
            HostPorts = [.. Enumerable.Range(0, PortList.CountMax).Select(i => $"p{i}")],
        });
        Assert.Equal(0, harness.Start());
        Assert.Equal(PortList.CountMax, harness.TakeLog().Count);
        Assert.True(harness.Nic("p7").LinkUp);
        Assert.False(harness.Nic("p8").LinkUp);
    }

    [Fact]
    public void Ports_that_were_never_opened_receive_nothing_and_take_nothing()
    {
        Burst burst = default;
        Assert.Equal(0, default(NicPort).Receive(ref burst));
        Assert.Equal(0, default(HostPort).Receive(ref burst));
        Assert.Equal((PortState.Down, PortState.Down), (default(NicPort).State, default(HostPort).State));
        default(NicPort).Maintain(0);
        default(HostPort).Maintain(0);
        TrapAssert.Traps(() =>
        {
            Burst sent = default;
            default(NicPort).Transmit(ref sent);
        });
        TrapAssert.Traps(() => default(HostPort).SetLink(true));
    }

    [Theory]
    [InlineData("nic", true)]
    [InlineData("a", true)]
    [InlineData("a-23456789_1234", true)]
    [InlineData("a-23456789_12345", false)]
    [InlineData("", false)]
    [InlineData("host", false)]
    [InlineData("any", false)]
    [InlineData("hosts", true)]
    [InlineData("0nic", false)]
    [InlineData("Nic", false)]
    [InlineData("a.b", false)]
    [InlineData("a b", false)]
    [InlineData("ä", false)]
    public void Names_are_such_that_counters_and_commands_can_have_them(string name, bool valid)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(name);
        Assert.Equal(valid, PortName.IsValid(bytes));
        Assert.Equal(valid, PortName.TryCreate(bytes, out PortName made));
        Assert.Equal(valid ? name : "", Encoding.UTF8.GetString(made.Bytes));
        Assert.Equal(!valid, made.IsEmpty);
    }

    /// <summary>Opens whatever it is given, tells its names, and passes frames from each card to its host port.</summary>
    internal struct TakesAll : IService
    {
        private Eight<NicPort> _nics;
        private Eight<HostPort> _hosts;

        public long Initialize(ref ServiceSetup setup)
        {
            if (!setup.TryCreatePacketPool(out PacketPool pool))
            {
                return 1;
            }

            for (int i = 0; i < setup.Ports.Count; i++)
            {
                PortInfo port = setup.Ports[i];
                string text = Encoding.UTF8.GetString(port.Name) + (port.HasHostPort ? " host" : "") + (port.HasCard ? "" : " only");
                setup.Log.Write(LogSeverity.Notice, Encoding.UTF8.GetBytes(text));
                if ((port.HasCard && !NicPort.TryOpen(ref setup, port.Name, pool, out _nics[i]))
                    || (port.HasHostPort && !HostPort.TryOpen(ref setup, port.Name, pool, out _hosts[i])))
                {
                    return 1;
                }
            }

            return 0;
        }

        public void Poll(ulong now)
        {
            for (int i = 0; i < 8; i++)
            {
                Burst burst = default;
                if (_nics[i].Receive(ref burst) > 0)
                {
                    _hosts[i].Transmit(ref burst);
                }
            }
        }

        [System.Runtime.CompilerServices.InlineArray(8)]
        internal struct Eight<T>
        {
            private T _first;
        }
    }

    internal struct WantsWan : IService
    {
        public long Initialize(ref ServiceSetup setup)
            => setup.TryCreatePacketPool(out PacketPool pool)
                && NicPort.TryOpen(ref setup, "wan"u8, pool, out _)
                && HostPort.TryOpen(ref setup, "wan"u8, pool, out _)
                ? 0
                : 1;

        public void Poll(ulong now)
        {
        }
    }

    internal struct OpensTwice : IService
    {
        public long Initialize(ref ServiceSetup setup)
            => setup.TryCreatePacketPool(out PacketPool pool)
                && NicPort.TryOpen(ref setup, "wan"u8, pool, out _)
                && NicPort.TryOpen(ref setup, "wan"u8, pool, out _)
                ? 0
                : 1;

        public void Poll(ulong now)
        {
        }
    }
}
