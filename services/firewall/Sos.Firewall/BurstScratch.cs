using System;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Sos.Firewall.Tables;
using Sos.Sdk.Packets;

namespace Sos.Firewall;

/// <summary>
/// The values worked out for each packet of a burst. They are kept between bursts, as a part of the service, so that nothing has to be
/// cleared and the stack stays small; nothing in it has a meaning from one burst to the next.
/// </summary>
public struct BurstScratch
{
    /// <summary>Packets of a burst at most.</summary>
    public const int PacketsMax = Ipv4Set.BatchMax;

    private Keys _keys;
    private Keys _someKeys;
    private Words _lengths;
    private Words _someLengths;
    private Words _positions;
    private Words _somePositions;
    private Words _found;
    private Words _spare;
    private Numbers _places;
    private Numbers _somePlaces;
    private Numbers _counted;
    private Handles _passing;
    private Handles _dropped;

    /// <summary>Keys of the plain packets.</summary>
    [UnscopedRef]
    public Span<FlowKey> AllKeys => _keys;

    /// <summary>For each of them the bytes that counters add up.</summary>
    [UnscopedRef]
    public Span<uint> AllLengths => _lengths;

    /// <summary>For each of them where it stands: see <see cref="Outcome.Position"/>.</summary>
    [UnscopedRef]
    public Span<uint> Positions => _positions;

    /// <summary>For each of them its place in the burst.</summary>
    [UnscopedRef]
    public Span<byte> Places => _places;

    /// <summary>Keys of those that stand at a stage.</summary>
    [UnscopedRef]
    internal Span<FlowKey> SomeKeys => _someKeys;

    /// <summary>Their lengths.</summary>
    [UnscopedRef]
    internal Span<uint> SomeLengths => _someLengths;

    /// <summary>Where they stand afterwards.</summary>
    [UnscopedRef]
    internal Span<uint> SomePositions => _somePositions;

    /// <summary>Their places among the plain packets.</summary>
    [UnscopedRef]
    internal Span<byte> SomePlaces => _somePlaces;

    /// <summary>The finding of a stage for each packet.</summary>
    [UnscopedRef]
    internal Span<uint> Found => _found;

    /// <summary>Room for the lookups.</summary>
    [UnscopedRef]
    internal Span<uint> Spare => _spare;

    /// <summary>Packets that count in a rule's counter.</summary>
    [UnscopedRef]
    internal Span<byte> Counted => _counted;

    /// <summary>Buffers of packets that pass.</summary>
    [UnscopedRef]
    internal Span<PacketBuffer> Passing => _passing;

    /// <summary>Buffers of the others.</summary>
    [UnscopedRef]
    internal Span<PacketBuffer> Dropped => _dropped;

    [InlineArray(PacketsMax)]
    private struct Keys
    {
        private FlowKey _first;
    }

    [InlineArray(PacketsMax)]
    private struct Words
    {
        private uint _first;
    }

    [InlineArray(PacketsMax)]
    private struct Numbers
    {
        private byte _first;
    }

    [InlineArray(PacketsMax)]
    private struct Handles
    {
        private PacketBuffer _first;
    }
}
