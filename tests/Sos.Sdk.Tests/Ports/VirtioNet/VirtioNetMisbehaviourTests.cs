using System;
using Sos.Sdk.Packets;
using Sos.Sdk.Ports;
using Sos.Sdk.Ports.VirtioNet;
using Xunit;

namespace Sos.Sdk.Tests.Ports.VirtioNet;

/// <summary>A device that breaks the specification ends the port in <see cref="VirtioNetPort.Failure"/>, not in memory that is not its own.</summary>
public sealed class VirtioNetMisbehaviourTests
{
    [Theory]
    [InlineData(257)]
    [InlineData(0x8000)]
    [InlineData(0xffff)]
    public void A_used_index_beyond_what_the_device_holds(int distance)
        => AssertReceiveFails(device => device.ReceiveQueue.MoveUsedIndex((ushort)distance), VirtioNetFailure.UsedIndexJumped);

    [Theory]
    [InlineData(256u)]
    [InlineData(0x1_0000u)]
    [InlineData(uint.MaxValue)]
    public void A_descriptor_that_the_ring_does_not_have(uint id)
        => AssertReceiveFails(device => device.ReceiveQueue.ReturnRaw(id, 72), VirtioNetFailure.UsedIdOutOfRange);

    [Fact]
    public void A_descriptor_given_back_twice()
        => AssertReceiveFails(
            device =>
            {
                ushort id = device.ReceiveQueue.Outstanding[3].Id;
                device.ReceiveQueue.Return(3, 72);
                device.ReceiveQueue.ReturnRaw(id, 72);
            },
            VirtioNetFailure.UsedIdNotOutstanding,
            framesBefore: 1);

    [Theory]
    [InlineData(12u + PacketBuffer.FrameMax + 1)]
    [InlineData(0x1_0000u)]
    [InlineData(uint.MaxValue)]
    public void A_length_beyond_the_buffer(uint length)
        => AssertReceiveFails(device => device.ReceiveQueue.Return(0, length), VirtioNetFailure.UsedLengthTooLong);

    [Theory]
    [InlineData(0u)]
    [InlineData(11u)]
    public void A_length_below_the_header(uint length)
        => AssertReceiveFails(device => device.ReceiveQueue.Return(0, length), VirtioNetFailure.UsedLengthTooShort);

    [Fact]
    public void A_used_index_beyond_what_was_sent()
        => AssertTransmitFails(device => device.TransmitQueue.MoveUsedIndex(2), VirtioNetFailure.UsedIndexJumped);

    [Fact]
    public void A_sent_descriptor_that_the_ring_does_not_have()
        => AssertTransmitFails(device => device.TransmitQueue.ReturnRaw(999, 0), VirtioNetFailure.UsedIdOutOfRange);

    [Fact]
    public void A_descriptor_that_was_not_sent()
        => AssertTransmitFails(
            device => device.TransmitQueue.ReturnRaw(device.TransmitQueue.Outstanding[0].Id ^ 1u, 0),
            VirtioNetFailure.UsedIdNotOutstanding);

    [Fact]
    public void Needs_reset()
        => AssertInspectionFails(device => device.Status |= VirtioStatus.NeedsReset, VirtioNetFailure.DeviceNeedsReset);

    [Fact]
    public void A_device_gone_from_the_bus()
        => AssertInspectionFails(device => device.Status = VirtioStatus.Gone, VirtioNetFailure.DeviceGone, inspections: 5);

    /// <summary>As long as somebody sizes its BARs: what was notified meanwhile is notified again.</summary>
    [Fact]
    public void A_device_off_the_bus_for_a_moment()
    {
        using VirtioNetBench bench = new VirtioNetBench().Started();
        VirtioStatus status = bench.Device.Status;
        bench.Device.Status = VirtioStatus.Gone;
        for (int i = 0; i < 4; i++)
        {
            bench.Port.Maintain(bench.Device.Mmio);
        }

        ulong before = bench.Counters.Notifications.Value;
        bench.Device.Status = status;
        bench.Port.Maintain(bench.Device.Mmio);
        Assert.Equal((VirtioNetFailure.None, before + 2), (bench.Port.Failure, bench.Counters.Notifications.Value));
        Assert.Equal(1, bench.Transmit(PortBench.Frame(60, 1)));
    }

