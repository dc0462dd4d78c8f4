using System;
using System.Collections.Generic;
using System.Runtime.InteropServices;
using Sos.Cores.Native;

namespace Sos.Cores.Network;

/// <summary>
/// The BPF programs that stand at a network device's ingress by themselves (tcx, from Linux 6.6 on). They see each frame before the rules do, and tc(8)
/// shows none of them.
/// </summary>
public static unsafe class TcxList
{
    /// <summary>BPF_TCX_INGRESS.</summary>
    internal const uint Ingress = 46;

    private const int Query = 16; // BPF_PROG_QUERY
    private const int ProgramsMax = 64; // BPF_MPROG_MAX

    /// <summary>Reads the programs of a device, in the order in which they run.</summary>
    /// <param name="device">Index of the device.</param>
    /// <returns>Their ids; none where the device is gone, null where the kernel has no such list.</returns>
    /// <exception cref="SosException">Linux does not say.</exception>
    public static IReadOnlyList<uint>? TryRead(uint device)
    {
        uint* ids = stackalloc uint[ProgramsMax];
        BpfAttributes attributes = default;
        attributes.Put(0, device);
        attributes.Put(4, Ingress);
        attributes.Put(16, (ulong)ids);
        attributes.Put(24, ProgramsMax);
        if (attributes.Call(Query) >= 0)
        {
            return new ReadOnlySpan<uint>(ids, (int)Math.Min(attributes.Get(24), ProgramsMax)).ToArray();
        }

        // Before Linux 6.6 there is no such list. No other failure may look like that.
        int errno = Marshal.GetLastPInvokeError();
        if (errno == Errno.NoDevice)
        {
            return []; // It went while we looked.
        }

        return errno is Errno.Invalid or Errno.NotSupported ? null : throw Errno.ToException("listing the programs at a network device", errno, null);
    }
}
