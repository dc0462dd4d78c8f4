using System.Collections.Generic;
using System.Linq;
using System.Text.Json;
using Sos.Firewall.Connections;
using Sos.Firewall.Tables;

namespace Sos.Firewall.Rules.Prefilter;

/// <summary>
/// Matches on what Linux's connection tracking knows of a packet: its state and, where the core knows that Linux saw nothing else of a connection,
/// the mark, status and direction that the first packet of one has.
/// </summary>
/// <param name="options">What the core can know of connections.</param>
/// <param name="traits">What the rules do to connections.</param>
internal sealed class TrackingMatch(PrefilterOptions options, RulesetTraits traits)
{
    /// <summary>Why a match is not sure for packets that are no stranger's.</summary>
    public const string OfConnection = "the packet may belong to a connection";

    /// <summary>Why a match is not sure for packets that are.</summary>
    public const string TellsNew = "it tells new packets from invalid ones";

    // enum ip_conntrack_status. A first packet's source may be rewritten where nobody asked for it, since its port is taken (IPS_SRC_NAT).
    private const uint Expected = 1;
    private const uint SeenReply = 2;
    private const uint Assured = 4;
    private const uint Confirmed = 8;
    private const uint DestinationRewritten = 32;
    private const uint Dying = 512;
    private const uint NotOfFirst = Expected | SeenReply | Assured | Confirmed | DestinationRewritten | Dying;

    /// <summary>The key of connection tracking that an expression reads, with or without a mask; null if it reads none.</summary>
    public static string? KeyOf(JsonElement left)
    {
        JsonElement one = NftRuleset.TryGet(left, "&", out JsonElement operands) && operands.ValueKind == JsonValueKind.Array && operands.GetArrayLength() == 2
            ? operands[0] : left;
        return NftRuleset.TryGet(one, "ct", out JsonElement ct) && ct.ValueKind == JsonValueKind.Object && ct.EnumerateObject().Count() == 1
            ? StatementShape.Text(ct, "key") : null;
    }

    /// <summary>The states for which a match on <c>ct state</c> succeeds; null where it is not understood.</summary>
    public static uint? StatesOf(string operation, JsonElement right)
    {
        uint states = 0;
        foreach (uint state in StateMatch.All)
        {
            if (StateMatch.Matches(operation, right, state) is not { } matches)
            {
                return null;
            }

            states |= matches ? state : 0;
        }

        return states;
    }

    /// <summary>Adds a match to a branch.</summary>
    /// <returns>False where it is none of these, or not understood.</returns>
    public bool TryAdd(Branch branch, NftChain chain, string operation, JsonElement left, JsonElement right)
    {
        string? key = KeyOf(left);
        bool isMasked = NftRuleset.TryGet(left, "&", out _);
        if (key == "state" && !isMasked)
        {
            AddState(branch, chain, StatesOf(operation, right));
            return true;
        }

        bool? first = key switch
        {
            "mark" => NumberMatch.Matches(operation, right, 0), // whatever the mask
            "status" when !isMasked => HasStatus(operation, right),
            "direction" when !isMasked => NumberMatch.Matches(operation, right, 0), // IP_CT_DIR_ORIGINAL
            _ => null,
        };
        if (first is not { } matches || !options.RecordsPassed || traits.IsBeforeTracking(chain))
        {
            return false;
        }

        AddValue(branch, matches);
        return true;
    }

    /// <summary>Whether the status of a first packet matches.</summary>
    private static bool? HasStatus(string operation, JsonElement right)
    {
        List<uint?> values = NftRuleset.TryGet(right, "set", out JsonElement set) && set.ValueKind == JsonValueKind.Array
            ? [.. set.EnumerateArray().Select(BitsOf)]
            : [BitsOf(right)];
        bool isBits = operation is "in" or "!" && set.ValueKind == JsonValueKind.Undefined;
        return values.TrueForAll(value => value is { } bits && (isBits ? (bits & ~NotOfFirst) == 0 : (bits & NotOfFirst) != 0))
            ? operation switch
            {
                "in" or "==" => false,
                "!" or "!=" => true,
                _ => null,
            }
            : null;
    }

