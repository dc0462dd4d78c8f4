using System;
using System.Runtime.InteropServices;
using System.Threading;
using Sos.Abi;
using Sos.Linux;

namespace Sos.Runner;

/// <summary>
/// Runs one service: maps its regions, enters it, and ends when it does. What it is to do and what became of it is in the page. With the
/// argument "contain" it first gives up all rights; with "keeper" it is a service's keeper instead.
/// </summary>
internal static unsafe class Program
{
    private const int PollMs = 1;

    private static int Main(string[] arguments)
    {
        string mode = arguments.Length > 0 ? arguments[0] : "";
        if (mode is Containment.FirstArgument or KeeperPage.Mode)
        {
            // What needs rights comes first and survives exec. Then this process comes back without any, by exec: rights are of
            // threads, and the runtime has some already.
            if (mode == Containment.FirstArgument && (!TryMapPage(out RunnerPage* page) || !AwaitReady(page) || !Pin(page) || !Schedule(page)))
            {
                return 1;
            }

            return Containment.StartAgain(mode == KeeperPage.Mode ? Containment.KeeperArgument : Containment.RunnerArgument);
        }

        return mode == Containment.KeeperArgument ? Keeper.Run() : RunService();
    }

    private static int RunService()
    {
        if (!TryMapPage(out RunnerPage* page))
        {
            Console.Error.WriteLine("sos-runner runs services for sosctl and is not started by hand");
            return 2;
        }

        if (page->Magic != RunnerPage.MagicValue || page->RegionCount > RunnerPage.RegionsMax)
        {
            return Fail(page, RunnerStep.ReadPage, 0, 0);
        }

        // Not PR_SET_PDEATHSIG: that tells of the death of the thread which started this process, and pools end their threads.
        int lifeLine = page->LifeLine;
        if (lifeLine >= 0)
        {
            new Thread(() => EndWithStarter(lifeLine)) { IsBackground = true }.Start();
        }

        bool bound = page->Contain != 0 || Pin(page);
        return bound && MapRegions(page) && AwaitGo(page) && Run(page) ? 0 : 1;
    }

    private static bool TryMapPage(out RunnerPage* page)
    {
        void* memory = Libc.Mmap(
            null, (nuint)sizeof(RunnerPage), Libc.ProtectRead | Libc.ProtectWrite, Libc.MapShared, RunnerPage.PageDescriptor, 0);
        page = (RunnerPage*)memory;
        return memory != Libc.MapFailed;
    }

    private static void EndWithStarter(int lifeLine)
    {
        byte ignored;
        while (ProcessCalls.Read(lifeLine, &ignored, 1) > 0)
        {
        }

        ProcessCalls.ExitNow(1);
    }

    /// <summary>Maps a copy of code, which nothing changes any more. perf looks up /tmp/perf-PID.map for code that no file backs alone.</summary>
    private static void* MapCode(RunnerRegion region, int protection)
    {
        nuint size = (nuint)region.Size;
        void* source = Libc.Mmap(null, size, Libc.ProtectRead, Libc.MapShared, region.Descriptor, (nint)region.Offset);
        if (source == Libc.MapFailed)
        {
            return source;
        }

        void* code = Libc.Mmap(
            (void*)region.Address, size, Libc.ProtectRead | Libc.ProtectWrite, Libc.MapPrivate | Libc.MapAnonymous | Libc.MapFixedNoReplace, -1, 0);
        if (code == (void*)region.Address)
        {
            NativeMemory.Copy(source, code, size);
            code = Libc.Mprotect(code, size, protection) == 0 ? code : Libc.MapFailed;
        }

        int errno = Marshal.GetLastPInvokeError();
        _ = Libc.Munmap(source, size);
        Marshal.SetLastPInvokeError(errno);
        return code;
    }

