using System;
using Sos.Net;
using Sos.RemoteConsole.Ssh;
using Sos.RemoteConsole.Telnet;

namespace Sos.RemoteConsole;

/// <summary>A visitor by the protocol that the port stands for.</summary>
public struct ConsoleSession : ISession<ConsoleContext>
{
    private TelnetSession _telnet;
    private SshConsole _ssh;
    private bool _isSsh;

    /// <inheritdoc/>
    public bool IsOver => _isSsh ? _ssh.IsOver : _telnet.IsOver;

    /// <inheritdoc/>
    public readonly bool IsTrusted => _isSsh ? _ssh.IsTrusted : _telnet.IsTrusted;

    /// <inheritdoc/>
    public void Open(ref ConsoleContext context, in Peer peer, Instant now)
    {
        _isSsh = context.Ssh.IsPort(peer.LocalPort);
        if (_isSsh)
        {
            _ssh.Open(ref context, in peer, now);
        }
        else
        {
            _telnet.Open(ref context, in peer, now);
        }
    }

    /// <inheritdoc/>
    public int Receive(ref ConsoleContext context, ReadOnlySpan<byte> bytes, Instant now)
        => _isSsh ? _ssh.Receive(ref context, bytes, now) : _telnet.Receive(ref context, bytes, now);

    /// <inheritdoc/>
    public int Send(ref ConsoleContext context, Span<byte> space, Instant now)
        => _isSsh ? _ssh.Send(ref context, space, now) : _telnet.Send(ref context, space, now);

    /// <inheritdoc/>
    public void PeerEnded(ref ConsoleContext context, Instant now)
    {
        if (_isSsh)
        {
            _ssh.PeerEnded(ref context, now);
        }
        else
        {
            _telnet.PeerEnded(ref context, now);
        }
    }

    /// <inheritdoc/>
    public void Close(ref ConsoleContext context, Instant now)
    {
        if (_isSsh)
        {
            _ssh.Close(ref context, now);
        }
        else
        {
            _telnet.Close(ref context, now);
        }
    }
}
