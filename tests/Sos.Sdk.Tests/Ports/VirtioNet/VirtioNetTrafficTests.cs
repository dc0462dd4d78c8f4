using System;
using System.Collections.Generic;
using Sos.Sdk.Packets;
using Sos.Sdk.Ports;
using Sos.Sdk.Ports.VirtioNet;
using Xunit;

namespace Sos.Sdk.Tests.Ports.VirtioNet;

public sealed class VirtioNetTrafficTests
{
    [Theory]
    [InlineData(14)]
    [InlineData(60)]
    [InlineData(1514)]
    [InlineData(PacketBuffer.FrameMax)]
    public void A_frame_arrives_as_the_device_received_it(int length)
    {
        using VirtioNetBench bench = new VirtioNetBench().Started();
        byte[] frame = PortBench.Frame(length, length);
        bench.Device.ReceiveQueue.Deliver(frame);

        Assert.Equal([frame], bench.Receive());
        Assert.Equal(1UL, bench.Counters.ReceivedPackets.Value);
        Assert.Equal((ulong)length, bench.Counters.ReceivedBytes.Value);
        bench.AssertPoolWhole();
    }

    [Fact]
    public void A_received_frame_has_the_standard_headroom_before_it()
    {
        using VirtioNetBench bench = new VirtioNetBench().Started();
        bench.Device.ReceiveQueue.Deliver(PortBench.Frame(60, 1));
        Burst burst = default;
        Assert.Equal(1, bench.Port.Receive(ref burst));
        Assert.Equal(PacketBuffer.Headroom, burst.Buffers[0].HeadroomFree);
        bench.Pool.Free(ref burst);
    }

    [Fact]
    public void Frames_come_in_the_order_of_their_completion_and_no_more_than_a_burst_holds()
    {
        using VirtioNetBench bench = new VirtioNetBench().Started();
        List<byte[]> expected = [];
        for (int i = 0; i < 100; i++)
        {
            byte[] frame = PortBench.Frame(60 + i, i);
            expected.Add(frame);
            bench.Device.ReceiveQueue.Deliver(frame, position: (i * 7) % bench.Device.ReceiveQueue.Outstanding.Count);
        }

        List<byte[]> received = bench.Receive();
        Assert.Equal(Burst.Capacity, received.Count);
        received.AddRange(bench.Receive());
        Assert.Equal(expected, received);
        bench.AssertPoolWhole();
    }

    [Fact]
    public void Emptied_descriptors_are_filled_again_in_bursts_with_one_notification_each()
    {
        using VirtioNetBench bench = new VirtioNetBench().Started();
        for (int i = 0; i < 31; i++)
        {
            bench.Device.ReceiveQueue.Deliver(PortBench.Frame(60, i));
        }

        bench.Receive();
        Assert.False(bench.Device.TakeReceiveNotification());
        Assert.Equal(0, bench.Device.ReceiveQueue.Collect());

        bench.Device.ReceiveQueue.Deliver(PortBench.Frame(60, 31));
        bench.Receive();
        Assert.True(bench.Device.TakeReceiveNotification());
        Assert.Equal(32, bench.Device.ReceiveQueue.Collect());
        Assert.Equal(2UL, bench.Counters.Notifications.Value); // at the start, and now
    }

    [Fact]
    public void A_frame_shorter_than_an_ethernet_header_is_dropped_and_counted()
    {
        using VirtioNetBench bench = new VirtioNetBench().Started();
        bench.Device.ReceiveQueue.Deliver(new byte[13]);
        bench.Device.ReceiveQueue.Deliver(PortBench.Frame(14, 1));

        Assert.Single(bench.Receive());
        Assert.Equal(1UL, bench.Counters.ReceiveDroppedInvalid.Value);
        bench.AssertPoolWhole();
    }

