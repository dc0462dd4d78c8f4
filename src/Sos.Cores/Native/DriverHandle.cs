using System;
using System.Runtime.InteropServices;

namespace Sos.Cores.Native;

/// <summary>A descriptor of the driver: the device's or a core's.</summary>
internal sealed unsafe class DriverHandle : SafeHandle
{
    public DriverHandle(int descriptor)
        : base(-1, ownsHandle: true) => SetHandle(descriptor);

    public override bool IsInvalid => handle < 0;

    public int Descriptor => IsClosed ? throw new ObjectDisposedException(nameof(DriverHandle)) : (int)handle;

    /// <summary>Calls the driver; EINTR is the caller's to see.</summary>
    /// <returns>0 or an errno.</returns>
    public int TryCall<T>(nuint request, ref T argument)
        where T : unmanaged
    {
        fixed (T* pointer = &argument)
        {
            return Libc.Ioctl(Descriptor, request, pointer) < 0 ? Marshal.GetLastPInvokeError() : 0;
        }
    }

    /// <summary>Calls the driver without an argument.</summary>
    /// <returns>0 or an errno.</returns>
    public int TryCall(nuint request) => Libc.Ioctl(Descriptor, request, null) < 0 ? Marshal.GetLastPInvokeError() : 0;

    protected override bool ReleaseHandle() => Libc.Close((int)handle) == 0;
}
