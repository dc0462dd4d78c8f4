using System;

namespace Sos.Net;

/// <summary>
/// One side of a byte stream: takes the bytes that the peer sent and gives those to send, when asked. It is a struct that starts as zeroes, once for each
/// connection; sessions of one endpoint share a context.
/// </summary>
/// <typeparam name="TContext">The shared context.</typeparam>
public interface ISession<TContext>
    where TContext : unmanaged
{
    /// <summary>Whether the stream is to end once everything was sent.</summary>
    bool IsOver { get; }

    /// <summary>Whether the peer has proven who it is: others make room for new connections when there are too many.</summary>
    bool IsTrusted { get; }

    /// <summary>Begins. The struct is zero before.</summary>
    void Open(ref TContext context, in Peer peer, Instant now);

    /// <summary>Takes bytes of the peer.</summary>
    /// <returns>How many it took; the rest is offered again, and the peer is slowed down meanwhile.</returns>
    int Receive(ref TContext context, ReadOnlySpan<byte> bytes, Instant now);

    /// <summary>Gives bytes to send. It is called in every pass in which there is room, and must be quick when there is nothing.</summary>
    /// <returns>How many it gave.</returns>
    int Send(ref TContext context, Span<byte> space, Instant now);

    /// <summary>The peer sends no more.</summary>
    void PeerEnded(ref TContext context, Instant now);

    /// <summary>The connection is gone. Called once for every <see cref="Open"/>; the struct is cleared after it.</summary>
    void Close(ref TContext context, Instant now);
}
