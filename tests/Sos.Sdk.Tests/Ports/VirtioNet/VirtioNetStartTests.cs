using System;
using Sos.Sdk.Packets;
using Sos.Sdk.Ports;
using Sos.Sdk.Ports.VirtioNet;
using Xunit;

namespace Sos.Sdk.Tests.Ports.VirtioNet;

public sealed class VirtioNetStartTests
{
    [Fact]
    public void A_device_that_offers_everything_is_initialised_in_the_order_of_the_specification()
    {
        using VirtioNetBench bench = new();
        Assert.True(bench.TryStart());

        VirtioNetDeviceModel device = bench.Device;
        VirtioStatus acknowledged = VirtioStatus.Acknowledge;
        VirtioStatus driver = acknowledged | VirtioStatus.Driver;
        VirtioStatus features = driver | VirtioStatus.FeaturesOk;
        Assert.Equal([VirtioStatus.None, acknowledged, driver, features, features | VirtioStatus.DriverOk], device.StatusWrites);
        Assert.False(device.NotifiedBeforeDriverOk);
        Assert.True(device.TakeReceiveNotification());
        Assert.False(device.TakeTransmitNotification());
        Assert.Empty(device.Offences);
        Assert.Equal(0xffff, device.ConfigMsixVector);
        Assert.Equal(0xffff, device.ReceiveQueue.MsixVector);
        Assert.Equal(0xffff, device.TransmitQueue.MsixVector);
        Assert.True(device.ReceiveQueue.Enabled);
        Assert.True(device.TransmitQueue.Enabled);
        Assert.Equal(PortState.Up, bench.Port.State);
    }

    [Fact]
    public void Only_features_that_the_port_honours_are_accepted()
    {
        using VirtioNetBench bench = new();
        bench.Device.Offered = (VirtioNetFeatures)ulong.MaxValue;
        Assert.True(bench.TryStart());

        Assert.Equal(VirtioNetFeatures.Accepted, bench.Device.Accepted);
        Assert.Equal(bench.Device.Accepted, bench.Port.Features);
        const VirtioNetFeatures Csum = (VirtioNetFeatures)1;
        const VirtioNetFeatures MergeableBuffers = (VirtioNetFeatures)(1 << 15);
        const VirtioNetFeatures PackedRing = (VirtioNetFeatures)(1UL << 34);
        Assert.Equal(VirtioNetFeatures.None, bench.Device.Accepted & (Csum | MergeableBuffers | PackedRing));
    }

    [Fact]
    public void A_device_with_nothing_but_version_1_works_and_its_link_counts_as_up()
    {
        using VirtioNetBench bench = new();
        bench.Device.Offered = VirtioNetFeatures.Version1;
        bench.Device.SetLink(false);
        Assert.True(bench.TryStart());

        Assert.Equal(VirtioNetFeatures.Version1, bench.Port.Features);
        Assert.Equal(PortState.Up, bench.Port.State);
        Assert.Equal(1500, bench.Port.Mtu);
        Span<byte> mac = stackalloc byte[6];
        bench.Port.Mac.Write(mac);
        Assert.Equal(new byte[6], mac.ToArray());
    }

    [Theory]
    [InlineData(64, 64)]
    [InlineData(256, 256)]
    [InlineData(2048, VirtioNetPort.QueueSizeMax)]
    [InlineData(1, 1)]
    public void A_queue_is_as_long_as_the_device_allows_up_to_the_limit(int proposed, int expected)
    {
        using VirtioNetBench bench = new();
        bench.Device.ReceiveQueue.ProposedSize = (ushort)proposed;
        bench.Device.TransmitQueue.ProposedSize = (ushort)proposed;
        Assert.True(bench.TryStart());

        Assert.Equal(expected, bench.Device.ReceiveQueue.Size);
        Assert.Equal(expected, bench.Device.TransmitQueue.Size);
        Assert.Equal(expected, bench.Device.ReceiveQueue.Collect());
        Assert.Equal(bench.Buffers - expected, bench.Pool.FreeCount);
    }

    [Fact]
    public void The_address_is_read_again_when_it_changes_meanwhile()
    {
        using VirtioNetBench bench = new();
        bench.Device.GenerationMoves = 5;
        Assert.True(bench.TryStart());

        Span<byte> mac = stackalloc byte[6];
        bench.Port.Mac.Write(mac);
        Assert.Equal([0x52, 0x54, 0x00, 0x12, 0x34, 0x56], mac.ToArray());
        Assert.Equal(0, bench.Device.GenerationMoves);
    }

