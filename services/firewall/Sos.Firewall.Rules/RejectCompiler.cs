using System.Collections.Generic;
using System.Text.Json;
using Sos.Firewall.Answers;
using Sos.Firewall.Tables;

namespace Sos.Firewall.Rules;

/// <summary>
/// Compiles <c>reject</c>. nft lists it without the condition on the family or protocol that the kernel's rule begins with where it needs one.
/// </summary>
internal static class RejectCompiler
{
    private const uint Ipv4 = 2;
    private const uint Ipv6 = 10;
    private const uint Tcp = 6;

    // nft_reject_icmp_code and nft_reject_icmpv6_code, by NFT_REJECT_ICMPX_*: no route, port unreachable, host unreachable, prohibited.
    private static readonly (byte Code4, byte Code6)[] BothFamilies = [(0, 0), (3, 4), (1, 3), (13, 1)];

    private static readonly Dictionary<string, byte> BothFamiliesNames = new()
    {
        ["no-route"] = 0,
        ["port-unreachable"] = 1,
        ["host-unreachable"] = 2,
        ["admin-prohibited"] = 3,
    };

    private static readonly Dictionary<string, byte> Ipv4Names = new()
    {
        ["net-unreachable"] = 0,
        ["host-unreachable"] = 1,
        ["prot-unreachable"] = 2,
        ["port-unreachable"] = 3,
        ["frag-needed"] = 4,
        ["net-prohibited"] = 9,
        ["host-prohibited"] = 10,
        ["admin-prohibited"] = 13,
    };

    private static readonly Dictionary<string, byte> Ipv6Names = new()
    {
        ["no-route"] = 0,
        ["admin-prohibited"] = 1,
        ["addr-unreachable"] = 3,
        ["port-unreachable"] = 4,
        ["policy-fail"] = 5,
        ["reject-route"] = 6,
    };

    /// <summary>Compiles a statement.</summary>
    /// <param name="chain">The chain that it stands in.</param>
    /// <param name="reject">Its value.</param>
    /// <returns>What the rule asks for before it, and the instruction that rejects.</returns>
    /// <exception cref="RuleException">It cannot be honoured.</exception>
    public static IEnumerable<Instruction> Compile(NftChain chain, JsonElement reject)
    {
        string? type = NftRuleset.TryGet(reject, "type", out _) ? NftRuleset.Text(reject, "type") : null;
        JsonElement code = NftRuleset.TryGet(reject, "expr", out JsonElement written) ? written : default;
        switch (type)
        {
            case "tcp reset":
                return [Require(Field.TransportProtocol, Tcp), Make(new Rejection(Rejection.Reset, 0))];
            case "icmp":
                byte code4 = Read(code, Ipv4Names, 3);
                return [Require(Field.NetworkFamily, Ipv4), Make(Rejection.WithError(code4, 0))];
            case "icmpv6":
                byte code6 = Read(code, Ipv6Names, 4);
                return [Require(Field.NetworkFamily, Ipv6), Make(Rejection.WithError(0, code6))];
            case "icmpx" or null:
                int both = Read(code, BothFamiliesNames, 1);
                if (both >= BothFamilies.Length)
                {
                    throw Unknown(chain, reject);
                }

                return [Make(Rejection.WithError(BothFamilies[both].Code4, BothFamilies[both].Code6))];
            default:
                throw Unknown(chain, reject);
        }
    }

    private static byte Read(JsonElement code, Dictionary<string, byte> names, byte otherwise) => code.ValueKind switch
    {
        JsonValueKind.Undefined => otherwise,
        JsonValueKind.Number when code.TryGetByte(out byte number) => number,
        JsonValueKind.String when names.TryGetValue(code.GetString()!, out byte named) => named,
        _ => throw new RuleException(RuleDiagnosticIds.Value, $"{NftRuleset.Shorten(code)} is no code of ICMP that rules reject with"),
    };

    private static RuleException Unknown(NftChain chain, JsonElement reject)
        => new(RuleDiagnosticIds.Statement, $"{NftRuleset.Shorten(reject)} in {chain.Place}: the firewall does not know this way to reject");

    private static Instruction Make(Rejection rejection) => new() { Operation = Operation.Reject, A = rejection.Kind, B = rejection.Codes };

    private static Instruction Require(Field field, uint value)
        => new() { Operation = Operation.EqualsMasked, Field = field, A = uint.MaxValue, B = value };
}
