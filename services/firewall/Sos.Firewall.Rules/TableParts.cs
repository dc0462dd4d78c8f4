using System;
using System.Collections.Generic;
using System.Runtime.InteropServices;
using System.Text;
using Sos.Firewall.Sets;
using Sos.Firewall.Tables;
using Sos.Sdk.Control;

namespace Sos.Firewall.Rules;

/// <summary>The parts that all chains of a table share: sets, 128-bit ranges, counters; and the bytes of the table as they grow.</summary>
internal sealed class TableParts
{
    /// <summary>Elements that a ruleset may have in all its sets together.</summary>
    public const int ElementsMax = 4_000_000;

    /// <summary>IPv4 sets of more intervals than this get a trie, whose root alone takes 256 KiB.</summary>
    private const int SmallSetIntervalsMax = 64;

    private readonly List<SetDescriptor> _sets = [];
    private readonly Dictionary<uint, List<Interval>> _smallSets = [];
    private readonly List<Range128> _ranges = [];
    private readonly List<CompiledCounter> _counters = [];
    private readonly Dictionary<string, Instruction> _samplers = [];
    private uint _limitCount;
    private uint _dynamicSetCount;
    private int _listedCount;
    private bool _hasZone;
    private readonly Dictionary<LogStatement, uint> _logs = [];
    private byte[] _bytes = new byte[4096];
    private int _length = TableHeader.HeaderSize + FirewallHeader.Size;

    /// <summary>Sets that were compiled already, by name.</summary>
    public Dictionary<string, uint> NamedSets { get; } = [];

    /// <summary>Counters that were numbered already, by name.</summary>
    public Dictionary<string, uint> NamedCounters { get; } = [];

    /// <summary>Sets of limits and quotas that were added already, by "kind family table name".</summary>
    public Dictionary<string, uint> NamedLimits { get; } = [];

    /// <summary>The counters, by number.</summary>
    public IReadOnlyList<CompiledCounter> Counters => _counters;

    /// <summary>Intervals of all sets.</summary>
    public int ElementCount { get; private set; }

    /// <summary>Bytes of the service's memory that sets take which packets fill.</summary>
    public long SetMemory { get; private set; }

    /// <summary>Instructions that the classifications so far count for.</summary>
    public int ClassificationSteps { get; set; }

    /// <summary>Named sets that count by element in Linux, of which the core counts nothing.</summary>
    public SortedSet<string> CountedSets { get; } = new(StringComparer.Ordinal);

    /// <summary>Whether rules trace packets, which the core does not.</summary>
    public bool IsTraced { get; set; }

    /// <summary>The needs of the rules so far.</summary>
    public TableNeeds Needs { get; set; }

    /// <summary>Who decides with this table.</summary>
    public TableMode Mode { get; set; }

    /// <summary>Rules that classifiers so far have beyond those of the ruleset, for elements of small sets.</summary>
    public int AddedFlows { get; set; }

    /// <summary>Notes what the table needs for a field.</summary>
    /// <exception cref="RuleException">The compiler's options do not allow for it.</exception>
    public void Need(FieldReference field, CompileOptions options)
    {
        Needs |= field.Needs;
        if (field.Field == Field.ConnectionMark)
        {
            Mode = options.TracksConnections ? TableMode.Stateful : throw FieldReference.UnknownTracking("mark");
        }

        if (field.Field == Field.Weekday)
        {
            AddZone(options.MinutesWest ?? KernelZone.ReadMinutesWest());
        }
    }

    /// <summary>Numbers a counter.</summary>
    /// <exception cref="RuleException">There are too many.</exception>
    public uint AddCounter(CompiledCounter counter)
    {
        if (_counters.Count == FirewallHeader.CountersMax)
        {
            throw new RuleException(
                RuleDiagnosticIds.Limit,
                $"there are more than {FirewallHeader.CountersMax} counters; let rules share named counters, or leave some out");
        }

        _counters.Add(counter);
        return (uint)(_counters.Count - 1);
    }

    /// <summary>Adds a 128-bit range.</summary>
    public uint AddRange(Interval interval)
    {
        if (_ranges.Count == FirewallHeader.Ranges128Max)
        {
            throw new RuleException(RuleDiagnosticIds.Limit, $"there are more than {FirewallHeader.Ranges128Max} IPv6 matches");
        }

        _ranges.Add(new Range128
        {
            First = IntervalSetBuilder.ToAddress(interval.First),
            Last = IntervalSetBuilder.ToAddress(interval.Last),
        });
        return (uint)(_ranges.Count - 1);
    }

