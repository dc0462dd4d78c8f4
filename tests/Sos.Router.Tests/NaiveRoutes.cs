using System;
using System.Collections.Generic;
using Sos.Router.Routes;

namespace Sos.Router.Tests;

/// <summary>The longest prefix by trying all lengths.</summary>
internal sealed class NaiveRoutes
{
    private readonly Dictionary<(UInt128 Prefix, int Length, bool IsIpv6), HopSpecification> _routes = [];

    public IReadOnlyCollection<(UInt128 Prefix, int Length, bool IsIpv6)> Keys => _routes.Keys;

    public HopSpecification this[RouteAddress prefix, int length]
    {
        set => _routes[(prefix.Value, length, prefix.IsIpv6)] = value;
    }

    public bool Remove(RouteAddress prefix, int length) => _routes.Remove((prefix.Value, length, prefix.IsIpv6));

    public HopSpecification? Lookup(RouteAddress address)
    {
        for (int length = address.IsIpv6 ? 128 : 32; length >= 0; length--)
        {
            if (_routes.TryGetValue((Cut(address, length).Value, length, address.IsIpv6), out HopSpecification? hop))
            {
                return hop;
            }
        }

        return null;
    }

    public static RouteAddress Cut(RouteAddress address, int length)
    {
        int bits = address.IsIpv6 ? 128 : 32;
        UInt128 mask = length == 0 ? UInt128.Zero : UInt128.MaxValue << (bits - length);
        return address with { Value = address.Value & mask & (address.IsIpv6 ? UInt128.MaxValue : uint.MaxValue) };
    }
}
