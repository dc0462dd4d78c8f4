using System;
using System.Collections.Generic;
using System.Linq;
using Sos.Router.Tables;

namespace Sos.Router.Routes;

/// <summary>An address of either family.</summary>
/// <param name="Value">Its bits; an IPv4 address is in the lowest 32.</param>
/// <param name="IsIpv6">Its family.</param>
public readonly record struct RouteAddress(UInt128 Value, bool IsIpv6);

/// <summary>A way that packets can go: equal ones share one next hop.</summary>
/// <param name="Kind">What becomes of them.</param>
public sealed record HopSpecification(NextHopKind Kind)
{
    /// <summary>A packet's way to Linux.</summary>
    public static HopSpecification Linux { get; } = new(NextHopKind.Linux);

    /// <summary>The interface that packets leave by, as in <see cref="InterfaceSettings"/>.</summary>
    public int Interface { get; init; }

    /// <summary>The next router, of kind Forward.</summary>
    public RouteAddress Gateway { get; init; }

    /// <summary>Largest packet behind an Ethernet header.</summary>
    public uint Mtu { get; init; }

    /// <summary>The source that Linux would use on this way; 0 for none.</summary>
    public RouteAddress Source { get; init; }

    /// <summary>Of a group: its members.</summary>
    public IReadOnlyList<HopMember> Members { get; init; } = [];

    /// <inheritdoc/>
    public bool Equals(HopSpecification? other)
        => other is not null && Kind == other.Kind && Interface == other.Interface && Gateway == other.Gateway && Mtu == other.Mtu
            && Source == other.Source && Members.SequenceEqual(other.Members);

    /// <inheritdoc/>
    public override int GetHashCode()
        => Members.Aggregate(HashCode.Combine(Kind, Interface, Gateway, Mtu, Source), (hash, member) => HashCode.Combine(hash, member));
}

/// <summary>A member of a group of ways.</summary>
/// <param name="Hop">The way; no group.</param>
/// <param name="Weight">Its share, 1 to 65,536.</param>
public sealed record HopMember(HopSpecification Hop, int Weight);
