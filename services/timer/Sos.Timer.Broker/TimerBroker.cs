using System;
using System.Collections.Generic;
using System.IO;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Threading;
using Microsoft.Win32.SafeHandles;
using Sos.Cores;
using Sos.Cores.Native;
using Sos.Sdk.Memory;
using Sos.Timer.Client;
using Sos.Timer.Client.Native;
using Sos.Timer.Layout;

namespace Sos.Timer.Broker;

/// <summary>
/// Gives each program that connects an area and an eventfd of its own, and takes both back when its socket closes: by its wish, its death,
/// or its being killed. Which user it is says the kernel (SO_PEERCRED).
/// </summary>
public sealed class TimerBroker : IDisposable
{
    private static readonly TimeSpan HelloTimeout = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan ServiceTimeout = TimeSpan.FromSeconds(10);

    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode Everybody = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.OtherRead | UnixFileMode.OtherWrite;

    private readonly TimerHost _host;
    private readonly string _path;
    private readonly IReadOnlySet<uint> _allowed;
    private readonly Socket _listener;
    private readonly Thread _thread;
    private readonly Lock _lock = new();
    private readonly AreaLease?[] _leases = new AreaLease?[TimerAdmin.ClientsMax];
    private readonly Dictionary<Socket, Thread> _connections = [];
    private uint _generation;
    private volatile bool _ends;

    /// <summary>Listens from now on.</summary>
    /// <param name="host">The service; it stays the caller's.</param>
    /// <param name="path">Where; a socket that nobody listens on any more is replaced.</param>
    /// <param name="allowed">User ids that may connect, beside root and the broker's own.</param>
    /// <exception cref="SosException">Somebody listens there.</exception>
    public TimerBroker(TimerHost host, string path, IReadOnlySet<uint> allowed)
    {
        _host = host;
        _path = path;
        _allowed = allowed;
        ReclaimAll();
        _listener = Listen(path, allowed.Count > 0);
        _thread = new Thread(Accept) { IsBackground = true, Name = "sos-broker" };
        _thread.Start();
    }

    /// <summary>Clients now.</summary>
    public int ClientCount
    {
        get
        {
            lock (_lock)
            {
                return Array.FindAll(_leases, lease => lease is { Process: not 0 }).Length;
            }
        }
    }

    /// <summary>Which process has an area, 0 for none.</summary>
    public int ProcessOf(int client)
    {
        lock (_lock)
        {
            return _leases[client]?.Process ?? 0;
        }
    }

    /// <summary>Ends every connection and takes back what was lent; nothing of the host is touched after that.</summary>
    public void Dispose()
    {
        _ends = true;
        File.Delete(_path); // before nobody listens: who finds the socket is served
        _listener.Dispose();
        _thread.Join();
        KeyValuePair<Socket, Thread>[] connections;
        lock (_lock)
        {
            connections = [.. _connections];
        }

        foreach ((Socket socket, _) in connections)
        {
            socket.Dispose();
        }

        foreach ((_, Thread thread) in connections)
        {
            thread.Join();
        }
    }

    private static Socket Listen(string path, bool forOthers)
    {
        if (Path.GetDirectoryName(path) is { Length: > 0 } folder)
        {
            Directory.CreateDirectory(folder);
        }

        UnixDomainSocketEndPoint endPoint = new(path);
        if (File.Exists(path))
        {
            using Socket probe = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                probe.Connect(endPoint);
                throw new SosException(SosError.Refused, $"a timer service is served at {path} already: stop it, or give another --socket");
            }
            catch (SocketException)
            {
                File.Delete(path);
            }
        }

        // It gets its name when it listens, and only those who may can reach it: whoever sees it can connect.
        string unready = path + ".new";
        File.Delete(unready);
        Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Bind(new UnixDomainSocketEndPoint(unready));
            if (OperatingSystem.IsLinux())
            {
                File.SetUnixFileMode(unready, forOthers ? OwnerOnly | Everybody : OwnerOnly);
            }

            socket.Listen(TimerAdmin.ClientsMax);
            File.Move(unready, path, overwrite: true);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    // A broker before this one may have died, and its clients have kept what they had.
    private unsafe void ReclaimAll()
    {
        for (int client = 0; client < TimerAdmin.ClientsMax; client++)
        {
            _host.Revoke(client);
            MemoryOrdering.StoreRelease(ref ((TimerAdmin*)_host.Admin.Address)->Clients[client].Wanted, 0);
        }
    }

    private void Accept()
    {
        while (!_ends)
        {
            try
            {
                Socket socket = _listener.Accept();
                Thread thread = new(() => Serve(socket)) { IsBackground = true, Name = "sos-client" };
                lock (_lock)
                {
                    _connections.Add(socket, thread);
                }

                thread.Start();
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                // Disposed, or a client that was gone before it was accepted.
                Thread.Sleep(_ends ? 0 : 10);
            }
        }
    }

