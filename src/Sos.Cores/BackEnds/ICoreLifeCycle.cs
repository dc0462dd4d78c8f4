using System;
using Sos.Cores.Loading;

namespace Sos.Cores.BackEnds;

/// <summary>The life of a service on a core: loaded, started, stopped, unloaded. States and order of calls are those of the driver.</summary>
public interface ICoreLifeCycle : ICoreReading
{
    /// <summary>Begins to load a service, in state Reserved.</summary>
    /// <param name="configuration">What it will be given.</param>
    /// <returns>The place to load it to.</returns>
    IServiceTarget BeginLoad(ServiceConfiguration configuration);

    /// <summary>Starts what is loaded.</summary>
    /// <param name="entry">Address of the first instruction.</param>
    /// <param name="stackTop">Initial stack pointer.</param>
    /// <param name="argument">Address of the control region.</param>
    /// <param name="watchdog">How long it may go without a poll before it is ended; null for no watchdog.</param>
    void Start(ulong entry, ulong stackTop, ulong argument, TimeSpan? watchdog);

    /// <summary>Stops the service and waits until it is gone.</summary>
    /// <param name="timeout">How long it may take to obey before it is stopped by force; at most a minute.</param>
    /// <returns>False when nothing was running.</returns>
    bool Stop(TimeSpan timeout);

    /// <summary>Drops what is loaded.</summary>
    void Unload();
}
