using System;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Sos.Cores.Running;

namespace Sos.Cores.BackEnds;

/// <summary>How programs of Linux come to the memory that a service shares with them, and to its events. Clock and events go on until it is disposed.</summary>
public interface IProgramAccess : IDisposable
{
    /// <summary>Whether <see cref="Revoke"/> takes mappings away; if not, memory is free for another program only when the former one has ended.</summary>
    bool CanRevoke { get; }

    /// <summary>Makes a descriptor with which a program can map one piece of shared memory, and do nothing else.</summary>
    SafeFileHandle Export(SharedMemoryRecord memory);

    /// <summary>Takes every export of it back, where that can be done.</summary>
    void Revoke(SharedMemoryRecord memory);

    /// <summary>Binds an eventfd, which the service can then signal; null unbinds.</summary>
    /// <param name="index">Bit of <see cref="Sos.Sdk.Control.ServiceControl.Events"/>.</param>
    /// <param name="eventFd">The eventfd; it stays the caller's, who unbinds it before closing it.</param>
    void BindEvent(uint index, SafeHandle? eventFd);
}
