using System;
using System.Runtime.CompilerServices;
using Sos.Net;
using Sos.RemoteConsole.Commands;
using Sos.RemoteConsole.Text;

namespace Sos.RemoteConsole.Shell;

/// <summary>How a shell is used.</summary>
internal enum ShellUse : byte
{
    /// <summary>A person types at a terminal: lines are edited, there is a prompt.</summary>
    Terminal = 0,

    /// <summary>Lines come from a program: no prompt, and nothing is echoed.</summary>
    Lines,

    /// <summary>One command, and then the shell is over.</summary>
    Command,
}

/// <summary>The shell of a visitor who is logged in, by whatever protocol: takes keys, runs commands, gives text.</summary>
internal struct CommandShell
{
    /// <summary>Bytes of a command's arguments at most: what a key's forced command may have.</summary>
    private const int ArgumentsMax = 256;

    /// <summary>Keys that are kept while a command runs.</summary>
    private const int AheadMax = 256;

    /// <summary>Steps of a command in a pass: a service on the same core waits for them.</summary>
    private const int StepsPerPass = 4;

    /// <summary>Status of a command that does not exist, as shells have it.</summary>
    private const uint NoSuchCommand = 127;

    /// <summary>Status of a command that was interrupted.</summary>
    private const uint Interrupted = 130;

    private const byte InterruptKey = 3;

    private CommandState _state;
    private ArgumentBytes _arguments;
    private AheadBytes _ahead;
    private int _argumentsLength;
    private int _aheadCount;
    private int _running; // the command's place in the list, from 1
    private ShellUse _use;
    private bool _hasTerminal;
    private bool _asks;
    private bool _hasAnswer;
    private bool _hasInputEnded;

    /// <summary>The line that is typed.</summary>
    public LineEditor Editor;

    /// <summary>Text for the visitor.</summary>
    public TextOutput Output;

    /// <summary>Whether the shell is at its end.</summary>
    public bool IsOver { get; private set; }

    /// <summary>The status of the last command.</summary>
    public uint ExitStatus { get; private set; }

    /// <summary>
    /// Whether a command runs and its text is taken: a visitor who waits for it is not away. One who reads nothing, or leaves a question open, is.
    /// </summary>
    public readonly bool IsAttended => _running != 0 && !_asks && Output.Room >= CommandRun.StepSizeMax;

    /// <summary>Whether what waits in <see cref="Output"/> tells of a failure, for those who keep that apart.</summary>
    public readonly bool IsFailing => _state.ExitStatus != 0;

    /// <summary>Whether a key is taken now; else it is to be offered again.</summary>
    public readonly bool TakesKeys => !IsOver
        && (ReadsKeys && _aheadCount == 0 ? HasRoomForKeys : _aheadCount < AheadMax);

    // A program is told apart what failed and what did not: the one is sent before the other begins.
    private readonly bool HasRoomForKeys => Output.IsPlain ? Output.IsEmpty : Output.Room >= CommandRun.StepSizeMax;

    // Keys go to the line that is typed; else they wait for the command's end.
    private readonly bool ReadsKeys => _asks ? !_hasAnswer : _running == 0 && _use != ShellUse.Command;

    private readonly ReadOnlySpan<byte> Prompt => _use == ShellUse.Terminal ? "sos> "u8 : default;

    /// <summary>Makes a shell that was used like new.</summary>
    public void Reset() => this = default;

    /// <summary>Begins with a visitor who types, or whose program does.</summary>
    /// <param name="use">How it is used: terminal or lines.</param>
    public void Begin(ShellUse use)
    {
        _use = use;
        _hasTerminal = use == ShellUse.Terminal;
        Output.IsPlain = !_hasTerminal;
        if (_hasTerminal)
        {
            Output.WriteLine("SOS console. 'help' lists the commands."u8);
        }

        BeginLine();
    }

    /// <summary>Begins with one command.</summary>
    /// <param name="line">The command and its arguments.</param>
    /// <param name="hasTerminal">Whether the visitor has a terminal.</param>
    public void Execute(ReadOnlySpan<byte> line, bool hasTerminal)
    {
        _use = ShellUse.Command;
        _hasTerminal = hasTerminal;
        Output.IsPlain = !hasTerminal;
        Editor.IsEchoed = hasTerminal;
        Start(line);
        IsOver = _running == 0;
    }

    /// <summary>Takes a key; only while <see cref="TakesKeys"/>.</summary>
    public void Take(byte key)
    {
        if (key == InterruptKey && _hasTerminal && _running != 0)
        {
            Interrupt();
        }
        else if (ReadsKeys && _aheadCount == 0)
        {
            Type(key);
        }
        else
        {
            _ahead[_aheadCount++] = key;
        }
    }

    /// <summary>The visitor types nothing more.</summary>
    public void EndInput() => _hasInputEnded = true;

    /// <summary>The visitor sent a break.</summary>
    public void Break()
    {
        bool types = ReadsKeys && _hasTerminal;
        Output.Write(types ? "\r\n"u8 : default);
        Output.WriteLine("break: it does nothing by itself; 'sysrq KEY' does, if it is granted"u8);
        if (types)
        {
            Output.Write(Prompt);
            Editor.Draw(ref Output);
        }
    }

