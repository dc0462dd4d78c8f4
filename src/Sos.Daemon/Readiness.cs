using System.Net.Sockets;
using System.Text;

namespace Sos.Daemon;

/// <summary>Tells the service manager that what waits for sosd may go on (sd_notify(3)).</summary>
internal static class Readiness
{
    /// <summary>Says so, where somebody listens.</summary>
    /// <param name="socketPath">NOTIFY_SOCKET of the environment; null or empty when nobody listens.</param>
    public static void Tell(string? socketPath)
    {
        if (string.IsNullOrEmpty(socketPath))
        {
            return;
        }

        // An abstract address is written with '@' in front, and begins with NUL.
        string address = socketPath[0] == '@' ? '\0' + socketPath[1..] : socketPath;
        using Socket socket = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        try
        {
            socket.SendTo(Encoding.ASCII.GetBytes("READY=1"), new UnixDomainSocketEndPoint(address));
        }
        catch (SocketException)
        {
            // Nobody listens any more.
        }
    }
}
