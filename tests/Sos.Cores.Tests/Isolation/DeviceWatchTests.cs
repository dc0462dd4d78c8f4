using System;
using System.IO;
using Sos.Cores.BackEnds;
using Sos.Cores.Isolation.Network;
using Sos.Cores.Loading;
using Sos.Cores.Native;
using Sos.Cores.Network;
using Sos.Cores.Plan;
using Sos.Cores.Running;
using Sos.Cores.Tests.Carrying;
using Sos.Linux;
using Xunit;

namespace Sos.Cores.Tests.Isolation;

/// <summary>The programs at a service's network device, and what is set there for them, are put back when others change them, and told.</summary>
public sealed class DeviceWatchTests : IDisposable
{
    private const int Cpu = 998; // nobody has it
    private const string TagFeature = "rx-vlan-hw-parse";

    private readonly string _folder = Directory.CreateTempSubdirectory("sos-watch-").FullName;
    private readonly DateTimeOffset _started = DateTimeOffset.UtcNow;
    private readonly DeviceWatch _watch;

    public DeviceWatchTests() => _watch = new DeviceWatch(_folder);

    private DeviceDrift Drift => DeviceDrift.Read(Cpu, _started, _folder);

    public void Dispose()
    {
        _watch.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void AProgramThatIsTakenAwayIsPutBack()
    {
        using CarriedHost host = new();
        uint device = TakeAtIngress(host);
        _watch.Look([Cpu]);
        Assert.Equal((0ul, 0ul, null), (Drift.Programs, Drift.Settings, Drift.Problem));
        uint[] before = Programs(host, device);
        Assert.Single(before);
        for (ulong times = 1; times <= 2; times++)
        {
            TakeAway(host, device);
            Assert.Empty(Programs(host, device));
            _watch.Look([Cpu]);
            Assert.Equal(before, Programs(host, device));
            Assert.Equal(times, Drift.Programs);
            Assert.Contains("unjudged", Drift.ToString(), StringComparison.Ordinal);
            _watch.Look([Cpu]);
            Assert.Equal(times, Drift.Programs);
        }
    }

    /// <summary>So is what goes between: frames would come to nobody.</summary>
    [Fact]
    public void TheDevicesBetweenAreLookedAtToo()
    {
        using CarriedHost host = new();
        uint device = TakeAtIngress(host);
        string between = FrameWayNames.For(Cpu, device).Take;
        uint index = host.Inside(() => NetworkCalls.InterfaceIndex(between));
        uint[] before = Programs(host, index);
        Assert.Single(before);
        _watch.Look([Cpu]);
        TakeAway(host, index);
        host.Shell($"ip link set {between} down");
        _watch.Look([Cpu]);
        Assert.Equal(before, Programs(host, index));
        Assert.True(host.Inside(() => NetworkLink.Read(index)!.IsUp));
        Assert.Equal((1ul, 1ul), (Drift.Programs, Drift.Settings));
    }

    /// <summary>Who stops a service has its lock: what is taken away then, or by somebody whose record is gone, stays away.</summary>
    [Fact]
    public void WhatIsGivenBackStaysSo()
    {
        using CarriedHost host = new();
        uint device = TakeAtIngress(host);
        _watch.Look([Cpu]);
        using (CoreLock.Take(Cpu, _folder))
        {
            TakeAway(host, device);
            _watch.Look([Cpu]);
            Assert.Empty(Programs(host, device));
        }

        _watch.Look([Cpu]);
        Assert.Empty(Programs(host, device));
        AssertNothingHeld();
    }

    [Theory]
    [InlineData("a record that is gone")]
    [InlineData("a service that is unloaded")]
    [InlineData("a core that is no longer fenced")]
    public void NothingIsPutBackForAServiceThatIsNoMore(string end)
    {
        using CarriedHost host = new();
        uint device = TakeAtIngress(host);
        _watch.Look([Cpu]);
        CoreRecord record = CoreRecord.Read(Cpu, _folder)!;
        CoreRecord.Delete(Cpu, _folder);
        if (end == "a service that is unloaded")
        {
            (record with { Control = null }).Write(_folder);
        }

        TakeAway(host, device);
        _watch.Look(end == "a core that is no longer fenced" ? [] : [Cpu]);
        Assert.Empty(Programs(host, device));
        AssertNothingHeld();
    }

    /// <summary>A device is given back where its programs are found: of one that is gone, none may seem to stand somewhere.</summary>
    [Fact]
    public void ADeviceThatIsGoneIsLetGo()
    {
        using CarriedHost host = new();
        uint device = TakeAtIngress(host);
        _watch.Look([Cpu]);
        host.Shell($"ip link delete {FrameWayNames.For(Cpu, device).Take}");
        host.PullOut();
        _watch.Look([Cpu]);
        AssertNothingHeld();
        Assert.Null(Drift.Problem);
    }

    [Fact]
    public void ADriversProgramQueuesAndTagsArePutBack()
    {
        using CarriedHost host = new();
        uint device = TakeFromDriver(host);
        _watch.Look([Cpu]);
        uint before = Program(host, device);
        host.Shell($"ip link set dev eth0 xdpdrv off; ethtool -L eth0 rx 3; ethtool -K eth0 rxvlan on");
        _watch.Look([Cpu]);
        Assert.Equal(before, Program(host, device));
        Assert.Equal((0, 1), host.Inside(() => QueueCount.Read("eth0")));
        Assert.False(host.Inside(() => DeviceFeatures.Of("eth0").IsOn(TagFeature)));
        Assert.Equal((1ul, 2ul, null), (Drift.Programs, Drift.Settings, Drift.Problem));
    }

    /// <summary>Somebody else's program stands there now: it stays, and that is told until it is gone.</summary>
    [Fact]
    public void WhatCannotBePutBackIsTold()
    {
        using CarriedHost host = new();
        uint device = TakeFromDriver(host);
        _watch.Look([Cpu]);
        uint ours = Program(host, device);
        host.Shell("ip link set dev eth0 xdpdrv off");
        uint theirs = host.Inside(() =>
        {
            using FileDescriptor program = FramePrograms.Pass(Cpu - 1);
            Assert.Equal(0, XdpAttachment.TryPut(device, program, Cpu - 1));
            return NetworkLink.Read(device)!.XdpProgram;
        });
        for (int looks = 0; looks < 2; looks++)
        {
            _watch.Look([Cpu]);
            Assert.Equal(theirs, Program(host, device));
            Assert.Contains("cannot be put back", Drift.Problem, StringComparison.Ordinal);
            Assert.Equal(0ul, Drift.Programs);
        }

        host.Shell("ip link set dev eth0 xdpdrv off");
        _watch.Look([Cpu]);
        Assert.Equal(ours, Program(host, device));
        Assert.Equal((1ul, null), (Drift.Programs, Drift.Problem));
    }

    /// <summary>Counts are those of a service: the next one begins with none.</summary>
    [Fact]
    public void CountsAreOfOneService()
    {
        new DeviceDrift(_started, 2, 3, "this and that", DateTimeOffset.UtcNow, "a problem").Write(Cpu, _folder);
        Assert.Equal((2ul, 3ul, "a problem"), (Drift.Programs, Drift.Settings, Drift.Problem));
        DeviceDrift other = DeviceDrift.Read(Cpu, _started.AddSeconds(1), _folder);
        Assert.Equal((0ul, 0ul, null), (other.Programs, other.Settings, other.Problem));
    }

    private static uint[] Programs(CarriedHost host, uint device) => [.. host.Inside(() => IngressHook.ListOurs(device, Cpu))];

    private static uint Program(CarriedHost host, uint device) => host.Inside(() => NetworkLink.Read(device)!.XdpProgram);

    private static void TakeAway(CarriedHost host, uint device) => host.Inside(() =>
    {
        IngressHook.Remove(device, withQueue: false, Cpu);
        return true;
    });

    // Linux takes programs down some time after the last descriptor is closed.
    private static void AssertNothingHeld() => CarriedHost.Await(() => BpfObject.ListOurs(Cpu).Count == 0, "a program is still held");

    /// <summary>Takes the device as a service's start does.</summary>
    private uint TakeAtIngress(CarriedHost host)
    {
        NetdevRecord netdev = host.Inside(() =>
        {
            NetdevDevice device = NetdevDevice.Find("eth0", Cpu, new DeviceOptions(Force: true));
            NetdevRecord found = device.Describe().Netdev!;
            device.Take();
            using FileDescriptor sockets = BpfObject.MakeSocketMap(1);
            using FileDescriptor program = FramePrograms.Take(
                Cpu, sockets, NetworkCalls.InterfaceIndex(FrameWayNames.For(Cpu, found.Index).Take), mark: 1, open: false);
            IngressHook.Put(found.Index, program, Cpu);
            return found;
        });
        Write(netdev);
        return netdev.Index;
    }

    /// <summary>Takes it as that of a card, by its driver: a cable has queues, tags beside frames and XDP programs as well.</summary>
    private uint TakeFromDriver(CarriedHost host)
    {
        host.PullOut();
        host.Shell(
            """
            ip link add eth0 address 02:00:00:00:00:05 numrxqueues 4 numtxqueues 4 type veth peer name far0 numrxqueues 1 numtxqueues 1
            ip link set eth0 up
            ip link set far0 up
            ethtool -L eth0 rx 1
            ethtool -K eth0 rxvlan off
            """);
        NetdevRecord netdev = host.Inside(() =>
        {
            NetworkLink link = NetworkLink.Find("eth0")!;
            using FileDescriptor sockets = BpfObject.MakeSocketMap(1);
            using FileDescriptor program = FramePrograms.ToSocket(Cpu, sockets, open: false);
            Assert.Equal(0, XdpAttachment.TryPut(link.Index, program, Cpu));
            return new NetdevRecord(link.Name, link.Index, NetworkNamespace.Current, 0, 3, [TagFeature], false, false) { Mac = Convert.ToHexString(link.Mac) };
        });
        Write(netdev);
        return netdev.Index;
    }

    private void Write(NetdevRecord netdev) => new CoreRecord
    {
        Cpu = Cpu,
        Plan = new ServicePlan { Image = "/a.sosimg" },
        Service = "a",
        Version = "1.0.0",
        BuildId = "",
        Started = _started,
        Control = new SharedRegion(0, 0),
        Cards = [new CardRecord(netdev.Name, null, null, null) { Netdev = netdev }],
    }.Write(_folder);
}
