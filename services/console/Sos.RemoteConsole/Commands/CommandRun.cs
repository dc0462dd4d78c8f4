using System;
using Sos.Net;
using Sos.RemoteConsole.Text;

namespace Sos.RemoteConsole.Commands;

/// <summary>The things that a step of a command has at hand.</summary>
internal ref struct CommandRun
{
    /// <summary>Bytes that a step writes at most.</summary>
    public const int StepSizeMax = 1024;

    /// <summary>Status of a command that could not do what was asked.</summary>
    public const uint Failure = 1;

    /// <summary>Status of a command whose arguments are wrong.</summary>
    public const uint Usage = 2;

    /// <summary>Puts them together.</summary>
    public CommandRun(
        ref ConsoleContext context,
        ref TextOutput output,
        ref CommandState state,
        ReadOnlySpan<byte> arguments,
        ReadOnlySpan<byte> answer,
        int visitor,
        Instant now)
    {
        Context = ref context;
        Output = ref output;
        State = ref state;
        Arguments = arguments;
        Answer = answer;
        Visitor = visitor;
        Now = now;
    }

    /// <summary>The service's parts that a command may show.</summary>
    public ref ConsoleContext Context;

    /// <summary>Where lines go; there is room for <see cref="StepSizeMax"/> bytes.</summary>
    public ref TextOutput Output;

    /// <summary>The command's memory.</summary>
    public ref CommandState State;

    /// <summary>The text behind the command's name, without blanks around it and without <c>--json</c>.</summary>
    public ReadOnlySpan<byte> Arguments;

    /// <summary>The line that was typed after <see cref="CommandProgress.Asks"/>; else empty.</summary>
    public ReadOnlySpan<byte> Answer;

    /// <summary>The line above the rows of a table.</summary>
    public ReadOnlySpan<byte> Heading;

    /// <summary>Who runs it.</summary>
    public int Visitor;

    /// <summary>The time.</summary>
    public Instant Now;

    /// <summary>Begins a row of a table, or the only one of <see cref="CommandForm.Fields"/>.</summary>
    public readonly RowWriter BeginRow(CommandForm form = CommandForm.Table)
    {
        if (State is { Rows: 0, IsJson: false } && form == CommandForm.Table && !Heading.IsEmpty)
        {
            Output.WriteLine(Heading);
        }

        return new RowWriter(ref Output, ref State, form);
    }

    /// <summary>Says what is wrong and ends the command.</summary>
    /// <param name="message">What is wrong, and what to do.</param>
    /// <param name="status">The command's status.</param>
    public readonly CommandProgress Fail(ReadOnlySpan<byte> message, uint status = Failure)
    {
        Output.WriteLine(message);
        State.ExitStatus = status;
        return CommandProgress.Done;
    }
}
