using System;
using System.Runtime.InteropServices;
using Sos.Cores.Native;
using Sos.Cores.Network;
using Sos.Linux;

namespace Sos.Cores.Carrying;

/// <summary>
/// A network namespace made for a moment: this thread is in it until it is disposed of, and then it is gone with all that is in it, but for cards.
/// </summary>
internal sealed class ScratchNamespace : IDisposable
{
    private const string Own = "/proc/thread-self/ns/net";

    private readonly NetworkNamespace _entered;

    private ScratchNamespace(NetworkNamespace entered, FileDescriptor handle) => (_entered, Handle) = (entered, handle);

    /// <summary>Its descriptor.</summary>
    public FileDescriptor Handle { get; }

    /// <summary>Makes one, and enters it.</summary>
    /// <exception cref="SosException">Linux refuses.</exception>
    public static ScratchNamespace Enter()
    {
        NetworkNamespace entered = NetworkNamespace.Remember();
        if (NetworkCalls.Unshare(NetworkCalls.NewNetwork) != 0)
        {
            int errno = Marshal.GetLastPInvokeError();
            entered.Dispose();
            throw Errno.ToException("making a network namespace", errno, null);
        }

        try
        {
            return new ScratchNamespace(entered, FileDescriptor.Raise(Libc.Open(Own, Libc.OpenCloseOnExec), $"opening {Own}"));
        }
        catch
        {
            entered.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _entered.Dispose();
        Handle.Dispose();
    }
}
