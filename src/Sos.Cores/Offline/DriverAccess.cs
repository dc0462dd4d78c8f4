using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Sos.Cores.BackEnds;
using Sos.Cores.Running;

namespace Sos.Cores.Offline;

/// <summary>Programs and a service on an unplugged core: the driver does it all, and keeps the clock.</summary>
internal sealed class DriverAccess(OfflineCore core) : IProgramAccess
{
    /// <inheritdoc/>
    public bool CanRevoke => true;

    /// <inheritdoc/>
    public SafeFileHandle Export(SharedMemoryRecord memory) => core.ExportRegion(memory.Region);

    /// <inheritdoc/>
    public void Revoke(SharedMemoryRecord memory) => core.RevokeRegion(memory.Region);

    /// <inheritdoc/>
    public void BindEvent(uint index, SafeHandle? eventFd) => core.BindEvent(index, eventFd);

    /// <inheritdoc/>
    public void Dispose()
    {
        // The core is its opener's.
    }
}