    private void Serve(Socket socket)
    {
        using (socket)
        {
            try
            {
                socket.ReceiveTimeout = (int)HelloTimeout.TotalMilliseconds;
                BrokerStatus status = ReadHello(socket);
                PeerCredentials peer = PeerCredentials.Of(socket);
                status = status == BrokerStatus.Granted && !IsAllowed(peer.User) ? BrokerStatus.NotAllowed : status;
                status = status == BrokerStatus.Granted && !_host.IsRunning ? BrokerStatus.NoService : status;
                int client = status == BrokerStatus.Granted ? Take(peer.Process) : -1;
                status = status == BrokerStatus.Granted && client < 0 ? BrokerStatus.Full : status;
                if (client < 0)
                {
                    Refuse(socket, status);
                    return;
                }

                Lend(socket, client);
            }
            catch (Exception e) when (e is SocketException or IOException or SosException or ObjectDisposedException)
            {
                // The client went away, or the broker ends: what it had was given back.
            }
        }

        lock (_lock)
        {
            _connections.Remove(socket);
        }
    }

    private static BrokerStatus ReadHello(Socket socket)
    {
        BrokerHello hello = default;
        int received = socket.Receive(MemoryMarshal.AsBytes(new Span<BrokerHello>(ref hello)));
        return received == BrokerHello.Size && hello is { Magic: BrokerHello.MagicValue, Version: BrokerHello.CurrentVersion }
            ? BrokerStatus.Granted
            : BrokerStatus.WrongVersion;
    }

    private bool IsAllowed(uint user) => user == 0 || user == PeerCredentials.OwnUser || _allowed.Contains(user);

    private static void Refuse(Socket socket, BrokerStatus status)
    {
        BrokerWelcome welcome = new() { Magic = BrokerWelcome.MagicValue, Status = status };
        socket.Send(MemoryMarshal.AsBytes(new ReadOnlySpan<BrokerWelcome>(in welcome)));
    }

    // An area whose memory cannot be taken from its former client is free when that process has ended.
    private int Take(int process)
    {
        lock (_lock)
        {
            for (int client = 0; client < _leases.Length; client++)
            {
                if (_leases[client] is null || (_leases[client]!.Process == 0 && _leases[client]!.FormerProcessEnded))
                {
                    _leases[client] = new AreaLease(process);
                    return client;
                }
            }

            return -1;
        }
    }

    private void Lend(Socket socket, int client)
    {
        try
        {
            Prepare(client);
            using SafeFileHandle eventFd = EventFd.Create();
            _host.BindEvent(client, eventFd);
            using (SafeFileHandle area = _host.ExportArea(client))
            {
                Order(client, ++_generation);
                BrokerWelcome welcome = new() { Magic = BrokerWelcome.MagicValue, Client = (uint)client, AreaSize = TimerArea.TotalSize };
                DescriptorPassing.Send(socket, MemoryMarshal.AsBytes(new ReadOnlySpan<BrokerWelcome>(in welcome)), area, eventFd);
            }

            // Nothing more is to come but the end.
            socket.ReceiveTimeout = 0;
            Span<byte> ignored = stackalloc byte[64];
            while (socket.Receive(ignored) > 0)
            {
            }
        }
        finally
        {
            TakeBack(client);
        }
    }

    private unsafe void Prepare(int client)
    {
        using MappedMemory memory = _host.MapArea(client);
        memory.Slice(0, TimerArea.TotalSize).Clear();
        TimerArea* area = (TimerArea*)memory.Address;
        area->Client = (uint)client;
        area->TscKhz = _host.TscKhz;
        area->Magic = TimerArea.MagicValue;
    }

    private void TakeBack(int client)
    {
        try
        {
            _host.Revoke(client);
            _host.BindEvent(client, null);
            Order(client, 0);
        }
        catch (SosException)
        {
            // The service has ended, and with it what it lent.
        }

        lock (_lock)
        {
            if (_host.CanRevoke)
            {
                _leases[client] = null;
            }
            else
            {
                _leases[client]!.End();
            }
        }
    }

    /// <summary>Tells the service who has an area, and waits until it has taken that in.</summary>
    private unsafe void Order(int client, uint generation)
    {
        ref TimerAdmin.ClientLine line = ref ((TimerAdmin*)_host.Admin.Address)->Clients[client];
        MemoryOrdering.StoreRelease(ref line.Wanted, generation);
        DateTime end = DateTime.UtcNow + ServiceTimeout;
        while (MemoryOrdering.LoadAcquire(ref line.Served) != generation)
        {
            if (!_host.IsRunning || DateTime.UtcNow > end)
            {
                throw new SosException(SosError.Failed, "the timer service has ended, or does not answer");
            }

            Thread.Sleep(1);
        }
    }
}
