using System;
using System.Runtime.InteropServices;
using Sos.Linux;

namespace Sos.Cores.Native;

/// <summary>A file descriptor that is ours to close: of the driver, a core, a process, a socket, memory.</summary>
internal sealed unsafe class FileDescriptor : SafeHandle
{
    // Above all numbers used in a runner, so that no dup2() there overwrites what a later one copies.
    private const int RaisedMin = 128;

    public FileDescriptor(int descriptor)
        : base(-1, ownsHandle: true) => SetHandle(descriptor);

    public override bool IsInvalid => handle < 0;

    public int Descriptor => IsClosed ? throw new ObjectDisposedException(nameof(FileDescriptor)) : (int)handle;

    /// <summary>Owns a descriptor, under a number above all that are used in a runner.</summary>
    /// <param name="descriptor">The descriptor; negative when the call failed that was to make it.</param>
    /// <param name="what">What was tried: "making a socket".</param>
    /// <exception cref="SosException">The call failed, or the process has no number left.</exception>
    public static FileDescriptor Raise(int descriptor, string what)
    {
        int high = descriptor < 0 ? -1 : ProcessCalls.Fcntl(descriptor, ProcessCalls.DuplicateCloseOnExec, RaisedMin);
        int errno = Marshal.GetLastPInvokeError();
        _ = descriptor < 0 ? 0 : Libc.Close(descriptor);
        return high >= 0 ? new FileDescriptor(high) : throw Errno.ToException(what, errno, null);
    }

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
