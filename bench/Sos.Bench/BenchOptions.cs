using System;
using System.Linq;

namespace Sos.Bench;

/// <summary>How much is measured.</summary>
/// <param name="Rounds">Rounds of each comparison.</param>
/// <param name="Only">Part of a section's name, or empty for all.</param>
/// <param name="Bursts">Packets of a burst.</param>
/// <param name="BlockNs">How long a block is to take, in nanoseconds.</param>
internal sealed record BenchOptions(int Rounds, string Only, int[] Bursts, double BlockNs)
{
    private const int DefaultRounds = 11;
    private const int DefaultBlockMs = 8;

    /// <summary>Reads <c>--rounds=N</c>, <c>--only=SECTION</c> <c>--burst=N</c> and <c>--block-ms=N</c>.</summary>
    public static BenchOptions Parse(string[] arguments)
    {
        string Value(string name) => arguments.LastOrDefault(item => item.StartsWith(name, StringComparison.Ordinal))?[name.Length..] ?? string.Empty;
        return new BenchOptions(
            int.TryParse(Value("--rounds="), out int rounds) ? Math.Max(rounds, 1) : DefaultRounds,
            Value("--only="),
            int.TryParse(Value("--burst="), out int burst) ? [burst] : [1, 8, 32, 64],
            (int.TryParse(Value("--block-ms="), out int block) ? Math.Max(block, 1) : DefaultBlockMs) * 1e6);
    }

    /// <summary>Whether a section is wanted.</summary>
    public bool Wants(string section) => section.Contains(Only, StringComparison.OrdinalIgnoreCase);
}
