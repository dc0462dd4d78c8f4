using System;
using System.Collections.Generic;
using Sos.Sdk.Control;
using Sos.Sdk.Packets;
using Sos.Sdk.Ports;
using Sos.Sdk.Ports.Xsk;
using Sos.Sdk.Services;
using Xunit;

namespace Sos.Sdk.Tests.Ports.Xsk;

/// <summary>The AF_XDP port against a model of the kernel: what it moves, and what it does when the kernel's side breaks the contract.</summary>
public sealed unsafe class XskPortTests
{
    [Fact]
    public void Frames_are_received_where_they_lie_and_their_chunks_go_round()
    {
        using XskKernelModel kernel = new();
        Burst burst = default;
        for (int i = 0; i < 1000; i++)
        {
            byte[] frame = PortBench.Frame(60 + (i % 1400), i);
            kernel.Deliver(frame);
            Assert.Equal(1, kernel.Port.Receive(ref burst));
            Assert.True(burst.Buffers[0].Frame.SequenceEqual(frame));
            kernel.Pool.Free(ref burst);
        }

        Assert.InRange(kernel.Filled, XskKernelModel.Entries * 3 / 4, XskKernelModel.Entries);
        Assert.Equal(XskFailure.None, kernel.Port.Failure);
    }

    [Fact]
    public void Frames_are_sent_from_where_they_were_received_and_freed_when_completed()
    {
        using XskKernelModel kernel = new();
        Burst burst = default;
        int atRest = kernel.BuffersAtRest;
        for (int i = 0; i < 1000; i++)
        {
            byte[] frame = PortBench.Frame(100, i);
            kernel.Deliver(frame);
            kernel.Port.Receive(ref burst);
            Assert.Equal(1, kernel.Port.Transmit(ref burst));
            (ulong address, byte[] sent) = kernel.TakeSent()!.Value;
            Assert.Equal(frame, sent);
            kernel.Complete(address);
        }

        kernel.Port.Maintain(0);
        Assert.Equal(atRest, kernel.BuffersAtRest);
        Assert.Equal(XskFailure.None, kernel.Port.Failure);
    }

    [Fact]
    public void A_full_transmit_ring_drops_and_goes_on_after_completions()
    {
        using XskKernelModel kernel = new();
        Assert.Equal(XskKernelModel.Entries, (uint)Send(kernel, Burst.Capacity));
        Assert.Equal(0, Send(kernel, 3));
        List<ulong> sent = [];
        while (kernel.TakeSent() is { } frame)
        {
            sent.Add(frame.Address);
        }

        sent.ForEach(kernel.Complete);
        Assert.Equal(3, Send(kernel, 3));
    }

    [Fact]
    public void Without_a_link_nothing_is_sent_and_nothing_leaks()
    {
        using XskKernelModel kernel = new();
        int free = kernel.BuffersAtRest;
        kernel.Shared->LinkUp = 0;
        Assert.NotEqual(PortState.Up, kernel.Port.State);
        Assert.Equal(0, Send(kernel, 5));
        Assert.Equal(free, kernel.BuffersAtRest);
    }

    [Theory]
    [InlineData(13u, 256u)]
    [InlineData(0u, 256u)]
    [InlineData((uint)PacketBuffer.Stride, 256u)]
    [InlineData(uint.MaxValue, 256u)]
    [InlineData(60u, 0u)] // over the buffer's own record
    [InlineData(60u, 4000u)] // beyond the buffer
    public void Frames_of_impossible_length_or_place_are_dropped(uint length, uint offset)
    {
        using XskKernelModel kernel = new();
        Burst burst = default;
        int free = kernel.BuffersAtRest;
        kernel.Show(kernel.TakeFilled() + offset, length);
        Assert.Equal(0, kernel.Port.Receive(ref burst));
        Assert.Equal(XskFailure.None, kernel.Port.Failure);
        kernel.Deliver(PortBench.Frame(60, 1));
        Assert.Equal(1, kernel.Port.Receive(ref burst));
        kernel.Pool.Free(ref burst);
        Assert.Equal(free, kernel.BuffersAtRest);
    }

    [Theory]
    [InlineData(XskKernelModel.Entries + 1)]
    [InlineData(0x8000_0000u)]
    [InlineData(uint.MaxValue)]
    public void A_receive_index_beyond_what_the_kernel_holds(uint distance)
        => AssertReceiveFails(kernel => kernel.ReceiveProducer += distance, XskFailure.ReceiveIndexJumped);

    [Theory]
    [InlineData(ulong.MaxValue)]
    [InlineData(1UL << 40)]
    [InlineData(200UL * XskLayout.ChunkSize)] // a chunk of the pool that was not given
    public void A_frame_in_a_chunk_that_the_kernel_was_not_given(ulong address)
        => AssertReceiveFails(kernel => kernel.Show(address, 60), XskFailure.ReceiveChunkNotOutstanding);

