using System;
using System.Globalization;
using System.IO;

namespace Sos.Bench;

/// <summary>How much is measured.</summary>
internal sealed record BenchOptions
{
    /// <summary>The options of the command line.</summary>
    public const string Usage = "usage: Sos.Bench [--only=SECTION] [--rounds=N] [--burst=N] [--block-ms=N] [--peer-limit-s=N] [--output=FOLDER]";

    /// <summary>Rounds of each comparison.</summary>
    public int Rounds { get; private init; } = 11;

    /// <summary>A section, or the part before the last hyphen of several; empty for all.</summary>
    public string Only { get; private init; } = "";

    /// <summary>Packets of a burst.</summary>
    public int[] Bursts { get; private init; } = [1, 8, 32, 64];

    /// <summary>How long a block is to take, in nanoseconds.</summary>
    public double BlockNs { get; private init; } = 8e6;

    /// <summary>How long a peer may take to get ready, and for each answer.</summary>
    public TimeSpan PeerLimit { get; private init; } = TimeSpan.FromMinutes(2);

    /// <summary>Where the results go.</summary>
    public string Output { get; private init; } = BenchPaths.Artifacts;

    /// <summary>Reads a command line.</summary>
    /// <exception cref="BenchException">It holds what <see cref="Usage"/> does not name.</exception>
    public static BenchOptions Parse(string[] arguments)
    {
        BenchOptions options = new();
        foreach (string argument in arguments)
        {
            int split = argument.IndexOf('=', StringComparison.Ordinal);
            string value = argument[(split + 1)..];
            options = (split < 0 ? "" : argument[..split]) switch
            {
                "--only" => options with { Only = value },
                "--rounds" => options with { Rounds = Number(argument, value) },
                "--burst" => options with { Bursts = [Number(argument, value)] },
                "--block-ms" => options with { BlockNs = Number(argument, value) * 1e6 },
                "--peer-limit-s" => options with { PeerLimit = TimeSpan.FromSeconds(Number(argument, value)) },
                "--output" => options with { Output = Path.GetFullPath(value) },
                _ => throw new BenchException($"'{argument}' is no option of mine\n{Usage}"),
            };
        }

        return options;
    }

    /// <summary>Whether a section is wanted.</summary>
    public bool Wants(string section) => Only.Length == 0 || section == Only || section.StartsWith($"{Only}-", StringComparison.Ordinal);

    private static int Number(string argument, string value)
        => int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number is > 0 and <= 1_000_000
            ? number
            : throw new BenchException($"'{argument}' needs a number from 1 to 1,000,000\n{Usage}");
}
