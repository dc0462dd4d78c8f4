using Sos.Sdk.Ports;
using Sos.Sdk.Ports.VirtioNet;
using Xunit;

namespace Sos.Sdk.Tests.Ports.VirtioNet;

/// <summary>A port starts anew by itself, in small steps, and not without end.</summary>
public sealed class VirtioNetRecoveryTests
{
    [Fact]
    public void A_link_that_is_down_at_the_start_comes_up_later()
    {
        using VirtioNetBench bench = new();
        bench.Device.SetLink(false);
        Assert.True(bench.TryStart());
        Assert.Equal(PortState.Down, bench.Port.State);
        Assert.Equal(0, bench.Transmit(PortBench.Frame(60, 1)));

        bench.Device.SetLink(true);
        bench.Port.Maintain(bench.Device.Mmio);
        Assert.Equal(PortState.Up, bench.Port.State);
        Assert.Equal(1, bench.Transmit(PortBench.Frame(60, 1)));
        Assert.Equal((1UL, 0UL), (bench.Counters.LinkChanges.Value, bench.Counters.Failures.Value));
    }

    [Fact]
    public void A_reset_that_takes_long_does_not_hold_the_service_up()
    {
        using VirtioNetBench bench = new VirtioNetBench().Started();
        bench.Device.Status |= VirtioStatus.NeedsReset;
        bench.Port.Maintain(bench.Device.Mmio);
        bench.Device.ResetReads = 12;
        int calls = 0;
        while (bench.Port.State != PortState.Up && calls < 100)
        {
            Assert.Equal(PortState.NeedsReset, bench.Port.State);
            bench.Port.Maintain(bench.Device.Mmio);
            calls++;
        }

        // Each call looks at the status a few times at most.
        Assert.InRange(calls, 4, 10);
        Assert.Equal(2, bench.Device.Resets);
        Assert.Equal(1UL, bench.Counters.Restarts.Value);
        bench.AssertPoolWhole();
    }

    [Fact]
    public void A_reset_that_never_ends_is_asked_for_ever_more_rarely()
    {
        using VirtioNetBench bench = new VirtioNetBench().Started();
        bench.Device.Status |= VirtioStatus.NeedsReset;
        bench.Device.IgnoresReset = true;
        for (int i = 0; i < 10_000; i++)
        {
            bench.Port.Maintain(bench.Device.Mmio);
        }

        Assert.Equal(PortState.NeedsReset, bench.Port.State);
        Assert.InRange(bench.Device.Resets, 10_000 / 100, (10_000 / 64) + 10);
        Assert.Equal(2UL, bench.LogCount); // needs reset, does not reset

        bench.Device.IgnoresReset = false;
        for (int i = 0; i < 100; i++)
        {
            bench.Port.Maintain(bench.Device.Mmio);
        }

        Assert.Equal(PortState.Up, bench.Port.State);
        bench.AssertPoolWhole();
    }

    [Fact]
    public void A_card_that_fails_again_and_again_is_reset_ever_more_rarely_and_told_of_once()
    {
        using VirtioNetBench bench = new VirtioNetBench().Started();
        for (int i = 0; i < 1000; i++)
        {
            bench.Device.Status |= VirtioStatus.NeedsReset;
            bench.Port.Maintain(bench.Device.Mmio);
        }

        Assert.InRange(bench.Device.Resets, 10, 30);
        Assert.InRange(bench.Counters.Restarts.Value, 9UL, 30UL);
        Assert.Equal(2UL, bench.LogCount); // that it failed, and that it was reset
        Assert.Empty(bench.Device.Offences);
        bench.AssertPoolWhole();
    }

    [Fact]
    public void After_a_minute_without_a_failure_the_next_one_is_the_first_again()
    {
        using VirtioNetBench bench = new VirtioNetBench().Started();
        for (int round = 1; round <= 3; round++)
        {
            bench.Device.Status |= VirtioStatus.NeedsReset;
            bench.Port.Maintain(bench.Device.Mmio);
            bench.Port.Maintain(bench.Device.Mmio);
            Assert.Equal((PortState.Up, (ulong)round), (bench.Port.State, bench.Counters.Restarts.Value));
            Assert.Equal(2UL * (ulong)round, bench.LogCount);
            for (int i = 0; i < 600; i++)
            {
                bench.Port.Maintain(bench.Device.Mmio);
            }
        }
    }

    [Fact]
    public void A_card_that_goes_during_its_reset_stays_gone_until_it_answers()
    {
        using VirtioNetBench bench = new VirtioNetBench().Started();
        bench.Device.Status |= VirtioStatus.NeedsReset;
        bench.Port.Maintain(bench.Device.Mmio);
        bench.Device.IgnoresReset = true;
        bench.Port.Maintain(bench.Device.Mmio);
        bench.Device.Status = VirtioStatus.Gone;
        for (int i = 0; i < 200; i++)
        {
            bench.Port.Maintain(bench.Device.Mmio);
        }

        int resets = bench.Device.Resets;
        Assert.Equal((PortState.Gone, 2UL), (bench.Port.State, bench.LogCount));
        bench.Port.Maintain(bench.Device.Mmio);
        Assert.Equal(resets, bench.Device.Resets); // nothing is written to what does not answer

        bench.Device.IgnoresReset = false;
        bench.Device.Status = VirtioStatus.None;
        bench.Port.Maintain(bench.Device.Mmio);
        Assert.Equal(PortState.Up, bench.Port.State);
        bench.AssertPoolWhole();
    }

    [Fact]
    public void A_card_that_comes_back_as_another_one_is_not_used()
    {
        using VirtioNetBench bench = new VirtioNetBench().Started();
        bench.Device.Status |= VirtioStatus.NeedsReset;
        bench.Port.Maintain(bench.Device.Mmio);
        bench.Device.Offered &= ~VirtioNetFeatures.Version1;
        bench.Port.Maintain(bench.Device.Mmio);
        Assert.Equal((PortState.NeedsReset, VirtioNetFailure.NotModern), (bench.Port.State, bench.Port.Failure));
        bench.AssertPoolWhole();
    }

    [Fact]
    public void A_port_that_was_closed_stays_closed()
    {
        using VirtioNetBench bench = new VirtioNetBench().Started();
        Assert.True(bench.Port.Close(bench.Device.Mmio));
        bench.Port.Maintain(bench.Device.Mmio);
        Assert.Equal((PortState.Down, VirtioNetFailure.Closed), (bench.Port.State, bench.Port.Failure));
    }

    [Fact]
    public void A_card_holds_no_more_than_its_share_of_the_receive_buffers()
    {
        using VirtioNetBench bench = new VirtioNetBench(receiveMax: 100).Started();
        Assert.Equal(bench.Buffers - 100, bench.Pool.FreeCount);
        for (int i = 0; i < 300; i++)
        {
            bench.Device.ReceiveQueue.Collect();
            byte[] frame = PortBench.Frame(60, i);
            bench.Device.ReceiveQueue.Deliver(frame);
            Assert.Equal([frame], bench.Receive());
            Assert.InRange(bench.Pool.FreeCount, bench.Buffers - 100, bench.Buffers - 60);
        }

        bench.AssertPoolWhole();
    }
}