    /// <summary>Ends the command that runs, if one does.</summary>
    public void Interrupt()
    {
        if (_running == 0)
        {
            return;
        }

        _aheadCount = 0;
        if (_hasTerminal)
        {
            Output.WriteLine("^C"u8);
        }

        _state.ExitStatus = Interrupted;
        Finish();
    }

    /// <summary>Goes on with what runs, as far as there is room for what it writes.</summary>
    /// <param name="context">What can be shown.</param>
    /// <param name="visitor">Who looks.</param>
    /// <param name="now">The time.</param>
    public void Run(ref ConsoleContext context, int visitor, Instant now)
    {
        for (int i = 0; i < StepsPerPass && !IsOver && Output.Room >= CommandRun.StepSizeMax; i++)
        {
            if (ReadsKeys)
            {
                if (!HasRoomForKeys || !TypeAhead())
                {
                    return;
                }
            }
            else if (_running == 0 || Step(ref context, visitor, now) == CommandProgress.Waiting)
            {
                return;
            }
        }
    }

    private CommandProgress Step(ref ConsoleContext context, int visitor, Instant now)
    {
        ReadOnlySpan<byte> arguments = ((ReadOnlySpan<byte>)_arguments)[.._argumentsLength];
        CommandRun run = new(ref context, ref Output, ref _state, arguments, _hasAnswer ? Editor.Text : default, visitor, now);
        CommandProgress progress = CommandStep.Run(run, _running);
        if (_hasAnswer)
        {
            _hasAnswer = false;
            _asks = false;
            Editor.Begin();
        }

        switch (progress)
        {
            case CommandProgress.Done:
                Finish();
                break;
            case CommandProgress.Asks:
                _asks = true;
                _aheadCount = _hasTerminal ? 0 : _aheadCount; // what was typed before the question does not answer it
                Editor.Begin();
                break;
        }

        return progress;
    }

    private bool TypeAhead()
    {
        if (_aheadCount == 0)
        {
            if (_hasInputEnded)
            {
                EndLines();
            }

            return _hasInputEnded;
        }

        byte key = _ahead[0];
        Span<byte> ahead = _ahead;
        ahead[1.._aheadCount].CopyTo(ahead);
        _aheadCount--;
        Type(key);
        return true;
    }

    // A program's last line may lack its end; a question that nobody answers is answered by nothing.
    private void EndLines()
    {
        if (_asks)
        {
            _hasAnswer = true;
        }
        else if (Editor.Text.IsEmpty)
        {
            IsOver = true;
        }
        else
        {
            Type((byte)'\n');
        }
    }

    private void Type(byte key)
    {
        LineResult result = Editor.Take(key, ref Output);
        if (result == LineResult.Editing)
        {
            return;
        }

        if (_asks)
        {
            _hasAnswer = true;
            if (result != LineResult.Finished)
            {
                Editor.Begin();
            }
        }
        else if (result == LineResult.Finished)
        {
            Editor.Remember();
            Start(Editor.Text);
            if (_running == 0)
            {
                BeginLine();
            }
        }
        else if (result == LineResult.Left)
        {
            Output.NewLine();
            IsOver = true;
        }
        else
        {
            BeginLine();
        }
    }

    /// <summary>Begins the command that a line names, or says why not.</summary>
    private void Start(ReadOnlySpan<byte> line)
    {
        _state = default;
        CommandLine parts = CommandLine.Parse(line);
        if (parts.Name.IsEmpty)
        {
            return;
        }

        CommandSearch search = CommandSearch.For(parts.Name);
        _state.ExitStatus = CommandRun.Usage;
        if (search.Found == 0)
        {
            _state.ExitStatus = NoSuchCommand;
            Output.WriteLine("there is no such command: 'help' lists them"u8);
        }
        else if (!search.TakesArguments && !parts.Arguments.IsEmpty)
        {
            Output.Write(parts.Name);
            Output.WriteLine(" takes no arguments: 'help' lists what the commands take"u8);
        }
        else if (parts.IsJson && search.Form == CommandForm.Text)
        {
            Output.Write(parts.Name);
            Output.WriteLine(" has no --json: it writes no table"u8);
        }
        else if (!parts.Arguments.TryCopyTo(_arguments))
        {
            Output.WriteLine("too many arguments"u8);
        }
        else
        {
            _state.ExitStatus = 0;
            _state.IsJson = parts.IsJson;
            _argumentsLength = parts.Arguments.Length;
            _running = search.Found;
        }

        ExitStatus = _state.ExitStatus;
    }

    private void Finish()
    {
        _running = 0;
        _asks = false;
        _hasAnswer = false;
        ExitStatus = _state.ExitStatus;
        IsOver = _state.Leaves || _use == ShellUse.Command;
        if (!IsOver)
        {
            BeginLine();
        }
    }

    private void BeginLine()
    {
        Editor.Begin();
        Output.Write(Prompt);
    }

    [InlineArray(ArgumentsMax)]
    private struct ArgumentBytes
    {
        private byte _first;
    }

    [InlineArray(AheadMax)]
    private struct AheadBytes
    {
        private byte _first;
    }
}
