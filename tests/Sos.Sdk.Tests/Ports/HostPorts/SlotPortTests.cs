using System;
using System.Collections.Generic;
using Sos.Sdk.Control;
using Sos.Sdk.Packets;
using Sos.Sdk.Ports;
using Xunit;

namespace Sos.Sdk.Tests.Ports.HostPorts;

public sealed unsafe class SlotPortTests
{
    public static TheoryData<int> Lengths => [14, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 1514, HostSlot.FrameMax];

    [Theory]
    [MemberData(nameof(Lengths))]
    public void A_frame_for_linux_arrives_whole(int length)
    {
        using HostPortBench bench = new();
        byte[] frame = PortBench.Frame(length, length);
        Assert.Equal(1, bench.Transmit(frame));
        Assert.Equal(frame, bench.Linux.Receive());
        Assert.Null(bench.Linux.Receive());
        Assert.Equal(1UL, bench.Counters.TransmittedPackets.Value);
        Assert.Equal((ulong)length, bench.Counters.TransmittedBytes.Value);
        bench.AssertPoolWhole();
    }

    [Theory]
    [MemberData(nameof(Lengths))]
    public void A_frame_from_linux_arrives_whole(int length)
    {
        using HostPortBench bench = new();
        byte[] frame = PortBench.Frame(length, length);
        Assert.True(bench.Linux.TrySend(frame));
        Assert.Equal([frame], bench.Receive());
        Assert.Empty(bench.Receive());
        Assert.Equal(1UL, bench.Counters.ReceivedPackets.Value);
        Assert.Equal((ulong)length, bench.Counters.ReceivedBytes.Value);
        bench.AssertPoolWhole();
    }

    [Theory]
    [MemberData(nameof(Lengths))]
    public void A_copy_writes_nothing_beyond_the_frame(int length)
    {
        using HostPortBench bench = new();
        byte* behind = (byte*)bench.Linux.Layout + bench.Linux.Layout->ToHostOffset + HostSlot.HeaderSize + length;
        *behind = 0xa5;
        bench.Transmit(PortBench.Frame(length, length));
        Assert.Equal(0xa5, *behind);
    }

    [Fact]
    public void A_verified_checksum_is_passed_on()
    {
        using HostPortBench bench = new();
        PacketBuffer buffer = bench.Buffer(PortBench.Frame(60, 1));
        buffer.Header.Flags = PacketFlags.ChecksumValid;
        Burst burst = default;
        burst.Add(buffer);
        burst.Add(bench.Buffer(PortBench.Frame(60, 2)));
        bench.Port.Transmit(ref burst);

        bench.Linux.Receive(out HostSlotFlags first);
        bench.Linux.Receive(out HostSlotFlags second);
        Assert.Equal(HostSlotFlags.ChecksumValid, first);
        Assert.Equal(HostSlotFlags.None, second);
    }

    [Fact]
    public void Indices_run_on_over_the_end_of_their_range()
    {
        using HostPortBench bench = new(firstIndex: uint.MaxValue - 10);
        for (int i = 0; i < 100; i++)
        {
            byte[] frame = PortBench.Frame(60, i);
            Assert.Equal(1, bench.Transmit(frame));
            Assert.Equal(frame, bench.Linux.Receive());
            Assert.True(bench.Linux.TrySend(frame));
            Assert.Equal([frame], bench.Receive());
        }

        Assert.Equal(0UL, bench.Counters.Failures.Value);
        bench.AssertPoolWhole();
    }

    [Fact]
    public void A_full_ring_drops_the_rest_of_a_burst()
    {
        using HostPortBench bench = new();
        byte[][] frames = new byte[40][];
        Array.Fill(frames, PortBench.Frame(60, 1));
        Assert.Equal(40, bench.Transmit(frames));
        Assert.Equal(24, bench.Transmit(frames));
        Assert.Equal(16UL, bench.Counters.TransmitDroppedFull.Value);
        bench.AssertPoolWhole();

        Assert.NotNull(bench.Linux.Receive());
        Assert.Equal(1, bench.Transmit(frames));
    }

