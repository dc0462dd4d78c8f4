using System;

namespace Sos.Router.Tests;

/// <summary>Rulesets as nft takes them.</summary>
internal static class Rulesets
{
    /// <summary>Makes a table of chains that stand on one line.</summary>
    public static string Table(string chains)
        => $"table inet t {{\n{chains.Replace("} chain ", "}\nchain ", StringComparison.Ordinal).Replace("} map ", "}\nmap ", StringComparison.Ordinal)}\n}}\n";
}
