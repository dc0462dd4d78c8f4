using System;
using System.Diagnostics;
using System.Threading;
using Sos.Bench.Service;
using Sos.Bench.Workloads;
using Sos.Cores.Loading;
using Sos.Cores.Native;
using Sos.Cores.Reading;
using Sos.Image;
using Sos.Sdk.Control;
using Sos.Sdk.Memory;
using Trace = Sos.Bench.Workloads.Trace;

namespace Sos.Bench.Contenders;

/// <summary>The image in its runner. Between blocks the runner is stopped by a signal, since the service itself never sleeps.</summary>
internal sealed unsafe class ImageContender : IContender
{
    private const ulong DoneOffset = 4; // of BenchMailbox.Done

    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    private readonly ProcessTarget _target;
    private readonly RunningService _shared;
    private readonly MappedMemory _memory;
    private readonly Trace _trace;
    private readonly Placement _placement;

    /// <summary>Loads the image with a workload's table and trace.</summary>
    public ImageContender(Workload workload, Placement placement)
        : this(workload.Trace, placement, (ulong)workload.Table.Bytes.Length)
    {
        LoadTable(workload.Table.Bytes);
    }

    /// <summary>Loads the image without a table.</summary>
    public ImageContender(Trace trace, Placement placement, ulong tableSize = 4096)
    {
        _trace = trace;
        _placement = placement;
        _target = new ProcessTarget(new ProcessTargetOptions { RunnerPath = BenchPaths.Runner, Cpu = placement.Cpu });
        LoadedService loaded = ServiceLoader.Load(_target, ServiceImage.Read(BenchPaths.Image), new ServiceConfiguration
        {
            PacketMemorySize = BenchMailbox.MemorySize,
            TableSlotSize = AddressSpace.ToPages(tableSize),
        });
        _shared = _target.Attach(loaded);
        _memory = _target.MapAt(AddressSpace.PacketMemory);
        trace.Bytes.CopyTo(_memory.Slice(BenchMailbox.TraceOffset, (ulong)trace.Bytes.Length));
        _target.Start(loaded.Entry, loaded.StackTop, loaded.ControlAddress);
        Await(() => _shared.State == ServiceState.Initialised);
        placement.Raise(_target.ProcessId);
        Pause();
    }

    /// <inheritdoc/>
    public string Name => "SOS";

    /// <summary>Time that the service took to check the table and switch to it.</summary>
    public TimeSpan SwapTime => TimeSpan.FromMicroseconds(Mailbox->SwapTicks * 1000.0 / _shared.TscKhz);

    private BenchMailbox* Mailbox => (BenchMailbox*)_memory.Address;

    /// <inheritdoc/>
    public byte[] Judge()
    {
        _memory.Slice(BenchMailbox.VerdictsOffset, (ulong)_trace.Count).Clear();
        Mailbox->RecordVerdicts = 1;
        Block(BenchMode.Firewall, 32, _trace.Count);
        Mailbox->RecordVerdicts = 0;
        return _memory.Slice(BenchMailbox.VerdictsOffset, (ulong)_trace.Count).ToArray();
    }

    /// <inheritdoc/>
    public double Run(int burst, int packets) => Block(BenchMode.Firewall, burst, packets);

    /// <inheritdoc/>
    public double RunHarness(int burst, int packets) => Block(BenchMode.Harness, burst, packets);

    /// <summary>Runs a block of any kind.</summary>
    public double Block(BenchMode mode, int burst, int packets)
    {
        uint command = Order(mode, burst, packets);
        Resume();
        return Finish(command, packets);
    }

    /// <summary>Instructions per packet of a block, or null if they cannot be counted here.</summary>
    public double? CountInstructions(int burst, int packets)
    {
        // The difference of two blocks is free of what comes before and behind them.
        double? Counted(BenchMode mode, int count)
            => StepCounter.Count(_placement, _target.ProcessId, AddressSpace.PacketMemory + DoneOffset, Order(mode, burst, count));
        double? whole = Counted(BenchMode.Firewall, 2 * packets) - Counted(BenchMode.Firewall, packets);
        double? harness = Counted(BenchMode.Harness, 2 * packets) - Counted(BenchMode.Harness, packets);
        return (whole - harness) / packets;
    }

    /// <summary>Starts a block that another one is to run beside.</summary>
    public uint Begin(int burst, int packets)
    {
        uint command = Order(BenchMode.Firewall, burst, packets);
        Resume();
        return command;
    }

    /// <summary>Waits for a block.</summary>
    /// <returns>Nanoseconds per packet.</returns>
    public double Finish(uint command, int packets)
    {
        Await(() => MemoryOrdering.LoadAcquire(ref Mailbox->Done) == command);
        Pause();
        return Mailbox->Ticks * 1e6 / _shared.TscKhz / packets;
    }

    private uint Order(BenchMode mode, int burst, int packets)
    {
        BenchMailbox* mailbox = Mailbox;
        mailbox->Mode = mode;
        mailbox->BurstSize = (uint)burst;
        mailbox->Packets = (ulong)packets;
        mailbox->TraceCount = (uint)_trace.Count;
        mailbox->FrameLength = (uint)_trace.FrameLength;
        uint command = mailbox->Command + 1;
        MemoryOrdering.StoreRelease(ref mailbox->Command, command);
        return command;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _memory.Dispose();
        _shared.Dispose();
        _target.Dispose();
    }

    private void LoadTable(ReadOnlySpan<byte> table)
    {
        _shared.RequestTable(table);
        Resume();
        _shared.AwaitTable(Deadline);
        Thread.Sleep(1); // the service writes the time behind the answer
        Pause();
    }

    private void Pause() => ProcessSignal.Send(_target.ProcessId, ProcessSignal.Stop);

    private void Resume() => ProcessSignal.Send(_target.ProcessId, ProcessSignal.Continue);

    private void Await(Func<bool> condition)
    {
        long start = Stopwatch.GetTimestamp();
        while (!condition())
        {
            if (_target.ProcessId == 0 || Stopwatch.GetElapsedTime(start) > Deadline)
            {
                throw new BenchException($"the image does not answer: {_target.GetStatus()}");
            }

            Thread.Sleep(0);
        }
    }
}
