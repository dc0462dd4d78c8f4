using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;
using System.Threading;
using Sos.Abi;
using Sos.Cores.Native;
using Sos.Linux;

namespace Sos.Cores.InProcess;

/// <summary>One runner process: started with exactly the descriptors it needs, and reaped here.</summary>
internal sealed unsafe class RunnerProcess : IDisposable
{
    /// <summary>Number of the first region's memfd in the runner; behind the page, the life line and the notifier.</summary>
    public const int FirstRegionDescriptor = NotifierDescriptor + 1;

    /// <summary>Number of the life line, and of whatever stands in its place, in the runner.</summary>
    public const int LifeLineDescriptor = RunnerPage.PageDescriptor + 1;
    /// <summary>Number of the notifier in the runner.</summary>
    public const int NotifierDescriptor = LifeLineDescriptor + 1;

    private static readonly TimeSpan ForceTimeout = TimeSpan.FromSeconds(10);

    private readonly FileDescriptor _lifeLine;
    private readonly FileDescriptor _notifier;
    private bool _reaped;

    private RunnerProcess(int id, FileDescriptor lifeLine, FileDescriptor notifier)
        => (Id, _lifeLine, _notifier) = (id, lifeLine, notifier);

    /// <summary>Its process id.</summary>
    public int Id { get; }

    /// <summary>The eventfd that the service's notifications write to.</summary>
    public FileDescriptor Notifier => _notifier;

    /// <summary>For the owner: whether this failure is in its count.</summary>
    public bool FailureCounted { get; set; }

    /// <summary>Whether it has ended; reaps it then.</summary>
    public bool HasEnded
    {
        get
        {
            int status;
            _reaped = _reaped || ProcessCalls.WaitProcess(Id, &status, ProcessCalls.WaitNoHang) != 0;
            return _reaped;
        }
    }

    /// <summary>Finds the runner program: where SOS_RUNNER says, beside the program that runs now, or where it is installed.</summary>
    /// <exception cref="SosException">It is in none of these places.</exception>
    public static string Find()
    {
        string[] places =
        [
            Environment.GetEnvironmentVariable("SOS_RUNNER") ?? "",
            Path.Combine(AppContext.BaseDirectory, "sos-runner"),
            "/usr/lib/sos/sos-runner",
        ];
        return places.FirstOrDefault(File.Exists) ?? throw new SosException(
            SosError.NotFound, $"the program 'sos-runner' is not beside sosctl, nor is it {places[^1]}: 'make install' puts it there");
    }

    /// <summary>Zeroed memory that can be shared.</summary>
    public static FileDescriptor MakeMemory(string name, ulong size)
    {
        FileDescriptor memory = FileDescriptor.Raise(ProcessCalls.MemfdCreate(name, ProcessCalls.MemfdCloseOnExec), "making shared memory");
        if (ProcessCalls.Truncate(memory.Descriptor, (nint)size) != 0)
        {
            int errno = Marshal.GetLastPInvokeError();
            memory.Dispose();
            throw Errno.ToException($"making {size} bytes of shared memory", errno, null);
        }

        return memory;
    }

    /// <summary>Starts a runner on a page that is filled but for the descriptors.</summary>
    public static RunnerProcess Start(string path, RunnerPage* page, FileDescriptor pageMemory, List<FileDescriptor> regions)
    {
        int* pipe = stackalloc int[2];
        if (ProcessCalls.Pipe(pipe, ProcessCalls.EventCloseOnExec) != 0)
        {
            throw Errno.ToException("making a pipe", Marshal.GetLastPInvokeError(), null);
        }

        using FileDescriptor readEnd = FileDescriptor.Raise(pipe[0], "making a pipe");
        FileDescriptor lifeLine = FileDescriptor.Raise(pipe[1], "making a pipe");
        FileDescriptor notifier = FileDescriptor.Raise(
            ProcessCalls.EventFd(0, ProcessCalls.EventNonBlocking | ProcessCalls.EventCloseOnExec), "making an eventfd");
        page->LifeLine = LifeLineDescriptor;
        page->Notifier = NotifierDescriptor;
        page->Magic = RunnerPage.MagicValue;
        try
        {
            return new RunnerProcess(Spawn(path, [pageMemory, readEnd, notifier, .. regions], detached: false), lifeLine, notifier);
        }
        catch
        {
            lifeLine.Dispose();
            notifier.Dispose();
            throw;
        }
    }

    /// <summary>Why a runner did not enter its service.</summary>
    public static SosException Explain(RunnerPage* page) => new(
        SosError.Failed,
        $"the runner did not enter the service: {(RunnerStep)page->SetupStep}, region {page->SetupRegion}, "
            + Marshal.GetPInvokeErrorMessage(page->SetupErrno));

