using System;
using System.IO;

namespace Sos.Cores.Isolation;

/// <summary>The small text files of sysfs, procfs and cgroups.</summary>
internal static class LinuxFile
{
    /// <summary>Reads one.</summary>
    /// <returns>Its text without the line end; null when it is not there or cannot be read.</returns>
    public static string? TryRead(string path)
    {
        try
        {
            return File.Exists(path) ? File.ReadAllText(path).Trim() : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Processes and interrupts go while we look.
            return null;
        }
    }

    /// <summary>Writes one.</summary>
    /// <returns>Null, or why Linux refused it.</returns>
    public static string? TryWrite(string path, string text)
    {
        try
        {
            // As one write(2), without truncating: these are no files with a length.
            using FileStream stream = new(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
            stream.Write(System.Text.Encoding.ASCII.GetBytes(text));
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return e.Message;
        }
    }

    /// <summary>Writes one that must take it.</summary>
    /// <exception cref="SosException">Linux refused.</exception>
    public static void Write(string path, string text)
    {
        if (TryWrite(path, text) is { } problem)
        {
            throw new SosException(SosError.Failed, $"writing \"{text}\" into {path} failed: {problem}");
        }
    }
}
