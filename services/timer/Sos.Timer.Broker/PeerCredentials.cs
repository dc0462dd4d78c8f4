using System;
using System.Net.Sockets;
using Sos.Linux;

namespace Sos.Timer.Broker;

/// <summary>Who is at the other end of a Unix socket, as the kernel says (struct ucred).</summary>
internal readonly record struct PeerCredentials(int Process, uint User)
{
    private const int SocketLevel = 1; // SOL_SOCKET
    private const int PeerCredential = 17; // SO_PEERCRED

    /// <summary>The user that this program runs as.</summary>
    public static uint OwnUser { get; } = Libc.EffectiveUserId();

    /// <summary>Asks the kernel.</summary>
    public static PeerCredentials Of(Socket socket)
    {
        Span<byte> credentials = stackalloc byte[12];
        _ = socket.GetRawSocketOption(SocketLevel, PeerCredential, credentials);
        return new PeerCredentials(BitConverter.ToInt32(credentials), BitConverter.ToUInt32(credentials[4..]));
    }
}