    private static uint? BitsOf(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Number when value.TryGetUInt32(out uint number) => number,
        JsonValueKind.Array => value.EnumerateArray().Select(BitsOf).Aggregate((uint?)0, (sum, item) => sum | item),
        _ => null,
    };

    private void AddState(Branch branch, NftChain chain, uint? states)
    {
        if (states is not { } matching)
        {
            branch.AddDoubt("it asks for a state that is not understood");
            return;
        }

        uint strangers = ConnectionStates.Invalid | ConnectionStates.New
            | (traits.HasUntracked ? ConnectionStates.Untracked : 0) | (traits.HasHelpers ? ConnectionStates.Related : 0);
        if (matching == ConnectionStates.All)
        {
            return;
        }

        if ((strangers & matching) != 0 && (strangers & ~matching) != 0 && !options.RecordsPassed)
        {
            branch.AddDoubt(TellsNew);
        }
        else if (!options.RecordsConnections)
        {
            branch.AddDoubt("it asks for connections, which the core does not know here");
        }
        else if (traits.IsBeforeTracking(chain))
        {
            branch.AddDoubt("it stands before connection tracking");
        }
        else
        {
            Add(branch, PossibleOf(matching), SureOf(matching));
        }
    }

    // The core says "new" also of what a helper announced. Where no rule says "notrack", no stranger's packet is untracked, but neighbour discovery
    // is, which the core takes for a packet of any state, "established" among them.
    private uint PossibleOf(uint matching)
    {
        uint possible = traits.HasHelpers && (matching & ConnectionStates.Related) != 0 ? matching | ConnectionStates.New : matching;
        return traits.HasUntracked || (matching & ConnectionStates.Untracked) == 0
            ? possible : (possible & ~ConnectionStates.Untracked) | ConnectionStates.Established;
    }

    private uint SureOf(uint matching)
    {
        const uint Announced = ConnectionStates.New | ConnectionStates.Related;
        uint sure = traits.HasHelpers && (matching & Announced) != Announced ? matching & ~Announced : matching;
        return traits.HasUntracked ? sure : sure | ConnectionStates.Untracked;
    }

    // What is invalid or not tracked has no such value, so that no match on it succeeds, whatever its operator (NFT_BREAK).
    private void AddValue(Branch branch, bool matchesFirst)
    {
        const uint Known = ConnectionStates.Established | ConnectionStates.Related;
        bool mayBeFirst = matchesFirst || traits.HasHelpers;
        Add(branch, mayBeFirst ? Known | ConnectionStates.New : Known, matchesFirst && !traits.HasHelpers ? SureOf(ConnectionStates.New) : 0);
    }

    /// <summary>Adds a match that may succeed in some states, and certainly does in some of these.</summary>
    private void Add(Branch branch, uint possible, uint sure)
    {
        branch.Known.Add(In(possible, negate: 1));
        bool canBeSure = options.RecordsPassed
            ? Holds(sure, ConnectionStates.New | ConnectionStates.Untracked) || Holds(sure, ConnectionStates.Invalid | ConnectionStates.Untracked)
            : Holds(sure, ConnectionStates.Unanswered);
        if (canBeSure)
        {
            branch.AddGuard(In(~sure, negate: 0));
        }
        else
        {
            branch.AddDoubt(OfConnection);
        }
    }

    private static bool Holds(uint states, uint some) => (states & some) == some;

    /// <summary>Whether none of these states is possible; negated, whether one is.</summary>
    private static Instruction In(uint states, byte negate)
        => new() { Operation = Operation.EqualsMasked, Field = Field.Connection, A = states, B = 0, Negate = negate };
}
