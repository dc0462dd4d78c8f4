using System;
using System.Collections.Generic;
using Sos.Firewall.Rules;
using Sos.Firewall.Rules.Prefilter;

namespace Sos.Firewall.Control.Following;

/// <summary>The elements of one set of the kernel, changed as the kernel tells.</summary>
/// <param name="declaration">The set.</param>
internal sealed class FollowedSet(SetDeclaration declaration)
{
    // Sorted lists: a change moves 1.6 MB in a list of 100,000.
    private List<UInt128> _values = []; // or where intervals start
    private List<UInt128> _ends = [];
    private KnownElements? _elements;

    /// <summary>The set.</summary>
    public SetDeclaration Declaration => declaration;

    /// <summary>The elements; the same object as long as nothing changes.</summary>
    public KnownElements Elements => _elements ??= declaration.IsInterval
        ? KnownElements.OfIntervals(declaration.Type, _values, _ends) : KnownElements.OfValues(declaration.Type, _values);

    /// <summary>Takes all elements, in any order.</summary>
    /// <returns>False when one is there twice: the kernel lists a hash set that grows wrongly.</returns>
    public bool TryFill(IEnumerable<NftElement> all)
    {
        (_values, _ends, _elements) = ([], [], null);
        foreach (NftElement element in all)
        {
            ListOf(element).Add(element.Key);
        }

        return IsSortedOnce(_values) && IsSortedOnce(_ends);
    }

    /// <summary>Adds or removes an element.</summary>
    /// <returns>False when it was there already, or not there: then something was missed.</returns>
    public bool TryChange(in NftElement element, bool isAdded)
    {
        _elements = null;
        List<UInt128> list = ListOf(element);
        int index = list.BinarySearch(element.Key);
        if (isAdded == (index >= 0))
        {
            return false;
        }

        if (isAdded)
        {
            list.Insert(~index, element.Key);
        }
        else
        {
            list.RemoveAt(index);
        }

        return true;
    }

    private List<UInt128> ListOf(in NftElement element) => element.IsEnd ? _ends : _values;

    private static bool IsSortedOnce(List<UInt128> list)
    {
        list.Sort();
        for (int i = 1; i < list.Count; i++)
        {
            if (list[i] == list[i - 1])
            {
                return false;
            }
        }

        return true;
    }
}
