using System;
using System.IO;
using System.Net.Sockets;
using System.Text;

namespace Sos.Firewall.Control;

/// <summary>Writes to systemd's journal by its own protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL), as facility "kern".</summary>
/// <param name="path">The journal's socket.</param>
internal sealed class Journal(string path = Journal.Path) : IDisposable
{
    private const string Path = "/run/systemd/journal/socket";

    private readonly Socket _socket = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);

    /// <summary>Writes a line.</summary>
    /// <param name="cpu">The core that it comes from.</param>
    /// <param name="level">Syslog's level.</param>
    /// <param name="line">The line.</param>
    /// <returns>Whether there is a journal that took it.</returns>
    public bool TryWrite(int cpu, int level, string line)
    {
        string message = line.ReplaceLineEndings(" ");
        try
        {
            if (!File.Exists(path))
            {
                return false;
            }

            _ = _socket.SendTo(
                Encoding.UTF8.GetBytes($"PRIORITY={level}\nSYSLOG_FACILITY=0\nSYSLOG_IDENTIFIER=kernel\nSOS_CPU={cpu}\nMESSAGE={message}\n"),
                new UnixDomainSocketEndPoint(path));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _socket.Dispose();
}
