using System;
using System.Diagnostics.CodeAnalysis;
using System.Numerics;
using Sos.Ssh.Authentication;
using Sos.Ssh.Connection;
using Sos.Ssh.Transport;

namespace Sos.Ssh;

/// <summary>
/// One SSH connection, as a server: bytes that were received go in, bytes to be sent come out, and what the client wants is told as events. It allocates
/// nothing, knows no socket and no clock, and never blocks. It is large (<see cref="SizeMax"/>): it lies in the service's memory and is never copied.
/// </summary>
/// <example>
/// A pass of the host: <c>BeginPass</c> of the server; then for each session <c>Receive</c> what came, <c>Poll</c>, handle <c>TryTakeEvent</c>, <c>Read</c> and
/// <c>Write</c> channels, send <c>Pending</c> and say so by <c>Sent</c>; once <c>IsEnded</c>, and nothing is pending, close the connection.
/// </example>
public struct SshSession
{
    /// <summary>Bytes of a session at most.</summary>
    public const int SizeMax = 65536;

    /// <summary>Channels of a connection.</summary>
    public const int ChannelsMax = 4;

    // Packets that one poll handles.
    private const int StepsPerPoll = 8;

    private SshTransport _transport;
    private Authenticator _authenticator;
    private ChannelTable _channels;
    private ulong _openedNs;
    private bool _isWaiting; // a message could not be handled yet

    /// <summary>Whether the user is logged in.</summary>
    public readonly bool IsLoggedIn => _authenticator.IsDone;

    /// <summary>Keys and methods that were refused so far.</summary>
    public readonly uint Refusals => _authenticator.Failures;

    /// <summary>
    /// Whether the connection is to be closed once nothing is <see cref="Pending"/>. Whatever runs on its channels is over then; no event tells it.
    /// </summary>
    public readonly bool IsEnded => _transport.EndReason != EndReason.None;

    /// <summary>Why it ended.</summary>
    public readonly EndReason EndReason => _transport.EndReason;

    /// <summary>Bytes to be sent. They stay where they are until the next call of anything else.</summary>
    [UnscopedRef]
    public ReadOnlySpan<byte> Pending => _transport.Pending;

    /// <summary>The client's version line, for the log. A client writes there what it likes.</summary>
    [UnscopedRef]
    public ReadOnlySpan<byte> ClientVersion => _transport.ClientVersion;

    /// <summary>The key that logged in.</summary>
    [UnscopedRef]
    public ref AuthorizedKey Key => ref _authenticator.Key;

    /// <summary>Begins with a new connection.</summary>
    /// <param name="nowNs">A clock that never goes back, in nanoseconds.</param>
    public void Start(ref SshServer server, ulong nowNs)
    {
        _authenticator.Start();
        _channels.Start();
        _openedNs = nowNs;
        _isWaiting = false;
        _transport.Start(ref server, nowNs);
    }

    /// <summary>Takes received bytes.</summary>
    /// <returns>How many were taken: the rest is to be given again after <see cref="Poll"/>.</returns>
    public int Receive(ReadOnlySpan<byte> bytes) => _transport.Receive(bytes);

    /// <summary>Says how many of the <see cref="Pending"/> bytes were sent.</summary>
    public void Sent(int count) => _transport.Sent(count);

    /// <summary>
    /// Goes on: up to eight messages, or one before a log-in. An expensive operation, of at most two multiplications on a curve, is done if no session has done
    /// one in this pass (<see cref="SshServer.BeginPass"/>).
    /// </summary>
    /// <returns>Whether something was done, so that another poll is worth it at once.</returns>
    public bool Poll(ref SshServer server, ulong nowNs)
    {
        if (IsEnded)
        {
            return false;
        }

        if (!IsLoggedIn && nowNs - _openedNs > server.Limits.LoginNs)
        {
            return _transport.End(EndReason.TimedOut);
        }

        bool isBusy = false;
        for (int i = 0; i < StepsPerPoll && !IsEnded; i++)
        {
            bool wasLoggedIn = IsLoggedIn;
            if (!Step(ref server, nowNs))
            {
                break;
            }

            isBusy = true;
            if (!wasLoggedIn)
            {
                break; // before log-in each step may be an expensive one
            }
        }

        if (!IsEnded && IsLoggedIn)
        {
            _channels.Flush(ref _transport);
        }

        return isBusy;
    }

    /// <summary>Takes the next event.</summary>
    public bool TryTakeEvent(out SshEvent taken)
    {
        for (int i = 0; i < ChannelsMax; i++)
        {
            ref SshChannel channel = ref _channels[i];
            if (channel.Events != 0)
            {
                SshEventKind kind = (SshEventKind)BitOperations.TrailingZeroCount(channel.Events);
                channel.Events &= channel.Events - 1;
                taken = new(kind, i, kind switch { SshEventKind.Signal => (uint)channel.Signal, SshEventKind.Break => channel.BreakMs, _ => 0 });
                return true;
            }
        }

        taken = default;
        return false;
    }

    /// <summary>Returns the terminal of a channel.</summary>
    public SshTerminal Terminal(int channel) => _channels[channel].Terminal;

    /// <summary>Returns the command of a channel.</summary>
    [UnscopedRef]
    public ReadOnlySpan<byte> Command(int channel) => _channels[channel].Command;

    /// <summary>Reads what the client sent on a channel.</summary>
    public int Read(int channel, Span<byte> data) => _channels[channel].Read(data);

    /// <summary>Writes to a channel's standard output, or standard error, as much as windows and buffers take now.</summary>
    /// <returns>How many bytes were taken.</returns>
    public int Write(int channel, ReadOnlySpan<byte> data, bool isError = false) => _channels.Write(ref _transport, channel, data, isError);

    /// <summary>Ends what runs on a channel: the status is sent, and the channel closed. Whatever is to be seen was written before.</summary>
    public void Exit(int channel, uint status)
    {
        ref SshChannel ended = ref _channels[channel];
        if (ended.IsOpen && ended.IsStarted && !ended.IsExiting)
        {
            (ended.IsExiting, ended.ExitStatus, ended.Events) = (true, status, 0);
        }
    }

    /// <summary>Ends the connection for a reason of the host's.</summary>
    public void End() => _transport.End(EndReason.ByApplication);

    /// <summary>Forgets all keys, when the connection is closed.</summary>
    public void Erase()
    {
        _transport.Erase();
        _channels.Start();
        _authenticator.Start();
        _transport.End(EndReason.ClientLeft);
    }

    private bool Step(ref SshServer server, ulong nowNs)
    {
        scoped ReadOnlySpan<byte> message;
        if (_isWaiting)
        {
            message = _transport.OpenPayload;
        }
        else
        {
            bool isBusy = _transport.Continue(ref server, nowNs, out ReadOnlySpan<byte> next);
            if (next.IsEmpty)
            {
                return isBusy;
            }

            message = next;
        }

        if (IsLoggedIn)
        {
            _channels.Handle(ref _transport, message, _transport.PacketSequence, ref _authenticator.Key);
        }
        else if (!_authenticator.TryHandle(ref _transport, message, ref server, nowNs))
        {
            _isWaiting = true;
            return false;
        }

        _isWaiting = false;
        _transport.Release();
        return true;
    }
}