    /// <summary>Adds a set of merged intervals in the form that suits it.</summary>
    /// <param name="merged">The intervals.</param>
    /// <param name="type">Their type.</param>
    /// <param name="known">The elements that they are, if they may have been compiled before.</param>
    public uint AddSet(List<Interval> merged, ValueType type, KnownElements? known = null)
    {
        EnsureRoomForSet();

        ElementCount += merged.Count;
        if (ElementCount > ElementsMax)
        {
            throw new RuleException(RuleDiagnosticIds.Limit, $"the sets have more than {ElementsMax} elements");
        }

        _sets.Add(type switch
        {
            ValueType.Ipv4Address when merged.Count > SmallSetIntervalsMax => AddIpv4Set(known?.Trie ?? new Ipv4SetBuilder(merged)),
            ValueType.Ipv4Address or ValueType.Ipv6Address or ValueType.FlowLabel or ValueType.Length or ValueType.EtherAddress or ValueType.Mark
                or ValueType.Time or ValueType.Hour => AddIntervalSet(merged),
            _ => AddBitmap(merged),
        });
        uint number = (uint)(_sets.Count - 1);
        if (merged.Count <= SmallSetIntervalsMax)
        {
            _smallSets.Add(number, merged);
        }

        return number;
    }

    /// <summary>The intervals of a set that has but a few; null for any other.</summary>
    public IReadOnlyList<Interval>? SmallSet(uint set) => _smallSets.GetValueOrDefault(set);

    /// <summary>Adds a classifier; its rules' entries follow when the program is linked.</summary>
    public uint AddClassifier(ClassifierTree tree)
    {
        EnsureRoomForSet();

        _sets.Add(new SetDescriptor
        {
            Kind = SetKind.Classifier,
            Count = (uint)tree.Nodes.Length,
            SecondCount = (uint)tree.Blocks.Length,
            Depth = tree.Depths,
            Offset = Append<ClassifierNode>(tree.Nodes),
            SecondOffset = Append<ClassifierBlock>(tree.Blocks),
        });
        return (uint)(_sets.Count - 1);
    }

    /// <summary>Adds what Linux knew of connections; nothing may be added behind.</summary>
    public void AddConnections(ulong[] filter, ulong seenWith)
        => _sets.Add(new SetDescriptor
        {
            Kind = SetKind.Connections,
            Count = (uint)filter.Length,
            SecondCount = (uint)seenWith,
            Offset = Append<ulong>(filter),
        });

    /// <summary>Adds the sampler of a statement that logs or answers, or of all that answer.</summary>
    /// <param name="place">The statement's place; the same statement has but one.</param>
    /// <param name="microseconds">The time in which one of its packets passes.</param>
    /// <param name="burst">How many pass at once.</param>
    /// <param name="peerMicroseconds">The time in which one of a peer's packets passes; 0 where it does not matter whose they are.</param>
    /// <param name="note">The instruction that notes a packet for it.</param>
    /// <returns>False when there are too many.</returns>
    public bool TryAddSampler(string place, uint microseconds, uint burst, uint peerMicroseconds, out Instruction note)
    {
        if (!_samplers.TryGetValue(place, out note))
        {
            if (_samplers.Count == FirewallHeader.SamplersMax || _sets.Count == FirewallHeader.SetsMax)
            {
                return false;
            }

            uint number = (uint)_samplers.Count;
            note = new Instruction { Operation = Operation.Log, A = (uint)_sets.Count, B = number };
            _sets.Add(new SetDescriptor
            {
                Kind = SetKind.Sampler,
                Count = number,
                SecondCount = burst,
                ThirdCount = microseconds,
                Depth = peerMicroseconds,
            });
            _samplers.Add(place, note);
        }

        return true;
    }

    /// <summary>Adds a limit or quota.</summary>
    /// <returns>Its set's number.</returns>
    /// <exception cref="RuleException">There are too many.</exception>
    public uint AddLimit(RateLimit limit)
    {
        EnsureRoomForSet();
        if (_limitCount == FirewallHeader.LimitsMax)
        {
            throw new RuleException(RuleDiagnosticIds.Limit, $"there are more than {FirewallHeader.LimitsMax} limits and quotas; let rules share named ones");
        }

        _sets.Add(new SetDescriptor { Kind = SetKind.Limit, Count = _limitCount++, Offset = Append<RateLimit>([limit]) });
        return (uint)(_sets.Count - 1);
    }

