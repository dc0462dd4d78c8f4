using System;
using System.Collections.Generic;
using System.Linq;
using System.Net;
using System.Net.Sockets;

namespace Sos.Firewall.Tests.Prefilter;

/// <summary>The programs of a host under test: servers that answer, and clients that call out. Nothing here waits.</summary>
internal sealed class HostSockets : IDisposable
{
    private const int ClientsMax = 24;

    private static readonly int[] TcpPorts = [22, 80, 443, 8080];
    private static readonly int[] UdpPorts = [53, 1024, 8080];
    private static readonly byte[] Data = [.. Enumerable.Range(0, 40).Select(value => (byte)value)];

    private readonly List<Socket> _listeners = [];
    private readonly List<Socket> _datagrams = [];
    private readonly Queue<Socket> _idle = new();
    private readonly List<Socket> _connections = [];
    private readonly byte[] _buffer = new byte[2048];

    /// <summary>Opens the sockets in a namespace.</summary>
    public HostSockets(KernelNamespace kernel) => kernel.Enter(Open);

    /// <summary>Does one thing that programs do.</summary>
    /// <param name="random">Chooses it.</param>
    /// <param name="peer">Whom a client calls.</param>
    public void Step(Random random, IPAddress peer)
    {
        switch (random.Next(5))
        {
            case 0:
                _listeners.ForEach(Accept);
                break;
            case 1:
                _datagrams.ForEach(Answer);
                break;
            case 2 when _idle.TryDequeue(out Socket? client):
                Try(() => client.Connect(new IPEndPoint(peer.MapToIPv6(), TcpPorts[random.Next(TcpPorts.Length)])));
                _connections.Add(client);
                break;
            case 3:
                Try(() => _datagrams[random.Next(_datagrams.Count)].SendTo(
                    Data, new IPEndPoint(peer.MapToIPv6(), UdpPorts[random.Next(UdpPorts.Length)])));
                break;
            case 4 when _connections.Count > 0:
                Use(random, _connections[random.Next(_connections.Count)]);
                break;
        }
    }

    public void Dispose()
        => _listeners.Concat(_datagrams).Concat(_idle).Concat(_connections).ToList().ForEach(socket => socket.Dispose());

    private void Open()
    {
        foreach (int port in TcpPorts)
        {
            Socket listener = Make(SocketType.Stream, ProtocolType.Tcp);
            listener.Bind(new IPEndPoint(IPAddress.IPv6Any, port));
            listener.Listen(64);
            _listeners.Add(listener);
        }

        foreach (int port in UdpPorts)
        {
            Socket socket = Make(SocketType.Dgram, ProtocolType.Udp);
            socket.Bind(new IPEndPoint(IPAddress.IPv6Any, port));
            _datagrams.Add(socket);
        }

        for (int i = 0; i < ClientsMax; i++)
        {
            _idle.Enqueue(Make(SocketType.Stream, ProtocolType.Tcp));
        }
    }

    private static Socket Make(SocketType type, ProtocolType protocol)
    {
        Socket socket = new(AddressFamily.InterNetworkV6, type, protocol) { Blocking = false, DualMode = true };
        socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
        return socket;
    }

    private void Accept(Socket listener) => Try(() => _connections.Add(listener.Accept()));

    private void Answer(Socket socket) => Try(() =>
    {
        EndPoint sender = new IPEndPoint(IPAddress.IPv6Any, 0);
        int length = socket.ReceiveFrom(_buffer, ref sender);
        socket.SendTo(_buffer.AsSpan(0, length), sender);
    });

    private void Use(Random random, Socket connection)
    {
        connection.Blocking = false;
        switch (random.Next(4))
        {
            case 0:
                Try(() => connection.Send(Data));
                break;
            case 1:
                Try(() => connection.Receive(_buffer));
                break;
            case 2:
                Try(() => connection.Shutdown(SocketShutdown.Send));
                break;
            default:
                connection.LingerState = new LingerOption(random.Next(2) == 0, 0); // a reset, or an orderly end
                connection.Dispose();
                _connections.Remove(connection);
                break;
        }
    }

    // What would block, and what the peer refused, is a part of the test.
    private static void Try(Action work)
    {
        try
        {
            work();
        }
        catch (SocketException)
        {
        }
    }
}
