using Sos.Net;

namespace Sos.RemoteConsole.Shell;

/// <summary>The shell of a visitor who is logged in, by whatever protocol: takes keys, runs commands, gives text.</summary>
internal struct CommandShell
{
    private CommandKind _running;
    private ulong _step;

    /// <summary>The line that is typed.</summary>
    public LineEditor Editor;

    /// <summary>Text for the terminal.</summary>
    public TextOutput Output;

    /// <summary>Whether the visitor wants to leave.</summary>
    public bool IsOver { get; private set; }

    /// <summary>Whether keys are taken now: no command runs, and what it takes to show them fits.</summary>
    public readonly bool TakesKeys => _running == CommandKind.None && !IsOver && Output.Room >= Commands.StepSizeMax;

    /// <summary>Greets.</summary>
    public void Begin()
    {
        Output.WriteLine("SOS console. 'help' lists the commands."u8);
        Prompt();
    }

    /// <summary>Takes a key; only while <see cref="TakesKeys"/>.</summary>
    public void Take(byte key)
    {
        switch (Editor.Take(key, ref Output))
        {
            case LineResult.Finished:
                Editor.Remember();
                _running = CommandNames.Find(Editor.Text);
                _step = 0;
                IsOver = _running == CommandKind.Exit;
                if (_running == CommandKind.None)
                {
                    Prompt();
                }

                break;
            case LineResult.Cancelled:
                Prompt();
                break;
            case LineResult.Left:
                Output.NewLine();
                IsOver = true;
                break;
        }
    }

    /// <summary>Goes on with the command that runs, as far as there is room for what it writes.</summary>
    public void Run(ref ConsoleContext context, Instant now)
    {
        while (_running != CommandKind.None && !IsOver && Output.Room >= Commands.StepSizeMax)
        {
            if (Commands.Run(ref context, _running, ref _step, ref Output, now))
            {
                _running = CommandKind.None;
                Prompt();
            }
        }
    }

    private void Prompt()
    {
        Editor.Begin();
        Output.Write("sos> "u8);
    }
}
