using System;
using Sos.Net;
using Sos.RemoteConsole.Commands;
using Sos.RemoteConsole.Shell;
using Sos.Sdk.Control;

namespace Sos.RemoteConsole.Telnet;

/// <summary>A visitor by telnet: asks for the password, then lets the shell talk.</summary>
public struct TelnetSession : ISession<ConsoleContext>
{
    /// <summary>Milliseconds that a visitor has for the password, and once logged in without a key or a command whose text he reads.</summary>
    private const ulong LoginMs = 60_000;
    private const ulong IdleMs = 30 * 60_000;

    /// <summary>Passwords of one connection.</summary>
    private const int AttemptsMax = 3;

    private TelnetProtocol _protocol;
    private Step _step;
    private int _visitor;
    private int _attempts;
    private bool _isOver;
    private bool _isDrained;

    private enum Step : byte
    {
        Asking = 0,
        Waiting,
        Checking,
        LoggedIn,
    }

    /// <inheritdoc/>
    public readonly bool IsOver => _isOver && _isDrained;

    /// <inheritdoc/>
    public readonly bool IsTrusted => _step == Step.LoggedIn;

    /// <inheritdoc/>
    public void Open(ref ConsoleContext context, in Peer peer, Instant now)
    {
        _visitor = context.Enter(in peer, now);
        ref CommandShell shell = ref context.ShellAt(_visitor);
        context.LogVisitor(LogSeverity.Informational, "console: telnet connection from "u8, _visitor);
        TelnetProtocol.Begin(ref shell.Output);
        shell.Output.WriteLine("SOS console. This connection is not encrypted."u8);
        Ask(ref shell);
    }

    /// <inheritdoc/>
    public int Receive(ref ConsoleContext context, ReadOnlySpan<byte> bytes, Instant now)
    {
        int taken = 0;
        ref CommandShell shell = ref context.ShellAt(_visitor);
        for (; taken < bytes.Length && !_isOver && TakesKeys(in shell); taken++)
        {
            context[_visitor].TypedMs = now.Ms;
            TelnetKey kind = _protocol.Take(bytes[taken], ref shell.Output, out byte key);
            shell.Editor.IsEchoed = _protocol.Echoes;
            if (kind == TelnetKey.Break)
            {
                shell.Break();
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
        ref CommandShell shell = ref context.ShellAt(_visitor);
        switch (_step)
        {
            case Step.Waiting or Step.Checking:
                Check(ref context, now);
                break;
            case Step.LoggedIn:
                visitor.TypedMs = shell.IsAttended ? now.Ms : visitor.TypedMs;
                shell.Run(ref context, _visitor, now);
                _isOver |= shell.IsOver;
                break;
        }

        ulong since = _step == Step.LoggedIn ? visitor.TypedMs : visitor.SinceMs;
        if (!_isOver && now.Ms - since > (_step == Step.LoggedIn ? IdleMs : LoginMs))
        {
            shell.Output.WriteLine("\r\nNothing was typed for too long."u8);
            _isOver = true;
        }

        int given = shell.Output.Take(space);
        _isDrained = shell.Output.IsEmpty;
        return given;
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
    private readonly bool TakesKeys(in CommandShell shell) => _step switch
    {
        Step.Asking => shell.Output.Room >= CommandRun.StepSizeMax,
        Step.LoggedIn => shell.TakesKeys,
        _ => false,
    };

    private void Type(ref ConsoleContext context, byte key, Instant now)
    {
        ref CommandShell shell = ref context.ShellAt(_visitor);
        if (_step == Step.LoggedIn)
        {
            shell.Take(key);
            shell.Run(ref context, _visitor, now);
            return;
        }

        switch (shell.Editor.Take(key, ref shell.Output))
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

    private void Ask(ref CommandShell shell)
    {
        _step = Step.Asking;
        shell.Editor.IsSecret = true;
        shell.Editor.Begin();
        shell.Output.Write("password: "u8);
    }

    private void Check(ref ConsoleContext context, Instant now)
    {
        ref CommandShell shell = ref context.ShellAt(_visitor);
        if (_step == Step.Waiting)
        {
            if (context.Passwords.TryStart(_visitor, shell.Editor.Text, now.Tsc) == PasswordState.Waiting)
            {
                return;
            }

            _step = Step.Checking;
            shell.Editor.Begin();
        }

        switch (context.Passwords.Take(_visitor))
        {
            case PasswordState.Right:
                _step = Step.LoggedIn;
                shell.Editor.IsSecret = false;
                context[_visitor].IsLoggedIn = true;
                context[_visitor].TypedMs = now.Ms;
                context.LoggedIn.Increment();
                context.LogVisitor(LogSeverity.Notice, "console: telnet logged in from "u8, _visitor);
                shell.Output.NewLine();
                shell.Begin(ShellUse.Terminal);
                break;
            case PasswordState.Wrong:
                context.Failed.Increment();
                context.LogVisitor(LogSeverity.Warning, "console: telnet, wrong password from "u8, _visitor);
                _attempts++;
                shell.Output.WriteLine("\r\nThat is not it."u8);
                if (_attempts == AttemptsMax)
                {
                    _isOver = true;
                }
                else
                {
                    Ask(ref shell);
                }

                break;
        }
    }
}
