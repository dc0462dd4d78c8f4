using System;
using System.Collections.Generic;
using Sos.Cores.Loading;
using Sos.Cores.Native;
using Sos.Cores.Running;

namespace Sos.Cores.BackEnds;

/// <summary>How a core is kept from Linux.</summary>
public enum BackEndKind
{
    /// <summary>It is unplugged, and runs the monitor; needs the driver.</summary>
    Offline = 0,

    /// <summary>Linux keeps it, but lets nothing run there; the service is a process. Needs root alone.</summary>
    Isolated = 1,
}

/// <summary>A core in our hands, whatever keeps it: what can be asked of it. States and order of calls are those of the driver.</summary>
public interface IServiceCore : IDisposable
{
    /// <summary>Logical id.</summary>
    int Cpu { get; }

    /// <summary>What keeps it.</summary>
    BackEndKind BackEnd { get; }

    /// <summary>A descriptor that becomes readable when the state changes, for poll(2); negative where there is none, so that one has to look.</summary>
    int ChangeDescriptor { get; }

    /// <summary>Reads the core's state.</summary>
    CoreStatus GetStatus();

    /// <summary>Reads what Linux counts of the cpu: nothing while it does not have it, little while it lets nothing run there.</summary>
    LinuxCounts GetLinuxCounts();

    /// <summary>Finds a network device for a service on this core.</summary>
    /// <param name="name">As the user names it.</param>
    /// <param name="options">What the user wants of it.</param>
    /// <exception cref="SosException">There is none, or it should not be taken; the message says what to do.</exception>
    INetworkDevice FindDevice(string name, DeviceOptions options);

    /// <summary>Gives a device, its name, addresses and routes back to Linux.</summary>
    /// <param name="card">What was recorded of it.</param>
    /// <param name="notes">What did not work.</param>
    /// <returns>Whether Linux has it again; if not, the record must be kept, and all may be repeated.</returns>
    bool GiveBack(CardRecord card, List<string> notes);

    /// <summary>Where a service is loaded, in state Reserved.</summary>
    /// <param name="configuration">What it will be given.</param>
    IServiceTarget BeginLoad(ServiceConfiguration configuration);

    /// <summary>Maps a region that the service shares.</summary>
    /// <param name="offset">Its offset, as <see cref="TargetRegion.MapOffset"/> said.</param>
    /// <param name="size">Bytes.</param>
    MappedMemory Map(ulong offset, ulong size);

    /// <summary>Starts what is loaded.</summary>
    /// <param name="entry">Address of the first instruction.</param>
    /// <param name="stackTop">Initial stack pointer.</param>
    /// <param name="argument">Address of the control region.</param>
    /// <param name="watchdog">How long it may go without a poll before it is ended; null for no watchdog.</param>
    void Start(ulong entry, ulong stackTop, ulong argument, TimeSpan? watchdog);

    /// <summary>Lends what the running service shares to programs of Linux.</summary>
    /// <param name="record">What was started.</param>
    /// <exception cref="SosException">Isolated: the service has a network device, or does not run.</exception>
    IProgramAccess OpenPrograms(CoreRecord record);

    /// <summary>Stops the service and waits until it is gone.</summary>
    /// <param name="timeout">How long it may take to obey before it is stopped by force; at most a minute.</param>
    /// <returns>False when nothing was running.</returns>
    bool Stop(TimeSpan timeout);

    /// <summary>Waits for a change of state since the last <see cref="GetStatus"/> of this object.</summary>
    /// <returns>Whether one came in time.</returns>
    bool Wait(TimeSpan timeout);

    /// <summary>Drops what is loaded.</summary>
    void Unload();

    /// <summary>Sets or renews the lease, after which the core goes back by itself, whatever runs there; or ends it.</summary>
    /// <param name="length">From now, a year at most; null for no lease.</param>
    /// <exception cref="SosException">It is over already.</exception>
    void SetLease(TimeSpan? length);

    /// <summary>Gives the cpu back to Linux, whatever runs there.</summary>
    /// <returns>Nanoseconds until Linux had it.</returns>
    ulong Release();
}
