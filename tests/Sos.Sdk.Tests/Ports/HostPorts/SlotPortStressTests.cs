using System;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Threading;
using System.Threading.Tasks;
using Sos.Sdk.Packets;
using Xunit;

namespace Sos.Sdk.Tests.Ports.HostPorts;

/// <summary>
/// Both sides at once, on two threads. Linux's side sleeps whenever it has nothing to do, and looks again only when the service
/// notifies it: a wake-up that is lost ends in the deadline.
/// </summary>
public sealed class SlotPortStressTests
{
    private const int Frames = 100_000;

    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(100);

    private readonly Stopwatch _elapsed = Stopwatch.StartNew();

    [Fact]
    public async Task Frames_for_linux_arrive_once_in_order_and_no_wake_up_is_lost()
    {
        using HostPortBench bench = new();
        Task linux = Task.Factory.StartNew(() => ReceiveAll(bench.Linux), TaskCreationOptions.LongRunning);
        Random random = new(1);
        for (int sent = 0; sent < Frames && !linux.IsCompleted;)
        {
            Burst burst = default;
            int count = Math.Min(Math.Min(random.Next(4) == 0 ? 16 : 1, Frames - sent), 64 - bench.Linux.FramesWaiting);
            for (int i = 0; i < count; i++)
            {
                burst.Add(bench.Buffer(Numbered(sent + i)));
            }

            PauseForLinux(bench.Linux, random);
            sent += bench.Port.Transmit(ref burst);
        }

        await linux;
        Assert.Equal((ulong)Frames, bench.Counters.TransmittedPackets.Value);
        Assert.Equal(0UL, bench.Counters.Failures.Value);
        bench.AssertPoolWhole();
    }

    [Fact]
    public async Task Frames_from_linux_arrive_once_in_order_and_no_wake_up_is_lost()
    {
        using HostPortBench bench = new();
        Task linux = Task.Factory.StartNew(() => SendAll(bench.Linux), TaskCreationOptions.LongRunning);
        Random random = new(2);
        for (int received = 0; received < Frames;)
        {
            Assert.True(_elapsed.Elapsed < Deadline, $"stuck after {received} frames");
            foreach (byte[] frame in bench.Receive())
            {
                AssertNumbered(frame, received++);
            }

            Pause(random);
        }

        await linux;
        Assert.Equal(0UL, bench.Counters.Failures.Value);
        bench.AssertPoolWhole();
    }

    private static byte[] Numbered(int number)
    {
        byte[] frame = new byte[14 + (number % 100)];
        MemoryMarshal.Write(frame, in number);
        frame.AsSpan(4).Fill((byte)number);
        return frame;
    }

    private static void AssertNumbered(byte[] frame, int number)
    {
        if (!frame.AsSpan().SequenceEqual(Numbered(number)))
        {
            Assert.Fail($"frame {number} is {Convert.ToHexString(frame)}");
        }
    }

    private static void Pause(Random random)
    {
        if (random.Next(8) == 0)
        {
            Thread.SpinWait(random.Next(200));
        }
    }

    /// <summary>Mostly until Linux has taken all: it is then about to arm, and nothing follows that could make up for a lost wake-up.</summary>
    private void PauseForLinux(LinuxHostPortModel linux, Random random)
    {
        if (random.Next(8) == 0)
        {
            return;
        }

        for (int turns = 0; linux.FramesWaiting > 0 && _elapsed.Elapsed < Deadline; turns++)
        {
            if (turns > 1000)
            {
                Thread.Yield();
            }
        }

        Thread.SpinWait(random.Next(40));
    }

    private void ReceiveAll(LinuxHostPortModel linux)
    {
        int received = 0;
        while (received < Frames)
        {
            linux.DisarmToHost();
            while (linux.Receive() is { } frame)
            {
                AssertNumbered(frame, received++);
            }

            long before = linux.Notifications;
            if (received < Frames && !linux.ArmToHost())
            {
                Sleep(linux, before);
            }
        }
    }

    private void SendAll(LinuxHostPortModel linux)
    {
        int sent = 0;
        while (sent < Frames)
        {
            linux.DisarmFromHost();
            while (sent < Frames && linux.TrySend(Numbered(sent)))
            {
                sent++;
            }

            long before = linux.Notifications;
            if (sent < Frames && !linux.ArmFromHost())
            {
                Sleep(linux, before);
            }
        }
    }

    /// <summary>Sleeps until an interrupt; looks at nothing else.</summary>
    private void Sleep(LinuxHostPortModel linux, long before)
    {
        for (int turns = 0; linux.Notifications == before; turns++)
        {
            Assert.True(_elapsed.Elapsed < Deadline, "a wake-up was lost");
            if (turns > 1000)
            {
                Thread.Yield();
            }
        }
    }
}
