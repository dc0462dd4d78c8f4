using System;
using System.IO;
using System.Threading;

namespace Sos.Cores.Running;

/// <summary>Whether sosd runs: it holds a lock as long as it does.</summary>
public sealed class DaemonPresence : IDisposable
{
    private const string FileName = "sosd.lock";

    private readonly FileStream _file;

    private DaemonPresence(FileStream file) => _file = file;

    /// <summary>Becomes the one sosd.</summary>
    /// <param name="patience">How long another may take to end, or to ask whether there is one.</param>
    /// <param name="folder">Where its lock is.</param>
    /// <returns>Null when there is one all the time.</returns>
    public static DaemonPresence? TryTake(TimeSpan patience, string folder = CoreRecord.DefaultFolder)
    {
        DateTime end = DateTime.UtcNow + patience;
        FileStream? file = CoreLock.TryLock(Path.Combine(folder, FileName));
        while (file is null && DateTime.UtcNow < end)
        {
            Thread.Sleep(20);
            file = CoreLock.TryLock(Path.Combine(folder, FileName));
        }

        return file is null ? null : new DaemonPresence(file);
    }

    /// <summary>Whether sosd runs now.</summary>
    /// <param name="folder">Where its lock is.</param>
    public static bool IsThere(string folder = CoreRecord.DefaultFolder) => CoreLock.IsLocked(Path.Combine(folder, FileName));

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();
}
