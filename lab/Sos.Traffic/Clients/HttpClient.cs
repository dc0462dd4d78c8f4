using System;
using System.IO;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Threading;
using System.Threading.Tasks;

namespace Sos.Traffic.Clients;

/// <summary>Fetches one page, each time over a fresh TCP connection, and checks that all of it came.</summary>
/// <param name="server">Where the page is.</param>
/// <param name="page">Its path.</param>
/// <param name="length">Bytes that it must have.</param>
internal sealed class HttpClient(IPEndPoint server, string page, int length)
{
    private readonly byte[] _request = Encoding.ASCII.GetBytes($"GET {page} HTTP/1.0\r\nHost: {server.Address}\r\n\r\n");

    /// <summary>Fetches it.</summary>
    /// <returns>Whether the answer is 200 with the page's length.</returns>
    public async Task<bool> AskAsync(CancellationToken cancelled)
    {
        try
        {
            using Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            await socket.ConnectAsync(server, cancelled);
            await socket.SendAsync(_request, cancelled);
            byte[] answer = new byte[length + 1024];
            int count = 0;
            for (int read; count < answer.Length && (read = await socket.ReceiveAsync(answer.AsMemory(count), cancelled)) > 0;)
            {
                count += read;
            }

            return IsWhole(answer.AsSpan(0, count), length);
        }
        catch (Exception problem) when (problem is SocketException or IOException or OperationCanceledException)
        {
            return false;
        }
    }

    /// <summary>Whether an answer is a whole page.</summary>
    internal static bool IsWhole(ReadOnlySpan<byte> answer, int length)
    {
        int body = answer.IndexOf("\r\n\r\n"u8);
        return body >= 0
            && answer.StartsWith("HTTP/1."u8)
            && answer[..body].Slice(8, 4).SequenceEqual(" 200"u8)
            && answer.Length - body - 4 == length;
    }
}
