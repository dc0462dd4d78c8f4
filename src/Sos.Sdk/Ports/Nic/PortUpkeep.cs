using System.Runtime.CompilerServices;
using Sos.Sdk.Control;
using Sos.Sdk.Ports.VirtioNet;

namespace Sos.Sdk.Ports;

/// <summary>
/// Maintains the ports that a service has opened, each some ten times a second, reads the link of each card more often, and passes it on to the host port.
/// The host of the service does it between two polls, one port at a time; nearly always it costs one comparison.
/// </summary>
public readonly unsafe struct PortUpkeep
{
    /// <summary>Milliseconds from one call of a port's <see cref="IPort.Maintain"/> to the next.</summary>
    public const ulong PeriodMs = 100;

    /// <summary>Milliseconds from one look at a card's link to the next, which is one read of a register: who has another way takes it within ten.</summary>
    public const ulong LinkPeriodMs = 5;

    private readonly PortRegistry* _registry;

    internal PortUpkeep(PortRegistry* registry) => _registry = registry;

    /// <summary>Begins after the service has opened its ports: maintains each of them once.</summary>
    /// <param name="clock">The clock record of the control region, for the frequency of the TSC.</param>
    /// <param name="now">The TSC.</param>
    public void Begin(in ClockLayout clock, ulong now) => Begin(in clock, now, default(DirectMmio));

    internal void Begin<TMmio>(in ClockLayout clock, ulong now, TMmio mmio)
        where TMmio : unmanaged, IMmio
    {
        int count = 0;
        for (int i = 0; i < _registry->Count; i++)
        {
            count += IsOpen(_registry->Entries + i) ? 1 : 0;
        }

        if (count != 0)
        {
            _registry->StepTicks = (clock.TscKhz * LinkPeriodMs / (ulong)count) + 1;
            _registry->PeriodTicks = clock.TscKhz * PeriodMs;
            RunAll(now, mmio);
        }
    }

    /// <summary>Looks after a port if it is time for it.</summary>
    /// <param name="now">The TSC.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void RunIfDue(ulong now) => RunIfDue(now, default(DirectMmio));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void RunIfDue<TMmio>(ulong now, TMmio mmio)
        where TMmio : unmanaged, IMmio
    {
        if (now >= _registry->DueAt)
        {
            RunNext(now, mmio);
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
            _registry->Entries[i].MaintainAt = now + _registry->PeriodTicks;
            Maintain(_registry->Entries + i, now, mmio);
        }

        _registry->DueAt = now + _registry->StepTicks;
    }

    private static bool IsOpen(PortEntry* entry) => entry->Nic.IsOpen || entry->Host != null;

    private static void Maintain<TMmio>(PortEntry* entry, ulong now, TMmio mmio)
        where TMmio : unmanaged, IMmio
    {
        entry->Nic.Maintain(now, mmio);
        if (entry->Host != null)
        {
            new SlotPort<GateNotifier>(entry->Host).Maintain(now);
        }

        PassLinkOn(entry);
    }

    private static void PassLinkOn(PortEntry* entry)
    {
        if (entry->Host != null && entry->Nic.IsOpen)
        {
            new SlotPort<GateNotifier>(entry->Host).SetCardLink(entry->Nic.State == PortState.Up);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void RunNext<TMmio>(ulong now, TMmio mmio)
        where TMmio : unmanaged, IMmio
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

        registry->DueAt = now + registry->StepTicks;
        if (now >= entry->MaintainAt)
        {
            entry->MaintainAt = now + registry->PeriodTicks;
            Maintain(entry, now, mmio);
        }
        else
        {
            entry->Nic.ReadLink(mmio);
            PassLinkOn(entry);
        }
    }
}
