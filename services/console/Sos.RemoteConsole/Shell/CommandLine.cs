using System;

namespace Sos.RemoteConsole.Shell;

/// <summary>The parts of a line: a command's name, its arguments, and whether they begin or end with <c>--json</c>.</summary>
internal readonly ref struct CommandLine
{
    private CommandLine(ReadOnlySpan<byte> name, ReadOnlySpan<byte> arguments, bool isJson)
    {
        Name = name;
        Arguments = arguments;
        IsJson = isJson;
    }

    /// <summary>The name; empty on an empty line.</summary>
    public ReadOnlySpan<byte> Name { get; }

    /// <summary>The arguments, without blanks around them.</summary>
    public ReadOnlySpan<byte> Arguments { get; }

    /// <summary>Whether JSON is wanted.</summary>
    public bool IsJson { get; }

    private static ReadOnlySpan<byte> JsonOption => "--json"u8;

    /// <summary>Takes a line apart.</summary>
    public static CommandLine Parse(ReadOnlySpan<byte> line)
    {
        line = Trim(line);
        int end = 0;
        while (end < line.Length && line[end] != (byte)' ')
        {
            end++;
        }

        ReadOnlySpan<byte> name = line[..end];
        ReadOnlySpan<byte> arguments = Trim(line[end..]);
        if (arguments.SequenceEqual(JsonOption))
        {
            return new CommandLine(name, default, isJson: true);
        }

        int rest = arguments.Length - JsonOption.Length;
        if (rest > 0 && arguments.StartsWith(JsonOption) && arguments[JsonOption.Length] == (byte)' ')
        {
            return new CommandLine(name, Trim(arguments[JsonOption.Length..]), isJson: true);
        }

        return rest > 0 && arguments.EndsWith(JsonOption) && arguments[rest - 1] == (byte)' '
            ? new CommandLine(name, Trim(arguments[..rest]), isJson: true)
            : new CommandLine(name, arguments, isJson: false);
    }

    private static ReadOnlySpan<byte> Trim(ReadOnlySpan<byte> text)
    {
        while (!text.IsEmpty && text[0] is (byte)' ' or (byte)'\t')
        {
            text = text[1..];
        }

        while (!text.IsEmpty && text[^1] is (byte)' ' or (byte)'\t')
        {
            text = text[..^1];
        }

        return text;
    }
}