    /// <summary>Adds a set that packets fill.</summary>
    /// <param name="set">Its declaration.</param>
    /// <param name="elements">The elements that it brings: of each the ns that it stays, then the words of its key.</param>
    /// <param name="count">How many these are.</param>
    /// <param name="haveLimits">Whether these have limits.</param>
    /// <returns>Its index among the sets.</returns>
    /// <exception cref="RuleException">There are too many, or they are too large.</exception>
    public uint AddDynamicSet(DynamicSet set, List<ulong> elements, int count, bool haveLimits)
    {
        EnsureRoomForSet();
        _listedCount += count;
        SetMemory += DynamicSets.BytesFor(in set);
        if (_dynamicSetCount == FirewallHeader.DynamicSetsMax || _listedCount > FirewallHeader.ListedElementsMax
            || SetMemory > (long)SetSettings.MemoryMax << 20)
        {
            throw new RuleException(
                RuleDiagnosticIds.Limit,
                $"of sets that packets fill, or whose elements go by themselves, there is room for {FirewallHeader.DynamicSetsMax} of "
                    + $"{SetSettings.MemoryMax} MiB together, with {FirewallHeader.ListedElementsMax} elements that the rules bring");
        }

        ElementCount += count;
        _sets.Add(new SetDescriptor
        {
            Kind = SetKind.DynamicSet,
            Count = _dynamicSetCount++,
            Offset = Append<DynamicSet>([set]),
            SecondOffset = Append<ulong>(CollectionsMarshal.AsSpan(elements)),
            SecondCount = (uint)count,
            ThirdCount = haveLimits ? 1u : 0,
        });
        return (uint)(_sets.Count - 1);
    }

    /// <summary>Adds the use that a rule makes of a set that packets fill.</summary>
    /// <param name="access">The use.</param>
    /// <param name="set">The set's index.</param>
    /// <returns>Its own index among the sets.</returns>
    public uint AddSetAccess(SetAccess access, uint set)
    {
        EnsureRoomForSet();
        _sets.Add(new SetDescriptor { Kind = SetKind.SetAccess, Count = set, Offset = Append<SetAccess>([access]) });
        return (uint)(_sets.Count - 1);
    }

    /// <summary>Adds the kernel's time zone, once.</summary>
    /// <param name="minutesWest">Its minutes west of Greenwich.</param>
    public void AddZone(int minutesWest)
    {
        if (!_hasZone)
        {
            EnsureRoomForSet();
            _sets.Add(new SetDescriptor { Kind = SetKind.Zone, Count = (uint)minutesWest });
            _hasZone = true;
        }
    }

    /// <summary>Adds what a rule that logs writes.</summary>
    public uint AddLog(LogStatement log)
    {
        if (_logs.TryGetValue(log, out uint number))
        {
            return number;
        }

        EnsureRoomForSet();

        byte[] prefix = Encoding.UTF8.GetBytes(log.Prefix);
        _sets.Add(new SetDescriptor
        {
            Kind = SetKind.Log,
            Count = (uint)prefix.Length,
            Offset = Append<byte>(prefix),
            SecondCount = log.Level,
            ThirdCount = (uint)log.Flags,
        });
        number = (uint)(_sets.Count - 1);
        _logs.Add(log, number);
        return number;
    }

    private void EnsureRoomForSet()
    {
        if (_sets.Count == FirewallHeader.SetsMax)
        {
            throw new RuleException(RuleDiagnosticIds.Limit, $"there are more than {FirewallHeader.SetsMax} sets");
        }
    }

    /// <summary>The operation that looks a value up in a set.</summary>
    public Operation OperationOf(uint set) => _sets[(int)set].Kind switch
    {
        SetKind.Bitmap => Operation.InBitmap,
        SetKind.Ipv4 => Operation.InIpv4Set,
        _ => Operation.InIntervalSet,
    };

