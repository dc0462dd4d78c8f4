using Sos.Sdk.Memory;

namespace Sos.Router.StandIn;

/// <summary>
/// Remembers the addresses of this machine that others on a link have claimed since Linux last showed life, each by its place in the list of own addresses.
/// Another list begins anew: who follows Linux has written it.
/// </summary>
/// <param name="interfaces">Its memory: a bit for each interface, at the place of each address.</param>
public struct CededAddresses(MemoryBlock<ulong> interfaces)
{
    private readonly MemoryBlock<ulong> _interfaces = interfaces;
    private ulong _generation;

    /// <summary>Whether there are any.</summary>
    public bool HasAny { get; private set; }

    /// <summary>Whether an address was claimed on an interface's link.</summary>
    public readonly bool Has(OwnPlace place, int number) => HasAny && place.Generation == _generation && (_interfaces[place.Index] >> number & 1) != 0;

    /// <summary>Takes a claim.</summary>
    /// <returns>Whether it is the first of that address on that link.</returns>
    public bool Add(OwnPlace place, int number)
    {
        if (Has(place, number))
        {
            return false;
        }

        if (place.Generation != _generation)
        {
            Clear();
            _generation = place.Generation;
        }

        _interfaces[place.Index] |= 1UL << number;
        HasAny = true;
        return true;
    }

    /// <summary>Forgets all claims.</summary>
    public void Clear()
    {
        if (HasAny)
        {
            _interfaces.Span.Clear();
            HasAny = false;
        }
    }
}
