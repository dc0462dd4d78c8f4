using System;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Sos.Cores.BackEnds;
using Sos.Cores.Running;

namespace Sos.Cores.InProcess;

/// <summary>
/// Programs and a service in a process: the driver's part, clock and events, is played by the program that has this open, on a cpu of Linux.
/// </summary>
internal sealed class ProcessAccess : IProgramAccess
{
    private readonly ClockKeeper _clock;
    private readonly EventPump _events;
    private readonly Func<ulong, SafeFileHandle> _export;

    /// <summary>Keeps the clock and passes events on from now on.</summary>
    /// <param name="core">The service's core.</param>
    /// <param name="control">Where the control region is.</param>
    /// <param name="notifier">The eventfd that the service notifies, read by nobody else; disposed with this.</param>
    /// <param name="export">Makes a descriptor of the shared region at an offset.</param>
    public ProcessAccess(ICoreReading core, SharedRegion control, SafeHandle notifier, Func<ulong, SafeFileHandle> export)
    {
        _export = export;
        _clock = new ClockKeeper(core.Map(control.MapOffset, control.Size));
        _events = new EventPump(notifier, core.Map(control.MapOffset, control.Size));
    }

    /// <inheritdoc/>
    /// <remarks>Memory that a process has mapped cannot be taken from it.</remarks>
    public bool CanRevoke => false;

    /// <inheritdoc/>
    public SafeFileHandle Export(SharedMemoryRecord memory) => _export(memory.MapOffset);

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
