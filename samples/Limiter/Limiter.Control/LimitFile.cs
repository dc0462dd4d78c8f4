using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;
using Sos.Cores;
using Sos.Cores.Companions;
using Sos.Sdk.Control;

namespace Limiter.Control;

/// <summary>Builds the limiter's table from a file: an IPv4 address and its packets a second on each line; '#' begins a comment.</summary>
public static class LimitFile
{
    /// <summary>Reads a file.</summary>
    /// <param name="path">The file.</param>
    /// <returns>The table; its labels are the entries as text, in the table's order.</returns>
    /// <exception cref="SosException">There is no such file, or a line of it is wrong; the message names the line.</exception>
    public static ServiceTable Read(string path)
    {
        if (!File.Exists(path))
        {
            throw new SosException(SosError.NotFound, $"{path}: there is no such file");
        }

        return Build([.. Parse(path, File.ReadAllLines(path)).OrderBy(entry => entry.Address)]);
    }

    private static ServiceTable Build(IReadOnlyList<LimitEntry> entries)
    {
        byte[] bytes = new byte[LimitTable.EntriesOffset + (entries.Count * LimitEntry.Size)];
        TableHeader header = new()
        {
            Magic = TableHeader.MagicValue,
            Kind = LimitTable.Kind,
            Version = LimitTable.Version,
            TotalSize = (ulong)bytes.Length,
        };
        MemoryMarshal.Write(bytes, in header);
        MemoryMarshal.Write(bytes.AsSpan(LimitTable.CountOffset), (uint)entries.Count);
        MemoryMarshal.AsBytes(entries.ToArray().AsSpan()).CopyTo(bytes.AsSpan(LimitTable.EntriesOffset));
        return new ServiceTable(
            bytes, [.. entries.Select(entry => string.Create(CultureInfo.InvariantCulture, $"{FormatAddress(entry.Address)} {entry.PacketsPerSecond}"))]);
    }

    private static List<LimitEntry> Parse(string path, IReadOnlyList<string> lines)
    {
        Dictionary<uint, int> numbers = [];
        List<LimitEntry> entries = [];
        for (int number = 1; number <= lines.Count; number++)
        {
            string[] words = lines[number - 1].Split('#')[0].Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries);
            if (words.Length == 0)
            {
                continue;
            }

            if (words.Length != 2 || !TryParseAddress(words[0], out uint address))
            {
                throw Wrong(path, number, "a line is an IPv4 address and its packets a second, as in \"192.0.2.7 1000\"");
            }

            if (!uint.TryParse(words[1], NumberStyles.None, CultureInfo.InvariantCulture, out uint rate) || rate is 0 or > LimitTable.PacketsPerSecondMax)
            {
                throw Wrong(path, number, $"\"{words[1]}\" is no number of packets a second from 1 to {LimitTable.PacketsPerSecondMax}");
            }

            if (!numbers.TryAdd(address, number))
            {
                throw Wrong(path, number, $"{words[0]} has a limit on line {numbers[address]} already");
            }

            if (entries.Count == LimitTable.EntriesMax)
            {
                throw Wrong(path, number, $"a table has {LimitTable.EntriesMax} entries at most");
            }

            entries.Add(new LimitEntry { Address = address, PacketsPerSecond = rate });
        }

        return entries;
    }

    // IPAddress.Parse also takes "10.1", and octal and hexadecimal numbers.
    private static bool TryParseAddress(string text, out uint address)
    {
        address = 0;
        string[] parts = text.Split('.');
        foreach (string part in parts)
        {
            if (part.Length > 3 || !byte.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out byte value))
            {
                return false;
            }

            address = (address << 8) | value;
        }

        return parts.Length == 4;
    }

    private static string FormatAddress(uint address)
        => string.Create(CultureInfo.InvariantCulture, $"{address >> 24}.{(address >> 16) & 255}.{(address >> 8) & 255}.{address & 255}");

    private static SosException Wrong(string path, int line, string what)
        => new(SosError.BadTable, string.Create(CultureInfo.InvariantCulture, $"{path}:{line}: {what}"));
}
