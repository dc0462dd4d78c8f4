using System;
using System.Runtime.InteropServices;
using System.Text;
using Sos.Cores.Native;
using Sos.Linux;

namespace Sos.Cores.Network;

/// <summary>Asks the driver of a network device of this thread's network namespace (SIOCETHTOOL, linux/ethtool.h).</summary>
internal static unsafe class EthtoolCall
{
    private const int NameSize = 16; // IFNAMSIZ

    /// <summary>Makes a request.</summary>
    /// <param name="device">Name of the device.</param>
    /// <param name="data">A structure of linux/ethtool.h, which begins with its command and takes the answer.</param>
    /// <returns>0 or an errno; EOPNOTSUPP when the driver knows nothing of it.</returns>
    public static int Try(string device, Span<byte> data)
    {
        if (FaultPoint.Check("ethtool") is var fault and not 0)
        {
            return fault;
        }

        using FileDescriptor socket = FileDescriptor.Raise(
            NetworkCalls.Socket(NetworkCalls.FamilyInet, NetworkCalls.TypeDatagram | NetworkCalls.CloseOnExec, 0), "making a socket");
        fixed (byte* start = data)
        {
            Request request = new() { Data = start };
            Encoding.UTF8.GetBytes(device, new Span<byte>(request.Name, NameSize - 1));
            return socket.TryCall(NetworkCalls.EthtoolRequest, ref request);
        }
    }

    /// <summary>struct ifreq with ifr_data.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 40)]
    private struct Request
    {
        public fixed byte Name[NameSize];
        public void* Data;
    }
}
