using System;
using Sos.Bench.Service;
using Sos.Bench.Workloads;
using Sos.Cores.Loading;
using Sos.Cores.Native;
using Sos.Sdk.Memory;
using Trace = Sos.Bench.Workloads.Trace;

namespace Sos.Bench.Contenders;

/// <summary>The firewall's image.</summary>
internal sealed unsafe class ImageContender : IContender
{
    private const ulong DoneOffset = 4; // of BenchMailbox.Done

    private readonly ImageProcess _process;
    private readonly MappedMemory _memory;
    private readonly Trace _trace;
    private readonly Placement _placement;

    /// <summary>Loads the image with a workload's table and trace.</summary>
    public ImageContender(Workload workload, Placement placement)
        : this(workload.Trace, placement, (ulong)workload.Table.Bytes.Length)
    {
        _process.LoadTable(workload.Table.Bytes);
    }

    /// <summary>Loads the image without a table.</summary>
    public ImageContender(Trace trace, Placement placement, ulong tableSize = 4096)
    {
        _trace = trace;
        _placement = placement;
        _process = new ImageProcess(BenchPaths.Image, placement, new ServiceConfiguration
        {
            PacketMemorySize = BenchMailbox.MemorySize,
            TableSlotSize = AddressSpace.ToPages(tableSize),
        });
        _memory = _process.Map(AddressSpace.PacketMemory);
        trace.Bytes.CopyTo(_memory.Slice(BenchMailbox.TraceOffset, (ulong)trace.Bytes.Length));
        _process.Start();
    }

    /// <inheritdoc/>
    public string Name => "SOS";

    /// <summary>Time that the service took to check the table and switch to it.</summary>
    public TimeSpan SwapTime => _process.TimeOf(Mailbox->SwapTicks);

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
        _process.Resume();
        return Finish(command, packets);
    }

    /// <summary>Instructions per packet of a block, or null if they cannot be counted here.</summary>
    public double? CountInstructions(int burst, int packets)
    {
        // The difference of two blocks is free of what comes before and behind them.
        double? Counted(BenchMode mode, int count)
            => StepCounter.Count(_placement, _process.Id, AddressSpace.PacketMemory + DoneOffset, Order(mode, burst, count));
        double? whole = Counted(BenchMode.Firewall, 2 * packets) - Counted(BenchMode.Firewall, packets);
        double? harness = Counted(BenchMode.Harness, 2 * packets) - Counted(BenchMode.Harness, packets);
        return (whole - harness) / packets;
    }

    /// <summary>Starts a block that another one is to run beside.</summary>
    public uint Begin(int burst, int packets)
    {
        uint command = Order(BenchMode.Firewall, burst, packets);
        _process.Resume();
        return command;
    }

    /// <summary>Waits for a block.</summary>
    /// <returns>Nanoseconds per packet.</returns>
    public double Finish(uint command, int packets)
    {
        _process.Await(() => MemoryOrdering.LoadAcquire(ref Mailbox->Done) == command);
        _process.Pause();
        return _process.NanosecondsOf(Mailbox->Ticks) / packets;
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
        _process.Dispose();
    }
}
