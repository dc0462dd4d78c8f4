using System;
using System.CommandLine;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;
using System.Threading;
using Sos.Cores;
using Sos.Cores.BackEnds;
using Sos.Cores.Companions;
using Sos.Cores.Native;
using Sos.Cores.Operations;
using Sos.Cores.Running;
using Sos.Cores.Services;
using Sos.Firewall.Capture;
using Sos.Firewall.Tables;
using Sos.Sdk.Control;
using Sos.Verbs;

namespace Sos.Firewall.Control;

/// <summary>
/// <c>sosctl capture</c>: frames that a core judged, with what became of each. What the core drops no <c>tcpdump</c> on Linux sees.
/// </summary>
public static class CaptureVerb
{
    // Three renewals may be late before the core stops taking frames.
    private static readonly TimeSpan Wanted = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Round = TimeSpan.FromMilliseconds(20);
    private const ulong NanosecondsPerTick = 100;
    private static readonly string[] Services = [FirewallCompanion.ServiceName, "guard"];

    /// <summary>Makes the command.</summary>
    /// <param name="terminal">Where frames go that no file takes.</param>
    /// <param name="companions">Not asked.</param>
    public static Command Create(Terminal terminal, CompanionCatalogue companions)
    {
        Argument<int> cpu = CoreArguments.Cpu();
        Option<bool> dropped = new("--dropped") { Description = "Only frames that the core drops" };
        Option<string> file = new("--write", "-w") { Description = "A file that takes the frames as pcapng, with what became of each in its comment" };
        Option<int> count = new("--count", "-c") { Description = "Ends after so many frames; without, with the service or by Ctrl-C" };
        Command capture = new("capture", "Show frames that a firewall's core judged, and what became of each") { cpu, dropped, file, count };
        capture.SetAction(result => Run(
            terminal, result.GetValue(cpu), result.GetValue(dropped), result.GetValue(file), result.GetValue(count)));
        return capture;
    }

