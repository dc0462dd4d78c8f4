namespace Sos.Cores;

/// <summary>Linux's counts of one cpu since boot. While the cpu is a service core none of them moves.</summary>
/// <param name="DeviceInterrupts">Interrupts of devices.</param>
/// <param name="TimerInterrupts">Of the cpu's own timer.</param>
/// <param name="RescheduleInterrupts">From other cpus, to schedule.</param>
/// <param name="CallInterrupts">From other cpus, to call a function; TLB shootdowns among them.</param>
/// <param name="OtherInterrupts">Spurious, performance, IRQ work, platform.</param>
/// <param name="SoftInterrupts">Softirqs.</param>
/// <param name="ContextSwitches">Context switches; of a service core, how often the idle task was left, without which no other task runs.</param>
public sealed record LinuxCounts(
    ulong DeviceInterrupts, ulong TimerInterrupts, ulong RescheduleInterrupts, ulong CallInterrupts, ulong OtherInterrupts, ulong SoftInterrupts,
    ulong ContextSwitches)
{
    /// <summary>All hard interrupts.</summary>
    public ulong Interrupts => DeviceInterrupts + TimerInterrupts + RescheduleInterrupts + CallInterrupts + OtherInterrupts;

    /// <summary>Returns what was counted since <paramref name="before"/>.</summary>
    public LinuxCounts Since(LinuxCounts before)
        => new(
            DeviceInterrupts - before.DeviceInterrupts, TimerInterrupts - before.TimerInterrupts,
            RescheduleInterrupts - before.RescheduleInterrupts, CallInterrupts - before.CallInterrupts, OtherInterrupts - before.OtherInterrupts,
            SoftInterrupts - before.SoftInterrupts, ContextSwitches - before.ContextSwitches);
}