    /// <summary>Adds the program and completes the table.</summary>
    public (byte[] Bytes, int Length) Complete(LinkedProgram program)
    {
        foreach ((uint number, uint[] entries) in program.ClassifierEntries)
        {
            _sets[(int)number] = _sets[(int)number] with { ThirdCount = (uint)entries.Length, ThirdOffset = Append<uint>(entries) };
        }

        FirewallHeader header = new()
        {
            InstructionCount = (uint)program.Instructions.Length,
            InstructionOffset = Append<Instruction>(program.Instructions),
            BaseChainCount = (uint)program.BaseChains.Length,
            BaseChainOffset = Append<BaseChain>(program.BaseChains),
            ChainCount = (uint)program.Chains.Length,
            ChainOffset = Append<ChainRecord>(program.Chains),
            SetCount = (uint)_sets.Count,
            SetOffset = Append<SetDescriptor>(CollectionsMarshal.AsSpan(_sets)),
            Range128Count = (uint)_ranges.Count,
            Range128Offset = Append<Range128>(CollectionsMarshal.AsSpan(_ranges)),
            CounterCount = (byte)_counters.Count,
            Needs = Needs,
            Mode = Mode,
            Start = program.Plan.Start,
            StageCount = (uint)program.Plan.Stages.Length,
            StageOffset = Append<Stage>(program.Plan.Stages),
            OutcomeCount = (uint)program.Plan.Outcomes.Length,
            OutcomeOffset = Append<Outcome>(program.Plan.Outcomes),
        };

        Align();
        TableHeader start = new()
        {
            Magic = TableHeader.MagicValue,
            Kind = FirewallHeader.Kind,
            Version = FirewallHeader.Version,
            TotalSize = (ulong)_length,
        };
        MemoryMarshal.Write(_bytes, in start);
        MemoryMarshal.Write(_bytes.AsSpan(TableHeader.HeaderSize), in header);
        return (_bytes, _length);
    }

    private SetDescriptor AddIpv4Set(Ipv4SetBuilder builder)
    {
        Ipv4Chunk[] chunks = builder.Chunks;
        ulong[] leaves = builder.Leaves;
        return new SetDescriptor
        {
            Kind = SetKind.Ipv4,
            Count = (uint)(chunks.Length / Ipv4Set.ChunksPerNode),
            SecondCount = (uint)(leaves.Length / Ipv4Set.WordsPerLeaf),
            Offset = Append<uint>(builder.Root),
            SecondOffset = Append<Ipv4Chunk>(chunks),
            ThirdOffset = Append<ulong>(leaves),
        };
    }

    private SetDescriptor AddIntervalSet(List<Interval> merged)
    {
        IntervalSetBuilder builder = new(merged);
        return new SetDescriptor
        {
            Kind = SetKind.Interval,
            Count = (uint)builder.Count,
            SecondCount = (uint)builder.Index.Length,
            Offset = Append<Address128>(builder.Boundaries),
            SecondOffset = Append<Address128>(builder.Index),
        };
    }

    private SetDescriptor AddBitmap(List<Interval> merged)
    {
        int bits = merged.Count == 0 ? 0 : ((int)merged[^1].Last + 64) / 64 * 64;
        ulong[] words = new ulong[bits / 64];
        foreach (Interval interval in merged)
        {
            for (int value = (int)interval.First; value <= (int)interval.Last; value++)
            {
                words[value / 64] |= 1UL << (value & 63);
            }
        }

        return new SetDescriptor { Kind = SetKind.Bitmap, Count = (uint)bits, Offset = Append<ulong>(words) };
    }

    private uint Append<T>(ReadOnlySpan<T> part)
        where T : unmanaged
    {
        Align();
        ReadOnlySpan<byte> bytes = MemoryMarshal.AsBytes(part);
        int offset = _length;
        Reserve(bytes.Length);
        bytes.CopyTo(_bytes.AsSpan(offset));
        return (uint)offset;
    }

    private void Align()
        => Reserve((FirewallHeader.Alignment - (_length % FirewallHeader.Alignment)) % FirewallHeader.Alignment);

    private void Reserve(int count)
    {
        long needed = (long)_length + count;
        if ((ulong)needed > FirewallHeader.TableSizeMax)
        {
            throw new RuleException(RuleDiagnosticIds.Limit, $"the table is larger than {FirewallHeader.TableSizeMax >> 20} MiB");
        }

        if (needed > _bytes.Length)
        {
            Array.Resize(ref _bytes, (int)Math.Min((long)FirewallHeader.TableSizeMax, Math.Max(needed, _bytes.Length * 2L)));
        }

        _length = (int)needed;
    }
}
