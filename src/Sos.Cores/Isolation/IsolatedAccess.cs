using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Sos.Cores.BackEnds;
using Sos.Cores.InProcess;
using Sos.Cores.Native;
using Sos.Cores.Running;

namespace Sos.Cores.Isolation;

/// <summary>
/// Programs and a service on an isolated core: the driver's part, clock and events, is played by the program that started the service, on a
/// cpu of Linux.
/// </summary>
internal sealed class IsolatedAccess(string folder, FileDescriptor notifier, SharedRegion control) : IProgramAccess
{
    private readonly ClockKeeper _clock = new(RunnerMemory.MapShared(folder, control.MapOffset, control.Size));
    private readonly EventPump _events = new(notifier, RunnerMemory.MapShared(folder, control.MapOffset, control.Size));

    /// <inheritdoc/>
    /// <remarks>Memory that a process has mapped cannot be taken from it.</remarks>
    public bool CanRevoke => false;

    /// <inheritdoc/>
    public SafeFileHandle Export(SharedMemoryRecord memory) => RunnerMemory.Export(folder, memory.MapOffset);

    /// <inheritdoc/>
    public void Revoke(SharedMemoryRecord memory)
    {
        // See CanRevoke: whoever lends it waits for the process's end.
    }

    /// <inheritdoc/>
    public void BindEvent(uint index, SafeHandle? eventFd) => _events.Bind(index, eventFd);

    /// <inheritdoc/>
    public void Dispose()
    {
        _events.Dispose();
        _clock.Dispose();
    }
}
