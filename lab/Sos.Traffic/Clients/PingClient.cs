using System;
using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Threading;
using System.Threading.Tasks;

namespace Sos.Traffic.Clients;

/// <summary>Sends ICMP echo requests over one raw socket and matches the answers by sequence number.</summary>
internal sealed class PingClient : IDisposable
{
    private const int HeaderLength = 8;
    private const int PayloadLength = 56;
    private const byte EchoRequest = 8;
    private const byte EchoReply = 0;
    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Raw, ProtocolType.Icmp);
    private readonly ConcurrentDictionary<ushort, TaskCompletionSource> _open = new();
    private readonly ushort _identifier = (ushort)Environment.ProcessId;
    private readonly IPEndPoint _target;

    /// <summary>Prepares to ping a host.</summary>
    public PingClient(IPAddress target)
    {
        _target = new IPEndPoint(target, 0);
        _ = ReceiveAsync();
    }

    /// <summary>Pings once.</summary>
    /// <returns>Whether the answer came.</returns>
    public async Task<bool> AskAsync(long number, CancellationToken cancelled)
    {
        ushort sequence = (ushort)number;
        TaskCompletionSource answered = new(TaskCreationOptions.RunContinuationsAsynchronously);
        _open[sequence] = answered;
        try
        {
            await _socket.SendToAsync(Build(_identifier, sequence), _target, cancelled);
            await answered.Task.WaitAsync(cancelled);
            return true;
        }
        catch (Exception problem) when (problem is SocketException or OperationCanceledException)
        {
            return false;
        }
        finally
        {
            _ = _open.TryRemove(sequence, out _);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _socket.Dispose();

    /// <summary>An echo request with its checksum (RFC 792, RFC 1071).</summary>
    internal static byte[] Build(ushort identifier, ushort sequence)
    {
        byte[] message = new byte[HeaderLength + PayloadLength];
        message[0] = EchoRequest;
        BinaryPrimitives.WriteUInt16BigEndian(message.AsSpan(4), identifier);
        BinaryPrimitives.WriteUInt16BigEndian(message.AsSpan(6), sequence);
        uint sum = 0;
        for (int i = 0; i < message.Length; i += 2)
        {
            sum += BinaryPrimitives.ReadUInt16BigEndian(message.AsSpan(i));
        }

        BinaryPrimitives.WriteUInt16BigEndian(message.AsSpan(2), (ushort)~((sum & 0xffff) + (sum >> 16)));
        return message;
    }

    private async Task ReceiveAsync()
    {
        byte[] buffer = new byte[2048];
        try
        {
            while (true)
            {
                int length = await _socket.ReceiveAsync(buffer);
                Match(buffer.AsSpan(0, length));
            }
        }
        catch (Exception problem) when (problem is SocketException or ObjectDisposedException)
        {
            // The socket was closed: the clients are done.
        }
    }

    // A raw socket brings the IPv4 header too (raw(7)), and the answers of others.
    private void Match(ReadOnlySpan<byte> packet)
    {
        int header = packet.Length > 0 ? (packet[0] & 0xf) * 4 : 0;
        if (packet.Length < header + HeaderLength || packet[header] != EchoReply)
        {
            return;
        }

        ReadOnlySpan<byte> icmp = packet[header..];
        if (BinaryPrimitives.ReadUInt16BigEndian(icmp[4..]) == _identifier
            && _open.TryRemove(BinaryPrimitives.ReadUInt16BigEndian(icmp[6..]), out TaskCompletionSource? answered))
        {
            _ = answered.TrySetResult();
        }
    }
}
