namespace Sos.RemoteConsole.Commands;

/// <summary>Runs a step of the command at a place of the list.</summary>
internal ref struct CommandStep : ICommandVisitor
{
    private readonly int _wanted;
    private CommandRun _run;
    private int _index;

    private CommandStep(CommandRun run, int wanted)
    {
        _run = run;
        _wanted = wanted;
    }

    /// <summary>How the command goes on.</summary>
    public CommandProgress Progress { get; private set; }

    /// <summary>Runs the step.</summary>
    /// <param name="run">What the step has at hand.</param>
    /// <param name="command">The command's place in the list, from 1.</param>
    public static CommandProgress Run(CommandRun run, int command)
    {
        CommandStep step = new(run, command);
        CommandList.Show(ref step);
        return step.Progress;
    }

    /// <inheritdoc/>
    public void Visit<TCommand>()
        where TCommand : struct, ICommand
    {
        if (++_index != _wanted)
        {
            return;
        }

        _run.Heading = TCommand.Heading;
        Progress = TCommand.Step(ref _run);
        if (Progress == CommandProgress.Done && _run.State is { IsJson: true, ExitStatus: 0 })
        {
            End(TCommand.Form == CommandForm.Table);
        }
    }

    private readonly void End(bool isTable)
    {
        if (isTable)
        {
            _run.Output.Write(_run.State.Rows == 0 ? "[]"u8 : "]"u8);
        }

        _run.Output.NewLine();
    }
}
