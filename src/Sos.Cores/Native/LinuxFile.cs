using System;
using System.IO;
using System.Threading;

namespace Sos.Cores.Native;

/// <summary>The small text files of sysfs, procfs and cgroups.</summary>
internal static class LinuxFile
{
    private const int PutBackTries = 3;
    private const int PutBackPauseMs = 5;

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
        if (FaultPoint.Check(path) is var fault and not 0)
        {
            return System.Runtime.InteropServices.Marshal.GetPInvokeErrorMessage(fault);
        }

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

    /// <summary>Writes into one what it had before, which Linux may refuse for a moment: whoever gives back does not get here a second time.</summary>
    /// <returns>Null, also when the file is gone, or why Linux refuses it for good.</returns>
    public static string? TryPutBack(string path, string text)
    {
        string? problem = TryWrite(path, text);
        for (int tries = 1; tries < PutBackTries && problem is not null; tries++)
        {
            Thread.Sleep(PutBackPauseMs);
            problem = TryWrite(path, text);
        }

        return problem is null || !File.Exists(path) ? null : problem;
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
