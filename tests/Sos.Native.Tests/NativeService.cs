using System;
using System.Diagnostics;
using System.Linq;
using System.Reflection;
using System.Threading;
using Sos.Cores;
using Sos.Cores.InProcess;
using Sos.Cores.Loading;
using Sos.Cores.Reading;
using Sos.Cores.Services;
using Sos.Image;
using Xunit;

namespace Sos.Native.Tests;

/// <summary>A built image, loaded into a process.</summary>
internal sealed class NativeService : IDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    private readonly ProcessBackEnd _backEnd = new(new ProcessOptions { RunnerPath = Metadata("Runner"), Bind = false });
    private readonly LoadedService _loaded;

    public NativeService(string image, ServiceConfiguration configuration)
    {
        ImagePath = Metadata(image);
        _backEnd.Reserve(0, new CoreOptions(), lease: null);
        Core = _backEnd.Open(0);
        _loaded = ServiceLoader.Load(Core.BeginLoad(configuration), ServiceImage.Read(ImagePath), configuration);
        Shared = RunningService.Attach(Core, _loaded);
    }

    public string ImagePath { get; }

    public ProcessCore Core { get; }

    public RunningService Shared { get; }

    public static string Metadata(string key)
        => typeof(NativeService).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == key).Value!;

    /// <summary>Waits for a condition, generously: a machine under load is no failure.</summary>
    public static void Await(Func<bool> condition, string what)
    {
        long start = Stopwatch.GetTimestamp();
        while (!condition())
        {
            Assert.True(Stopwatch.GetElapsedTime(start) < Deadline, what);
            Thread.Sleep(1);
        }
    }

    public void Start(ulong stackBytes = 0)
    {
        ulong top = stackBytes == 0 ? _loaded.StackTop : AddressSpace.Stack + stackBytes;
        Core.Start(_loaded.Entry, top, _loaded.ControlAddress, watchdog: null);
    }

    public ulong Counter(string name) => Shared.ReadStatistics().Single(counter => counter.Key == name).Value;

    /// <summary>Waits for the end that a fault brings.</summary>
    public FaultReport AwaitFault()
    {
        Await(() => Core.ProcessId == 0, "the service goes on");
        CoreStatus status = Core.GetStatus();
        Assert.Equal(CoreState.Failed, status.State);
        Assert.NotNull(status.Fault);
        return FaultReport.Create(status.Fault, ImagePath);
    }

    public void Dispose()
    {
        Shared.Dispose();
        _backEnd.Dispose();
    }
}
