using System;
using System.Net;
using System.Net.Sockets;
using Sos.Sdk.Wire;

namespace Sos.Firewall.Tests;

/// <summary>Lets Linux send packets of any headers from a namespace, by sockets whose packets meet the hooks of what Linux sends.</summary>
internal sealed class RawSender : IDisposable
{
    private Socket? _ipv4;
    private Socket? _ipv6;

    /// <summary>Opens the sockets in a namespace.</summary>
    public RawSender(KernelNamespace kernel) => kernel.Enter(() =>
    {
        _ipv4 = new Socket(AddressFamily.InterNetwork, SocketType.Raw, ProtocolType.Raw);
        _ipv6 = new Socket(AddressFamily.InterNetworkV6, SocketType.Raw, ProtocolType.Raw);
    });

    /// <summary>Sends the packet of a frame; rules may drop it.</summary>
    public void Send(ReadOnlySpan<byte> frame)
    {
        if (FrameParser.Parse(frame, out ParsedFrame parsed) != MalformedReason.None)
        {
            throw new ArgumentException("the frame is malformed", nameof(frame));
        }

        ReadOnlySpan<byte> packet = frame[parsed.NetworkOffset..parsed.PacketEnd];
        bool isIpv4 = parsed.IpVersion == 4;
        IPAddress destination = new(isIpv4 ? packet.Slice(16, 4) : packet.Slice(24, 16));
        try
        {
            (isIpv4 ? _ipv4 : _ipv6)!.SendTo(packet, new IPEndPoint(destination, 0));
        }
        catch (SocketException refused) when (refused.SocketErrorCode == SocketError.AccessDenied)
        {
            // A rule dropped it: the kernel tells the sender.
        }
    }

    public void Dispose()
    {
        _ipv4?.Dispose();
        _ipv6?.Dispose();
    }
}
