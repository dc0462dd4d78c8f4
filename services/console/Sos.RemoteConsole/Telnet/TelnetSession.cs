using System;
using Sos.Net;
using Sos.RemoteConsole.Shell;
using Sos.Sdk.Control;

namespace Sos.RemoteConsole.Telnet;

/// <summary>A visitor by telnet: asks for the password, then lets the shell talk.</summary>
public struct TelnetSession : ISession<ConsoleContext>
{
    /// <summary>Milliseconds that a visitor has for the password, and without a key once logged in.</summary>
    private const ulong LoginMs = 60_000;
    private const ulong IdleMs = 30 * 60_000;

    /// <summary>Passwords of one connection.</summary>
    private const int AttemptsMax = 3;

    private CommandShell _shell;
    private TelnetProtocol _protocol;
    private Step _step;
    private int _visitor;
    private int _attempts;
    private bool _isOver;

    private enum Step : byte
    {
        Asking = 0,
        Waiting,
        Checking,
        LoggedIn,
    }

    /// <inheritdoc/>
    public readonly bool IsOver => _isOver && _shell.Output.IsEmpty;

    /// <inheritdoc/>
    public readonly bool IsTrusted => _step == Step.LoggedIn;

    /// <inheritdoc/>
    public void Open(ref ConsoleContext context, in Peer peer, Instant now)
    {
        _visitor = context.Enter(in peer, now);
        context.LogVisitor(LogSeverity.Informational, "console: telnet connection from "u8, _visitor);
        TelnetProtocol.Begin(ref _shell.Output);
        _shell.Output.WriteLine("SOS console. This connection is not encrypted."u8);
        Ask();
    }

    /// <inheritdoc/>
    public int Receive(ref ConsoleContext context, ReadOnlySpan<byte> bytes, Instant now)
    {
        int taken = 0;
        for (; taken < bytes.Length && !_isOver && TakesKeys; taken++)
        {
            context[_visitor].TypedMs = now.Ms;
            TelnetKey kind = _protocol.Take(bytes[taken], ref _shell.Output, out byte key);
            _shell.Editor.IsEchoed = _protocol.Echoes;
            if (kind == TelnetKey.Break)
            {
                _shell.Output.WriteLine("break: nothing is granted that it could do"u8);
            }
            else if (kind == TelnetKey.Data)
            {
                Type(ref context, key, now);
            }
        }

        return taken;
    }

    /// <inheritdoc/>
    public int Send(ref ConsoleContext context, Span<byte> space, Instant now)
    {
        ref Visitor visitor = ref context[_visitor];
        switch (_step)
        {
            case Step.Waiting or Step.Checking:
                Check(ref context, now);
                break;
            case Step.LoggedIn:
                _shell.Run(ref context, now);
                _isOver |= _shell.IsOver;
                break;
        }

        ulong since = _step == Step.LoggedIn ? visitor.TypedMs : visitor.SinceMs;
        if (!_isOver && now.Ms - since > (_step == Step.LoggedIn ? IdleMs : LoginMs))
        {
            _shell.Output.WriteLine("\r\nNothing was typed for too long."u8);
            _isOver = true;
        }

        return _shell.Output.Take(space);
    }

    /// <inheritdoc/>
    public void PeerEnded(ref ConsoleContext context, Instant now) => _isOver = true;

    /// <inheritdoc/>
    public void Close(ref ConsoleContext context, Instant now)
    {
        if (_step == Step.LoggedIn)
        {
            context.LogVisitor(LogSeverity.Notice, "console: telnet logged out from "u8, _visitor);
        }

        context.Leave(_visitor);
    }

    /// <summary>Whether keys are taken now; else they wait, and the peer in the end with them.</summary>
    private readonly bool TakesKeys => _step switch
    {
        Step.Asking => _shell.Output.Room >= Commands.StepSizeMax,
        Step.LoggedIn => _shell.TakesKeys,
        _ => false,
    };

    private void Type(ref ConsoleContext context, byte key, Instant now)
    {
        if (_step == Step.LoggedIn)
        {
            _shell.Take(key);
            _shell.Run(ref context, now);
            return;
        }

        switch (_shell.Editor.Take(key, ref _shell.Output))
        {
            case LineResult.Finished:
                _step = Step.Waiting;
                Check(ref context, now);
                break;
            case LineResult.Cancelled or LineResult.Left:
                _isOver = true;
                break;
        }
    }

    private void Ask()
    {
        _step = Step.Asking;
        _shell.Editor.IsSecret = true;
        _shell.Editor.Begin();
        _shell.Output.Write("password: "u8);
    }

    private void Check(ref ConsoleContext context, Instant now)
    {
        if (_step == Step.Waiting)
        {
            if (context.Passwords.TryStart(_visitor, _shell.Editor.Text, now.Tsc) == PasswordState.Waiting)
            {
                return;
            }

            _step = Step.Checking;
            _shell.Editor.Begin();
        }

        switch (context.Passwords.Take(_visitor))
        {
            case PasswordState.Right:
                _step = Step.LoggedIn;
                _shell.Editor.IsSecret = false;
                context[_visitor].IsLoggedIn = true;
                context[_visitor].TypedMs = now.Ms;
                context.LoggedIn.Increment();
                context.LogVisitor(LogSeverity.Notice, "console: telnet logged in from "u8, _visitor);
                _shell.Output.NewLine();
                _shell.Begin();
                break;
            case PasswordState.Wrong:
                context.Failed.Increment();
                context.LogVisitor(LogSeverity.Warning, "console: telnet, wrong password from "u8, _visitor);
                _attempts++;
                _shell.Output.WriteLine("\r\nThat is not it."u8);
                if (_attempts == AttemptsMax)
                {
                    _isOver = true;
                }
                else
                {
                    Ask();
                }

                break;
        }
    }
}
