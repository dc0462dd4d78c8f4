namespace Sos.Cores;

/// <summary>enum sos_state: state of a core that SOS holds.</summary>
public enum CoreState : uint
{
    /// <summary>Off Linux, parked in the monitor, nothing loaded.</summary>
    Reserved = 1,

    /// <summary>At least one region is mapped.</summary>
    Loaded = 2,

    /// <summary>In the service.</summary>
    Running = 3,

    /// <summary>Asked to stop, not yet back in the monitor.</summary>
    Stopping = 4,

    /// <summary>Ended by itself or on request; the exit code is valid.</summary>
    Stopped = 5,

    /// <summary>Ended by a fault or by force; the fault record is valid.</summary>
    Failed = 6,
}
