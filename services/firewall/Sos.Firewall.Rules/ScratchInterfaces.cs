using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;

namespace Sos.Firewall.Rules;

/// <summary>The names of the interfaces that a scratch namespace needs so that nft takes a rules file there: the machine need not have them.</summary>
internal sealed class ScratchInterfaces
{
    /// <summary>Makes interfaces of the names that are the shell's arguments. Some names only one kind of interface takes.</summary>
    public const string MakeAll = """
        ip link set lo up
        for name; do (ip link add "$name" type dummy || ip link add "$name" type veth || ip tuntap add dev "$name" mode tap) 2>/dev/null; done
        """;

    private const int NamesMax = 64;

    // nft names the place of what it does not find: FILE:LINE:FROM-TO: Error: Interface does not exist
    private static readonly Regex Missing = new(@":(\d+):(\d+)-(\d+): Error: Interface does not exist");
    private static readonly Regex Devices = new("""\bdevices?\s*(?:=\s*)?(?:\{([^}]*)\}|("[^"]+"|[\w.@-]+))""");

    private readonly string[] _lines;
    private readonly List<string> _names;

    /// <summary>Reads the devices that chains of a file name.</summary>
    /// <param name="path">Rules as <c>nft -f</c> takes them.</param>
    public ScratchInterfaces(string path)
    {
        _lines = File.ReadAllLines(path);
        _names = [.. DeviceNames(_lines).Distinct()];
    }

    /// <summary>The names, each once, in the order in which they were found.</summary>
    public IReadOnlyList<string> Names => _names;

    /// <summary>Reads from nft's refusal of the file which interfaces are missing.</summary>
    /// <param name="refusal">nft's words.</param>
    /// <returns>Whether another try makes sense: some are new, and they are not too many.</returns>
    public bool TryLearn(string refusal)
    {
        List<string> found = [.. Missing.Matches(refusal).Select(Named).OfType<string>().Distinct().Except(_names)];
        _names.AddRange(found);
        return found.Count > 0 && _names.Count <= NamesMax;
    }

    private string? Named(Match place)
    {
        int line = int.Parse(place.Groups[1].ValueSpan, CultureInfo.InvariantCulture) - 1;
        int from = int.Parse(place.Groups[2].ValueSpan, CultureInfo.InvariantCulture) - 1;
        int to = int.Parse(place.Groups[3].ValueSpan, CultureInfo.InvariantCulture);
        return line < _lines.Length && from < to && to <= _lines[line].Length ? _lines[line][from..to].Trim('"') : null;
    }

    private static IEnumerable<string> DeviceNames(IEnumerable<string> lines)
        => lines.SelectMany(line => Devices.Matches(line)).SelectMany(match => (match.Groups[1].Value + match.Groups[2].Value).Split(','))
            .Select(name => name.Trim().Trim('"')).Where(name => name.Length > 0 && !name.Contains('$', StringComparison.Ordinal));
}
