using System;
using System.Runtime.CompilerServices;
using Sos.Net;
using Sos.RemoteConsole.Shell;
using Sos.Sdk.Control;
using Sos.Ssh;

namespace Sos.RemoteConsole.Ssh;

/// <summary>A visitor by SSH: the protocol, and a shell for each of its channels.</summary>
public struct SshConsole : ISession<ConsoleContext>
{
    /// <summary>Milliseconds that a visitor has without a key or a command whose text he reads.</summary>
    private const ulong IdleMs = 30 * 60_000;

    private const ulong NsPerMs = 1_000_000;

    /// <summary>Status of a channel for which there is no shell.</summary>
    private const uint NoShell = 1;

    /// <summary>The number that shells add to a signal's; the visitor sees only that it is one.</summary>
    private const uint Signalled = 128 + 15;

    private SshSession _session;
    private ChannelShells _shells;
    private uint _ended; // a bit for each channel whose input has ended
    private int _visitor;
    private uint _refusals;
    private bool _isLoggedIn;

    /// <inheritdoc/>
    public bool IsOver => _session.IsEnded && _session.Pending.IsEmpty;

    /// <inheritdoc/>
    public readonly bool IsTrusted => _session.IsLoggedIn;

    /// <inheritdoc/>
    public void Open(ref ConsoleContext context, in Peer peer, Instant now)
    {
        _visitor = context.Enter(in peer, now);
        context[_visitor].IsSsh = true;
        context.LogVisitor(LogSeverity.Informational, "console: ssh connection from "u8, _visitor);
        context.Ssh.MixIn(now.Tsc);
        _session.Start(ref context.Ssh.Server, now.Ms * NsPerMs);
    }

    /// <inheritdoc/>
    public int Receive(ref ConsoleContext context, ReadOnlySpan<byte> bytes, Instant now) => _session.Receive(bytes);

    /// <inheritdoc/>
    public int Send(ref ConsoleContext context, Span<byte> space, Instant now)
    {
        _ = _session.Poll(ref context.Ssh.Server, now.Ms * NsPerMs);
        FollowLogIn(ref context, now);
        while (_session.TryTakeEvent(out SshEvent each))
        {
            context[_visitor].TypedMs = now.Ms;
            Take(ref context, each);
        }

        for (int channel = 0; channel < SshSession.ChannelsMax; channel++)
        {
            if (_shells[channel] != 0)
            {
                RunShell(ref context, channel, now);
            }
        }

        if (_isLoggedIn && now.Ms - context[_visitor].TypedMs > IdleMs)
        {
            _session.End();
        }

        ReadOnlySpan<byte> pending = _session.Pending;
        pending = pending[..Math.Min(pending.Length, space.Length)];
        pending.CopyTo(space);
        int given = pending.Length;
        _session.Sent(given);
        return given;
    }

    /// <inheritdoc/>
    public void PeerEnded(ref ConsoleContext context, Instant now) => _session.End();

    /// <inheritdoc/>
    public void Close(ref ConsoleContext context, Instant now)
    {
        context.LogVisitor(_isLoggedIn ? LogSeverity.Notice : LogSeverity.Informational, Describe(_session.EndReason, _isLoggedIn), _visitor);
        for (int channel = 0; channel < SshSession.ChannelsMax; channel++)
        {
            Release(ref context, channel);
        }

        _session.Erase();
        context.Leave(_visitor);
    }

    private static ReadOnlySpan<byte> Describe(EndReason reason, bool isLoggedIn) => reason switch
    {
        EndReason.ProtocolError => "console: ssh ended, protocol error of "u8,
        EndReason.KeyExchangeFailed => "console: ssh ended, no key exchange with "u8,
        EndReason.MacError => "console: ssh ended, wrong authenticator from "u8,
        EndReason.ProtocolVersionNotSupported => "console: ssh ended, no SSH 2.0 from "u8,
        EndReason.NoMoreAuthenticationMethods => "console: ssh ended, too many keys from "u8,
        EndReason.TimedOut => "console: ssh ended, time is over for "u8,
        EndReason.NoRandomness => "console: ssh ended, no randomness for "u8,
        _ => isLoggedIn ? "console: ssh logged out from "u8 : "console: ssh ended without log-in from "u8,
    };

