using System;
using Sos.Sdk.Control;
using Sos.Sdk.Memory;
using Sos.Sdk.Packets;
using Sos.Sdk.Ports.VirtioNet;

namespace Sos.Sdk.Ports;

/// <summary>The ports that a service was given, in the order in which they were named at its start.</summary>
public readonly unsafe struct PortList
{
    /// <summary>Ports of a service at most.</summary>
    public const int CountMax = PortRegistry.PortsMax;

    /// <summary>Buffers beside those in the rings: eight bursts on their way.</summary>
    private const int BuffersOnTheirWay = 8 * Burst.Capacity;

    private readonly PortRegistry* _registry;

    internal PortList(PortRegistry* registry) => _registry = registry;

    /// <summary>How many there are.</summary>
    public int Count => _registry->Count;

    /// <summary>Buffers that fill all rings of all cards, with some bursts on their way.</summary>
    public int PacketBuffersWanted
    {
        get
        {
            int buffers = BuffersOnTheirWay;
            for (int i = 0; i < Count; i++)
            {
                buffers += BuffersOf(in _registry->Entries[i].Card);
            }

            return buffers;
        }
    }

    /// <summary>A port by its number.</summary>
    /// <param name="index">0 to <see cref="Count"/> - 1; another traps.</param>
    public PortInfo this[int index]
    {
        get
        {
            Trap.Unless((uint)index < (uint)Count, TrapCode.IndexOutOfRange);
            return new PortInfo(_registry->Entries + index);
        }
    }

    /// <summary>Finds a port by its name.</summary>
    /// <returns>Whether the service was given it.</returns>
    public bool TryFind(ReadOnlySpan<byte> name, out PortInfo port)
    {
        PortEntry* entry = _registry->Find(name);
        port = new PortInfo(entry);
        return entry != null;
    }

    private static int BuffersOf(in Resource card)
    {
        switch (card.Kind)
        {
            case ResourceKind.VirtioNet:
                return 2 * VirtioNetPort.QueueSizeMax;
            case ResourceKind.Xsk when card.ByteCount >= XskLayout.Size:
                XskLayout* layout = (XskLayout*)card.Address;
                return (int)(Math.Min(layout->Fill.Count, XskEntriesMax) + Math.Min(layout->Transmit.Count, XskEntriesMax));
            default:
                return 0; // frames wait in the memory rings themselves
        }
    }

    /// <summary>More entries than a socket's ring has; what a record says beyond that is not believed.</summary>
    private const uint XskEntriesMax = 1 << 16;
}

/// <summary>A port that a service was given.</summary>
public readonly unsafe struct PortInfo
{
    private readonly PortEntry* _entry;

    internal PortInfo(PortEntry* entry) => _entry = entry;

    /// <summary>Its name, for <see cref="NicPort.TryOpen"/> and <see cref="HostPort.TryOpen"/>.</summary>
    public ReadOnlySpan<byte> Name => _entry->Name.Bytes;

    /// <summary>Whether there is a card, or what stands in its place.</summary>
    public bool HasCard => _entry->Has(PortSide.Card);

    /// <summary>Whether there is a host port.</summary>
    public bool HasHostPort => _entry->Has(PortSide.Host);
}
