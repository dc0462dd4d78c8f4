using System;
using System.Runtime.CompilerServices;
using Sos.Firewall;
using Sos.Sdk.Control;
using Sos.Sdk.Logging;
using Sos.Sdk.Memory;
using Sos.Sdk.Services;
using Sos.Sdk.Wire;

namespace Sos.Router.Filter;

/// <summary>A verdict says what becomes of a packet that is about to be forwarded.</summary>
public enum ForwardVerdict : byte
{
    /// <summary>Linux judges it.</summary>
    Linux,

    /// <summary>All of Linux's rules accept it, and none does anything but accept.</summary>
    Forward,

    /// <summary>Linux's rules drop it.</summary>
    Drop,
}

/// <summary>
/// Linux's rules in the way of forwarded packets, by the firewall's evaluator. The core forwards or drops only what these rules certainly forward or drop;
/// what it cannot judge goes to Linux.
/// </summary>
public unsafe struct ForwardFilter
{
    private readonly FilterMemory _memory;
    private readonly Log _log;
    private readonly RuleCounters _counters; // none: no table of these counts
    private FilterTable _table;
    private PacketKey _key;
    private Samplers _samplers;
    private ulong _answered;

    private ForwardFilter(ref ServiceSetup setup, FilterMemory memory)
    {
        _memory = memory;
        _counters = default;
        _log = setup.Log;
    }

    /// <summary>Whether something judges packets before routing.</summary>
    public readonly bool HasPrerouting => _table.Generation == 0 || _table.HasPrerouting;

    /// <summary>Makes one without rules.</summary>
    /// <param name="setup">The service's setup, in whose arena it lies.</param>
    /// <param name="memory">Where the control side gives the rules; null for nowhere.</param>
    /// <param name="filter">The filter.</param>
    /// <returns>Whether the arena had room.</returns>
    public static bool TryCreate(ref ServiceSetup setup, FilterMemory memory, out ForwardFilter* filter)
    {
        bool hasRoom = setup.Arena.TryAllocate(out filter);
        if (hasRoom)
        {
            *filter = new ForwardFilter(ref setup, memory);
        }

        return hasRoom;
    }

    /// <summary>Takes a new table, between two bursts.</summary>
    public void BeginPass()
    {
        if (!_memory.IsNull && MemoryOrdering.LoadAcquire(ref _memory.Header->Request) != _answered)
        {
            Switch();
        }
    }

    /// <summary>Judges a well-formed packet.</summary>
    /// <param name="from">The interface that it came in by.</param>
    /// <param name="to">The one that it is to leave by.</param>
    /// <param name="frame">The frame as it came, without the tag of the interface's VLAN.</param>
    public ForwardVerdict Judge(int from, int to, ReadOnlySpan<byte> frame) => Judge(in _table, from, to, frame, ref _key, in _counters, ref _samplers);

    /// <summary>Judges a well-formed packet by a table.</summary>
    /// <param name="table">The table.</param>
    /// <param name="from">The interface that it came in by.</param>
    /// <param name="to">The one that it is to leave by.</param>
    /// <param name="frame">The frame as it came, without the tag of the interface's VLAN.</param>
    /// <param name="key">Room for what is read of the packet.</param>
    /// <param name="counters">Counters of rules: none.</param>
    /// <param name="samplers">Samplers of rules: none.</param>
    public static ForwardVerdict Judge(
        in FilterTable table, int from, int to, ReadOnlySpan<byte> frame, ref PacketKey key, in RuleCounters counters, ref Samplers samplers)
    {
        if (!table.TryFind(from, to, out int part) || FrameParser.Parse(frame, out ParsedFrame parsed) != MalformedReason.None
            || parsed.IpVersion == 0 || parsed.VlanTagCount != 0 || parsed.Fragment.IsFragment)
        {
            return ForwardVerdict.Linux;
        }

        PacketKeyReader.Read(frame, in parsed, ref key);
        if (!PacketKeyReader.IsPlain(frame, in parsed, in key))
        {
            return ForwardVerdict.Linux;
        }

        Verdict verdict = RuleEvaluator.Evaluate(in table.RulesOf(part), in key, in counters, ref samplers);
        return verdict == Verdict.Pass ? ForwardVerdict.Forward
            : verdict is Verdict.DropByRule or Verdict.DropByPolicy && table.IsExact(part) ? ForwardVerdict.Drop
            : ForwardVerdict.Linux;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Switch()
    {
        _answered = MemoryOrdering.LoadAcquire(ref _memory.Header->Request);
        if (!FilterTable.TryOpen(_memory.SlotOf(_answered), FilterMemory.SlotSize, out _table))
        {
            _table = default;
            _log.Write(LogSeverity.Error, "a table of Linux's rules is not valid: forwarded packets that they judge go to Linux"u8);
        }

        MemoryOrdering.StoreRelease(ref _memory.Header->Active, _table.Generation);
        MemoryOrdering.StoreRelease(ref _memory.Header->Answered, _answered);
    }
}
