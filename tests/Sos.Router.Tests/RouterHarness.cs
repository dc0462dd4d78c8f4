using System;
using System.Collections.Generic;
using Sos.Router.Filter;
using Sos.Router.Routes;
using Sos.Router.Tables;
using Sos.Sdk.Testing;
using Xunit;

namespace Sos.Router.Tests;

/// <summary>The router service between ports in memory, with a small table, and the hand that writes it.</summary>
internal sealed unsafe class RouterHarness : IDisposable
{
    /// <summary>The MTU of all ports.</summary>
    public const uint Mtu = 1900;

    private RouterTableWriter? _writer;

    /// <summary>Starts a router.</summary>
    /// <param name="ports">Names of its ports; none for "wan" and "lan".</param>
    /// <param name="hasRules">Whether it takes Linux's rules.</param>
    public RouterHarness(IReadOnlyList<string>? ports = null, bool hasRules = false)
    {
        RouterCapacity capacity = RouterCapacity.Small;
        int size = (int)RouterTable.SizeFor(in capacity);
        ports ??= ["wan", "lan"];
        Service = new ServiceHarness<RouterService>(new HarnessOptions
        {
            Ports = ports,
            HostPorts = ports,
            PortMtu = (int)Mtu,
            SharedMemory = hasRules ? [size, (int)FilterMemory.Size] : [size],
            Parameters = $"ipv4-groups={capacity.Ipv4Groups}\nipv6-lines={capacity.Ipv6Lines}\nnext-hops={capacity.NextHops}\n"
                + $"hop-members={capacity.Members}\nneighbours={capacity.Neighbours}\n",
        });
        Assert.Equal(0, Service.Start());
        Assert.True(RouterTable.TryOpen(Service.SharedMemory(0), (ulong)size, out RouterTable table));
        Table = table;
        if (hasRules)
        {
            Assert.True(FilterMemory.TryOpen(Service.SharedMemory(1), FilterMemory.Size, out FilterMemory rules));
            Rules = rules;
        }

        Service.Maintain();
    }

    /// <summary>The service with its ports.</summary>
    public ServiceHarness<RouterService> Service { get; }

    /// <summary>Its table.</summary>
    public RouterTable Table { get; }

    /// <summary>Where it takes Linux's rules from; null for nowhere.</summary>
    public FilterMemory Rules { get; }

    /// <summary>The hand that writes the table, for a test that no follower writes it for.</summary>
    public RouterTableWriter Writer => _writer ??= new RouterTableWriter(Table);

    /// <summary>Sets an interface that is up and forwards.</summary>
    /// <param name="number">Its number.</param>
    /// <param name="mac">Its address on the link.</param>
    /// <param name="flags">Its flags.</param>
    /// <param name="tag">Of a VLAN its tag.</param>
    /// <param name="port">Of a VLAN its port.</param>
    public void SetInterface(
        int number, ulong mac, InterfaceFlags flags = InterfaceFlags.Up | InterfaceFlags.Forwards4 | InterfaceFlags.Forwards6, uint tag = 0, uint port = 0)
        => Writer.SetInterface(number, new InterfaceSettings { Mac = mac, Mtu = Mtu, Flags = flags, Tag = tag, Port = port }, $"if{number}");

    /// <inheritdoc/>
    public void Dispose()
    {
        _writer?.Dispose();
        Service.Dispose();
    }
}
