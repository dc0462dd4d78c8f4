using Sos.Sdk.Ports;
using Sos.Sdk.Ports.VirtioNet;
using Xunit;

namespace Sos.Sdk.Tests.Ports.Nic;

/// <summary>Linux sees the link of a port's card as its host port's carrier, whatever the service does.</summary>
public sealed class PortUpkeepTests
{
    [Fact]
    public void A_card_without_link_at_the_start_gives_linux_a_carrier_once_it_has_one()
    {
        using CardBench bench = new();
        bench.Device.SetLink(false);
        Assert.True(bench.TryOpen());
        bench.Maintain();
        Assert.Equal((PortState.Down, false), (bench.Nic.State, bench.Linux.LinkUp));

        bench.Device.SetLink(true);
        bench.Maintain();
        Assert.Equal((PortState.Up, true), (bench.Nic.State, bench.Linux.LinkUp));
    }

    [Fact]
    public void A_flapping_link_is_followed_each_time()
    {
        using CardBench bench = new();
        Assert.True(bench.TryOpen());
        for (int i = 0; i < 50; i++)
        {
            bool up = i % 2 == 1;
            bench.Device.SetLink(up);
            bench.Maintain();
            bench.Maintain();
            Assert.Equal(up, bench.Linux.LinkUp);
        }

        // The card was up as it started, and down when it was first looked at: Linux saw no carrier then.
        Assert.Equal((51UL, 49UL), (bench.Counter("nic.link_changes"), bench.Counter("host.link_changes")));
    }

    [Fact]
    public void A_link_that_goes_down_is_seen_within_ten_milliseconds()
    {
        using CardBench bench = new();
        Assert.True(bench.TryOpen());
        bench.BeginUpkeep();
        double ms = 0;
        for (int i = 0; i < 40; i++)
        {
            bool up = i % 2 == 1;
            bench.Device.SetLink(up);
            double seen = ms + 10;
            for (; ms < seen; ms += 0.25)
            {
                bench.LookAt(ms);
            }

            Assert.Equal((up ? PortState.Up : PortState.Down, up), (bench.Nic.State, bench.Linux.LinkUp));
        }
    }

    [Fact]
    public void Looks_at_the_link_between_leave_recovery_its_pace()
    {
        using CardBench bench = new();
        Assert.True(bench.TryOpen());
        bench.BeginUpkeep();
        bench.Device.Status = VirtioStatus.Gone;
        for (double ms = 0; ms < 390; ms += 1)
        {
            bench.LookAt(ms);
        }

        Assert.Equal(PortState.Up, bench.Nic.State);
        for (double ms = 390; ms < 700; ms += 1)
        {
            bench.LookAt(ms);
        }

        Assert.Equal(PortState.Gone, bench.Nic.State);
    }

    [Fact]
    public void A_card_that_needs_a_reset_takes_the_carrier_away_until_it_works_again()
    {
        using CardBench bench = new();
        Assert.True(bench.TryOpen());
        bench.Maintain();
        Assert.True(bench.Linux.LinkUp);

        bench.Device.Status |= VirtioStatus.NeedsReset;
        bench.Maintain();
        Assert.Equal((PortState.NeedsReset, false), (bench.Nic.State, bench.Linux.LinkUp));

        bench.Maintain();
        Assert.Equal((PortState.Up, true), (bench.Nic.State, bench.Linux.LinkUp));
        Assert.Equal((1UL, 1UL), (bench.Counter("nic.failures"), bench.Counter("nic.restarts")));
        Assert.Equal(
            ["port nic: the virtio-net card failed, the value is its VirtioNetFailure", "port nic: the card was reset and works again"], bench.Log());
    }

    [Fact]
    public void A_card_that_is_gone_takes_the_carrier_away_until_it_answers()
    {
        using CardBench bench = new();
        Assert.True(bench.TryOpen());
        bench.Device.Status = VirtioStatus.Gone;
        for (int i = 0; i < 20; i++)
        {
            bench.Maintain();
        }

        Assert.Equal((PortState.Gone, false), (bench.Nic.State, bench.Linux.LinkUp));
        bench.Device.Status = VirtioStatus.None;
        bench.Maintain();
        Assert.Equal((PortState.Up, true), (bench.Nic.State, bench.Linux.LinkUp));
    }

    [Fact]
    public void A_service_can_keep_the_carrier_from_linux()
    {
        using CardBench bench = new();
        Assert.True(bench.TryOpen());
        bench.Host.SetLink(false);
        bench.Maintain();
        Assert.Equal((PortState.Up, false), (bench.Nic.State, bench.Linux.LinkUp));

        bench.Host.SetLink(true);
        Assert.True(bench.Linux.LinkUp);
        bench.Device.SetLink(false);
        bench.Maintain();
        Assert.False(bench.Linux.LinkUp);
    }

    [Fact]
    public void A_card_that_does_not_start_is_not_opened_and_the_log_says_which_and_why()
    {
        using CardBench bench = new();
        bench.Device.Offered &= ~VirtioNetFeatures.Version1;
        Assert.False(bench.TryOpen());
        Assert.Equal(["port nic: the virtio-net card failed, the value is its VirtioNetFailure"], bench.Log());
        bench.Maintain();
        Assert.False(bench.Linux.LinkUp);
    }
}
