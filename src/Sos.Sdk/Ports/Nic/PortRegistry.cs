using System;
using Sos.Sdk.Control;
using Sos.Sdk.Memory;

namespace Sos.Sdk.Ports;

/// <summary>The ports that a service was given, in the arena, with what it has opened of them.</summary>
internal unsafe struct PortRegistry
{
    /// <summary>Ports of a service at most. The counters of so many leave a few dozen to the service itself.</summary>
    public const int PortsMax = 8;

    public PortEntry* Entries;
    public int Count;

    /// <summary>The next port to be looked after.</summary>
    public int Next;

    /// <summary>The TSC from when on it is due; the largest number when no port was opened.</summary>
    public ulong DueAt;

    /// <summary>Ticks from one port to the next.</summary>
    public ulong StepTicks;

    /// <summary>Ticks from one maintenance of a port to the next.</summary>
    public ulong PeriodTicks;

    /// <summary>Lists the ports of a control region. What is beyond <see cref="PortsMax"/> is not listed.</summary>
    /// <returns>Null when the arena is full.</returns>
    public static PortRegistry* Create(ServiceControl* control, Arena arena)
    {
        if (!arena.TryAllocate(out PortRegistry* registry)
            || !arena.TryAllocate(PortsMax * (ulong)sizeof(PortEntry), Arena.DefaultAlignment, out byte* entries))
        {
            return null;
        }

        registry->Entries = (PortEntry*)entries;
        registry->DueAt = ulong.MaxValue;
        for (int i = 0; i < (int)control->ResourceCount; i++)
        {
            registry->Add(in control->Resources[i]);
        }

        return registry;
    }

    /// <summary>Finds a port by name.</summary>
    /// <returns>Null when the service was given none of that name.</returns>
    public readonly PortEntry* Find(ReadOnlySpan<byte> name)
    {
        for (int i = 0; i < Count; i++)
        {
            if (Entries[i].Name.Bytes.SequenceEqual(name))
            {
                return Entries + i;
            }
        }

        return null;
    }

    private void Add(in Resource resource)
    {
        bool isCard = resource.Kind is ResourceKind.VirtioNet or ResourceKind.Xsk or ResourceKind.MemoryPort;
        if (!isCard && resource.Kind != ResourceKind.HostPort)
        {
            return;
        }

        // A control plane that knows no names gives one port.
        PortName name = resource.Name;
        if (name.IsEmpty)
        {
            PortName.TryCreate("nic"u8, out name);
        }

        PortEntry* entry = Find(name.Bytes);
        if (entry == null)
        {
            if (Count == PortsMax)
            {
                return;
            }

            entry = Entries + Count++;
            entry->Name = name;
        }

        ref Resource place = ref isCard ? ref entry->Card : ref entry->HostResource;
        place = place.Kind == ResourceKind.None ? resource : place;
    }
}
