using System;
using System.Buffers.Binary;
using System.Text;
using Sos.Cores.Native;
using Sos.Linux;

namespace Sos.Cores.Network;

/// <summary>Names the driver of a network device (ETHTOOL_GDRVINFO of linux/ethtool.h); sysfs shows it in one network namespace only.</summary>
internal static unsafe class DriverName
{
    private const uint GetInformation = 3;
    private const int InformationSize = 196; // struct ethtool_drvinfo
    private const int NameSize = 32;
    private const int InterfaceNameSize = 16;

    /// <summary>Asks for it.</summary>
    /// <param name="device">The device's name.</param>
    /// <returns>Empty for a driver that does not say.</returns>
    public static string Of(string device)
    {
        byte[] information = new byte[InformationSize];
        BinaryPrimitives.WriteUInt32LittleEndian(information, GetInformation);
        using FileDescriptor socket = FileDescriptor.Raise(
            NetworkCalls.Socket(NetworkCalls.FamilyInet, NetworkCalls.TypeDatagram | NetworkCalls.CloseOnExec, 0), "making a socket");
        fixed (byte* start = information)
        {
            Request request = new() { Data = start };
            Encoding.UTF8.GetBytes(device, new Span<byte>(request.Name, InterfaceNameSize - 1));
            return socket.TryCall(NetworkCalls.EthtoolRequest, ref request) == 0
                ? Encoding.ASCII.GetString(information, sizeof(uint), NameSize).TrimEnd('\0')
                : "";
        }
    }

    /// <summary>struct ifreq with ifr_data.</summary>
    [System.Runtime.InteropServices.StructLayout(System.Runtime.InteropServices.LayoutKind.Sequential, Size = 40)]
    private struct Request
    {
        public fixed byte Name[InterfaceNameSize];
        public void* Data;
    }
}
