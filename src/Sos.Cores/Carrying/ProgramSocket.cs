using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
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

    /// <summary>All sockets of all programs of this network namespace, each once. Each is closed as the next one is asked for.</summary>
    public static IEnumerable<ProgramSocket> All()
    {
        string here = NetworkNamespace.Current;
        HashSet<ulong> seen = [];
        foreach (string process in Directory.EnumerateDirectories("/proc").Where(folder => IsOther(Path.GetFileName(folder))))
        {
            if (LinkOf(Path.Combine(process, "ns/net")) != here)
            {
                continue;
            }

            int id = int.Parse(Path.GetFileName(process), CultureInfo.InvariantCulture);
            using FileDescriptor owner = new(SchedulerCalls.OpenProcess(id));
            foreach ((int descriptor, ulong socket) in owner.IsInvalid ? [] : SocketsOf(process))
            {
                if (!seen.Add(socket) || SchedulerCalls.TakeDescriptor(owner.Descriptor, descriptor) is not (var copy and >= 0))
                {
                    continue;
                }

                using ProgramSocket found = new(socket, new FileDescriptor(copy));
                yield return found;
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => Handle.Dispose();

    private static bool IsOther(string name) => int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out int id) && id != Environment.ProcessId;

    private static List<(int Descriptor, ulong Socket)> SocketsOf(string process)
    {
        try
        {
            return [.. Directory.EnumerateFileSystemEntries(Path.Combine(process, "fd"))
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
