using System.Collections.Generic;
using System.Linq;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Sos.Firewall.Tables;

namespace Sos.Firewall.Rules.Prefilter;

/// <summary>
/// A match on <c>fib daddr type</c>. Of the machine's own addresses the answer is known: they are local, and nothing else. What routes say of others
/// the core does not know.
/// </summary>
internal sealed class LocalTypeMatch(IReadOnlyList<string> own, TableParts parts)
{
    private const uint Local = 2; // RTN_LOCAL

    private readonly Dictionary<AddressFamily, uint> _sets = [];

    /// <summary>Whether an expression is <c>fib daddr type</c>.</summary>
    public static bool Is(JsonElement left)
        => NftRuleset.TryGet(left, "fib", out JsonElement fib)
            && StatementShape.Text(fib, "result") == "type" && NftRuleset.TryGet(fib, "flags", out JsonElement flags)
            && NftRuleset.HasText(flags, "daddr") && (flags.ValueKind != JsonValueKind.Array || flags.GetArrayLength() == 1);

    /// <summary>Splits branches by whether a packet is for one of the machine's own addresses.</summary>
    /// <returns>Null where the match is not understood.</returns>
    public List<Branch>? Split(NftChain chain, string operation, JsonElement right, IReadOnlyList<Branch> branches)
    {
        if (MatchesLocal(operation, right) is not { } matches)
        {
            return null;
        }

        List<Branch> split = [];
        foreach (AddressFamily family in FamiliesOf(chain))
        {
            foreach (Branch branch in branches)
            {
                if (matches)
                {
                    split.Add(With(branch, IsOwn(family, negate: false)));
                }

                Branch other = With(branch, IsOwn(family, negate: true));
                other.AddDoubt("it asks for \"fib daddr type\" of an address that is not the machine's own");
                split.Add(other);
            }
        }

        return split;
    }

    private static IEnumerable<AddressFamily> FamiliesOf(NftChain chain) => chain.Family switch
    {
        "ip" => [AddressFamily.InterNetwork],
        "ip6" => [AddressFamily.InterNetworkV6],
        _ => [AddressFamily.InterNetwork, AddressFamily.InterNetworkV6],
    };

    private static Branch With(Branch branch, Instruction condition)
    {
        Branch one = branch.Clone();
        one.Known.Add(condition);
        return one;
    }

    // With a mask, or another operator, it is not understood.
    private static bool? MatchesLocal(string operation, JsonElement right)
    {
        IEnumerable<JsonElement> values = right.ValueKind != JsonValueKind.Object ? [right]
            : NftRuleset.TryGet(right, "set", out JsonElement set) ? (set.ValueKind == JsonValueKind.Array ? set.EnumerateArray() : [set]) : [];
        List<uint?> types = [.. values.Select(TypeOf)];
        return types.Count == 0 || types.Contains(null) ? null : operation switch
        {
            "==" or "in" => types.Contains(Local),
            "!=" => !types.Contains(Local),
            _ => null,
        };
    }

    private static uint? TypeOf(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Number when value.TryGetUInt32(out uint number) => number,
        JsonValueKind.String => value.ValueEquals("local") ? Local : value.GetString() is "unicast" or "broadcast" or "anycast" or "multicast" ? 0 : null,
        _ => null,
    };

    private Instruction IsOwn(AddressFamily family, bool negate)
    {
        bool isIpv4 = family == AddressFamily.InterNetwork;
        if (!_sets.TryGetValue(family, out uint set))
        {
            // Whether a link-local address is local depends on the device.
            List<Interval> addresses = [.. own.Select(IPAddress.Parse).Where(address => address.AddressFamily == family && !address.IsIPv6LinkLocal)
                .Select(address => ValueReader.ReadAddress(address.ToString())).Select(address => new Interval(address, address))];
            set = parts.AddSet(Intervals.Merge(addresses), isIpv4 ? ValueType.Ipv4Address : ValueType.Ipv6Address);
            _sets.Add(family, set);
        }

        return new Instruction
        {
            Operation = parts.OperationOf(set),
            Field = isIpv4 ? Field.Ipv4Destination : Field.Ipv6Destination,
            A = set,
            Negate = negate ? (byte)1 : (byte)0,
        };
    }
}