    private static int Run(Terminal terminal, int cpu, bool isDroppedOnly, string? file, int count)
    {
        ServiceReadings readings = new(new CoreBackEnds());
        (IServiceCore Core, CoreRecord Record) found = Services.Select(service => readings.Find(service, cpu)).FirstOrDefault(one => one is not null)
            ?? throw new SosException(
                SosError.NotFound, $"core {cpu} runs no firewall: 'sosctl service start {cpu} firewall.sosimg --device DEVICE' starts one");
        using IServiceCore core = found.Core;
        using RunningService running = RunningService.Attach(core, found.Record);
        using MappedMemory memory = MapFrames(core, found.Record);
        using PcapngWriter? writer = file is null ? null : Open(file, found.Record);
        using CancellationTokenSource end = new();
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => Cancel(context, end));
        using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => Cancel(context, end));
        Capturing capturing = new(core, found.Record, running, memory, isDroppedOnly);
        (ulong taken, ulong wanted) = capturing.Run(frame => Show(terminal, writer, frame), count > 0 ? count : int.MaxValue, end.Token);
        string summary = wanted > taken ? $"{taken} frames, of {wanted}: the core takes {CaptureHeader.FramesPerSecond} a second at most" : $"{taken} frames";
        if (file is not null)
        {
            terminal.Write(
                new CaptureWrittenDocument(file, taken, wanted), FirewallVerbs.Documents.CaptureWrittenDocument,
                output => output.WriteLine($"{file}: {summary}"));
        }
        else if (!terminal.Json)
        {
            terminal.Note(summary);
        }

        return 0;
    }

    private static void Cancel(PosixSignalContext context, CancellationTokenSource end)
    {
        context.Cancel = true;
        end.Cancel();
    }

    private static unsafe MappedMemory MapFrames(IServiceCore core, CoreRecord record)
    {
        if (record.SharedMemory.Count > 0)
        {
            SharedMemoryRecord last = record.SharedMemory[^1];
            MappedMemory memory = core.Map(last.MapOffset, last.Size);
            if (CapturedFrames.IsLaidOut(memory.Address, memory.Size))
            {
                return memory;
            }

            memory.Dispose();
        }

        throw new SosException(
            SosError.Refused, $"the service on core {core.Cpu} has no memory for frames: build image and sosctl from the same version, and start it again");
    }

    private static PcapngWriter Open(string file, CoreRecord record)
    {
        string device = record.KnownPorts.SelectMany(port => port.Interfaces).FirstOrDefault() ?? "nic";
        try
        {
            return new PcapngWriter(new FileStream(file, FileMode.Create, FileAccess.Write, FileShare.Read), device, CaptureSlot.BytesMax);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SosException(SosError.Failed, $"cannot write {file}: {e.Message}", e);
        }
    }

    private static void Show(Terminal terminal, PcapngWriter? writer, JudgedFrame frame)
    {
        if (writer is not null)
        {
            writer.Add(frame.Bytes, frame.Length, frame.Nanoseconds, frame.Verdict);
            writer.Flush();
            return;
        }

        DateTime time = DateTime.UnixEpoch.AddTicks((long)(frame.Nanoseconds / NanosecondsPerTick));
        string packet = PacketWords.Describe(frame.Bytes);
        terminal.Write(
            new CapturedDocument(time, packet, frame.Verdict, frame.Length, Convert.ToHexStringLower(frame.Bytes)),
            FirewallVerbs.Documents.CapturedDocument,
            output => output.WriteLine(
                $"{time.ToLocalTime().ToString("HH:mm:ss.ffffff", CultureInfo.InvariantCulture)} {packet}: {frame.Verdict}"));
    }

    /// <summary>A frame, and what became of it in words.</summary>
    /// <param name="Bytes">Its first bytes.</param>
    /// <param name="Length">Bytes that it had.</param>
    /// <param name="Nanoseconds">Its time, since 1970.</param>
    /// <param name="Verdict">The words.</param>
    private sealed record JudgedFrame(byte[] Bytes, uint Length, ulong Nanoseconds, string Verdict);

    /// <summary>A capture under way.</summary>
    private sealed unsafe class Capturing(IServiceCore core, CoreRecord record, RunningService running, MappedMemory memory, bool isDroppedOnly)
    {
        private readonly CapturedFrames _frames = new(memory.Address);
        private byte[] _tableBytes = [];
        private GCHandle _pinned;
        private CaptureTable? _table;
        private ulong _generation;

        public (ulong Taken, ulong Wanted) Run(Action<JudgedFrame> show, int count, CancellationToken end)
        {
            ulong taken = 0;
            try
            {
                while (!end.IsCancellationRequested && taken < (ulong)count && IsRunning())
                {
                    _frames.Want(running.TscAfter(Wanted), isDroppedOnly);
                    while (taken < (ulong)count && _frames.TryRead(out CapturedFrame frame))
                    {
                        if (!isDroppedOnly || frame.Slot.Verdict != CaptureVerdict.Passed)
                        {
                            show(Judge(frame));
                            taken++;
                        }
                    }

                    end.WaitHandle.WaitOne(Round);
                }
            }
            finally
            {
                if (_pinned.IsAllocated)
                {
                    _pinned.Free();
                }
            }

            return (taken, isDroppedOnly ? Math.Max(taken, _frames.WantedSince) : _frames.WantedSince);
        }

        private bool IsRunning() => core.GetStatus().State == CoreState.Running && CoreRecord.Read(core.Cpu)?.Started == record.Started;

        private JudgedFrame Judge(CapturedFrame frame)
        {
            ClockLayout clock = running.Clock;
            Int128 since = (Int128)(long)(frame.Slot.Time - clock.BaseTsc) * clock.Mult;
            ulong nanoseconds = clock.RealtimeNs + (ulong)(long)(since >> (int)clock.Shift);
            return new JudgedFrame(frame.Bytes, frame.Slot.Length, nanoseconds, Words(frame));
        }

        private string Words(CapturedFrame frame)
        {
            switch (frame.Slot.Verdict)
            {
                case CaptureVerdict.Passed:
                    return "passed to Linux";
                case CaptureVerdict.DroppedWithoutTable:
                    return "dropped: there is no table yet";
                default:
                    bool isWhole = frame.Slot.Length == (uint)frame.Bytes.Length;
                    bool isSent = frame.Slot.Verdict >= CaptureVerdict.SentDroppedByRule;
                    string? rule = isWhole ? TableOf(frame.Slot.Generation)?.Describe(frame.Bytes, frame.Slot.States, isSent) : null;
                    bool isPolicy = frame.Slot.Verdict is CaptureVerdict.DroppedByPolicy or CaptureVerdict.SentDroppedByPolicy;
                    return $"{(isSent ? "sent by Linux, " : string.Empty)}dropped: {rule ?? (isPolicy ? "the policy of a chain" : "a rule, or a parameter")}";
            }
        }

        // A copy: a table's slot is written again two tables later.
        private CaptureTable? TableOf(ulong generation)
        {
            if (generation == _generation)
            {
                return _table;
            }

            (_generation, _table) = (generation, null);
            foreach (SharedRegion region in record.Tables)
            {
                using MappedMemory slot = core.Map(region.MapOffset, region.Size);
                TableHeader* header = (TableHeader*)slot.Address;
                if (header->Generation == generation && header->TotalSize <= slot.Size)
                {
                    _tableBytes = new ReadOnlySpan<byte>(slot.Address, (int)header->TotalSize).ToArray();
                    _table = Open();
                }
            }

            return _table;
        }

        private CaptureTable? Open()
        {
            if (_pinned.IsAllocated)
            {
                _pinned.Free();
            }

            _pinned = GCHandle.Alloc(_tableBytes, GCHandleType.Pinned);
            return FirewallTable.TryOpen((byte*)_pinned.AddrOfPinnedObject(), (ulong)_tableBytes.Length, out FirewallTable table)
                ? new CaptureTable(table, (CoreRecord.Read(core.Cpu) ?? record).TableLabels)
                : null;
        }
    }
}
