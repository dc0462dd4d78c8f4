using System;
using System.Diagnostics;
using System.Threading;
using Sos.Cores;
using Sos.Cores.InProcess;
using Sos.Cores.Loading;
using Sos.Cores.Native;
using Sos.Cores.Services;
using Sos.Image;
using Sos.Sdk.Control;

namespace Sos.Bench.Contenders;

/// <summary>An image in its runner. Between blocks the runner is stopped by a signal, since the service itself never sleeps.</summary>
internal sealed class ImageProcess : IDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    private readonly ProcessBackEnd _backEnd;
    private readonly ProcessCore _core;
    private readonly LoadedService _loaded;
    private readonly RunningService _shared;
    private readonly Placement _placement;

    /// <summary>Loads an image; its memory can be filled before <see cref="Start"/>.</summary>
    public ImageProcess(string image, Placement placement, ServiceConfiguration configuration)
    {
        _placement = placement;
        _backEnd = new ProcessBackEnd(new ProcessOptions { RunnerPath = BenchPaths.Runner });
        _backEnd.Reserve(placement.Cpu, new CoreOptions(), lease: null);
        _core = _backEnd.Open(placement.Cpu);
        _loaded = ServiceLoader.Load(_core.BeginLoad(configuration), ServiceImage.Read(image), configuration);
        _shared = RunningService.Attach(_core, _loaded);
    }

    /// <summary>The process, once it is started.</summary>
    public int Id => _core.ProcessId;

    /// <summary>Maps a region of the service's.</summary>
    public MappedMemory Map(ulong address) => _core.MapAt(address);

    /// <summary>Starts it, awaits the end of its initialisation, and stops it.</summary>
    public void Start()
    {
        _core.Start(_loaded.Entry, _loaded.StackTop, _loaded.ControlAddress, watchdog: null);
        Await(() => _shared.State == ServiceState.Initialised);
        _placement.Raise(_core.ProcessId);
        Pause();
    }

    /// <summary>Gives it a table.</summary>
    public void LoadTable(ReadOnlySpan<byte> table)
    {
        _shared.RequestTable(table);
        Resume();
        _shared.AwaitTable(Deadline);
        Thread.Sleep(1); // the service writes the time behind the answer
        Pause();
    }

    /// <summary>The time that TSC ticks take.</summary>
    public TimeSpan TimeOf(ulong ticks) => TimeSpan.FromMicroseconds(ticks * 1000.0 / _shared.TscKhz);

    /// <summary>Nanoseconds that TSC ticks take.</summary>
    public double NanosecondsOf(ulong ticks) => ticks * 1e6 / _shared.TscKhz;

    /// <summary>Stops it.</summary>
    public void Pause() => ProcessSignal.Send(_core.ProcessId, ProcessSignal.Stop);

    /// <summary>Lets it go on.</summary>
    public void Resume() => ProcessSignal.Send(_core.ProcessId, ProcessSignal.Continue);

    /// <summary>Awaits something that it does.</summary>
    /// <exception cref="BenchException">It has ended, or does nothing.</exception>
    public void Await(Func<bool> condition)
    {
        long start = Stopwatch.GetTimestamp();
        while (!condition())
        {
            if (_core.ProcessId == 0 || Stopwatch.GetElapsedTime(start) > Deadline)
            {
                throw new BenchException($"the image does not answer: {_core.GetStatus()}");
            }

            Thread.Sleep(0);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _shared.Dispose();
        _backEnd.Dispose();
    }
}
