using System;
using System.Runtime.InteropServices;

namespace Sos.Cores.Native;

/// <summary>A file descriptor that is ours to close: of the driver, a core, a process, a socket, memory.</summary>
internal sealed unsafe class FileDescriptor : SafeHandle
{
    public FileDescriptor(int descriptor)
        : base(-1, ownsHandle: true) => SetHandle(descriptor);

    public override bool IsInvalid => handle < 0;

    public int Descriptor => IsClosed ? throw new ObjectDisposedException(nameof(FileDescriptor)) : (int)handle;

    /// <summary>Makes an ioctl; EINTR is the caller's to see.</summary>
    /// <returns>0 or an errno.</returns>
    public int TryCall<T>(nuint request, ref T argument)
        where T : unmanaged
    {
        fixed (T* pointer = &argument)
        {
            return Libc.Ioctl(Descriptor, request, pointer) < 0 ? Marshal.GetLastPInvokeError() : 0;
        }
    }

    /// <summary>Makes an ioctl without an argument.</summary>
    /// <returns>0 or an errno.</returns>
    public int TryCall(nuint request) => Libc.Ioctl(Descriptor, request, null) < 0 ? Marshal.GetLastPInvokeError() : 0;

    protected override bool ReleaseHandle() => Libc.Close((int)handle) == 0;
}
