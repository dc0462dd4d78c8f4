using System.Runtime.CompilerServices;
using Sos.Router.Tables;

namespace Sos.Router.StandIn;

/// <summary>
/// Remembers the addresses of this machine that others on a link have claimed since Linux last showed life, each by its place in the list of own addresses.
/// Another list begins anew: who follows Linux has written it.
/// </summary>
public struct CededAddresses
{
    private PortBits _ports;
    private ulong _generation;

    /// <summary>Whether there are any.</summary>
    public bool HasAny { get; private set; }

    /// <summary>Whether an address was claimed on a port's link.</summary>
    public readonly bool Has(OwnPlace place, int port) => HasAny && place.Generation == _generation && (_ports[place.Index] >> port & 1) != 0;

    /// <summary>Takes a claim.</summary>
    /// <returns>Whether it is the first of that address on that link.</returns>
    public bool Add(OwnPlace place, int port)
    {
        if (Has(place, port))
        {
            return false;
        }

        if (place.Generation != _generation)
        {
            Clear();
            _generation = place.Generation;
        }

        _ports[place.Index] |= (byte)(1 << port);
        HasAny = true;
        return true;
    }

    /// <summary>Forgets all claims.</summary>
    public void Clear()
    {
        if (HasAny)
        {
            _ports = default;
            HasAny = false;
        }
    }

    [InlineArray(OwnAddress.CountMax)]
    private struct PortBits
    {
        private byte _first;
    }
}
