using System;
using Microsoft.Win32.SafeHandles;
using Sos.Cores.Native;

namespace Sos.Timer.Broker;

/// <summary>Where a timer service runs: what the broker needs of it.</summary>
public interface ITimerHost : IDisposable
{
    /// <summary>The memory between service and broker.</summary>
    MappedMemory Admin { get; }

    /// <summary>Frequency of the TSC in kHz.</summary>
    ulong TscKhz { get; }

    /// <summary>Whether the service runs.</summary>
    bool IsRunning { get; }

    /// <summary>Whether <see cref="Revoke"/> takes mappings away; if not, an area is used again only when its client's process has ended.</summary>
    bool CanRevoke { get; }

    /// <summary>Maps a client's area.</summary>
    MappedMemory MapArea(int client);

    /// <summary>A descriptor with which a client's area, and nothing else, can be mapped.</summary>
    SafeFileHandle ExportArea(int client);

    /// <summary>Binds an eventfd to a client's bit; null unbinds.</summary>
    void BindEvent(int client, SafeFileHandle? eventFd);

    /// <summary>Takes an area away from whoever has it mapped.</summary>
    void Revoke(int client);
}
