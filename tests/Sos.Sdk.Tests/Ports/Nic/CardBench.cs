using System;
using System.Collections.Generic;
using Sos.Sdk.Control;
using Sos.Sdk.Packets;
using Sos.Sdk.Ports;
using Sos.Sdk.Services;
using Sos.Sdk.Testing;
using Sos.Sdk.Tests.Ports.VirtioNet;
using Xunit;

namespace Sos.Sdk.Tests.Ports.Nic;

/// <summary>
/// A service's setup with one port, "nic": a virtio-net card, which is the device model, and a host port, whose other side the harness plays.
/// </summary>
internal sealed unsafe class CardBench : IDisposable
{
    private readonly PortBench _bench = new();
    private readonly ServiceHarness<IdleService> _harness = new(new HarnessOptions { HostPorts = ["nic"], DmaBase = 0x1000_0000 });
    private readonly VirtioPciLayout* _layout = (VirtioPciLayout*)PortBench.Zeroed(VirtioPciLayout.Size);
    private PortUpkeep _upkeep;

    public CardBench()
    {
        Device = new VirtioNetDeviceModel(_bench);
        *_layout = Device.Layout;
        ServiceControl* control = _harness.Control;
        PortName.TryCreate("nic"u8, out PortName name);
        control->Resources[(int)control->ResourceCount++] = new Resource
        {
            Kind = ResourceKind.VirtioNet,
            Address = (ulong)_layout,
            ByteCount = VirtioPciLayout.Size,
            Name = name,
        };
    }

    public VirtioNetDeviceModel Device { get; }

    public NicPort Nic { get; private set; }

    public HostPort Host { get; private set; }

    /// <summary>Linux's side of the host port.</summary>
    public PortPeer Linux => _harness.Host();

    public bool TryOpen()
    {
        Assert.Equal(ExitCode.Stopped, ServiceSetup.Create(_harness.Control, out ServiceSetup setup));
        Assert.True(setup.TryCreatePacketPool(out PacketPool pool));
        _upkeep = setup.Upkeep;
        bool nic = NicPort.TryOpen(ref setup, "nic"u8, pool, Device.Mmio, out NicPort card);
        bool host = HostPort.TryOpen(ref setup, "nic"u8, pool, out HostPort hostPort);
        (Nic, Host) = (card, hostPort);
        return nic && host;
    }

    /// <summary>Maintains the ports, as the host of the service does some ten times a second.</summary>
    public void Maintain() => _upkeep.RunAll(0, Device.Mmio);

    /// <summary>Begins upkeep, at TSC 0, which ticks a million times a millisecond.</summary>
    public void BeginUpkeep() => _upkeep.Begin(in _harness.Control->Clock, 0, Device.Mmio);

    /// <summary>Looks after the ports at a time, if it is time.</summary>
    /// <param name="ms">The time in milliseconds.</param>
    public void LookAt(double ms) => _upkeep.RunIfDue((ulong)(ms * _harness.Control->Clock.TscKhz), Device.Mmio);

    public ulong Counter(string name) => _harness.Counter(name);

    public IReadOnlyList<string> Log() => [.. Texts()];

    public void Dispose()
    {
        Device.Dispose();
        _harness.Dispose();
        _bench.Dispose();
        PortBench.Release(_layout);
    }

    private IEnumerable<string> Texts()
    {
        foreach (Sos.Sdk.Logging.LogEntry entry in _harness.TakeLog())
        {
            yield return entry.Text;
        }
    }

    internal struct IdleService : IService
    {
        public long Initialize(ref ServiceSetup setup) => 0;

        public void Poll(ulong now)
        {
        }
    }
}