    [Fact]
    public void An_empty_pool_is_counted_once_and_reception_goes_on_when_buffers_return()
    {
        using VirtioNetBench bench = new VirtioNetBench(buffers: 300).Started();
        List<PacketBuffer> kept = [];
        while (bench.Pool.TryAllocate(out PacketBuffer buffer))
        {
            kept.Add(buffer);
        }

        for (int i = 0; i < 40; i++)
        {
            bench.Device.ReceiveQueue.Deliver(PortBench.Frame(60, i));
        }

        Burst burst = default;
        Assert.Equal(40, bench.Port.Receive(ref burst));
        Burst none = default;
        bench.Port.Receive(ref none);
        bench.Port.Receive(ref none);
        Assert.Equal(1UL, bench.Counters.ReceiveStarved.Value);
        Assert.Equal(0, bench.Device.ReceiveQueue.Collect());

        bench.Pool.Free(ref burst);
        bench.Port.Receive(ref none);
        Assert.Equal(40, bench.Device.ReceiveQueue.Collect());
        foreach (PacketBuffer buffer in kept)
        {
            bench.Pool.Free(buffer);
        }

        bench.AssertPoolWhole();
    }

    [Fact]
    public void A_burst_is_sent_with_one_notification_and_an_empty_header_before_each_frame()
    {
        using VirtioNetBench bench = new VirtioNetBench().Started();
        byte[][] frames = [PortBench.Frame(14, 1), PortBench.Frame(60, 2), PortBench.Frame(1514, 3)];
        Assert.Equal(3, bench.Transmit(frames));

        Assert.True(bench.Device.TakeTransmitNotification());
        Assert.Equal(2UL, bench.Counters.Notifications.Value);
        Assert.Equal(3, bench.Device.TransmitQueue.Collect());
        foreach (byte[] frame in frames)
        {
            byte[] sent = bench.Device.TransmitQueue.Send();
            Assert.Equal(new byte[12], sent[..12]);
            Assert.Equal(frame, sent[12..]);
        }

        Assert.Equal(3UL, bench.Counters.TransmittedPackets.Value);
        Assert.Equal(14UL + 60 + 1514, bench.Counters.TransmittedBytes.Value);
        bench.AssertPoolWhole();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_device_that_asks_not_to_be_notified_is_not_until_it_asks_again(bool eventIndex)
    {
        using VirtioNetBench bench = new();
        bench.Device.Offered = Offer(eventIndex);
        bench.Started();
        bench.Device.TransmitQueue.Suppress(true);
        bench.Transmit(PortBench.Frame(60, 1));
        bench.Transmit(PortBench.Frame(60, 2));
        Assert.False(bench.Device.TakeTransmitNotification());

        bench.Device.TransmitQueue.Collect();
        bench.Device.TransmitQueue.Suppress(false);
        bench.Transmit(PortBench.Frame(60, 3), PortBench.Frame(60, 4));
        Assert.True(bench.Device.TakeTransmitNotification());
        Assert.Equal(2UL, bench.Counters.Notifications.Value);
    }

    [Fact]
    public void A_device_that_has_not_looked_since_its_notification_is_not_notified_again()
    {
        using VirtioNetBench bench = new();
        bench.Device.Offered = Offer(eventIndex: true);
        bench.Started();
        bench.Transmit(PortBench.Frame(60, 1));
        Assert.True(bench.Device.TakeTransmitNotification());
        bench.Transmit(PortBench.Frame(60, 2));
        bench.Transmit(PortBench.Frame(60, 3), PortBench.Frame(60, 4));
        Assert.False(bench.Device.TakeTransmitNotification());

        bench.Device.TransmitQueue.Collect();
        bench.Transmit(PortBench.Frame(60, 5));
        Assert.True(bench.Device.TakeTransmitNotification());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void The_device_never_has_reason_to_interrupt(bool eventIndex)
    {
        using VirtioNetBench bench = new();
        bench.Device.Offered = Offer(eventIndex);
        bench.Started();
        for (int i = 0; i < 70_000; i++)
        {
            // Past a full turn of the 16-bit indices.
            bench.Device.ReceiveQueue.Deliver([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]);
            Assert.Single(bench.Receive());
            bench.Device.ReceiveQueue.Collect();
            bench.Transmit([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]);
            bench.Device.TransmitQueue.Collect();
            bench.Device.TransmitQueue.Return(0, 0);
        }

        Assert.Equal(0, bench.Device.ReceiveQueue.Interrupts);
        Assert.Equal(0, bench.Device.TransmitQueue.Interrupts);
        bench.AssertPoolWhole();
    }

    [Fact]
    public void What_finds_no_free_descriptor_is_dropped_and_counted()
    {
        using VirtioNetBench bench = new();
        bench.Device.TransmitQueue.ProposedSize = 16;
        bench.Started();
        byte[][] frames = new byte[20][];
        Array.Fill(frames, PortBench.Frame(60, 1));

        Assert.Equal(16, bench.Transmit(frames));
        Assert.Equal(4UL, bench.Counters.TransmitDroppedFull.Value);
        bench.AssertPoolWhole();
    }

    [Fact]
    public void Sent_buffers_are_taken_back_when_room_runs_low_in_whatever_order_they_complete()
    {
        using VirtioNetBench bench = new();
        bench.Device.TransmitQueue.ProposedSize = 16;
        bench.Started();
        for (int round = 0; round < 50; round++)
        {
            Assert.Equal(2, bench.Transmit(PortBench.Frame(60, round), PortBench.Frame(61, round)));
            bench.Device.TransmitQueue.Collect();
            bench.Device.TransmitQueue.Return(1, 0);
            bench.Device.TransmitQueue.Return(0, 0);
        }

        Assert.Equal(0UL, bench.Counters.TransmitDroppedFull.Value);
        bench.AssertPoolWhole();
    }

    [Fact]
    public void Inspection_frees_what_was_sent()
    {
        using VirtioNetBench bench = new VirtioNetBench().Started();
        int free = bench.Pool.FreeCount;
        bench.Transmit(PortBench.Frame(60, 1));
        bench.Device.TransmitQueue.Collect();
        bench.Device.TransmitQueue.Return(0, 0);
        Assert.Equal(free - 1, bench.Pool.FreeCount);

        bench.Port.Maintain(bench.Device.Mmio);
        Assert.Equal(free, bench.Pool.FreeCount);
    }

    [Theory]
    [InlineData(13)]
    [InlineData(1500 + 23)]
    public void A_frame_of_an_impossible_length_is_not_sent(int length)
    {
        using VirtioNetBench bench = new VirtioNetBench().Started();
        Assert.Equal(1, bench.Transmit(new byte[length], PortBench.Frame(1500 + 22, 1)));
        Assert.Equal(1UL, bench.Counters.TransmitDroppedInvalid.Value);
        Assert.Equal(1, bench.Device.TransmitQueue.Collect());
        bench.AssertPoolWhole();
    }

    [Fact]
    public void A_frame_without_room_for_the_header_is_not_sent()
    {
        using VirtioNetBench bench = new VirtioNetBench().Started();
        PacketBuffer buffer = bench.Buffer(PortBench.Frame(60, 1));
        buffer.Push(PacketBuffer.Headroom - 11);
        Burst burst = default;
        burst.Add(buffer);

        Assert.Equal(0, bench.Port.Transmit(ref burst));
        Assert.Equal(1UL, bench.Counters.TransmitDroppedInvalid.Value);
        bench.AssertPoolWhole();
    }

    [Fact]
    public void The_link_is_followed_and_nothing_is_sent_while_it_is_down()
    {
        using VirtioNetBench bench = new VirtioNetBench().Started();
        bench.Device.SetLink(false);
        bench.Port.Maintain(bench.Device.Mmio);
        Assert.NotEqual(PortState.Up, bench.Port.State);
        Assert.Equal(0, bench.Transmit(PortBench.Frame(60, 1)));
        Assert.Equal(1UL, bench.Counters.TransmitDroppedLink.Value);

        bench.Device.SetLink(true);
        bench.Port.Maintain(bench.Device.Mmio);
        Assert.Equal(PortState.Up, bench.Port.State);
        Assert.Equal(1, bench.Transmit(PortBench.Frame(60, 1)));
        Assert.Equal(3UL, bench.Counters.LinkChanges.Value);
        bench.AssertPoolWhole();
    }

    private static VirtioNetFeatures Offer(bool eventIndex)
        => VirtioNetDeviceModel.EverythingOffered | (eventIndex ? VirtioNetFeatures.EventIndex : VirtioNetFeatures.None);
}
