using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using System.Reflection;
using System.Threading;
using Sos.Cores.InProcess;
using Sos.Cores.Loading;
using Sos.Cores.Native;
using Sos.Cores.Services;
using Sos.Image;
using Sos.RemoteConsole.Control;
using Sos.RemoteConsole.Linux;
using Sos.Sdk.Control;
using Sos.Sdk.Services;
using Sos.Sdk.Testing;
using Xunit;

namespace Sos.RemoteConsole.Tests;

/// <summary>A console whose cable the test holds.</summary>
internal interface ITestConsole : IDisposable
{
    /// <summary>Lets a frame arrive at its card.</summary>
    void Send(ReadOnlySpan<byte> frame);

    /// <summary>Lets it work, and returns what it sends.</summary>
    IReadOnlyList<byte[]> Receive();

    /// <summary>Reads a counter.</summary>
    ulong Counter(string name);

    /// <summary>Asks it to stop.</summary>
    void Stop();
}

/// <summary>The console as a class of ordinary .NET.</summary>
internal sealed class HarnessConsole : ITestConsole
{
    private readonly ServiceHarness<ConsoleService> _harness;

    private readonly Func<ServiceAction, ulong, long>? _gate;

    public HarnessConsole(string parameters)
        : this(parameters, 0, null)
    {
    }

    /// <summary>Makes one that may act on the machine.</summary>
    /// <param name="parameters">Its parameters.</param>
    /// <param name="actions">The actions that are granted.</param>
    /// <param name="gate">Answers them.</param>
    public HarnessConsole(string parameters, ulong actions, Func<ServiceAction, ulong, long>? gate)
    {
        _gate = gate;
        _harness = new ServiceHarness<ConsoleService>(new HarnessOptions { Ports = ["nic"], HostPorts = ["nic"], Parameters = parameters });
        if (actions != 0)
        {
            _harness.Give(new Resource { Kind = ResourceKind.Actions, Aux = actions });
        }

        Assert.Equal(0, _harness.Start());
        _harness.Maintain();
    }

    public void Send(ReadOnlySpan<byte> frame) => _ = _harness.Nic().Send(frame);

    public IReadOnlyList<byte[]> Receive()
    {
        Gate.HostedActions = _gate;
        _harness.Poll(4);
        Gate.HostedActions = null;
        _ = _harness.Host().ReceiveAll();
        return _harness.Nic().ReceiveAll();
    }

    public ulong Counter(string name) => _harness.Counter(name);

    public void Stop() => _harness.RequestStop();

    public void Dispose() => _harness.Dispose();
}

/// <summary>The console's image, machine code that the verifier accepted, in a process.</summary>
internal sealed unsafe class NativeConsole : ITestConsole
{
    private static readonly byte[] Mac = [2, 0, 0, 0, 0, 1];

    private readonly ProcessTarget _target;
    private readonly RunningService _service;
    private readonly MappedMemory _nicMemory;
    private readonly MappedMemory _hostMemory;
    private readonly MappedMemory _pageMemory;
    private readonly PortPeer _nic;
    private readonly PortPeer _host;

    public NativeConsole(string parameters)
    {
        Dictionary<string, string> values = parameters.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split('=', 2))
            .ToDictionary(pair => pair[0], pair => pair[1]);
        _target = new ProcessTarget(new ProcessTargetOptions { RunnerPath = Metadata("Runner") });
        LoadedService loaded = ServiceLoader.Load(_target, ServiceImage.Read(Image), new ServiceConfiguration
        {
            MemoryPorts = [new PortRequest("", Mac, 1500, Port: "nic")],
            MemoryHostPorts = [new PortRequest("", Mac, 1500, Port: "nic")],
            TableSlotSize = 0,
            SharedMemory = [LinuxPage.Size],
            Parameters = values,
        });
        _service = _target.Attach(loaded);
        _nicMemory = _target.MapAt(AddressSpace.HostPort);
        _hostMemory = _target.MapAt(AddressSpace.HostPort + AddressSpace.PortStride);
        _pageMemory = _target.Map(loaded.SharedMemory[0]);
        _nic = new PortPeer((HostPortLayout*)_nicMemory.Address);
        _host = new PortPeer((HostPortLayout*)_hostMemory.Address);
        _target.Start(loaded.Entry, loaded.StackTop, loaded.ControlAddress);
        for (Stopwatch waited = Stopwatch.StartNew(); _service.State != ServiceState.Initialised; Thread.Sleep(1))
        {
            Assert.True(waited.Elapsed < TimeSpan.FromMinutes(2), "not initialised");
        }
    }

    /// <summary>Gives a sign of Linux's life.</summary>
    public void Beat() => LinuxPageWriter.Write((LinuxPage*)_pageMemory.Address);

    public void Send(ReadOnlySpan<byte> frame) => _ = _nic.Send(frame);

    public IReadOnlyList<byte[]> Receive()
    {
        while (_host.Receive() is not null)
        {
            // What the console does not want is Linux's, who is not there.
        }

        List<byte[]> frames = [];
        while (_nic.Receive() is { } frame)
        {
            frames.Add(frame);
        }

        return frames;
    }

    public ulong Counter(string name) => _service.ReadStatistics().Single(counter => counter.Key == name).Value;

    public void Stop() => Assert.True(_target.Stop(TimeSpan.FromMinutes(2)));

    public void Dispose()
    {
        _service.Dispose();
        _nicMemory.Dispose();
        _hostMemory.Dispose();
        _pageMemory.Dispose();
        _target.Dispose();
    }

    /// <summary>The image's file.</summary>
    public static string Image => Metadata("Console");

    private static string Metadata(string key)
        => typeof(NativeConsole).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(attribute => attribute.Key == key).Value!;
}
