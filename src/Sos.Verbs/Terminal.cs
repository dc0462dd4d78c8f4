using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Sos.Cores;

namespace Sos.Verbs;

/// <summary>Where results go: text for people, or one JSON document a command for programs.</summary>
/// <param name="output">The standard output.</param>
/// <param name="error">The standard error.</param>
public sealed class Terminal(TextWriter output, TextWriter error)
{
    /// <summary>The standard output.</summary>
    public TextWriter Out { get; } = output;

    /// <summary>The standard error.</summary>
    public TextWriter Error { get; } = error;

    /// <summary>Whether results are written as JSON.</summary>
    public bool Json { get; set; }

    /// <summary>Writes a command's result.</summary>
    /// <param name="result">The result.</param>
    /// <param name="type">How it is written as JSON.</param>
    /// <param name="writeText">Writes it for people.</param>
    public void Write<T>(T result, JsonTypeInfo<T> type, Action<TextWriter> writeText)
    {
        ArgumentNullException.ThrowIfNull(writeText);
        if (Json)
        {
            Out.WriteLine(JsonSerializer.Serialize(result, type));
        }
        else
        {
            writeText(Out);
        }

        Out.Flush();
    }

    /// <summary>Writes why a command failed; with JSON as a document on the standard output too.</summary>
    public void WriteError(SosError error, string message)
    {
        if (Json)
        {
            ErrorJson documents = Readable(ErrorJson.Default.Options, options => new ErrorJson(options));
            Out.WriteLine(JsonSerializer.Serialize(new ErrorDocument(new ErrorDetail(error, (int)error, message)), documents.ErrorDocument));
            Out.Flush();
        }
        else
        {
            Error.WriteLine($"sosctl: {message}");
        }
    }

    /// <summary>Tells people, not programs, something beside the result.</summary>
    public void Note(string message) => Error.WriteLine($"sosctl: {message}");

    /// <summary>Writes columns, each as wide as its widest cell.</summary>
    public static void WriteTable(TextWriter output, IReadOnlyList<string> header, IEnumerable<IReadOnlyList<string>> rows)
    {
        ArgumentNullException.ThrowIfNull(output);
        List<IReadOnlyList<string>> lines = [header, .. rows];
        int[] widths = [.. Enumerable.Range(0, header.Count).Select(column => lines.Max(line => line[column].Length))];
        foreach (IReadOnlyList<string> line in lines)
        {
            output.WriteLine(string.Join("  ", line.Select((cell, column) => cell.PadRight(widths[column]))).TrimEnd());
        }
    }

    /// <summary>Writes notes, a line each.</summary>
    public static void WriteNotes(TextWriter output, IEnumerable<string> notes)
    {
        ArgumentNullException.ThrowIfNull(output);
        foreach (string note in notes)
        {
            output.WriteLine($"note: {note}");
        }
    }

    /// <summary>Makes documents that leave quotes and the like readable: nothing of them goes into a web page.</summary>
    /// <param name="options">The options as declared.</param>
    /// <param name="make">Makes the documents with other options.</param>
    public static T Readable<T>(JsonSerializerOptions options, Func<JsonSerializerOptions, T> make)
        where T : JsonSerializerContext
        => make(new JsonSerializerOptions(options) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
}

/// <summary>The document of a command that failed.</summary>
internal sealed record ErrorDocument(ErrorDetail Error);

/// <summary>Why it failed.</summary>
internal sealed record ErrorDetail(SosError Kind, int ExitCode, string Message);

/// <summary>How an error is written.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, UseStringEnumConverter = true)]
[JsonSerializable(typeof(ErrorDocument))]
internal sealed partial class ErrorJson : JsonSerializerContext;
