using System;
using System.Globalization;
using System.IO;
using System.Threading;

namespace Sos.Cores.Running;

/// <summary>Lets one program at a time start, stop or restart the service of a core. It is free again when its holder dies.</summary>
public sealed class CoreLock : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly FileStream _file;

    private CoreLock(FileStream file, string folder) => (_file, Folder) = (file, folder);

    /// <summary>Where the core's record is, which its holder may change.</summary>
    public string Folder { get; }

    /// <summary>Takes a core's lock; waits while another program works on the core.</summary>
    /// <param name="cpu">The core.</param>
    /// <param name="folder">Where the locks are.</param>
    /// <exception cref="SosException">The other does not come to an end.</exception>
    public static CoreLock Take(int cpu, string folder = CoreRecord.DefaultFolder)
    {
        string path = PathOf(cpu, folder);
        DateTime end = DateTime.UtcNow + Patience;
        while (true)
        {
            if (TryLock(path) is { } file)
            {
                return new CoreLock(file, folder);
            }

            if (DateTime.UtcNow > end)
            {
                throw new SosException(SosError.Refused, $"another sosctl has been working on core {cpu} for {Patience.TotalSeconds} s: see 'ps -C sosctl'");
            }

            Thread.Sleep(20);
        }
    }

    /// <summary>Takes a core's lock if no other program works on the core.</summary>
    /// <param name="cpu">The core.</param>
    /// <param name="folder">Where the locks are.</param>
    /// <returns>Null when one does.</returns>
    public static CoreLock? TryTake(int cpu, string folder = CoreRecord.DefaultFolder)
        => TryLock(PathOf(cpu, folder)) is { } file ? new CoreLock(file, folder) : null;

    /// <summary>Whether a program works on a core now.</summary>
    /// <param name="cpu">The core.</param>
    /// <param name="folder">Where the locks are.</param>
    public static bool IsTaken(int cpu, string folder = CoreRecord.DefaultFolder) => IsLocked(PathOf(cpu, folder));

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    /// <summary>Whether a process has a file open as <see cref="TryLock"/> does.</summary>
    internal static bool IsLocked(string path)
    {
        if (!File.Exists(path))
        {
            return false;
        }

        try
        {
            // A shared lock: two that ask do not take each other for the holder.
            using FileStream asked = new(path, FileMode.Open, FileAccess.Read, FileShare.Read);
            return false;
        }
        catch (IOException)
        {
            return true;
        }
    }

    /// <summary>Opens a file that only one process has open so (flock).</summary>
    /// <returns>Null when another has it.</returns>
    internal static FileStream? TryLock(string path)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        try
        {
            return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException) when (File.Exists(path))
        {
            return null;
        }
    }

    private static string PathOf(int cpu, string folder) => Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"core-{cpu}.lock"));
}
