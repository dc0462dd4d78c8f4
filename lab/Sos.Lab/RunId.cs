using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Threading;

namespace Sos.Lab;

/// <summary>
/// Names for what a run leaves in the system (namespaces, folders): they tell which process made them, so that parallel
/// runs do not collide and a later run can remove what a dead one left.
/// </summary>
public static class RunId
{
    private const string Prefix = "soslab";
    private static readonly string Process = $"{Prefix}-{Environment.ProcessId}-{StartTime(Environment.ProcessId)}";
    private static int _count;

    /// <summary>A name that nobody else has.</summary>
    public static string Next() => $"{Process}-{Interlocked.Increment(ref _count)}";

    /// <summary>Whether a name was made by a run that is dead. A name that is not ours is not stale.</summary>
    public static bool IsStale(string name) =>
        name.Split('-') is [Prefix, string pid, string start, ..]
        && int.TryParse(pid, CultureInfo.InvariantCulture, out int id)
        && StartTime(id)?.ToString(CultureInfo.InvariantCulture) != start;

    /// <summary>Removes namespaces and folders of dead runs.</summary>
    public static void RemoveStale()
    {
        if (Directory.Exists("/run/netns"))
        {
            IEnumerable<string> names = Directory.EnumerateFiles("/run/netns").Select(Path.GetFileName).OfType<string>();
            foreach (string name in names.Where(IsStale).ToList())
            {
                using Process removal = HostProcess.Start(["ip", "netns", "del", name]);
                removal.WaitForExit();
            }
        }

        foreach (string folder in Directory.EnumerateDirectories(Path.GetTempPath(), Prefix + "-*").ToList())
        {
            if (IsStale(Path.GetFileName(folder)))
            {
                Directory.Delete(folder, recursive: true);
            }
        }
    }

    // proc(5): field 22 of stat, in clock ticks since boot; with the pid it names a process for good.
    private static ulong? StartTime(int pid)
    {
        try
        {
            string stat = File.ReadAllText($"/proc/{pid}/stat");
            return ulong.Parse(stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[19], CultureInfo.InvariantCulture);
        }
        catch (IOException)
        {
            return null;
        }
    }
}