    [Fact]
    public void A_full_burst_leaves_the_rest_in_the_ring()
    {
        using HostPortBench bench = new(slots: 128);
        for (int i = 0; i < 100; i++)
        {
            Assert.True(bench.Linux.TrySend(PortBench.Frame(60, i)));
        }

        Assert.Equal(Burst.Capacity, bench.Receive().Count);
        Assert.Equal(100 - Burst.Capacity, bench.Receive().Count);
    }

    [Fact]
    public void An_empty_pool_leaves_frames_in_the_ring_and_is_counted_once()
    {
        using HostPortBench bench = new(buffers: 4);
        for (int i = 0; i < 6; i++)
        {
            bench.Linux.TrySend(PortBench.Frame(60, i));
        }

        Burst held = default;
        Assert.Equal(4, bench.Port.Receive(ref held));
        Assert.Empty(bench.Receive());
        Assert.Equal(1UL, bench.Counters.ReceiveStarved.Value);

        bench.Pool.Free(ref held);
        Assert.Equal([PortBench.Frame(60, 4), PortBench.Frame(60, 5)], bench.Receive());
        bench.AssertPoolWhole();
    }

    [Theory]
    [InlineData(13)]
    [InlineData(0)]
    public void A_frame_too_short_is_not_sent(int length)
    {
        using HostPortBench bench = new();
        Assert.Equal(1, bench.Transmit(new byte[length], PortBench.Frame(60, 1)));
        Assert.Equal(1UL, bench.Counters.TransmitDroppedInvalid.Value);
        Assert.Equal(PortBench.Frame(60, 1), bench.Linux.Receive());
        bench.AssertPoolWhole();
    }

    [Fact]
    public void A_frame_longer_than_a_slot_is_not_sent()
    {
        using HostPortBench bench = new();
        PacketBuffer buffer = bench.Buffer(PortBench.Frame(PacketBuffer.FrameMax, 1));
        buffer.Push(8);
        Burst burst = default;
        burst.Add(buffer);
        Assert.Equal(0, bench.Port.Transmit(ref burst));
        Assert.Equal(1UL, bench.Counters.TransmitDroppedInvalid.Value);
        Assert.Equal(0, bench.Linux.FramesWaiting);
        bench.AssertPoolWhole();
    }

    [Fact]
    public void Nothing_is_sent_while_linux_has_the_device_down()
    {
        using HostPortBench bench = new();
        bench.Linux.Layout->HostUp = 0;
        Assert.NotEqual(PortState.Up, bench.Port.State);
        Assert.Equal(0, bench.Transmit(PortBench.Frame(60, 1)));
        Assert.Equal(1UL, bench.Counters.TransmitDroppedLink.Value);
        Assert.Equal(0, bench.Linux.FramesWaiting);
        bench.AssertPoolWhole();
    }

    [Fact]
    public void A_change_of_the_link_is_told_once()
    {
        using HostPortBench bench = new();
        Assert.Equal(1u, bench.Linux.Layout->LinkUp);
        Assert.Equal(1, bench.Linux.Notifications);
        bench.Port.SetLink(true);
        Assert.Equal(1, bench.Linux.Notifications);
        bench.Port.SetLink(false);
        Assert.Equal(0u, bench.Linux.Layout->LinkUp);
        Assert.Equal(2, bench.Linux.Notifications);
        Assert.Equal(2UL, bench.Counters.LinkChanges.Value);
    }

    [Fact]
    public void Linux_is_woken_once_per_burst_and_only_when_it_asked()
    {
        using HostPortBench bench = new();
        bench.Transmit(PortBench.Frame(60, 1));
        Assert.Equal(bench.LinkNotifications, bench.Linux.Notifications);

        bench.Linux.Receive();
        Assert.False(bench.Linux.ArmToHost());
        bench.Transmit(PortBench.Frame(60, 2), PortBench.Frame(60, 3));
        bench.Transmit(PortBench.Frame(60, 4));
        Assert.Equal(bench.LinkNotifications + 1, bench.Linux.Notifications);
        Assert.Equal(0u, bench.Linux.Layout->ToHost.Armed);
    }