    [Fact]
    public void An_mtu_whose_frames_fit_no_buffer_is_not_agreed_to()
    {
        using VirtioNetBench bench = new();
        bench.Device.SetMtu(9000);
        Assert.True(bench.TryStart());

        Assert.Equal(VirtioNetFeatures.None, bench.Port.Features & VirtioNetFeatures.Mtu);
        Assert.Equal(PacketBuffer.FrameMax - 22, bench.Port.Mtu);
    }

    [Fact]
    public void An_iommu_needs_a_device_that_goes_through_it()
    {
        using VirtioNetBench bench = new();
        bench.Device.Iommu = 1;
        Assert.True(bench.TryStart());
        Assert.NotEqual(VirtioNetFeatures.None, bench.Port.Features & VirtioNetFeatures.AccessPlatform);

        using VirtioNetBench second = new();
        second.Device.Iommu = 1;
        second.Device.Offered &= ~VirtioNetFeatures.AccessPlatform;
        AssertFails(second, VirtioNetFailure.BypassesIommu);
    }

    [Fact]
    public void A_legacy_device_is_refused()
        => AssertFails(device => device.Offered &= ~VirtioNetFeatures.Version1, VirtioNetFailure.NotModern);

    [Fact]
    public void A_device_that_drops_features_ok_is_refused()
        => AssertFails(device => device.RefusesFeatures = true, VirtioNetFailure.FeaturesRefused);

    [Fact]
    public void A_device_that_does_not_reset_is_refused()
        => AssertFails(
            device =>
            {
                device.IgnoresReset = true;
                device.Status = VirtioStatus.Acknowledge;
            },
            VirtioNetFailure.ResetTimeout);

    [Fact]
    public void A_device_whose_address_never_settles_is_refused()
        => AssertFails(device => device.GenerationMoves = int.MaxValue, VirtioNetFailure.ConfigurationUnstable);

    [Fact]
    public void A_device_without_a_transmit_queue_is_refused()
        => AssertFails(device => device.QueueCount = 1, VirtioNetFailure.QueuesMissing);

    [Fact]
    public void A_queue_of_size_0_is_refused()
        => AssertFails(device => device.TransmitQueue.ProposedSize = 0, VirtioNetFailure.QueueAbsent);

    [Fact]
    public void A_queue_whose_size_is_no_power_of_two_is_refused()
        => AssertFails(device => device.ReceiveQueue.ProposedSize = 200, VirtioNetFailure.QueueSizeInvalid);

    [Fact]
    public void A_queue_that_is_still_enabled_is_refused()
        => AssertFails(
            device =>
            {
                device.KeepsQueueEnabledOverReset = true;
                device.ReceiveQueue.Enabled = true;
            },
            VirtioNetFailure.QueueEnableStuck);

    [Fact]
    public void A_queue_that_does_not_become_enabled_is_refused()
        => AssertFails(device => device.RefusesQueueEnable = true, VirtioNetFailure.QueueEnableStuck);

    [Fact]
    public void A_notify_address_outside_its_structure_is_refused()
        => AssertFails(device => device.TransmitQueue.NotifyOffset = 16, VirtioNetFailure.NotifyOutOfRange);

    [Fact]
    public void A_port_that_failed_starts_once_the_device_works()
    {
        using VirtioNetBench bench = new();
        bench.Device.ReceiveQueue.ProposedSize = 0;
        Assert.False(bench.TryStart());
        bench.Device.ReceiveQueue.ProposedSize = 128;

        Assert.True(bench.Port.TryStart(bench.Pool, bench.Device.Mmio));
        Assert.Equal(VirtioNetFailure.None, bench.Port.Failure);
        Assert.Equal(128, bench.Device.ReceiveQueue.Collect());
        bench.AssertPoolWhole();
    }

    private static void AssertFails(Action<VirtioNetDeviceModel> misbehave, VirtioNetFailure expected)
    {
        using VirtioNetBench bench = new();
        misbehave(bench.Device);
        AssertFails(bench, expected);
    }

    private static void AssertFails(VirtioNetBench bench, VirtioNetFailure expected)
    {
        Assert.False(bench.TryStart());
        Assert.Equal(expected, bench.Port.Failure);
        Assert.NotEqual(PortState.Up, bench.Port.State);
        Assert.Equal(1UL, bench.Counters.Failures.Value);
        Assert.Equal(1UL, bench.LogCount);
        Assert.Equal(bench.Buffers, bench.Pool.FreeCount);
        Assert.NotEqual(VirtioStatus.None, bench.Device.Status & VirtioStatus.Failed);

        Burst burst = default;
        Assert.Equal(0, bench.Port.Receive(ref burst));
        Assert.Equal(0, bench.Transmit(PortBench.Frame(60, 1)));
        Assert.Equal(1UL, bench.Counters.TransmitDroppedLink.Value);
        Assert.Equal(bench.Buffers, bench.Pool.FreeCount);
    }
}
