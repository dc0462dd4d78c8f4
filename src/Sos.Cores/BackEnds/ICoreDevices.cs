using System;
using System.Collections.Generic;
using Sos.Cores.Running;

namespace Sos.Cores.BackEnds;

/// <summary>The network devices of a core's service: found, found again for a restart, given back.</summary>
public interface ICoreDevices
{
    /// <summary>Finds a network device for a service on this core.</summary>
    /// <param name="name">As the user names it.</param>
    /// <param name="options">What the user wants of it.</param>
    /// <exception cref="SosException">There is none, or it should not be taken; the message says what to do.</exception>
    INetworkDevice FindDevice(string name, DeviceOptions options);

    /// <summary>Finds the device of a service that is restarted. It stays with SOS meanwhile, quiet.</summary>
    /// <param name="card">What was recorded of it.</param>
    /// <param name="options">What the user wants of it.</param>
    /// <exception cref="SosException">It is gone.</exception>
    INetworkDevice FindAgain(CardRecord card, DeviceOptions options);

    /// <summary>Lets this thread be where a service's devices were found, until it is disposed of: sosd may live in another network namespace.</summary>
    /// <param name="cards">What was recorded of them.</param>
    /// <returns>Null where devices are found from everywhere.</returns>
    /// <exception cref="SosException">The place is gone.</exception>
    IDisposable? Enter(IReadOnlyList<CardRecord> cards);

    /// <summary>Gives a device, its name, addresses and routes back to Linux.</summary>
    /// <param name="card">What was recorded of it.</param>
    /// <param name="notes">Takes what did not work.</param>
    /// <returns>Whether Linux has it again; if not, the record must be kept, and all may be repeated.</returns>
    bool GiveBack(CardRecord card, List<string> notes);
}
