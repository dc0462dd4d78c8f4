using System.Collections.Generic;
using System.Numerics;
using System.Text.Json;
using Sos.Firewall.Tables;

namespace Sos.Firewall.Rules;

/// <summary>Compiles statements that set something of a packet: its mark, its connection's, and the class of traffic in its header.</summary>
/// <param name="parts">Notes what the table needs.</param>
/// <param name="options">The compiler's options.</param>
/// <param name="chain">The chain that the rules stand in.</param>
internal sealed class MangleCompiler(TableParts parts, CompileOptions options, NftChain chain)
{
    /// <summary>Whether the packets are what Linux sends.</summary>
    public bool IsSent { get; init; }

    /// <summary>Whether Linux would choose another route for packets whose mark a rule sets, which the core cannot.</summary>
    public bool Reroutes { get; init; }

    /// <summary>Compiles a statement.</summary>
    /// <param name="statement">Its value in nft's JSON.</param>
    /// <exception cref="RuleException">It cannot be honoured.</exception>
    public List<Instruction> Compile(JsonElement statement)
    {
        if (!NftRuleset.TryGet(statement, "key", out JsonElement target) || !NftRuleset.TryGet(statement, "value", out JsonElement value))
        {
            throw Refuse(statement);
        }

        (string kind, JsonElement key) = NftRuleset.SingleProperty(target);
        string name = kind switch
        {
            "payload" when NftRuleset.TryGet(key, "protocol", out _) && NftRuleset.TryGet(key, "field", out _)
                => $"{NftRuleset.Text(key, "protocol")} {NftRuleset.Text(key, "field")}",
            "meta" => $"meta {NftRuleset.Text(key, "key")}",
            "ct" when FieldReference.IsConnectionMark(key) => "ct mark",
            _ => kind,
        };
        return name switch
        {
            "meta mark" when IsSent && Reroutes => throw new RuleException(
                RuleDiagnosticIds.Statement,
                "setting \"meta mark\" is not supported beside chains of \"type route\": Linux would send the packet another way. Keep it in nftables on "
                    + "Linux"),
            "meta nftrace" => Trace(),
            "meta mark" or "ct mark" => [Mark(kind, key, value, statement)],
            "ip dscp" or "ip ecn" or "ip6 dscp" or "ip6 ecn" => SetTrafficClass(kind, key, value),
            _ => throw Refuse(statement),
        };
    }

    // Tells "nft monitor trace" of what happens to the packet, and changes nothing of it.
    private List<Instruction> Trace()
    {
        parts.IsTraced = true;
        return [];
    }

    private List<Instruction> SetTrafficClass(string kind, JsonElement key, JsonElement value)
    {
        FieldReference field = FieldReference.Read(kind, key, options.DecidesAlone);
        uint bits = (uint)ValueReader.ReadValue(value, field.Type) << BitOperations.TrailingZeroCount(field.Bits);
        parts.Needs |= TableNeeds.Packet;
        List<Instruction> made = [];
        if (chain.Family is "inet" or "netdev")
        {
            made.Add(new Instruction { Operation = Operation.EqualsMasked, Field = Field.NetworkFamily, A = uint.MaxValue, B = field.Family });
        }

        made.Add(new Instruction { Operation = Operation.SetTrafficClass, A = byte.MaxValue & ~field.Bits, B = bits });
        return made;
    }

    private Instruction Mark(string kind, JsonElement key, JsonElement value, JsonElement statement)
    {
        FieldReference target = FieldReference.Read(kind, key, options.DecidesAlone);
        parts.Need(target, options);
        Source source = ReadSource(value) ?? throw Refuse(statement);
        if (source is { Field: not null, Mask: 0 })
        {
            throw Refuse(statement); // takes nothing of a mark that it needs all the same
        }

        return new Instruction { Operation = Operation.Assign, Field = target.Field, Source = source.Field ?? target.Field, A = source.Mask, B = source.Flip };
    }

    /// <summary>Reads a number, a mark, or what bits of a number make of a mark; null for anything else.</summary>
    private Source? ReadSource(JsonElement value)
    {
        if (value.ValueKind == JsonValueKind.Number)
        {
            return value.TryGetUInt32(out uint number) ? new Source(null, 0, number) : null;
        }

        if (value.ValueKind != JsonValueKind.Object)
        {
            return null;
        }

        (string kind, JsonElement inner) = NftRuleset.SingleProperty(value);
        if (kind is "meta" or "ct")
        {
            bool isMark = kind == "ct" ? FieldReference.IsConnectionMark(inner) : NftRuleset.Text(inner, "key") == "mark";
            return isMark ? new Source(ReadMark(kind, inner), uint.MaxValue, 0) : null;
        }

        return kind is "&" or "|" or "^" && inner.ValueKind == JsonValueKind.Array && inner.GetArrayLength() == 2
            && ReadSource(inner[0]) is { } left && inner[1].ValueKind == JsonValueKind.Number && inner[1].TryGetUInt32(out uint right)
            ? Combine(kind, left, right)
            : null;
    }

    private Field ReadMark(string kind, JsonElement key)
    {
        FieldReference field = FieldReference.Read(kind, key, options.DecidesAlone);
        parts.Need(field, options);
        return IsSent && field.Field == Field.Mark ? throw FieldReference.UnseenMark() : field.Field;
    }

    // As nft_bitwise has it: x & mask ^ flip.
    private static Source Combine(string operation, Source left, uint right) => operation switch
    {
        "&" => left with { Mask = left.Mask & right, Flip = left.Flip & right },
        "|" => left with { Mask = left.Mask & ~right, Flip = left.Flip | right },
        _ => left with { Flip = left.Flip ^ right },
    };

    private static RuleException Refuse(JsonElement statement) => new(
        RuleDiagnosticIds.Statement,
        $"setting this ({NftRuleset.Shorten(statement)}) is not supported: the core sets \"meta mark\" and \"ct mark\" to numbers, to each other and to bits "
            + "of these, and dscp and ecn of ip and ip6 to numbers. Keep it in nftables on Linux");

    private readonly record struct Source(Field? Field, uint Mask, uint Flip);
}
