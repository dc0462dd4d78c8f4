using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;

namespace Sos.Ctl.Output;

/// <summary>Sizes on the command line: bytes, or with K, M or G behind them.</summary>
internal static class Sizes
{
    /// <summary>An option that takes a size; 0 when it is not given.</summary>
    public static Option<ulong> Option(string name, string description, ulong byDefault = 0) => new(name)
    {
        Description = description,
        DefaultValueFactory = _ => byDefault,
        CustomParser = Parse,
        HelpName = "SIZE",
    };

    /// <summary>Reads a size.</summary>
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