    private static bool MapRegions(RunnerPage* page)
    {
        for (uint i = 0; i < page->RegionCount; i++)
        {
            RunnerRegion region = page->Regions[(int)i];
            void* address = (void*)region.Address;

            // SOS_PROT_* and PROT_* have the same values.
            int protection = (int)region.Protection;
            void* mapped = (protection & Libc.ProtectExecute) != 0
                ? MapCode(region, protection)
                : Libc.Mmap(address, (nuint)region.Size, protection, Libc.MapShared | Libc.MapFixedNoReplace, region.Descriptor, (nint)region.Offset);
            if (mapped != address)
            {
                return Fail(page, RunnerStep.MapRegion, Marshal.GetLastPInvokeError(), i) == 0;
            }

            if (page->LockMemory != 0 && Libc.Mlock(mapped, (nuint)region.Size) != 0)
            {
                return Fail(page, RunnerStep.LockRegion, Marshal.GetLastPInvokeError(), i) == 0;
            }
        }

        return true;
    }

    private static bool AwaitReady(RunnerPage* page)
    {
        return Await(page, ref page->Ready);
    }

    /// <summary>
    /// Waits until the program that started this has done what needs the mappings first: before Linux 6.4 the rings of an AF_XDP socket can be
    /// mapped only until it is bound.
    /// </summary>
    private static bool AwaitGo(RunnerPage* page)
    {
        Volatile.Write(ref page->State, (uint)RunnerState.Mapped);
        return Await(page, ref page->Go);
    }

    private static bool Await(RunnerPage* page, ref uint flag)
    {
        while (Volatile.Read(ref flag) == 0)
        {
            if (page->Starter != 0 && ProcessCalls.GetParentId() != page->Starter)
            {
                return false; // It died before it could say so: nobody waits for this service.
            }

            Thread.Sleep(PollMs);
        }

        return true;
    }

    private static bool Pin(RunnerPage* page)
    {
        const int masks = 16; // 1024 CPUs
        ulong* mask = stackalloc ulong[masks];
        new Span<ulong>(mask, masks).Clear();
        if (page->Cpu < 0)
        {
            return true;
        }

        if (page->Cpu < masks * 64)
        {
            mask[page->Cpu / 64] = 1UL << (page->Cpu % 64);
        }

        return SchedulerCalls.SetAffinity(0, masks * sizeof(ulong), mask) == 0
            || Fail(page, RunnerStep.Pin, Marshal.GetLastPInvokeError(), 0) == 0;
    }

    private static bool Schedule(RunnerPage* page)
    {
        int priority = page->Priority;
        int failed = priority > 0
            ? SchedulerCalls.SetScheduler(0, SchedulerCalls.Fifo | SchedulerCalls.ResetOnFork, &priority)
            : page->Nice != 0 ? SchedulerCalls.SetPriority(SchedulerCalls.PriorityProcess, 0, page->Nice) : 0;
        return failed == 0 || Fail(page, RunnerStep.Scheduling, Marshal.GetLastPInvokeError(), 0) == 0;
    }

    private static bool Run(RunnerPage* page)
    {
        int errno = ServiceThread.Prepare(page);
        if (errno == 0 && page->Contain != 0)
        {
            int refused = Containment.RestrictService(page->Notifier);
            if (refused != 0)
            {
                return Fail(page, RunnerStep.Containment, refused, 0) == 0;
            }
        }

        errno = errno != 0 ? errno : ServiceThread.Run();
        if (page->Contain != 0)
        {
            // The runtime's own end makes system calls that this thread no longer may.
            ProcessCalls.ExitNow(errno == 0 ? 0 : 1);
        }

        return errno == 0 || Fail(page, RunnerStep.Signals, errno, 0) == 0;
    }

    private static int Fail(RunnerPage* page, RunnerStep step, int errno, uint region)
    {
        page->SetupStep = (uint)step;
        page->SetupErrno = errno;
        page->SetupRegion = region;
        Volatile.Write(ref page->State, (uint)RunnerState.SetupFailed);
        return 1;
    }
}