    /// <summary>Waits for its end.</summary>
    public bool Wait(TimeSpan timeout)
    {
        long start = Stopwatch.GetTimestamp();
        while (!HasEnded)
        {
            if (Stopwatch.GetElapsedTime(start) >= timeout)
            {
                return false;
            }

            Thread.Sleep(1);
        }

        return true;
    }

    /// <summary>Takes the thread out of the service, which leaves a fault record; kills the process if even that fails.</summary>
    public void Force(int thread)
    {
        if (thread == 0 || SignalCalls.SendToThread(Id, thread, SignalCalls.Sigusr1) != 0 || !Wait(ForceTimeout))
        {
            Kill();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Kill();
        _lifeLine.Dispose();
        _notifier.Dispose();
    }

    private void Kill()
    {
        if (!HasEnded)
        {
            _ = ProcessCalls.Kill(Id, SignalCalls.Sigkill);
            int status;
            _ = ProcessCalls.WaitProcess(Id, &status, 0);
            _reaped = true;
        }
    }

    /// <summary>Starts the runner program with the given descriptors from number 3 on, and nothing else of ours.</summary>
    /// <param name="path">The program.</param>
    /// <param name="descriptors">Its descriptors.</param>
    /// <param name="detached">Whether it gets a session of its own and no terminal, so that it outlives this process.</param>
    /// <param name="mode">Its argument, or null.</param>
    /// <returns>Its process id.</returns>
    public static int Spawn(string path, ReadOnlySpan<FileDescriptor> descriptors, bool detached, string? mode = null)
        => Spawn(path, descriptors, detached, mode is null ? [] : [mode], []);

    /// <summary>Starts a program that outlives this one, in a session of its own, with our environment and nothing else of ours.</summary>
    /// <param name="path">The program.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <returns>Its process id.</returns>
    public static int Spawn(string path, params ReadOnlySpan<string> arguments)
    {
        List<string> environment = [];
        foreach (System.Collections.DictionaryEntry entry in Environment.GetEnvironmentVariables())
        {
            environment.Add($"{entry.Key}={entry.Value}");
        }

        return Spawn(path, [], detached: true, arguments, environment.ToArray());
    }

    private static int Spawn(
        string path, ReadOnlySpan<FileDescriptor> descriptors, bool detached, ReadOnlySpan<string> arguments, ReadOnlySpan<string> environment)
    {
        byte* actions = stackalloc byte[ProcessCalls.FileActionsSize];
        byte** argumentList = MakeList([path, .. arguments]);
        byte** environmentList = MakeList(environment);
        int errno = ProcessCalls.FileActionsInit(actions);
        for (int i = 0; i < descriptors.Length && errno == 0; i++)
        {
            errno = ProcessCalls.FileActionsAddDup(actions, descriptors[i].Descriptor, RunnerPage.PageDescriptor + i);
        }

        byte* attributes = stackalloc byte[ProcessCalls.AttributesSize];
        errno = errno != 0 ? errno : ProcessCalls.AttributesInit(attributes);
        errno = errno != 0 || !detached ? errno : Detach(actions, attributes, RunnerPage.PageDescriptor + descriptors.Length);
        int process = 0;
        errno = errno != 0 ? errno : ProcessCalls.Spawn(&process, path, actions, attributes, argumentList, environmentList);
        _ = ProcessCalls.FileActionsDestroy(actions);
        FreeList(argumentList);
        FreeList(environmentList);
        return errno == 0 ? process : throw Errno.ToException($"starting the runner {path}", errno, null);
    }

    /// <summary>Strings as C has them, ended by a null pointer.</summary>
    private static byte** MakeList(ReadOnlySpan<string> strings)
    {
        byte** list = (byte**)NativeMemory.AllocZeroed((nuint)strings.Length + 1, (nuint)sizeof(byte*));
        for (int i = 0; i < strings.Length; i++)
        {
            list[i] = (byte*)Marshal.StringToCoTaskMemUTF8(strings[i]);
        }

        return list;
    }

    private static void FreeList(byte** list)
    {
        for (byte** entry = list; *entry != null; entry++)
        {
            Marshal.FreeCoTaskMem((nint)(*entry));
        }

        NativeMemory.Free(list);
    }

    private static int Detach(byte* actions, byte* attributes, int firstFree)
    {
        int errno = ProcessCalls.AttributesSetFlags(attributes, ProcessCalls.SpawnNewSession);
        for (int standard = 0; standard < RunnerPage.PageDescriptor && errno == 0; standard++)
        {
            errno = ProcessCalls.FileActionsAddOpen(actions, standard, "/dev/null", Libc.OpenReadWrite, 0);
        }

        // What a shell left open for us is not the service's.
        return errno != 0 ? errno : ProcessCalls.FileActionsAddCloseFrom(actions, firstFree);
    }
}
