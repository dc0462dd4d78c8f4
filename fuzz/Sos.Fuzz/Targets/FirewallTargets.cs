using System;
using System.Linq;
using System.Runtime.InteropServices;
using Sos.Firewall;
using Sos.Firewall.Rules;
using Sos.Firewall.Rules.Prefilter;
using Sos.Firewall.Tables;
using Sos.Sdk.Control;
using Sos.Sdk.Statistics;

namespace Sos.Fuzz.Targets;

internal static unsafe class FirewallTargets
{
    /// <summary>Bytes of a table at most: room for a set of IPv4 addresses, whose first level alone is 256 KiB.</summary>
    private const int TableLengthMax = 512 << 10;

    private const int Packets = 24;

    private static readonly CompileOptions Options = new() { PortNames = ["eth0"], DecidesAlone = true };

    /// <summary>Rules that no text makes sure prove nothing, so those of the seeds' handles are sure.</summary>
    private static readonly PrefilterOptions LiveOptions = new()
    {
        PortNames = ["eth0"],
        Sure = Enumerable.Range(1, 64).SelectMany(handle => new[] { NftRuleset.RuleKey("inet", "host", handle), NftRuleset.RuleKey("ip", "t", handle) })
            .ToHashSet(),
        RecordsConnections = true,
    };

    [ThreadStatic]
    private static GuardedMemory? _memory;

    [ThreadStatic]
    private static RuleCounters? _counters;

    private static GuardedMemory Memory => _memory ??= new GuardedMemory(TableLengthMax);

    private static RuleCounters Counters => _counters ??= MakeCounters();

    /// <summary>Listings of nft.</summary>
    public static bool Rules(byte[] input)
    {
        CompileResult result = RulesetCompiler.Compile(input, Options);
        bool hasErrors = false;
        foreach (RuleDiagnostic diagnostic in result.Diagnostics)
        {
            hasErrors |= diagnostic.Severity == RuleSeverity.Error;
            _ = diagnostic.ToString();
        }

        FuzzException.Require(result.Table is null == hasErrors, "there is a table or an error");
        if (result.Table is not { } compiled)
        {
            return false;
        }

        EvaluateCompiled(compiled, input.Length);
        return true;
    }

    /// <summary>Listings of nft in front of Linux: whatever they hold, there is a table; one that can drop something counts as accepted.</summary>
    public static bool PrefilterRules(byte[] input)
    {
        PrefilterResult result = PrefilterCompiler.Compile(input, LiveOptions);
        EvaluateCompiled(result.Table, input.Length);
        return result.Taken != 0;
    }

    private static void EvaluateCompiled(CompiledTable compiled, int seed)
    {
        fixed (byte* bytes = compiled.Bytes)
        {
            FuzzException.Require(
                FirewallTable.TryOpen(bytes, (ulong)compiled.Bytes.Length, out FirewallTable table), "what is compiled is valid");
            Evaluate(in table, seed);
        }
    }

    /// <summary>Tables as they lie in a slot; what a table's size names beyond the input is zero, so that inputs stay small.</summary>
    public static bool Table(byte[] input)
    {
        int length = input.Length;
        if (length >= TableHeader.HeaderSize)
        {
            ulong totalSize = MemoryMarshal.Read<TableHeader>(input).TotalSize;
            length = totalSize <= TableLengthMax ? (int)totalSize : length;
        }

        Array.Resize(ref input, length);
        if (!FirewallTable.TryOpen(Memory.Place(input), (ulong)length, out FirewallTable table))
        {
            return false;
        }

        Evaluate(in table, length);
        return true;
    }

    private static void Evaluate(in FirewallTable table, int seed)
    {
        Random random = new(seed);
        PacketKey[] keys = new PacketKey[Packets];
        foreach (ref PacketKey key in keys.AsSpan())
        {
            key.Families = random.Next(2) == 0 ? BaseChain.Ipv4 : BaseChain.Ipv6;
            for (int field = 0; field < PacketKey.WordCount; field++)
            {
                if (random.Next(4) != 0)
                {
                    key.Set((Field)field, (uint)random.NextInt64() >> random.Next(32));
                }
            }

            if (random.Next(2) == 0)
            {
                key.SetIpv6Addresses(
                    new Address128((ulong)random.NextInt64(), (ulong)random.NextInt64()), new Address128(0, (ulong)random.Next()));
            }
        }

        RuleCounters counters = Counters;
        Samplers samplers = default;
        samplers.Begin(in table, default, now: 0);
        foreach (ref readonly PacketKey key in keys.AsSpan())
        {
            FuzzException.Require(Enum.IsDefined(RuleEvaluator.Evaluate(in table, in key, in counters, ref samplers)), "there is a verdict");
        }

        EvaluateBurst(in table, keys);
    }

    /// <summary>Checks that the stages decide what the walk through the rules decides.</summary>
    private static void EvaluateBurst(in FirewallTable table, ReadOnlySpan<PacketKey> keys)
    {
        BurstScratch scratch = default;
        RuleCounters counters = Counters;
        Samplers samplers = default;
        for (int i = 0; i < keys.Length; i++)
        {
            FlowKey flow = FlowKey.Of(in keys[i]);
            flow.Meta |= FlowKey.HasIpv4;
            scratch.AllKeys[i] = flow;
            scratch.AllLengths[i] = 1;
        }

        BurstEvaluator.Run(in table, keys.Length, in counters, ref scratch);
        for (int i = 0; i < keys.Length; i++)
        {
            uint position = scratch.Positions[i];
            FuzzException.Require(
                position <= Outcome.DropByPolicy
                    && (position >= Outcome.Pass || Enum.IsDefined(RuleEvaluator.Evaluate(in table, in keys[i], in counters, ref samplers, position))),
                "there is a verdict");
        }
    }

    private static RuleCounters MakeCounters()
    {
        byte* memory = (byte*)NativeMemory.AlignedAlloc(StatisticsLayout.TotalSize, 64);
        FuzzException.Require(CounterRegistry.TryCreate(memory, StatisticsLayout.TotalSize, out CounterRegistry registry), "counters fit");
        return new RuleCounters(registry);
    }
}
