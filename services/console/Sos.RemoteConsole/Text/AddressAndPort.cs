using System;
using Sos.Net;

namespace Sos.RemoteConsole.Text;

/// <summary>A peer's address and port as text: 192.0.2.1:22, [2001:db8::1]:22.</summary>
internal static class AddressAndPort
{
    /// <summary>Bytes of the text at most.</summary>
    public const int SizeMax = AddressText.SizeMax + 8;

    /// <summary>Writes the text.</summary>
    /// <returns>Its bytes.</returns>
    public static int Write(in Peer peer, Span<byte> text)
    {
        bool isIpv4 = peer.Remote.IsIpv4;
        int length = 0;
        if (!isIpv4)
        {
            text[length++] = (byte)'[';
        }

        length += AddressText.Write(peer.Remote, text[length..]);
        if (!isIpv4)
        {
            text[length++] = (byte)']';
        }

        text[length++] = (byte)':';
        uint divisor = 10_000;
        while (divisor > 1 && peer.RemotePort / divisor == 0)
        {
            divisor /= 10;
        }

        for (; divisor > 0; divisor /= 10)
        {
            text[length++] = (byte)('0' + (peer.RemotePort / divisor % 10));
        }

        return length;
    }
}
