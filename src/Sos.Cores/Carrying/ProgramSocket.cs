using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;
using Sos.Cores.Native;
using Sos.Cores.Network;
using Sos.Linux;

namespace Sos.Cores.Carrying;

/// <summary>
/// A socket of another program in this network namespace, as a descriptor of ours (pidfd_getfd(2)). What a program asked of a device is kept in its sockets
/// alone, so that it is asked again there.
/// </summary>
/// <param name="Id">Which socket it is, the number that Linux gave it.</param>
/// <param name="Handle">The descriptor.</param>
internal sealed unsafe record ProgramSocket(ulong Id, FileDescriptor Handle) : IDisposable
{
    private const string LinkStart = "socket:[";
    private const int Domain = 39; // SO_DOMAIN

    /// <summary>Its address family.</summary>
    public int Family
    {
        get
        {
            int family;
            uint size = sizeof(int);
            return NetworkCalls.GetOption(Handle.Descriptor, NetworkCalls.LevelSocket, Domain, &family, &size) == 0 ? family : 0;
        }
    }

    /// <summary>Gets sockets of programs, each once. Each is closed as the next one is asked for.</summary>
    /// <param name="wanted">The numbers of those to get, whoever has them; null for all those of programs of this network namespace.</param>
    public static IEnumerable<ProgramSocket> All(IReadOnlySet<ulong>? wanted = null)
    {
        HashSet<ulong> seen = [];
        foreach (int process in Processes(wanted is null ? NetworkNamespace.Current : null))
        {
            using FileDescriptor owner = new(SchedulerCalls.OpenProcess(process));
            foreach ((int descriptor, ulong socket) in owner.IsInvalid ? [] : SocketsOf(process))
            {
                if ((wanted is null || wanted.Contains(socket)) && !seen.Contains(socket) && Take(owner, descriptor, out _) is { } copy)
                {
                    seen.Add(socket);
                    using ProgramSocket found = new(socket, copy);
                    yield return found;
                }
            }
        }
    }

    /// <summary>Finds the sockets that no program lets us have.</summary>
    /// <param name="wanted">The numbers of those to look for.</param>
    /// <returns>For each its program, "dhclient (712)", and the errno; an empty program where none has it that can be looked at.</returns>
    public static IReadOnlyDictionary<ulong, (string Program, int Errno)> FindDenied(IReadOnlySet<ulong> wanted)
    {
        Dictionary<ulong, (string Program, int Errno)> denied = wanted.ToDictionary(socket => socket, _ => ("", 0));
        foreach (int process in wanted.Count > 0 ? Processes(null) : [])
        {
            using FileDescriptor owner = new(SchedulerCalls.OpenProcess(process));
            foreach ((int descriptor, ulong socket) in owner.IsInvalid ? [] : SocketsOf(process).Where(found => denied.ContainsKey(found.Socket)))
            {
                using FileDescriptor? copy = Take(owner, descriptor, out int errno);
                if (copy is not null)
                {
                    denied.Remove(socket);
                }
                else
                {
                    denied[socket] = ($"{LinuxFile.TryRead($"/proc/{process}/comm") ?? "a program"} ({process})", errno);
                }
            }
        }

        return denied;
    }

    /// <inheritdoc/>
    public void Dispose() => Handle.Dispose();

    private static FileDescriptor? Take(FileDescriptor owner, int descriptor, out int errno)
    {
        errno = FaultPoint.Check("pidfd_getfd");
        int copy = errno != 0 ? -1 : SchedulerCalls.TakeDescriptor(owner.Descriptor, descriptor);
        errno = copy >= 0 ? 0 : errno != 0 ? errno : Marshal.GetLastPInvokeError();
        return copy >= 0 ? new FileDescriptor(copy) : null;
    }

    /// <summary>The processes of a network namespace, or all, but for this one.</summary>
    private static IEnumerable<int> Processes(string? place) => Directory.EnumerateDirectories("/proc")
        .Where(folder => IsOther(Path.GetFileName(folder)) && (place is null || LinkOf(Path.Combine(folder, "ns/net")) == place))
        .Select(folder => int.Parse(Path.GetFileName(folder), CultureInfo.InvariantCulture));

    private static bool IsOther(string name) => int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out int id) && id != Environment.ProcessId;

    private static List<(int Descriptor, ulong Socket)> SocketsOf(int process)
    {
        try
        {
            return [.. Directory.EnumerateFileSystemEntries(string.Create(CultureInfo.InvariantCulture, $"/proc/{process}/fd"))
                .Select(path => (Path.GetFileName(path), LinkOf(path)))
                .Where(entry => entry.Item2?.StartsWith(LinkStart, StringComparison.Ordinal) == true)
                .Select(entry => (
                    int.Parse(entry.Item1, CultureInfo.InvariantCulture), ulong.Parse(entry.Item2![LinkStart.Length..^1], CultureInfo.InvariantCulture)))];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return []; // The process is gone.
        }
    }

    private static string? LinkOf(string path)
    {
        try
        {
            return new FileInfo(path).LinkTarget;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null; // The process is gone.
        }
    }
}