    [Fact]
    public void A_chunk_that_is_given_back_twice()
        => AssertReceiveFails(
            kernel =>
            {
                ulong chunk = kernel.TakeFilled();
                kernel.Show(chunk + XskKernelModel.Headroom, 60);
                kernel.Show(chunk + XskKernelModel.Headroom, 60);
            },
            XskFailure.ReceiveChunkNotOutstanding,
            framesBefore: 1);

    [Fact]
    public void A_fill_index_beyond_what_was_filled()
    {
        using XskKernelModel kernel = new();
        Burst burst = default;
        for (int i = 0; i < (int)XskKernelModel.Entries / 2; i++)
        {
            kernel.Deliver(PortBench.Frame(60, i));
        }

        kernel.FillConsumer += 2 * XskKernelModel.Entries;
        kernel.Port.Receive(ref burst);
        AssertDead(kernel, XskFailure.FillIndexJumped);
    }

    [Fact]
    public void A_completion_index_beyond_what_was_sent()
    {
        using XskKernelModel kernel = new();
        Send(kernel, 2);
        kernel.CompletionProducer += 3;
        kernel.Port.Maintain(0);
        AssertDead(kernel, XskFailure.CompletionIndexJumped);
    }

    [Fact]
    public void A_completion_of_a_chunk_that_was_not_sent()
    {
        using XskKernelModel kernel = new();
        Send(kernel, 1);
        kernel.Complete(kernel.TakeFilled());
        kernel.Port.Maintain(0);
        AssertDead(kernel, XskFailure.CompletionChunkNotOutstanding);
    }

    [Fact]
    public void The_keeper_is_woken_only_when_it_sleeps_and_the_kernel_wants_it()
    {
        using XskKernelModel kernel = new();
        ulong before = Gate.HostedNotifications;
        Send(kernel, 1);
        kernel.TransmitFlags = XskRing.NeedWakeup;
        Send(kernel, 1);
        Assert.Equal(before, Gate.HostedNotifications);
        kernel.Shared->Armed = 1;
        Send(kernel, 1);
        Assert.Equal(before + 1, Gate.HostedNotifications);
        Assert.Equal(0u, kernel.Shared->Armed);
        Send(kernel, 1);
        Assert.Equal(before + 1, Gate.HostedNotifications);
    }

    [Fact]
    public void A_driver_that_waits_for_chunks_has_a_call_made()
    {
        using XskKernelModel kernel = new();
        Burst burst = default;
        kernel.FillFlags = XskRing.NeedWakeup;
        kernel.Shared->Armed = 1;
        ulong before = Gate.HostedNotifications;
        for (int i = 0; i < (int)XskKernelModel.Entries; i++)
        {
            kernel.Deliver(PortBench.Frame(60, i));
        }

        kernel.Port.Receive(ref burst);
        Assert.Equal(1u, kernel.Shared->ReceiveWanted);
        Assert.Equal(before + 1, Gate.HostedNotifications);
        kernel.Pool.Free(ref burst);
    }

    [Fact]
    public void An_empty_pool_is_no_failure_and_is_filled_again()
    {
        using XskKernelModel kernel = new(buffers: 64);
        Burst held = default;
        List<PacketBuffer> taken = [];
        while (kernel.Pool.TryAllocate(out PacketBuffer buffer))
        {
            taken.Add(buffer);
        }

        while (kernel.Filled > 0)
        {
            kernel.Deliver(PortBench.Frame(60, 1));
        }

        Assert.Equal(32, kernel.Port.Receive(ref held));
        Assert.Equal(0u, kernel.Filled);
        kernel.Pool.Free(ref held);
        taken.ForEach(kernel.Pool.Free);
        kernel.Port.Receive(ref held);
        Assert.Equal(32u, kernel.Filled);
    }

    private static int Send(XskKernelModel kernel, int count)
    {
        Burst burst = default;
        for (int i = 0; i < count; i++)
        {
            Assert.True(kernel.Pool.TryAllocate(out PacketBuffer buffer));
            PortBench.Frame(100, i).CopyTo(buffer.Reset(100));
            burst.Add(buffer);
        }

        return kernel.Port.Transmit(ref burst);
    }

    private static void AssertReceiveFails(Action<XskKernelModel> misbehave, XskFailure failure, int framesBefore = 0)
    {
        using XskKernelModel kernel = new();
        Burst burst = default;
        misbehave(kernel);
        Assert.Equal(framesBefore, kernel.Port.Receive(ref burst));
        AssertDead(kernel, failure);
    }

    private static void AssertDead(XskKernelModel kernel, XskFailure failure)
    {
        Burst burst = default;
        Assert.Equal(failure, kernel.Port.Failure);
        Assert.NotEqual(PortState.Up, kernel.Port.State);
        Assert.Equal(1ul, kernel.LogCount);
        Assert.Equal(0, kernel.Port.Receive(ref burst));
        Assert.Equal(0, Send(kernel, 1));
    }
}
