using System;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Sos.Sdk.Packets;
using Sos.Sdk.Wire;

namespace Sos.Router;

/// <summary>The values worked out for the packets of a burst, by family, close together. Nothing in it has a meaning from one burst to the next.</summary>
public struct ForwarderScratch
{
    private Handles _handles4;
    private Handles _handles6;
    private Words _addresses4;
    private Words _sources4;
    private Addresses _addresses6;
    private Words _hops;
    private Words _sourceHops;
    private Words _spare;
    private Handles _tagged;
    private Handles _taggedOfOne;
    private Numbers _taggedFrom;

    /// <summary>IPv4 packets.</summary>
    [UnscopedRef]
    public Span<PacketBuffer> Packets4 => _handles4;

    /// <summary>IPv6 packets.</summary>
    [UnscopedRef]
    public Span<PacketBuffer> Packets6 => _handles6;

    /// <summary>Destinations of IPv4 packets.</summary>
    [UnscopedRef]
    public Span<uint> Destinations4 => _addresses4;

    /// <summary>Sources of IPv4 packets.</summary>
    [UnscopedRef]
    public Span<uint> Sources4 => _sources4;

    /// <summary>Destinations of IPv6 packets.</summary>
    [UnscopedRef]
    public Span<Ipv6Address> Destinations6 => _addresses6;

    /// <summary>Next hops of destinations.</summary>
    [UnscopedRef]
    public Span<uint> Hops => _hops;

    /// <summary>Next hops of sources.</summary>
    [UnscopedRef]
    public Span<uint> SourceHops => _sourceHops;

    /// <summary>Room for a lookup.</summary>
    [UnscopedRef]
    public Span<uint> Spare => _spare;

    /// <summary>Packets of VLANs, their tags taken off.</summary>
    [UnscopedRef]
    public Span<PacketBuffer> Tagged => _tagged;

    /// <summary>The interface that each of them came in by.</summary>
    [UnscopedRef]
    public Span<byte> TaggedFrom => _taggedFrom;

    /// <summary>Those of one VLAN.</summary>
    [UnscopedRef]
    public Span<PacketBuffer> TaggedOfOne => _taggedOfOne;

    [InlineArray(Burst.Capacity)]
    private struct Handles
    {
        private PacketBuffer _first;
    }

    [InlineArray(Burst.Capacity)]
    private struct Words
    {
        private uint _first;
    }

    [InlineArray(Burst.Capacity)]
    private struct Numbers
    {
        private byte _first;
    }

    [InlineArray(Burst.Capacity)]
    private struct Addresses
    {
        private Ipv6Address _first;
    }
}
