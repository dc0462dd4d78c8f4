using System;
using Sos.Firewall.Connections;
using Sos.Sdk.Control;
using Sos.Sdk.Memory;
using Sos.Sdk.Tables;

namespace Sos.Firewall.Tables;

/// <summary>A view of a table that <see cref="TableValidator"/> has found valid.</summary>
public unsafe struct FirewallTable : ITable<FirewallTable>
{
    private byte* _bytes;
    private FirewallHeader _header;

    /// <inheritdoc/>
    public static uint Kind => FirewallHeader.Kind;

    /// <inheritdoc/>
    public static uint Version => FirewallHeader.Version;

    /// <summary>The program.</summary>
    public readonly MemoryBlock<Instruction> Instructions
        => Part<Instruction>(_header.InstructionOffset, _header.InstructionCount);

    /// <summary>The base chains, in the order of their evaluation.</summary>
    public readonly MemoryBlock<BaseChain> BaseChains => Part<BaseChain>(_header.BaseChainOffset, _header.BaseChainCount);

    /// <summary>All chains.</summary>
    public readonly MemoryBlock<ChainRecord> Chains => Part<ChainRecord>(_header.ChainOffset, _header.ChainCount);

    /// <summary>The sets.</summary>
    public readonly MemoryBlock<SetDescriptor> Sets => Part<SetDescriptor>(_header.SetOffset, _header.SetCount);

    /// <summary>The 128-bit ranges.</summary>
    public readonly MemoryBlock<Range128> Ranges128 => Part<Range128>(_header.Range128Offset, _header.Range128Count);

    /// <summary>Counters that the program counts in.</summary>
    public readonly int CounterCount => (int)_header.CounterCount;

    /// <summary>Who decides: the core alone, or Linux after it.</summary>
    public readonly TableMode Mode => _header.Mode;

    /// <summary>The needs of rules that look at more than the usual fields, or change some.</summary>
    public readonly TableNeeds Needs => _header.Needs;

    /// <summary>Whether a base chain sees what Linux sends. It takes a look at each: ask once for a table.</summary>
    public readonly bool JudgesSent
    {
        get
        {
            MemoryBlock<BaseChain> chains = BaseChains;
            int families = 0;
            for (int i = 0; i < chains.Length; i++)
            {
                families |= chains[i].Families;
            }

            return (families & BaseChain.AnySent) != 0;
        }
    }

    /// <summary>Whether the core records what it passes.</summary>
    public readonly bool RecordsPassed => _header.Mode == TableMode.RecordingPrefilter;

    /// <summary>Whether the table's lease is over: then what it says may no longer be so.</summary>
    /// <param name="now">The TSC.</param>
    public readonly bool IsLapsed(ulong now)
    {
        ulong end = MemoryOrdering.LoadAcquire(ref ((TableHeader*)_bytes)->LeaseEnd);
        return end != 0 && now >= end;
    }

    /// <summary>Where plain IPv4 packets start.</summary>
    public readonly uint Start => _header.Start;

    /// <summary>The stages.</summary>
    public readonly MemoryBlock<Stage> Stages => Part<Stage>(_header.StageOffset, _header.StageCount);

    /// <summary>The outcomes of all stages.</summary>
    public readonly MemoryBlock<Outcome> Outcomes => Part<Outcome>(_header.OutcomeOffset, _header.OutcomeCount);

    /// <inheritdoc/>
    /// <remarks>
    /// The time grows with the program, up to <see cref="FirewallHeader.InstructionsMax"/>, but not with the sets.
    /// </remarks>
    public static bool TryOpen(byte* bytes, ulong size, out FirewallTable table)
    {
        table = default;
        if (size < TableHeader.HeaderSize + FirewallHeader.Size || size > FirewallHeader.TableSizeMax)
        {
            return false;
        }

        table._bytes = bytes;
        table._header = *(FirewallHeader*)(bytes + TableHeader.HeaderSize);
        return TableValidator.AreBoundsValid(in table._header, size) && TableValidator.IsValid(in table, size);
    }

    /// <summary>The connections that Linux knew, if the table brings them.</summary>
    /// <param name="words">A <see cref="ConnectionFilter"/>.</param>
    /// <param name="seenWith">Generation of the table that was in use when they were read.</param>
    public readonly bool TryGetConnections(out MemoryBlock<ulong> words, out ulong seenWith)
    {
        MemoryBlock<SetDescriptor> sets = Sets;
        if (sets.Length == 0 || sets[sets.Length - 1].Kind != SetKind.Connections)
        {
            words = default;
            seenWith = 0;
            return false;
        }

        ref readonly SetDescriptor set = ref sets[sets.Length - 1];
        words = new MemoryBlock<ulong>((ulong*)(_bytes + set.Offset), (int)set.Count);
        seenWith = set.SecondCount;
        return true;
    }

    /// <summary>A bitmap set's words.</summary>
    public readonly ReadOnlySpan<ulong> BitmapWords(in SetDescriptor set) => new(_bytes + set.Offset, (int)(set.Count / 64));

    /// <summary>The prefix of a rule that logs, UTF-8.</summary>
    public readonly ReadOnlySpan<byte> LogPrefix(in SetDescriptor set) => new(_bytes + set.Offset, (int)set.Count);

    /// <summary>An IPv4 set.</summary>
    public readonly Ipv4Set Ipv4(in SetDescriptor set) => new(
        new(_bytes + set.Offset, Ipv4Set.RootLength),
        new(_bytes + set.SecondOffset, (int)set.Count * Ipv4Set.ChunksPerNode),
        new(_bytes + set.ThirdOffset, (int)set.SecondCount * Ipv4Set.WordsPerLeaf));

    /// <summary>An interval set.</summary>
    public readonly IntervalSet Interval(in SetDescriptor set) => new(
        new(_bytes + set.Offset, IntervalSet.Blocks((int)set.Count) * IntervalSet.BlockLength),
        (int)set.Count,
        new(_bytes + set.SecondOffset, (int)set.SecondCount));

    /// <summary>A classifier.</summary>
    public readonly Classifier Classifier(in SetDescriptor set) => new(
        new(_bytes + set.Offset, (int)set.Count),
        new(_bytes + set.SecondOffset, (int)set.SecondCount),
        new(_bytes + set.ThirdOffset, (int)set.ThirdCount),
        set.Depth);

    /// <summary>A limit.</summary>
    public readonly ref readonly RateLimit Limit(in SetDescriptor set) => ref *(RateLimit*)(_bytes + set.Offset);

    /// <summary>The declaration of a set that packets fill.</summary>
    public readonly ref readonly DynamicSet DynamicSet(in SetDescriptor set) => ref *(DynamicSet*)(_bytes + set.Offset);

    /// <summary>The elements that the table brings for such a set: of each the ns that it stays (0: for good), then the words of its key.</summary>
    public readonly MemoryBlock<ulong> ListedElements(in SetDescriptor set)
        => new((ulong*)(_bytes + set.SecondOffset), (int)(set.SecondCount * (DynamicSet(in set).KeyLength + 1)));

    /// <summary>The use that a rule makes of such a set.</summary>
    public readonly ref readonly SetAccess SetAccess(in SetDescriptor set) => ref *(SetAccess*)(_bytes + set.Offset);

    private readonly MemoryBlock<T> Part<T>(uint offset, uint count)
        where T : unmanaged => new((T*)(_bytes + offset), (int)count);
}
