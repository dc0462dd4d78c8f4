using System.Runtime.InteropServices;
using Sos.Sdk.Control;

namespace Sos.Firewall.Tables;

/// <summary>
/// Follows the <see cref="TableHeader"/> of a firewall table. Offsets count from the table's first byte and are multiples of
/// <see cref="Alignment"/>; everything is little endian.
/// </summary>
[StructLayout(LayoutKind.Sequential, Size = Size)]
public struct FirewallHeader
{
    /// <summary>Bytes of this header.</summary>
    public const int Size = 64;

    /// <summary>"FWAL", the kind of a firewall table.</summary>
    public const uint Kind = 0x4c415746;

    /// <summary>Version of the layout.</summary>
    public const uint Version = 5;

    /// <summary>Alignment of each part: a cache line.</summary>
    public const int Alignment = 64;

    /// <summary>Most bytes of a table, so that offsets are positive 32-bit numbers.</summary>
    public const ulong TableSizeMax = 1UL << 30;

    /// <summary>Most instructions: 65,536 rules of four.</summary>
    public const int InstructionsMax = 262_144;

    /// <summary>
    /// Most instructions that one packet can take on its worst way through all chains, jumps counted each time: at a few
    /// nanoseconds each this bounds the time of a packet to the order of a millisecond.
    /// </summary>
    public const int StepsMax = 262_144;

    /// <summary>Most base chains.</summary>
    public const int BaseChainsMax = 64;

    /// <summary>Most chains with the base chains.</summary>
    public const int ChainsMax = 4096;

    /// <summary>Most sets.</summary>
    public const int SetsMax = 65_536;

    /// <summary>Most 128-bit ranges.</summary>
    public const int Ranges128Max = 65_536;

    /// <summary>Most counters: each takes two of the service's statistics, which other parts need too.</summary>
    public const int CountersMax = 64;

    /// <summary>Most rules that log or answer whose packets are dropped all the same: a packet's way through them is noted in as many bits.</summary>
    public const int SamplersMax = 64;

    /// <summary>Microseconds for each packet of a sampler at most, an hour: a rarer one would only keep Linux from logging.</summary>
    public const uint SampleMicrosecondsMax = 3_600_000_000;

    /// <summary>Packets that a sampler lets pass at once at most: with the time above they stay far below what a TSC counts to.</summary>
    public const uint SampleBurstMax = 65_536;

    /// <summary>Most limits: each takes 16 bytes of the service's memory.</summary>
    public const int LimitsMax = 256;

    /// <summary>Most sets that packets fill: each takes 64 bytes of the service's memory beside its elements.</summary>
    public const int DynamicSetsMax = 64;

    /// <summary>Most elements of such a set.</summary>
    public const int DynamicElementsMax = 1 << 22;

    /// <summary>Most elements that a table brings for all such sets: at about 100 ns each they keep packets waiting for 25 ms when it comes into use.</summary>
    public const int ListedElementsMax = 1 << 18;

    /// <summary>Most lines that one packet makes: it may meet many rules that log, each time by jumps.</summary>
    public const int LinesMax = 8;

    /// <summary>The highest level of syslog: a message to debug by.</summary>
    public const uint LogLevelMax = 7;

    /// <summary>Most jumps on the way, as in nftables (NFT_JUMP_STACK_SIZE).</summary>
    public const int JumpDepthMax = 16;

    /// <summary>Most stages: more would gain little, since few packets come that far.</summary>
    public const int StagesMax = 4;

    /// <summary>Most outcomes: one for each rule of every stage's classifier.</summary>
    public const int OutcomesMax = InstructionsMax;

    /// <summary>Instructions in the program.</summary>
    public uint InstructionCount;

    /// <summary>Offset of the <see cref="Instruction"/>s.</summary>
    public uint InstructionOffset;

    /// <summary>Base chains, in the order of their evaluation.</summary>
    public uint BaseChainCount;

    /// <summary>Offset of the <see cref="BaseChain"/>s.</summary>
    public uint BaseChainOffset;

    /// <summary>Chains with the base chains.</summary>
    public uint ChainCount;

    /// <summary>Offset of the <see cref="ChainRecord"/>s, ascending.</summary>
    public uint ChainOffset;

    /// <summary>Sets.</summary>
    public uint SetCount;

    /// <summary>Offset of the <see cref="SetDescriptor"/>s.</summary>
    public uint SetOffset;

    /// <summary>Ranges of 128 bits.</summary>
    public uint Range128Count;

    /// <summary>Offset of the <see cref="Range128"/>s.</summary>
    public uint Range128Offset;

    /// <summary>Counters, numbered from 0.</summary>
    public byte CounterCount;

    /// <summary>The needs of rules that look at more than the usual fields, or change some.</summary>
    public TableNeeds Needs;

    /// <summary>Who decides: the core alone, or Linux after it.</summary>
    public TableMode Mode;

    /// <summary>Where plain IPv4 packets start: see <see cref="Outcome.Position"/>.</summary>
    public uint Start;

    /// <summary>Stages that plain IPv4 packets meet.</summary>
    public uint StageCount;

    /// <summary>Offset of the <see cref="Stage"/>s.</summary>
    public uint StageOffset;

    /// <summary>Outcomes of all stages.</summary>
    public uint OutcomeCount;

    /// <summary>Offset of the <see cref="Outcome"/>s.</summary>
    public uint OutcomeOffset;
}
