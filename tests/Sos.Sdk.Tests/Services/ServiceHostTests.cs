using System.Threading;
using Sos.Sdk.Control;
using Sos.Sdk.Logging;
using Sos.Sdk.Packets;
using Sos.Sdk.Services;
using Sos.Sdk.Statistics;
using Sos.Sdk.Testing;
using Xunit;

namespace Sos.Sdk.Tests.Services;

public sealed unsafe class ServiceHostTests
{
    [Fact]
    public void CountsPassesAndStopsOnRequest()
    {
        using ServiceHarness<CountingService> harness = new();
        long exitCode = -100;
        Thread core = new(() => exitCode = harness.Run());
        core.Start();
        SpinWait.SpinUntil(() => Volatile.Read(ref harness.Control->Polls) > 100 || harness.Control->State == ServiceState.Ended, 60_000);
        harness.RequestStop();
        core.Join();
        Assert.Equal(0, exitCode);
        Assert.Equal(0, harness.Control->ExitCode);
        Assert.Equal(ServiceState.Ended, harness.Control->State);
        Assert.Equal(harness.Control->Polls, harness.Counter("passes"));
        Assert.InRange(harness.Counter("last_passes"), 1ul, 2ul); // the request may come within a pass, which is followed by the last one
    }

    [Fact]
    public void GivesTheExitCodeOfAFailedInitialisation()
    {
        using ServiceHarness<CountingService> harness = new(new HarnessOptions { Parameters = "fail=7\n" });
        Assert.Equal(7, harness.Run());
        Assert.Equal(7, harness.Control->ExitCode);
        Assert.Equal(ServiceState.Ended, harness.Control->State);
        Assert.Equal(0UL, harness.Control->Polls);
    }

    [Fact]
    public void RefusesAControlRegionThatIsNone()
    {
        using ServiceHarness<CountingService> magic = new();
        magic.Control->Magic++;
        Assert.Equal(ExitCode.BadControlRegion, magic.Run());

        using ServiceHarness<CountingService> count = new();
        count.Control->ResourceCount = ServiceControl.ResourcesMax + 1;
        Assert.Equal(ExitCode.BadControlRegion, count.Run());

        using ServiceHarness<CountingService> abi = new();
        abi.Control->Abi++;
        Assert.Equal(ExitCode.AbiMismatch, abi.Run());
        Assert.Equal(ServiceState.Ended, abi.Control->State);
    }

    [Fact]
    public void RefusesAnArenaThatIsTooSmall()
    {
        using ServiceHarness<CountingService> harness = new(new HarnessOptions { ArenaSize = 64 });
        Assert.Equal(ExitCode.ArenaTooSmall, harness.Run());
    }

    [Fact]
    public void TellsWhatItWasGiven()
    {
        using ServiceHarness<CountingService> harness = new(new HarnessOptions { Ports = ["wan", "lan"], Parameters = "fail=0\nname=x" });
        Assert.Equal(0, harness.Start());
        Assert.Equal(ServiceState.Initialised, harness.Control->State);
        harness.Poll(3);
        Assert.Equal(3UL, harness.Counter("passes"));
        Assert.Equal(2UL, harness.Counter("port12.found"));
        LogEntry entry = Assert.Single(harness.TakeLog());
        Assert.Equal((0UL, LogSeverity.Notice, "ready", 963UL), (entry.Number, entry.Severity, entry.Text, entry.Value));
        Assert.Empty(harness.TakeLog());
    }

    internal struct CountingService : IService
    {
        private Counter _passes;
        private Counter _lastPasses;
        private StopSignal _stop;

        public long Initialize(ref ServiceSetup setup)
        {
            _passes = setup.Statistics.Add("passes"u8);
            _lastPasses = setup.Statistics.Add("last_passes"u8);
            _stop = setup.Stop;
            Counter found = setup.Statistics.Add("port"u8, 12, "found"u8);
            for (uint i = 0; setup.TryFindResource(ResourceKind.MemoryPort, i, out _); i++)
            {
                found.Increment();
            }

            if (!setup.TryCreatePacketPool(10_000, out PacketPool pool))
            {
                return 2;
            }

            setup.Log.Write(LogSeverity.Notice, "ready"u8, (ulong)pool.Capacity);
            return setup.Parameters.TryGetUInt64("fail"u8, out ulong code) ? (long)code : 0;
        }

        public void Poll(ulong now)
        {
            _passes.Increment();
            if (_stop.IsRaised)
            {
                _lastPasses.Increment();
            }
        }
    }
}
