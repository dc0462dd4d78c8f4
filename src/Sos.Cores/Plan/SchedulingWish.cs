namespace Sos.Cores.Plan;

/// <summary>How the thread of a service on an isolated core is to be scheduled.</summary>
public enum SchedulingWish
{
    /// <summary>SCHED_FIFO where Linux does not take 50 ms of each second from it, else the ordinary class.</summary>
    Auto = 0,

    /// <summary>SCHED_FIFO; what would throttle it is lifted until the service stops.</summary>
    Fifo = 1,

    /// <summary>The ordinary class, at the highest priority.</summary>
    Other = 2,
}
