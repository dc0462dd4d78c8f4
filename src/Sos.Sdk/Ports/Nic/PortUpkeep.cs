using System.Runtime.CompilerServices;
using Sos.Sdk.Control;
using Sos.Sdk.Ports.VirtioNet;

namespace Sos.Sdk.Ports;

/// <summary>
/// Maintains the ports that a service has opened, each some ten times a second, and passes the link of each card on to its host port. The host
/// of the service does it between two polls, one port at a time; nearly always it costs one comparison.
/// </summary>
public readonly unsafe struct PortUpkeep
{
    /// <summary>Milliseconds from one call of a port's <see cref="IPort.Maintain"/> to the next.</summary>
    public const ulong PeriodMs = 100;

    private readonly PortRegistry* _registry;

    internal PortUpkeep(PortRegistry* registry) => _registry = registry;

    /// <summary>Begins after the service has opened its ports: maintains each of them once.</summary>
    /// <param name="clock">The clock record of the control region, for the frequency of the TSC.</param>
    /// <param name="now">The TSC.</param>
    public void Begin(in ClockLayout clock, ulong now)
    {
        int count = 0;
        for (int i = 0; i < _registry->Count; i++)
        {
            count += IsOpen(_registry->Entries + i) ? 1 : 0;
        }

        if (count != 0)
        {
            _registry->StepTicks = (clock.TscKhz * PeriodMs / (ulong)count) + 1;
            RunAll(now);
        }
    }

    /// <summary>Maintains a port if it is time for it.</summary>
    /// <param name="now">The TSC.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void RunIfDue(ulong now)
    {
        if (now >= _registry->DueAt)
        {
            RunNext(now);
        }
    }

    /// <summary>Maintains all ports now.</summary>
    /// <param name="now">The TSC.</param>
    public void RunAll(ulong now) => RunAll(now, default(DirectMmio));

    internal void RunAll<TMmio>(ulong now, TMmio mmio)
        where TMmio : unmanaged, IMmio
    {
        for (int i = 0; i < _registry->Count; i++)
        {
            Maintain(_registry->Entries + i, now, mmio);
        }

        _registry->DueAt = now + _registry->StepTicks;
    }

    private static bool IsOpen(PortEntry* entry) => entry->Nic.IsOpen || entry->Host != null;

    private static void Maintain<TMmio>(PortEntry* entry, ulong now, TMmio mmio)
        where TMmio : unmanaged, IMmio
    {
        entry->Nic.Maintain(now, mmio);
        if (entry->Host == null)
        {
            return;
        }

        SlotPort<GateNotifier> host = new(entry->Host);
        host.Maintain(now);
        if (entry->Nic.IsOpen)
        {
            host.SetCardLink(entry->Nic.State == PortState.Up);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void RunNext(ulong now)
    {
        // Those that were not opened are passed over; one at least is open.
        PortRegistry* registry = _registry;
        PortEntry* entry;
        do
        {
            entry = registry->Entries + registry->Next;
            registry->Next = registry->Next + 1 == registry->Count ? 0 : registry->Next + 1;
        }
        while (!IsOpen(entry));

        Maintain(entry, now, default(DirectMmio));
        registry->DueAt = now + registry->StepTicks;
    }
}
