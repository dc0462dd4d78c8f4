using Sos.Cores.Running;

namespace Sos.Cores.BackEnds;

/// <summary>The way to a core's service for programs of Linux.</summary>
public interface ICorePrograms
{
    /// <summary>Lends what the running service shares to programs of Linux.</summary>
    /// <param name="record">What was started.</param>
    /// <exception cref="SosException">Isolated: the service has a network device, or does not run.</exception>
    IProgramAccess OpenPrograms(CoreRecord record);
}
