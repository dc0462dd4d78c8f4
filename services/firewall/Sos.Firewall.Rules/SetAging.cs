using System.Linq;
using System.Text.Json;

namespace Sos.Firewall.Rules;

/// <summary>A named set whose elements have timeouts: they go by themselves, and come by changes that are heard of.</summary>
/// <param name="IsLasting">Whether all that are listed outlive the table.</param>
internal sealed record SetAging(bool IsLasting)
{
    // A table is made anew each minute; if that fails its lease ends.
    private const ulong TableSecondsMax = 120;

    /// <summary>Reads a set.</summary>
    /// <returns>Null for one whose elements stay.</returns>
    public static SetAging? Of(JsonElement set)
        => !Ages(set) ? null : new SetAging(!NftRuleset.TryGet(set, "elem", out JsonElement elements)
            || (elements.ValueKind == JsonValueKind.Array ? elements.EnumerateArray().All(IsLastingElement) : IsLastingElement(elements)));

    /// <summary>Whether elements may go by themselves.</summary>
    public static bool Ages(JsonElement set)
        => NftRuleset.TryGet(set, "timeout", out _) || (NftRuleset.TryGet(set, "flags", out JsonElement flags) && NftRuleset.HasText(flags, "timeout"));

    /// <summary>Whether an element is still there when the table is replaced.</summary>
    public static bool IsLastingElement(JsonElement element)
        => !NftRuleset.TryGet(element, "elem", out JsonElement one)
            || (!NftRuleset.TryGet(one, "expires", out JsonElement left) && !NftRuleset.TryGet(one, "timeout", out left))
            || (left.ValueKind == JsonValueKind.Number && left.TryGetUInt64(out ulong seconds) && seconds > TableSecondsMax);
}
