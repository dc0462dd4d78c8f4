using System;
using System.Collections.Generic;
using System.Globalization;

namespace Sos.RemoteConsole.Control.Linux;

/// <summary>The notes that a kernel keeps for whoever reads its memory (VMCOREINFO, Documentation/admin-guide/kdump/vmcoreinfo.rst).</summary>
internal sealed class VmCoreInfo
{
    private readonly Dictionary<string, string> _values = [];

    /// <summary>Reads the text of the note.</summary>
    public VmCoreInfo(string text)
    {
        foreach (string line in text.Split('\n'))
        {
            int equals = line.IndexOf('=', StringComparison.Ordinal);
            if (equals > 0)
            {
                _ = _values.TryAdd(line[..equals], line[(equals + 1)..].TrimEnd('\0', '\r'));
            }
        }
    }

    /// <summary>A text, such as that of OSRELEASE.</summary>
    public string? FindText(string key) => _values.GetValueOrDefault(key);

    /// <summary>The address of a variable.</summary>
    public ulong? FindSymbol(string name)
        => _values.TryGetValue($"SYMBOL({name})", out string? text)
            && ulong.TryParse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong value) ? value : null;

    /// <summary>A number.</summary>
    public long? FindNumber(string name)
        => _values.TryGetValue($"NUMBER({name})", out string? text) && long.TryParse(text, CultureInfo.InvariantCulture, out long value) ? value : null;
}
