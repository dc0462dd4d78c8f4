using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;

namespace Sos.RemoteConsole.Control.Linux;

/// <summary>A function of the kernel or of a module.</summary>
internal readonly record struct KernelFunction(ulong Address, string Name);

/// <summary>The names of the kernel's functions and variables, as /proc/kallsyms tells them to root.</summary>
internal sealed class KernelSymbols
{
    private readonly Dictionary<string, ulong> _variables = [];
    private readonly HashSet<string> _ambiguous = [];
    private readonly List<KernelFunction> _functions = [];

    /// <summary>The functions, in order of address; of several names of one address the first.</summary>
    public IReadOnlyList<KernelFunction> Functions { get; private set; } = [];

    /// <summary>Whether the addresses are shown.</summary>
    public bool AreShown { get; private set; }

    /// <summary>Reads the text of /proc/kallsyms. What is no line of it is passed over.</summary>
    public static KernelSymbols Read(TextReader text)
    {
        KernelSymbols symbols = new();
        while (text.ReadLine() is { } line)
        {
            symbols.Add(line);
        }

        symbols.Functions = [.. symbols._functions.GroupBy(function => function.Address).Select(group => group.First()).OrderBy(function => function.Address)];
        return symbols;
    }

    /// <summary>Finds a variable, or another mark, of the kernel itself.</summary>
    /// <returns>Null if there is none, or more than one of that name.</returns>
    public ulong? Find(string name) => !_ambiguous.Contains(name) && _variables.TryGetValue(name, out ulong address) ? address : null;

    // "ffffffff81000000 T _stext", and behind a tab the module in brackets.
    private void Add(string line)
    {
        int first = line.IndexOf(' ', StringComparison.Ordinal);
        if (first < 1 || line.Length < first + 4 || line[first + 2] != ' '
            || !ulong.TryParse(line.AsSpan(0, first), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong address))
        {
            return;
        }

        int end = line.IndexOf('\t', StringComparison.Ordinal);
        string name = end < 0 ? line[(first + 3)..] : line[(first + 3)..end];
        AreShown |= address != 0;
        char type = line[first + 1];
        if (type is 't' or 'T' or 'w' or 'W' && address != 0 && !name.StartsWith("__pfx_", StringComparison.Ordinal))
        {
            _functions.Add(new KernelFunction(address, name));
        }

        if (end < 0 && !_variables.TryAdd(name, address) && _variables[name] != address)
        {
            _ = _ambiguous.Add(name);
        }
    }
}
