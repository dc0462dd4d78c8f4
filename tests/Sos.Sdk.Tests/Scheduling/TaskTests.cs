using System.Collections.Generic;
using System.Linq;
using Sos.Sdk.Control;
using Sos.Sdk.Packets;
using Sos.Sdk.Ports;
using Sos.Sdk.Scheduling;
using Sos.Sdk.Statistics;
using Sos.Sdk.Tests.Ports;
using Sos.Sdk.Time;
using Sos.Sdk.Wire;
using Xunit;

namespace Sos.Sdk.Tests.Scheduling;

public sealed unsafe class TaskTests
{
    [Theory]
    [InlineData(1000, 1, 64)]
    [InlineData(1000, 64, 64)]
    [InlineData(1000, 65, 128)]
    [InlineData(1000, 100, 128)]
    [InlineData(10, 100, 10)]
    [InlineData(70, 1000, 70)]
    [InlineData(0, 64, 0)]
    public void AReceiveTaskStopsAtItsBudget(int offered, int budget, int expected)
    {
        using PortBench bench = new();
        PacketPool pool = bench.CreatePool(Burst.Capacity);
        Assert.True(bench.Arena.TryAllocate(out Book* book));
        book->Offered = offered;
        ReceiveTask<EndlessPort, FreeingHandler> task = new(new EndlessPort(pool, book), new FreeingHandler(pool, book), budget);
        Assert.Equal(expected, task.Run(5));
        Assert.Equal((expected, offered - expected, 5UL), (book->Handled, book->Offered, expected == 0 ? 5 : book->Now));
        Assert.Equal(Burst.Capacity, pool.FreeCount);
        while (task.Run(6) != 0)
        {
        }

        Assert.Equal((offered, 0), (book->Handled, book->Offered));
    }

    [Fact]
    public void AHandlerThatLeavesPacketsInTheBurstTraps()
    {
        using PortBench bench = new();
        PacketPool pool = bench.CreatePool(Burst.Capacity);
        Assert.True(bench.Arena.TryAllocate(out Book* book));
        book->Offered = 1;
        ReceiveTask<EndlessPort, LazyHandler> task = new(new EndlessPort(pool, book), default, 64);
        TrapAssert.Traps(() => task.Run(0));
    }

    [Fact]
    public void ABudgetOfNothingTraps()
    {
        TrapAssert.Traps(() => _ = new ReceiveTask<EndlessPort, LazyHandler>(default, default, 0));
        TrapAssert.Traps(() => _ = new TimerTask<CookieHandler>(default, default, -1));
    }

    [Fact]
    public void ATimerTaskServesItsBudgetAndLeavesTheRestDue()
    {
        using TestArena arena = new();
        Assert.True(TimingWheel.TryCreate(arena.Arena, 16, 2_000_000, 0, out TimingWheel wheel));
        Assert.True(arena.Arena.TryAllocate(out Book* book));
        for (ulong i = 0; i < 10; i++)
        {
            Assert.True(wheel.TryArm(1000, 1UL << (int)i, out _));
        }

        TimerTask<CookieHandler> task = new(wheel, new CookieHandler(book), 4);
        Assert.Equal(0, task.Run(500));
        Assert.Equal([4, 4, 2, 0], Enumerable.Range(0, 4).Select(_ => task.Run(1_000_000)));
        Assert.Equal((10, 0x3ffUL, 1_000_000UL), (book->Handled, book->Cookies, book->Now));
    }

    [Fact]
    public void ATimerMayBeArmedAnewByItsHandler()
    {
        using TestArena arena = new();
        Assert.True(TimingWheel.TryCreate(arena.Arena, 1, 2_000_000, 0, out TimingWheel wheel));
        Assert.True(arena.Arena.TryAllocate(out Book* book));
        Assert.True(wheel.TryArm(wheel.TickCycles, 1, out _));
        TimerTask<PeriodicHandler> task = new(wheel, new PeriodicHandler(wheel, book), 8);
        for (ulong tick = 0; tick < 100; tick++)
        {
            task.Run(tick * wheel.TickCycles);
        }

        Assert.Equal(1, wheel.ArmedCount);
        Assert.InRange(book->Handled, 40, 100);
    }

