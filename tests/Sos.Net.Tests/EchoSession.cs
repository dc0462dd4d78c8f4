using System;
using System.Runtime.CompilerServices;

namespace Sos.Net.Tests;

/// <summary>The things that the sessions of a test share.</summary>
internal struct EchoContext
{
    public int Opened;
    public int Closed;
    public int Received;

    /// <summary>Whether sessions take nothing, so that windows fill.</summary>
    public bool IsStopped;

    /// <summary>Bytes that a session sends by itself when it has nothing to return.</summary>
    public int Chatter;

    /// <summary>Whether sessions count as trusted.</summary>
    public bool Trusts;

    /// <summary>Whether sessions end at once.</summary>
    public bool Ends;

    /// <summary>The peer's port of the session that was asked first, until a test makes it 0.</summary>
    public int First;
}

/// <summary>Returns what it gets, in order; ends when the peer has ended and all was returned.</summary>
internal struct EchoSession : ISession<EchoContext>
{
    private Buffer _waiting;
    private int _count;
    private bool _peerEnded;
    private bool _trusted;
    private bool _ends;
    private ushort _port;

    public readonly bool IsOver => _ends || (_peerEnded && _count == 0);

    public readonly bool IsTrusted => _trusted;

    public void Open(ref EchoContext context, in Peer peer, Instant now)
    {
        context.Opened++;
        _port = peer.RemotePort;
        _trusted = context.Trusts;
    }

    public int Receive(ref EchoContext context, ReadOnlySpan<byte> bytes, Instant now)
    {
        int taken = context.IsStopped ? 0 : Math.Min(bytes.Length, 700 - _count);
        bytes[..taken].CopyTo(((Span<byte>)_waiting)[_count..]);
        _count += taken;
        context.Received += taken;
        return taken;
    }

    public int Send(ref EchoContext context, Span<byte> space, Instant now)
    {
        _ends |= context.Ends;
        context.First = context.First == 0 ? _port : context.First;
        if (_count == 0 && context.Chatter > 0)
        {
            int chatter = Math.Min(space.Length, context.Chatter);
            for (int i = 0; i < chatter; i++)
            {
                space[i] = (byte)context.Chatter--;
            }

            return chatter;
        }

        int given = Math.Min(_count, space.Length);
        Span<byte> waiting = _waiting;
        waiting[..given].CopyTo(space);
        waiting[given.._count].CopyTo(waiting);
        _count -= given;
        return given;
    }

    public void PeerEnded(ref EchoContext context, Instant now) => _peerEnded = true;

    public void Close(ref EchoContext context, Instant now) => context.Closed++;

    [InlineArray(700)]
    private struct Buffer
    {
        private byte _first;
    }
}
