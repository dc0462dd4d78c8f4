using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Threading;
using Sos.Ssh.Keys;

namespace Sos.Ssh.Tests;

/// <summary>Serves sessions to real clients over TCP on the loopback device: what the console does on its own stack.</summary>
internal sealed unsafe class LoopbackHost : IDisposable
{
    private const int KeysMax = 8;

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly SshServer* _server = SessionMemory.Allocate<SshServer>(1);
    private readonly AuthorizedKey* _keys = SessionMemory.Allocate<AuthorizedKey>(KeysMax);
    private readonly Lock _serverLock = new();
    private readonly List<Thread> _threads = [];
    private readonly Thread _acceptor;
    private volatile bool _isStopping;

    public LoopbackHost(HostKey hostKey, IReadOnlyList<AuthorizedKey> keys, SshLimits? limits = null)
    {
        if (!_server->TryStart(hostKey.Seed, "console"u8, limits ?? SshLimits.Default, NowNs()))
        {
            throw new InvalidOperationException("the server does not start");
        }

        byte[] seed = new byte[32];
        System.Security.Cryptography.RandomNumberGenerator.Fill(seed);
        _server->Random.TryReseed(seed);
        for (int i = 0; i < keys.Count; i++)
        {
            _keys[i] = keys[i];
        }

        _server->SetAuthorizedKeys(_keys, keys.Count);
        _listener.Start();
        _acceptor = new Thread(Accept) { IsBackground = true };
        _acceptor.Start();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>How connections ended, and which client it was.</summary>
    public ConcurrentQueue<(EndReason Reason, string Client)> Ends { get; } = new();

    /// <summary>The requests of clients.</summary>
    public ConcurrentQueue<SshEvent> Events { get; } = new();

    public void Dispose()
    {
        _isStopping = true;
        _listener.Stop();
        _acceptor.Join();
        _threads.ForEach(thread => thread.Join());
        NativeMemory.Free(_server);
        NativeMemory.Free(_keys);
    }

    private static ulong NowNs() => (ulong)(Stopwatch.GetTimestamp() * (1_000_000_000.0 / Stopwatch.Frequency));

    private void Accept()
    {
        while (!_isStopping)
        {
            try
            {
                Socket socket = _listener.AcceptSocket();
                Thread thread = new(() => Serve(socket)) { IsBackground = true };
                _threads.Add(thread);
                thread.Start();
            }
            catch (SocketException) when (_isStopping)
            {
                return;
            }
        }
    }

    private void Serve(Socket socket)
    {
        SshSession* session = SessionMemory.Allocate<SshSession>(1);
        using (socket)
        {
            try
            {
                lock (_serverLock)
                {
                    session->Start(ref *_server, NowNs());
                }

                Loop(socket, session);
            }
            catch (SocketException)
            {
                // The client is gone.
            }

            Ends.Enqueue((session->EndReason, System.Text.Encoding.ASCII.GetString(session->ClientVersion)));
        }

        session->Erase();
        NativeMemory.Free(session);
    }

    private void Loop(Socket socket, SshSession* session)
    {
        TestShell[] shells = [.. Enumerable.Range(0, SshSession.ChannelsMax).Select(channel => new TestShell(channel))];
        byte[] buffer = new byte[16384];
        int held = 0;
        while (!_isStopping)
        {
            bool isBusy = false;
            if (held < buffer.Length && socket.Poll(0, SelectMode.SelectRead))
            {
                int count = socket.Receive(buffer, held, buffer.Length - held, SocketFlags.None);
                if (count == 0)
                {
                    return;
                }

                held += count;
                isBusy = true;
            }

            int taken = session->Receive(buffer.AsSpan(0, held));
            buffer.AsSpan(taken, held - taken).CopyTo(buffer);
            held -= taken;
            lock (_serverLock)
            {
                _server->BeginPass(); // each connection has a thread, and so passes of its own
                isBusy |= session->Poll(ref *_server, NowNs());
            }

            isBusy |= RunShells(session, shells);
            if (session->Pending.Length > 0)
            {
                session->Sent(socket.Send(session->Pending));
                isBusy = true;
            }
            else if (session->IsEnded)
            {
                return;
            }

            if (!isBusy)
            {
                socket.Poll(500, SelectMode.SelectRead);
            }
        }
    }

    private bool RunShells(SshSession* session, TestShell[] shells)
    {
        bool isBusy = false;
        while (session->TryTakeEvent(out SshEvent each))
        {
            Events.Enqueue(each);
            shells[each.Channel].Take(ref *session, each);
            isBusy = true;
        }

        foreach (TestShell shell in shells)
        {
            isBusy |= shell.Run(ref *session);
        }

        return isBusy;
    }
}
