using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;
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

    /// <summary>A name for a network device, 15 characters at most, that nobody else has: of this process and of those that run beside it.</summary>
    public static string NextDevice() => string.Create(CultureInfo.InvariantCulture, $"sl{Environment.ProcessId:x}-{Interlocked.Increment(ref _count):x}");

    /// <summary>Whether a name was made by a run that is dead. A name that is not ours is not stale.</summary>
    public static bool IsStale(string name) =>
        name.Split('-') is [Prefix, string pid, string start, ..]
        && int.TryParse(pid, CultureInfo.InvariantCulture, out int id)
        && StartTime(id)?.ToString(CultureInfo.InvariantCulture) != start;

    /// <summary>Removes namespaces and folders of dead runs.</summary>
    public static void RemoveStale() => Remove(IsStale);

    /// <summary>Until it is disposed, a SIGINT or SIGTERM ends this process and removes what it made.</summary>
    public static IDisposable RemoveOnSignal() => new SignalGuard();

    private static void Remove(Func<string, bool> isDoomed)
    {
        if (Directory.Exists("/run/netns"))
        {
            IEnumerable<string> names = Directory.EnumerateFiles("/run/netns").Select(Path.GetFileName).OfType<string>();
            foreach (string name in names.Where(isDoomed).ToList())
            {
                using Process removal = HostProcess.Start(["ip", "netns", "del", name]);
                removal.WaitForExit();
            }
        }

        foreach (string folder in Directory.EnumerateDirectories(Path.GetTempPath(), Prefix + "-*").ToList())
        {
            if (isDoomed(Path.GetFileName(folder)))
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

    /// <summary>The programs that we started die with us; what lies in the system does not.</summary>
    private sealed class SignalGuard : IDisposable
    {
        private const int SignalExitCode = 128; // plus the signal's number, as shells tell it

        private readonly PosixSignalRegistration[] _registrations =
        [
            PosixSignalRegistration.Create(PosixSignal.SIGINT, context => End(context, 2)),
            PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => End(context, 15)),
        ];

        public void Dispose()
        {
            foreach (PosixSignalRegistration registration in _registrations)
            {
                registration.Dispose();
            }
        }

        private static void End(PosixSignalContext context, int number)
        {
            context.Cancel = true;
            try
            {
                Remove(name => name.StartsWith($"{Process}-", StringComparison.Ordinal));
            }
            finally
            {
                Environment.Exit(SignalExitCode + number);
            }
        }
    }
}
