using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using Sos.Cores.Companions;
using Tomlyn.Parsing;
using Tomlyn.Syntax;

namespace Sos.Cores.Enabled;

/// <summary>
/// The values of a TOML file by their whole keys. Each is taken once by whoever knows it; what nobody took is refused at the end, so that a
/// key with a slip in it is not ignored.
/// </summary>
internal sealed class TomlEntries
{
    private readonly string _path;
    private readonly List<Entry> _entries = [];
    private readonly HashSet<string> _known = [];

    private TomlEntries(string path) => _path = path;

    /// <summary>Parses a file.</summary>
    /// <exception cref="SosException">It is not TOML; the message names the line.</exception>
    public static TomlEntries Parse(string path, string text)
    {
        DocumentSyntax document = SyntaxParser.Parse(text, path);
        TomlEntries entries = new(path);
        foreach (DiagnosticMessage message in document.Diagnostics)
        {
            throw entries.Error(message.Span, message.Message);
        }

        entries.Add([], document.KeyValues);
        foreach (TableSyntaxBase table in document.Tables)
        {
            if (table is TableArraySyntax)
            {
                throw entries.Error(table.Span, "arrays of tables ([[...]]) have no meaning here: write [...]");
            }

            entries.Add(PathOf(table.Name!), table.Items);
        }

        return entries;
    }

    /// <summary>Takes a text.</summary>
    /// <returns>Null when it is not there.</returns>
    public string? Text(params IReadOnlyList<string> key) => Take(key) is not { } entry ? null
        : entry.Value is StringValueSyntax { Value: { } text } ? text
        : throw Error(entry.Value.Span, $"{entry.Name} wants a text in quotes");

    /// <summary>Takes one of a set of words.</summary>
    /// <returns>Null when it is not there.</returns>
    public string? Word(IReadOnlyList<string> words, params IReadOnlyList<string> key)
    {
        if (Take(key) is not { } entry)
        {
            return null;
        }

        return entry.Value is StringValueSyntax { Value: { } text } && words.Contains(text)
            ? text
            : throw Error(entry.Value.Span, $"{entry.Name} wants {string.Join(" or ", words.Select(word => $"\"{word}\""))}");
    }

    /// <summary>Takes a truth value; false when it is not there.</summary>
    public bool Flag(params IReadOnlyList<string> key) => Take(key) is { } entry
        && (entry.Value is BooleanValueSyntax flag ? flag.Value : throw Error(entry.Value.Span, $"{entry.Name} wants true or false"));

    /// <summary>Takes a whole number.</summary>
    /// <returns>Null when it is not there.</returns>
    public long? Number(long most, params IReadOnlyList<string> key) => Take(key) is not { } entry ? null
        : entry.Value is IntegerValueSyntax number && number.Value >= 0 && number.Value <= most ? number.Value
        : throw Error(entry.Value.Span, string.Create(CultureInfo.InvariantCulture, $"{entry.Name} wants a whole number from 0 to {most}"));

    /// <summary>Lists the names directly under a key, in the file's order.</summary>
    public IReadOnlyList<string> Names(string key)
    {
        _known.Add(key);
        return [.. _entries.Where(entry => entry.Path.Count > 1 && entry.Path[0] == key).Select(entry => entry.Path[1]).Distinct()];
    }

    /// <summary>Refuses what nobody took.</summary>
    public void RefuseRest()
    {
        if (_entries.FirstOrDefault(entry => !entry.IsTaken) is not { } rest)
        {
            return;
        }

        string last = rest.Path[^1];
        IEnumerable<string> siblings = _known.Where(name => name.Count(character => character == '.') == rest.Path.Count - 1)
            .Select(name => name[(name.LastIndexOf('.') + 1)..]);
        string hint = NearestName.Find(last, siblings) is { } near ? $"; did you mean {near}?" : ": docs/enabled.md has the keys that there are";
        throw Error(rest.Span, $"there is no key {rest.Name}{hint}");
    }

    /// <summary>Makes the error for a key that must be there.</summary>
    public SosException Missing(string key, string what) => new(SosError.Usage, $"{_path}: {key} is missing: {what}");

    private static List<string> PathOf(KeySyntax key)
        => [NameOf(key.Key!), .. key.DotKeys.Select(part => NameOf(part.Key!))];

    private static string NameOf(BareKeyOrStringValueSyntax part) => part is StringValueSyntax quoted ? quoted.Value! : ((BareKeySyntax)part).Key!.Text!;

    private void Add(IReadOnlyList<string> prefix, IEnumerable<KeyValueSyntax> values)
    {
        foreach (KeyValueSyntax pair in values)
        {
            List<string> path = [.. prefix, .. PathOf(pair.Key!)];
            if (pair.Value is InlineTableSyntax table)
            {
                Add(path, table.Items.Select(item => item.KeyValue!));
                continue;
            }

            _entries.Add(new Entry(path, pair.Value!, pair.Span));
        }
    }

    private Entry? Take(IReadOnlyList<string> key)
    {
        _known.Add(string.Join('.', key));
        Entry? found = _entries.FirstOrDefault(entry => entry.Path.SequenceEqual(key));
        if (found is not null)
        {
            found.IsTaken = true;
        }

        return found;
    }

    private SosException Error(SourceSpan span, string message)
        => new(SosError.Usage, string.Create(CultureInfo.InvariantCulture, $"{_path}:{span.Start.Line + 1}: {message}"));

    private sealed record Entry(IReadOnlyList<string> Path, ValueSyntax Value, SourceSpan Span)
    {
        public bool IsTaken { get; set; }

        public string Name => string.Join('.', Path);
    }
}
