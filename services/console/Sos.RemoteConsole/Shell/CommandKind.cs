using System;

namespace Sos.RemoteConsole.Shell;

/// <summary>The commands.</summary>
internal enum CommandKind : byte
{
    None = 0,
    Help,
    Status,
    Service,
    Log,
    Who,
    Version,
    Uptime,
    Exit,
    Unknown,
}

/// <summary>Names and explanations of the commands.</summary>
internal static class CommandNames
{
    /// <summary>Finds the command that a line names.</summary>
    public static CommandKind Find(ReadOnlySpan<byte> line)
    {
        line = Trim(line);
        if (line.IsEmpty)
        {
            return CommandKind.None;
        }

        for (CommandKind kind = CommandKind.Help; kind < CommandKind.Unknown; kind++)
        {
            if (line.SequenceEqual(NameOf(kind)))
            {
                return kind;
            }
        }

        return line.SequenceEqual("?"u8) ? CommandKind.Help : line.SequenceEqual("quit"u8) ? CommandKind.Exit : CommandKind.Unknown;
    }

    /// <summary>Returns a command's name.</summary>
    public static ReadOnlySpan<byte> NameOf(CommandKind kind) => kind switch
    {
        CommandKind.Help => "help"u8,
        CommandKind.Status => "status"u8,
        CommandKind.Service => "service"u8,
        CommandKind.Log => "log"u8,
        CommandKind.Who => "who"u8,
        CommandKind.Version => "version"u8,
        CommandKind.Uptime => "uptime"u8,
        CommandKind.Exit => "exit"u8,
        _ => default,
    };

    /// <summary>Returns what a command shows, for the help.</summary>
    public static ReadOnlySpan<byte> ExplanationOf(CommandKind kind) => kind switch
    {
        CommandKind.Help => "these commands"u8,
        CommandKind.Status => "whether Linux was heard of, the card, who is connected"u8,
        CommandKind.Service => "the service's counters that are not 0"u8,
        CommandKind.Log => "the service's log"u8,
        CommandKind.Who => "who is connected, from where, and since when"u8,
        CommandKind.Version => "the service's version and ABI"u8,
        CommandKind.Uptime => "how long service and Linux have been running"u8,
        CommandKind.Exit => "leaves; ^D does as well"u8,
        _ => default,
    };

    private static ReadOnlySpan<byte> Trim(ReadOnlySpan<byte> line)
    {
        while (!line.IsEmpty && line[0] == (byte)' ')
        {
            line = line[1..];
        }

        while (!line.IsEmpty && line[^1] == (byte)' ')
        {
            line = line[..^1];
        }

        return line;
    }
}
