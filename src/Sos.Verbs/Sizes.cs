using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;

namespace Sos.Verbs;

/// <summary>Sizes on the command line: bytes, or with K, M or G behind them.</summary>
public static class Sizes
{
    /// <summary>Makes an option that takes a size; 0 when it is not given.</summary>
    public static Option<ulong> Option(string name, string description) => new(name)
    {
        Description = description,
        DefaultValueFactory = _ => 0,
        CustomParser = Parse,
        HelpName = "SIZE",
    };

    /// <summary>Makes an option that takes a size; null when it is not given.</summary>
    public static Option<ulong?> OptionalOption(string name, string description) => new(name)
    {
        Description = description,
        CustomParser = result => Parse(result),
        HelpName = "SIZE",
    };

    /// <summary>Reads a size.</summary>
    /// <param name="text">The text.</param>
    /// <param name="size">Bytes.</param>
    public static bool TryParse(string text, out ulong size)
    {
        int shift = text.Length == 0 ? 0 : char.ToUpperInvariant(text[^1]) switch { 'K' => 10, 'M' => 20, 'G' => 30, _ => 0 };
        bool valid = ulong.TryParse(shift == 0 ? text : text[..^1], NumberStyles.None, CultureInfo.InvariantCulture, out size)
            && size <= ulong.MaxValue >> shift;
        size = valid ? size << shift : 0;
        return valid;
    }

    private static ulong Parse(ArgumentResult result)
    {
        if (!TryParse(result.Tokens[0].Value, out ulong size))
        {
            result.AddError($"\"{result.Tokens[0].Value}\" is no size: give bytes, or a number with K, M or G behind it");
        }

        return size;
    }
}
