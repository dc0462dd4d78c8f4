using System;
using System.IO;
using System.IO.Compression;
using Sos.Cores.Native;

namespace Sos.Cores.Isolation;

/// <summary>How the running kernel was configured, where it says so.</summary>
public static class KernelConfig
{
    /// <summary>Whether an option is set.</summary>
    /// <param name="option">As in "CONFIG_XDP_SOCKETS".</param>
    /// <returns>Null when the kernel's configuration is not to be had.</returns>
    public static bool? Has(string option)
    {
        string? text = Read();
        return text is null ? null : text.Contains($"\n{option}=y\n", StringComparison.Ordinal) || text.Contains($"\n{option}=m\n", StringComparison.Ordinal);
    }

    private static string? Read()
    {
        try
        {
            if (File.Exists("/proc/config.gz"))
            {
                using GZipStream stream = new(File.OpenRead("/proc/config.gz"), CompressionMode.Decompress);
                using StreamReader reader = new(stream);
                return reader.ReadToEnd();
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The file in /boot says the same.
        }

        return LinuxFile.TryRead($"/boot/config-{Scheduling.Release()}");
    }
}
