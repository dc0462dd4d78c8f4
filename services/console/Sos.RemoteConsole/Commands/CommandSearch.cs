using System;

namespace Sos.RemoteConsole.Commands;

/// <summary>Finds the command that a line names.</summary>
internal ref struct CommandSearch : ICommandVisitor
{
    private readonly ReadOnlySpan<byte> _name;
    private int _index;

    private CommandSearch(ReadOnlySpan<byte> name) => _name = name;

    /// <summary>The command's place in the list, from 1; 0 if there is none of that name.</summary>
    public int Found { get; private set; }

    /// <summary>Whether it takes arguments.</summary>
    public bool TakesArguments { get; private set; }

    /// <summary>The form of what it writes.</summary>
    public CommandForm Form { get; private set; }

    /// <summary>Looks for a name.</summary>
    public static CommandSearch For(ReadOnlySpan<byte> name)
    {
        CommandSearch search = new(name.SequenceEqual("?"u8) ? "help"u8 : name.SequenceEqual("quit"u8) ? "exit"u8 : name);
        CommandList.Show(ref search);
        return search;
    }

    /// <inheritdoc/>
    public void Visit<TCommand>()
        where TCommand : struct, ICommand
    {
        _index++;
        if (_name.SequenceEqual(TCommand.Name))
        {
            Found = _index;
            TakesArguments = !TCommand.Arguments.IsEmpty;
            Form = TCommand.Form;
        }
    }
}
