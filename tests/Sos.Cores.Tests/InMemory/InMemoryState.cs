using System;
using System.IO;
using System.Threading;
using Sos.Cores.Native;
using Sos.Linux;
using Sos.Sdk.Control;
using Sos.Sdk.Memory;

namespace Sos.Cores.Tests.InMemory;

/// <summary>A core between two calls: its state, the memory of its service, and the service, which is a thread.</summary>
internal sealed unsafe class InMemoryState : IDisposable
{
    private readonly FileDescriptor _memory = MakeFile();
    private ulong _used;
    private ulong _control;
    private Thread? _service;
    private volatile bool _killed;

    public CoreState State { get; set; } = CoreState.Reserved;

    public long ExitCode { get; private set; }

    public ulong Starts { get; private set; }

    public TimeSpan? Lease { get; set; }

    public TimeSpan? Watchdog { get; private set; }

    /// <summary>The frequency that was asked for; null where Linux sees to it.</summary>
    public CorePerformance? Performance { get; init; }

    /// <summary>Makes room for a region.</summary>
    /// <returns>Where it can be mapped from.</returns>
    public ulong Add(ulong size, bool isControl)
    {
        ulong offset = _used;
        _used += (size + 4095) & ~4095UL;
        _control = isControl ? offset : _control;
        using FileStream file = new(Path(), FileMode.Open, FileAccess.Write);
        file.SetLength((long)_used);
        return offset;
    }

    public MappedMemory Map(ulong offset, ulong size) => MappedMemory.Map(_memory, offset, size);

    public void Start(InMemoryBehaviour behaviour, TimeSpan? watchdog)
    {
        Starts++;
        Watchdog = watchdog;
        if (behaviour == InMemoryBehaviour.EndsAtOnce)
        {
            (State, ExitCode) = (CoreState.Stopped, 1);
            return;
        }

        State = CoreState.Running;
        MappedMemory memory = Map(_control, ServiceControl.Size);
        _killed = false;
        _service = new Thread(() => Poll(memory)) { IsBackground = true, Name = "in-memory service" };
        _service.Start();
    }

    /// <summary>Ends the service as a fault would.</summary>
    public void Fail() => End(CoreState.Failed);

    public bool Stop()
    {
        bool ran = State == CoreState.Running;
        if (ran)
        {
            End(CoreState.Stopped);
        }

        return ran;
    }

    public void Unload()
    {
        (State, ExitCode, _used) = (CoreState.Reserved, 0, 0);
        using FileStream file = new(Path(), FileMode.Open, FileAccess.Write);
        file.SetLength(0);
    }

    public void Dispose()
    {
        Stop();
        _memory.Dispose();
    }

    private static FileDescriptor MakeFile()
    {
        string path = System.IO.Path.GetTempFileName();
        FileDescriptor handle = new(Libc.Open(path, Libc.OpenReadWrite | Libc.OpenCloseOnExec));
        File.Delete(path);
        return handle;
    }

    private string Path() => $"/proc/self/fd/{_memory.Descriptor}";

    private void End(CoreState state)
    {
        _killed = true;
        _service?.Join();
        State = state;
    }

    // What a service does that has nothing to do: it polls and takes tables.
    private void Poll(MappedMemory memory)
    {
        using (memory)
        {
            ServiceControl* control = (ServiceControl*)memory.Address;
            while (!_killed)
            {
                MemoryOrdering.StoreRelease(ref control->TableActive, MemoryOrdering.LoadAcquire(ref control->TableRequest));
                MemoryOrdering.StoreRelease(ref control->Polls, control->Polls + 1);
                MemoryOrdering.StoreRelease(ref *(uint*)&control->State, (uint)ServiceState.Initialised);
                Thread.Sleep(1);
            }
        }
    }
}