    private void FollowLogIn(ref ConsoleContext context, Instant now)
    {
        uint refusals = _session.Refusals;
        if (refusals != _refusals)
        {
            context.Failed.Add(refusals - _refusals);
            _refusals = refusals;
            context.LogVisitor(LogSeverity.Warning, "console: ssh, key refused from "u8, _visitor);
        }

        if (_isLoggedIn || !_session.IsLoggedIn)
        {
            return;
        }

        _isLoggedIn = true;
        ref Visitor visitor = ref context[_visitor];
        visitor.IsLoggedIn = true;
        visitor.TypedMs = now.Ms;
        visitor.SetLabel(_session.Key.Label);
        context.LoggedIn.Increment();
        context.LogVisitor(LogSeverity.Notice, "console: ssh logged in from "u8, _visitor);
        context.LogLabel(_visitor);
    }

    private void Take(ref ConsoleContext context, SshEvent each)
    {
        if (each.Kind is SshEventKind.Shell or SshEventKind.Execute)
        {
            Begin(ref context, each);
            return;
        }

        if (_shells[each.Channel] == 0)
        {
            return;
        }

        ref CommandShell shell = ref context.ShellAt(_shells[each.Channel] - 1);
        switch (each.Kind)
        {
            case SshEventKind.Break:
                shell.Break();
                break;
            case SshEventKind.Signal when (SshSignal)each.Value == SshSignal.Interrupt:
                shell.Interrupt();
                break;
            case SshEventKind.Signal when (SshSignal)each.Value is not (SshSignal.Other or SshSignal.User1 or SshSignal.User2):
                Leave(ref context, each.Channel, Signalled);
                break;
            case SshEventKind.EndOfInput:
                _ended |= 1u << each.Channel;
                break;
            case SshEventKind.Closed:
                Release(ref context, each.Channel);
                break;
        }
    }

    private void Begin(ref ConsoleContext context, SshEvent each)
    {
        int number = _visitor;
        for (int channel = 0; channel < SshSession.ChannelsMax; channel++)
        {
            number = _shells[channel] == _visitor + 1 ? -1 : number; // the visitor's own is in use
        }

        if (number < 0 && !context.TryLend(out number))
        {
            _ = _session.Write(each.Channel, "there is no free shell: close another session\r\n"u8, isError: true);
            _session.Exit(each.Channel, NoShell);
            return;
        }

        _shells[each.Channel] = number + 1;
        _ended &= ~(1u << each.Channel);
        ref CommandShell shell = ref context.ShellAt(number);
        bool hasTerminal = _session.Terminal(each.Channel).IsThere;
        shell.Editor.IsEchoed = hasTerminal;
        if (each.Kind == SshEventKind.Execute)
        {
            shell.Execute(_session.Command(each.Channel), hasTerminal);
        }
        else
        {
            shell.Begin(hasTerminal ? ShellUse.Terminal : ShellUse.Lines);
        }
    }

    private void RunShell(ref ConsoleContext context, int channel, Instant now)
    {
        Span<byte> key = stackalloc byte[1];
        ref CommandShell shell = ref context.ShellAt(_shells[channel] - 1);
        while (shell.TakesKeys)
        {
            if (_session.Read(channel, key) == 0)
            {
                if ((_ended & (1u << channel)) != 0)
                {
                    shell.EndInput();
                }

                break;
            }

            context[_visitor].TypedMs = now.Ms;
            shell.Take(key[0]);
        }

        if (shell.IsAttended)
        {
            context[_visitor].TypedMs = now.Ms;
        }

        shell.Run(ref context, _visitor, now);

        ReadOnlySpan<byte> text = shell.Output.Pending;
        if (!text.IsEmpty)
        {
            shell.Output.Sent(_session.Write(channel, text, isError: shell.IsFailing && shell.Output.IsPlain));
        }

        if (shell.IsOver && shell.Output.IsEmpty)
        {
            Leave(ref context, channel, shell.ExitStatus);
        }
    }

    private void Leave(ref ConsoleContext context, int channel, uint status)
    {
        _session.Exit(channel, status);
        Release(ref context, channel);
    }

    private void Release(ref ConsoleContext context, int channel)
    {
        if (_shells[channel] != 0)
        {
            context.TakeBack(_shells[channel] - 1);
            _shells[channel] = 0;
        }
    }

    /// <summary>For each channel the number of its shell, from 1; 0 for none.</summary>
    [InlineArray(SshSession.ChannelsMax)]
    private struct ChannelShells
    {
        private int _first;
    }
}
