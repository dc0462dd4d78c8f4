using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Sos.Cores.Native;

/// <summary>Files that hold one record in JSON each, and that other programs read at any time.</summary>
/// <typeparam name="T">The record.</typeparam>
/// <param name="type">How it is written.</param>
internal sealed class JsonFile<T>(JsonTypeInfo<T> type)
    where T : class
{
    /// <summary>Reads one that somebody must mend if it is damaged.</summary>
    /// <param name="path">The file.</param>
    /// <param name="advice">The way to mend it.</param>
    /// <returns>Null when it is not there or cannot be read.</returns>
    /// <exception cref="SosException">It is damaged.</exception>
    public T? Read(string path, string advice)
    {
        try
        {
            return Parse(path);
        }
        catch (JsonException e)
        {
            throw new SosException(SosError.Failed, $"{path} is damaged ({e.Message}): {advice}", e);
        }
    }

    /// <summary>Reads one that nobody misses.</summary>
    /// <param name="path">The file.</param>
    /// <returns>Null when it is not there, cannot be read or is damaged.</returns>
    public T? TryRead(string path)
    {
        try
        {
            return Parse(path);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>Writes one, at once or not at all.</summary>
    public void Write(string path, T record) => WholeFile.Write(path, JsonSerializer.Serialize(record, type));

    private T? Parse(string path) => LinuxFile.TryRead(path) is { } text ? JsonSerializer.Deserialize(text, type) : null;
}
