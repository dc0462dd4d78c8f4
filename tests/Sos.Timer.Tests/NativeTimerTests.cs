using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Net.Sockets;
using System.Reflection;
using System.Threading;
using System.Threading.Tasks;
using Sos.Cores.BackEnds;
using Sos.Cores.Companions;
using Sos.Cores.Operations;
using Sos.Cores.Plan;
using Sos.Cores.Running;
using Sos.Sdk.Time;
using Sos.Timer.Broker;
using Sos.Timer.Client;
using Sos.Timer.Layout;
using Xunit;

namespace Sos.Timer.Tests;

/// <summary>The built image in a process, with broker and clients around it: everything but the driver.</summary>
public sealed class NativeTimerTests : IDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("sos-timer");
    private readonly ProgramCores _cores = new(Metadata("Runner"), bind: false);
    private readonly IServiceCore _core;
    private readonly IProgramAccess _access;
    private readonly TimerHost _host;
    private readonly TimerBroker _broker;

    public NativeTimerTests()
    {
        _core = _cores.Add(0);
        ServiceOperations services = new(_cores.BackEnds, new CompanionCatalogue([new TimerCompanion()]));

        // Linux may keep an ordinary thread waiting: that is no reason to end the service.
        CoreRecord record = services.Start(0, new ServicePlan { Image = Metadata("Timer"), Watchdog = TimeSpan.Zero }).Record;
        _access = _core.OpenPrograms(record);
        _host = new TimerHost(_core, record, _access, _cores.BackEnds.Folder);
        _broker = new TimerBroker(_host, SocketPath, new HashSet<uint>());
    }

    private string SocketPath => Path.Combine(_folder.FullName, "timer.sock");

    public void Dispose()
    {
        _broker.Dispose();
        _host.Dispose();
        _access.Dispose();
        _cores.Dispose();
        _folder.Delete(recursive: true);
    }

    public static string Metadata(string key)
        => typeof(NativeTimerTests).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == key).Value!;

    [Theory]
    [InlineData(ClockId.Tsc)]
    [InlineData(ClockId.Monotonic)]
    [InlineData(ClockId.Realtime)]
    [InlineData(ClockId.Tai)]
    public void ATimerFiresAndNotBeforeItsTime(ClockId clock)
    {
        using TimerClient client = TimerClient.Connect(SocketPath);
        ulong delay = clock == ClockId.Tsc ? client.TscKhz * 20 : 20_000_000;
        long start = Stopwatch.GetTimestamp();
        Assert.Equal(TimerError.None, client.Arm(4, clock, delay));
        Await(() => client.ExpirationsOf(4) == 1);
        Assert.True(Stopwatch.GetElapsedTime(start) > TimeSpan.FromMilliseconds(19), "early");
        TimerSlot slot = client.Read(4);
        Assert.Equal(TimerState.Expired, slot.State);
        Assert.True(slot.ServedTsc >= slot.DueTsc);
    }

    [Fact]
    public void AbsoluteTimesAreThoseOfLinuxsClock()
    {
        using TimerClient client = TimerClient.Connect(SocketPath);
        ulong now = (ulong)(DateTime.UtcNow - DateTime.UnixEpoch).Ticks * 100;
        Assert.Equal(TimerError.None, client.Arm(0, ClockId.Realtime, now - 1, 0, TimerFlags.Absolute));
        Assert.Equal(TimerError.None, client.Arm(1, ClockId.Realtime, now + 3_600_000_000_000, 0, TimerFlags.Absolute));
        Await(() => client.ExpirationsOf(0) == 1);
        Assert.Equal((0ul, TimerState.Armed), (client.ExpirationsOf(1), client.Read(1).State));
    }

    [Fact]
    public void ASleeperIsWokenThroughItsEventFd()
    {
        using TimerClient client = TimerClient.Connect(SocketPath);
        using TimerClient other = TimerClient.Connect(SocketPath);
        Assert.NotEqual(client.Number, other.Number);
        Assert.Equal(TimerError.None, client.Arm(0, ClockId.Monotonic, 10_000_000, period: 10_000_000));
        uint signal = 0;
        for (int round = 0; round < 20; round++)
        {
            uint now = client.Sleep(signal, Deadline);
            Assert.NotEqual(signal, now);
            signal = now;
        }

        Assert.Equal(other.Signal, other.Sleep(0, TimeSpan.FromMilliseconds(1)));
        Assert.Equal(0ul, other.Expirations);
    }

    /// <summary>Programs wait for the broker's socket to be there, and connect at once.</summary>
    [Fact]
    public async Task WhoSeesTheSocketCanConnect()
    {
        string path = Path.Combine(_folder.FullName, "other.sock");
        for (int round = 0; round < 50; round++)
        {
            using Socket visitor = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            Task visit = Task.Run(() =>
            {
                SpinWait.SpinUntil(() => File.Exists(path));
                visitor.Connect(new UnixDomainSocketEndPoint(path));
            });
            using TimerBroker other = new(_host, path, new HashSet<uint>());
            await visit;
        }

        Assert.Equal([SocketPath], Directory.GetFiles(_folder.FullName));
    }

    [Fact]
    public void BadArgumentsAreErrorsAndTheClientGoesOn()
    {
        using TimerClient client = TimerClient.Connect(SocketPath);
        Assert.Equal(TimerError.BadPeriod, client.Arm(0, ClockId.Monotonic, 1000, period: 10));
        Assert.Equal(TimerError.BadClock, client.Arm(0, (ClockId)9, 1000));
        Assert.Throws<ArgumentOutOfRangeException>(() => client.Arm(TimerClient.Timers, ClockId.Tsc, 0));
        Assert.Equal(TimerError.None, client.Arm(0, ClockId.Monotonic, 0));
        Await(() => client.ExpirationsOf(0) == 1);
    }

    [Fact]
    public void EveryAreaIsLentAndTheNextClientIsToldSo()
    {
        List<TimerClient> clients = [];
        try
        {
            for (int i = 0; i < TimerAdmin.ClientsMax; i++)
            {
                clients.Add(TimerClient.Connect(SocketPath));
            }

            TimerException full = Assert.Throws<TimerException>(() => TimerClient.Connect(SocketPath));
            Assert.Contains("in use", full.Message, StringComparison.Ordinal);
        }
        finally
        {
            clients.ForEach(client => client.Dispose());
        }
    }

    [Fact]
    public void WhatIsNoClientIsSentAway()
    {
        using Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Connect(new UnixDomainSocketEndPoint(SocketPath));
        socket.Send(new byte[16]);
        byte[] answer = new byte[64];
        Assert.Equal(BrokerWelcome.Size, socket.Receive(answer));
        Assert.Equal((uint)BrokerStatus.WrongVersion, BitConverter.ToUInt32(answer, 8));
        Assert.Equal(0, socket.Receive(answer));
        Assert.Equal(0, _broker.ClientCount);
    }

    /// <summary>A program in C that uses the header alone, killed in the middle: its timers go, those of another client stay.</summary>
    [Fact]
    public void ACClientWorksAndIsReclaimedWhenItIsKilled()
    {
        const string Program =
            """
            #include <stdio.h>
            #include "sos_timer.h"
            int main(int argc, char **argv)
            {
                struct sos_timer timer;
                int ret = sos_timer_open(&timer, argv[argc - 1]);
                if (ret) { fprintf(stderr, "open: %d\n", ret); return 1; }
                if (sos_timer_arm(&timer, 0, SOS_TIMER_MONOTONIC, 0, 1000, 999) != SOS_TIMER_ERROR_BAD_PERIOD) return 2;
                if (sos_timer_arm(&timer, 1, SOS_TIMER_MONOTONIC, 0, 1000000, 1000000)) return 3;
                uint64_t seen = 0;
                for (int i = 0; i < 20; i++) { uint64_t now = sos_timer_spin(&timer, 1, seen); if (now <= seen) return 4; seen = now; }
                if (sos_timer_sleep(&timer, sos_timer_signal(&timer), 60000) == 0) return 5;
                puts("works"); fflush(stdout);
                pause();
            }
            """;
        string source = Path.Combine(_folder.FullName, "client.c");
        string binary = Path.Combine(_folder.FullName, "client");
        File.WriteAllText(source, Program);
        using (Process compiler = Process.Start("gcc", ["-O1", "-I", Metadata("Headers"), "-o", binary, source]))
        {
            compiler.WaitForExit();
            Assert.Equal(0, compiler.ExitCode);
        }

        using TimerClient client = TimerClient.Connect(SocketPath);
        Assert.Equal(TimerError.None, client.Arm(0, ClockId.Monotonic, 1_000_000, period: 1_000_000));
        using Process process = Process.Start(new ProcessStartInfo(binary, [SocketPath]) { RedirectStandardOutput = true })!;
        Assert.Equal("works", process.StandardOutput.ReadLine());
        Assert.Equal(2, _broker.ClientCount);
        process.Kill();
        process.WaitForExit();
        Await(() => _broker.ClientCount == 1 && ArmedInAll() == 1);
        ulong expirations = client.Expirations;
        Await(() => client.Expirations > expirations);
    }

    private unsafe uint ArmedInAll() => ((TimerAdmin*)_host.Admin.Address)->Armed;

    private static void Await(Func<bool> condition)
    {
        long start = Stopwatch.GetTimestamp();
        while (!condition())
        {
            Assert.True(Stopwatch.GetElapsedTime(start) < Deadline, "it does not come");
            Thread.Sleep(1);
        }
    }
}
