using System;

namespace Sos.RemoteConsole.Commands;

/// <summary>
/// A command of the console. It runs in steps: each writes a few lines (<see cref="CommandRun.StepSizeMax"/>) and takes some ten microseconds at most, since a
/// firewall may work on the same core. A command is a type of its own in a file of its own, and a line of <see cref="CommandList"/>.
/// </summary>
internal interface ICommand
{
    /// <summary>The word that is typed.</summary>
    static abstract ReadOnlySpan<byte> Name { get; }

    /// <summary>The arguments behind it, for the help; may be empty. A command without them is not run when something stands behind its name.</summary>
    static abstract ReadOnlySpan<byte> Arguments { get; }

    /// <summary>Says in a few words, for the help, what the command shows or does.</summary>
    static abstract ReadOnlySpan<byte> Explanation { get; }

    /// <summary>The form of what the command writes, and with it whether there is <c>--json</c>.</summary>
    static abstract CommandForm Form { get; }

    /// <summary>The line above the rows of a table; may be empty.</summary>
    static abstract ReadOnlySpan<byte> Heading { get; }

    /// <summary>Runs a step.</summary>
    static abstract CommandProgress Step(ref CommandRun run);
}

/// <summary>Forms of what a command writes.</summary>
internal enum CommandForm : byte
{
    /// <summary>Text, or bytes, through <see cref="CommandRun.Output"/>.</summary>
    Text = 0,

    /// <summary>A table: rows of the same fields through <see cref="CommandRun.BeginRow"/>; an array in JSON.</summary>
    Table,

    /// <summary>Fields with values, a line each, through one <see cref="CommandRun.BeginRow"/>; an object in JSON.</summary>
    Fields,
}

/// <summary>How a command goes on after a step.</summary>
internal enum CommandProgress : byte
{
    /// <summary>The command is done; its status is in <see cref="CommandState.ExitStatus"/>.</summary>
    Done = 0,

    /// <summary>There is more to write at once.</summary>
    More,

    /// <summary>There is nothing to write now: the next step comes in a later pass.</summary>
    Waiting,

    /// <summary>The visitor was asked something: the next step comes with the line that is typed, in <see cref="CommandRun.Answer"/>.</summary>
    Asks,
}
