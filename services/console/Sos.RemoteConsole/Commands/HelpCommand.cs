using System;

namespace Sos.RemoteConsole.Commands;

/// <summary><c>help</c>: the commands.</summary>
internal readonly struct HelpCommand : ICommand
{
    private const int NameWidth = 26;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Name => "help"u8;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Arguments => default;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Explanation => "these commands; those with * also take --json"u8;

    /// <inheritdoc/>
    public static CommandForm Form => CommandForm.Text;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Heading => default;

    /// <inheritdoc/>
    public static CommandProgress Step(ref CommandRun run)
    {
        Line line = new(run);
        CommandList.Show(ref line);
        run.State.Step++;
        return line.IsLast ? CommandProgress.Done : CommandProgress.More;
    }

    /// <summary>Writes the line of one command.</summary>
    private ref struct Line(CommandRun run) : ICommandVisitor
    {
        private readonly CommandRun _run = run;
        private ulong _index;

        public readonly bool IsLast => _index == _run.State.Step + 1;

        public void Visit<TCommand>()
            where TCommand : struct, ICommand
        {
            if (_index++ != _run.State.Step)
            {
                return;
            }

            int before = _run.Output.Room;
            _run.Output.Write(TCommand.Name);
            _run.Output.Write(TCommand.Arguments.IsEmpty ? default : " "u8);
            _run.Output.Write(TCommand.Arguments);
            _run.Output.Write(TCommand.Form == CommandForm.Text ? default : " *"u8);
            _run.Output.WritePadded(default, Math.Max(1, NameWidth - (before - _run.Output.Room)));
            _run.Output.WriteLine(TCommand.Explanation);
        }
    }
}