    [Fact]
    public void Linux_is_woken_as_slots_are_emptied_when_it_asked()
    {
        using HostPortBench bench = new();
        while (bench.Linux.TrySend(PortBench.Frame(60, 1)))
        {
        }

        Assert.False(bench.Linux.ArmFromHost());
        Assert.Equal(64, bench.Receive().Count);
        Assert.Equal(bench.LinkNotifications + 1, bench.Linux.Notifications);
        Assert.Equal(0u, bench.Linux.Layout->FromHost.Armed);
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(13u)]
    [InlineData(HostSlot.FrameMax + 1u)]
    [InlineData(uint.MaxValue)]
    public void A_slot_with_an_impossible_length_is_skipped(uint length)
    {
        using HostPortBench bench = new();
        bench.Linux.TrySend(PortBench.Frame(60, 1));
        bench.Linux.TrySend(PortBench.Frame(60, 2));
        bench.Linux.FromHostSlot(0)->Length = length;

        Assert.Equal([PortBench.Frame(60, 2)], bench.Receive());
        Assert.Equal(1UL, bench.Counters.ReceiveDroppedInvalid.Value);
        Assert.Equal(64, bench.Linux.SlotsFree);
        bench.AssertPoolWhole();
    }

    [Theory]
    [InlineData(65u)]
    [InlineData(0x8000_0000u)]
    [InlineData(uint.MaxValue)]
    public void A_producer_beyond_the_ring_is_counted_and_not_followed(uint producer)
    {
        using HostPortBench bench = new();
        bench.Linux.Layout->FromHost.Producer = producer;
        Assert.Empty(bench.Receive());
        Assert.Empty(bench.Receive());
        Assert.Equal(2UL, bench.Counters.Failures.Value);
        Assert.Equal(1UL, bench.LogCount);

        bench.Linux.Layout->FromHost.Producer = 0;
        bench.Linux.TrySend(PortBench.Frame(60, 1));
        Assert.Single(bench.Receive());
    }

    [Theory]
    [InlineData(1u)]
    [InlineData(0x8000_0000u)]
    public void A_consumer_ahead_of_the_producer_is_counted_and_not_followed(uint ahead)
    {
        using HostPortBench bench = new();
        List<byte[]> frames = [];
        for (int i = 0; i < 64; i++)
        {
            frames.Add(PortBench.Frame(60, i));
        }

        Assert.Equal(64, bench.Transmit([.. frames]));
        bench.Linux.Layout->ToHost.Consumer = 64 + ahead;
        Assert.Equal(0, bench.Transmit(PortBench.Frame(60, 99)));
        Assert.Equal(1UL, bench.Counters.Failures.Value);
        Assert.Equal(1UL, bench.Counters.TransmitDroppedFull.Value);

        bench.Linux.Layout->ToHost.Consumer = 0;
        foreach (byte[] frame in frames)
        {
            Assert.Equal(frame, bench.Linux.Receive());
        }

        bench.AssertPoolWhole();
    }

    [Theory]
    [InlineData(nameof(HostPortLayout.Magic))]
    [InlineData(nameof(HostPortLayout.Slots))]
    [InlineData(nameof(HostPortLayout.SlotSize))]
    [InlineData(nameof(HostPortLayout.ToHostOffset))]
    [InlineData(nameof(HostPortLayout.FromHostOffset))]
    [InlineData("overlap")]
    [InlineData("wrap")]
    [InlineData("size")]
    [InlineData("indices")]
    public void Memory_that_is_no_host_port_is_refused(string wrong)
    {
        using HostPortBench bench = new();
        HostPortLayout* layout = bench.Linux.Layout;
        ulong size = bench.Linux.Size;
        Assert.True(bench.TryCreate(size, out _));
        switch (wrong)
        {
            case nameof(HostPortLayout.Magic):
                layout->Magic++;
                break;
            case nameof(HostPortLayout.Slots):
                layout->Slots = 96;
                break;
            case nameof(HostPortLayout.SlotSize):
                layout->SlotSize = 4096;
                break;
            case nameof(HostPortLayout.ToHostOffset):
                layout->ToHostOffset = 0;
                break;
            case nameof(HostPortLayout.FromHostOffset):
                layout->FromHostOffset += 64;
                break;
            case "overlap":
                layout->FromHostOffset = layout->ToHostOffset + 2048;
                break;
            case "wrap":
                layout->ToHostOffset = ulong.MaxValue - 63;
                break;
            case "size":
                size--;
                break;
            default:
                layout->ToHost.Consumer = 5;
                break;
        }

        Assert.False(bench.TryCreate(size, out _));
    }
}