    [Fact]
    public void A_device_that_does_not_reset_keeps_its_buffers()
    {
        using VirtioNetBench bench = new VirtioNetBench().Started();
        bench.Device.IgnoresReset = true;
        Assert.False(bench.Port.Close(bench.Device.Mmio));
        Assert.Equal(VirtioNetFailure.ResetTimeout, bench.Port.Failure);
        Assert.Equal(bench.Buffers - 256, bench.Pool.FreeCount);

        bench.Device.IgnoresReset = false;
        bench.AssertPoolWhole();
    }

    private static void AssertReceiveFails(Action<VirtioNetDeviceModel> misbehave, VirtioNetFailure expected, int framesBefore = 0)
    {
        using VirtioNetBench bench = new VirtioNetBench().Started();
        misbehave(bench.Device);
        Assert.Equal(framesBefore, bench.Receive().Count);
        AssertFailedAndRecovers(bench, expected);
    }

    private static void AssertTransmitFails(Action<VirtioNetDeviceModel> misbehave, VirtioNetFailure expected)
    {
        using VirtioNetBench bench = new VirtioNetBench().Started();
        Assert.Equal(1, bench.Transmit(PortBench.Frame(60, 1)));
        bench.Device.TransmitQueue.Collect();
        misbehave(bench.Device);
        bench.Port.Maintain(bench.Device.Mmio);
        AssertFailedAndRecovers(bench, expected);
    }

    private static void AssertInspectionFails(Action<VirtioNetDeviceModel> misbehave, VirtioNetFailure expected, int inspections = 1)
    {
        using VirtioNetBench bench = new VirtioNetBench().Started();
        misbehave(bench.Device);
        for (int i = 0; i < inspections; i++)
        {
            Assert.Equal(VirtioNetFailure.None, bench.Port.Failure);
            bench.Port.Maintain(bench.Device.Mmio);
        }

        AssertFailedAndRecovers(bench, expected);
    }

    /// <summary>The port is quiet after the failure, starts anew by itself, and works again with every buffer.</summary>
    private static void AssertFailedAndRecovers(VirtioNetBench bench, VirtioNetFailure expected)
    {
        Assert.Equal(expected, bench.Port.Failure);
        Assert.Equal(1UL, bench.Counters.Failures.Value);
        Assert.Equal(1UL, bench.LogCount);
        Assert.NotEqual(PortState.Up, bench.Port.State);
        Assert.NotEqual(VirtioStatus.None, bench.Device.Status & VirtioStatus.Failed); // all bits when it is gone

        bench.Device.TakeTransmitNotification();
        Assert.Empty(bench.Receive());
        Assert.Equal(0, bench.Transmit(PortBench.Frame(60, 2)));
        Assert.False(bench.Device.TakeTransmitNotification());
        if (expected == VirtioNetFailure.DeviceGone)
        {
            bench.Port.Maintain(bench.Device.Mmio);
            Assert.Equal((PortState.Gone, 0UL), (bench.Port.State, bench.Counters.Restarts.Value));
            bench.Device.Status = VirtioStatus.None; // it is back, as after power on
        }
        else
        {
            Assert.Equal(PortState.NeedsReset, bench.Port.State);
        }

        bench.Port.Maintain(bench.Device.Mmio);
        Assert.Equal((PortState.Up, 1UL, 1UL), (bench.Port.State, bench.Counters.Restarts.Value, bench.Counters.Failures.Value));
        Assert.Equal(2UL, bench.LogCount);
        Assert.Empty(bench.Device.Offences);
        bench.Device.ReceiveQueue.Collect();
        byte[] frame = PortBench.Frame(100, 3);
        bench.Device.ReceiveQueue.Deliver(frame);
        Assert.Equal([frame], bench.Receive());
        bench.AssertPoolWhole();
    }
}