    [Fact]
    public void EveryTaskHasItsTurnInOrderAndIsCounted()
    {
        byte* memory = PortBench.Zeroed(StatisticsLayout.TotalSize);
        Assert.True(CounterRegistry.TryCreate(memory, StatisticsLayout.TotalSize, out CounterRegistry registry));
        using TestArena arena = new();
        Assert.True(arena.Arena.TryAllocate(out Book* book));
        PollScheduler<StepTask, PollScheduler<StepTask, StepTask>> scheduler = new(
            registry, "task"u8, 0, new StepTask(book, 1, 2),
            new PollScheduler<StepTask, StepTask>(registry, "inner"u8, 0, new StepTask(book, 2, 0), new StepTask(book, 3, 5)));
        Assert.Equal(7, scheduler.Run(1));
        Assert.Equal(0x123UL, book->Cookies);
        Assert.Equal(7, scheduler.Run(2));
        Dictionary<string, ulong> counters = StatisticsReader.Read(memory, StatisticsLayout.TotalSize).ToDictionary(c => c.Key, c => c.Value);
        Assert.Equal((2UL, 2UL, 4UL), (counters["task0.polls"], counters["task0.busy_polls"], counters["task0.work"]));
        Assert.Equal((2UL, 2UL, 14UL - 4), (counters["task1.polls"], counters["task1.busy_polls"], counters["task1.work"]));
        Assert.Equal((2UL, 0UL, 0UL), (counters["inner0.polls"], counters["inner0.busy_polls"], counters["inner0.work"]));
        Assert.Equal((2UL, 2UL, 10UL), (counters["inner1.polls"], counters["inner1.busy_polls"], counters["inner1.work"]));
        Assert.Equal(12, counters.Count);
        PortBench.Release(memory);
    }

    /// <summary>The record of what the tasks of a test do, in memory that copies of a task share.</summary>
    internal struct Book
    {
        public int Offered;
        public int Handled;
        public ulong Cookies;
        public ulong Now;
    }

    /// <summary>Gives as many packets as the book offers.</summary>
    internal readonly struct EndlessPort(PacketPool pool, Book* book) : IPort
    {
        public PortState State => PortState.Up;

        public int Mtu => 1500;

        public MacAddress Mac => default;

        public int Receive(ref Burst burst)
        {
            int received = 0;
            while (!burst.IsFull && book->Offered > 0 && pool.TryAllocate(out PacketBuffer buffer))
            {
                burst.Add(buffer);
                book->Offered--;
                received++;
            }

            return received;
        }

        public int Transmit(ref Burst burst) => 0;

        public void Maintain(ulong now)
        {
        }
    }

    internal readonly struct FreeingHandler(PacketPool pool, Book* book) : IBurstHandler
    {
        public void Handle(ref Burst burst, ulong now)
        {
            book->Handled += burst.Count;
            book->Now = now;
            pool.Free(ref burst);
        }
    }

    internal readonly struct LazyHandler : IBurstHandler
    {
        public void Handle(ref Burst burst, ulong now)
        {
        }
    }

    internal readonly struct CookieHandler(Book* book) : ITimerHandler
    {
        public void Expired(ulong cookie, ulong now)
        {
            book->Handled++;
            book->Cookies |= cookie;
            book->Now = now;
        }
    }

    internal readonly struct PeriodicHandler(TimingWheel wheel, Book* book) : ITimerHandler
    {
        public void Expired(ulong cookie, ulong now)
        {
            book->Handled++;
            Assert.True(wheel.TryArm(now + 1, cookie, out _));
        }
    }

    /// <summary>Writes its digit to the book and says that it did <paramref name="work"/>.</summary>
    internal readonly struct StepTask(Book* book, ulong digit, int work) : IPollTask
    {
        public int Run(ulong now)
        {
            book->Cookies = (book->Cookies << 4) | digit;
            return work;
        }
    }
}
