namespace Sos.Cores.Plan;

/// <summary>How the thread of a service is to be scheduled on a core that Linux keeps.</summary>
public enum SchedulingWish
{
    /// <summary>On an isolated core SCHED_FIFO where Linux does not take 50 ms of each second from it, else the ordinary class.</summary>
    Auto = 0,

    /// <summary>SCHED_FIFO; on an isolated core what would throttle it is lifted until the service stops.</summary>
    Fifo = 1,

    /// <summary>The ordinary class, at the highest priority.</summary>
    Other = 2,
}
