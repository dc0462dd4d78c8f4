using System;
using System.Runtime.InteropServices;
using System.Text;
using Sos.Cores.Native;
using Sos.Linux;

namespace Sos.Cores.Network;

/// <summary>How many queues a network device uses (ETHTOOL_GCHANNELS, ETHTOOL_SCHANNELS of linux/ethtool.h).</summary>
internal static unsafe class QueueCount
{
    private const uint GetChannels = 0x3c;
    private const uint SetChannels = 0x3d;
    private const int NameSize = 16;

    /// <summary>Combined and receive queues in use.</summary>
    /// <returns>1 for a device that says nothing of queues.</returns>
    /// <exception cref="SosException">Linux does not say.</exception>
    public static (int Combined, int Receive) Read(string name) => TryRead(name) ?? (0, 1);

    /// <summary>Combined and receive queues in use.</summary>
    /// <returns>Null for a device that says nothing of queues: it may have several all the same.</returns>
    /// <exception cref="SosException">Linux does not say.</exception>
    public static (int Combined, int Receive)? TryRead(string name)
    {
        Channels channels = new() { Command = GetChannels };
        int errno = TryCall(name, &channels);
        return errno switch
        {
            0 => ((int)channels.Combined, (int)channels.Receive),
            Errno.NotSupported => null,
            _ => throw Errno.ToException($"counting the queues of {name}", errno, null),
        };
    }

    /// <summary>Changes how many it uses.</summary>
    /// <exception cref="SosException">The device refuses.</exception>
    public static void Set(string name, int combined, int receive)
    {
        Channels channels = new() { Command = GetChannels };
        int errno = TryCall(name, &channels);
        if (errno != 0)
        {
            throw Errno.ToException($"counting the queues of {name}", errno, null);
        }

        (channels.Command, channels.Combined, channels.Receive) = (SetChannels, (uint)combined, (uint)receive);
        errno = TryCall(name, &channels);
        if (errno != 0)
        {
            throw Errno.ToException($"setting {name} to {combined + receive} queue(s)", errno, null);
        }
    }

    private static int TryCall(string name, Channels* channels)
    {
        if (FaultPoint.Check("ethtool") is var fault and not 0)
        {
            return fault;
        }

        using FileDescriptor socket = FileDescriptor.Raise(
            NetworkCalls.Socket(NetworkCalls.FamilyInet, NetworkCalls.TypeDatagram | NetworkCalls.CloseOnExec, 0), "making a socket");
        Request request = new() { Data = channels };
        Encoding.UTF8.GetBytes(name, new Span<byte>(request.Name, NameSize - 1));
        return socket.TryCall(NetworkCalls.EthtoolRequest, ref request);
    }

    /// <summary>struct ifreq with ifr_data.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 40)]
    private struct Request
    {
        public fixed byte Name[NameSize];
        public void* Data;
    }

    /// <summary>struct ethtool_channels.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Channels
    {
        public uint Command;
        public uint ReceiveMax;
        public uint TransmitMax;
        public uint OtherMax;
        public uint CombinedMax;
        public uint Receive;
        public uint Transmit;
        public uint Other;
        public uint Combined;
    }
}
