using System;
using System.Runtime.InteropServices;
using Sos.Cores.Native;

namespace Sos.Cores.Network;

/// <summary>How many queues a network device uses (ETHTOOL_GCHANNELS, ETHTOOL_SCHANNELS of linux/ethtool.h).</summary>
internal static class QueueCount
{
    private const uint GetChannels = 0x3c;
    private const uint SetChannels = 0x3d;

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
        int errno = TryCall(name, ref channels);
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
        int errno = TryCall(name, ref channels);
        if (errno != 0)
        {
            throw Errno.ToException($"counting the queues of {name}", errno, null);
        }

        (channels.Command, channels.Combined, channels.Receive) = (SetChannels, (uint)combined, (uint)receive);
        errno = TryCall(name, ref channels);
        if (errno != 0)
        {
            throw Errno.ToException($"setting {name} to {combined + receive} queue(s)", errno, null);
        }
    }

    private static int TryCall(string name, ref Channels channels) => EthtoolCall.Try(name, MemoryMarshal.AsBytes(new Span<Channels>(ref channels)));

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
