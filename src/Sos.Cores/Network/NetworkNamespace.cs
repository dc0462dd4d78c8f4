using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;
using Sos.Cores.Native;
using Sos.Linux;

namespace Sos.Cores.Network;

/// <summary>
/// The network namespace of a network device (network_namespaces(7)): whoever gives it back, a lease's keeper for instance, may live in another, where
/// the same name is another device. Ours is that of one thread, which enters the other and comes back.
/// </summary>
public sealed class NetworkNamespace : IDisposable
{
    private const string Own = "/proc/thread-self/ns/net";

    private readonly FileDescriptor? _before;

    private NetworkNamespace(FileDescriptor? before) => _before = before;

    /// <summary>Which one this thread is in, as Linux tells namespaces apart: "net:[INODE]".</summary>
    public static string Current => new FileInfo(Own).LinkTarget ?? throw new SosException(SosError.Failed, $"{Own} cannot be read: is /proc mounted?");

    /// <summary>Lets this thread be in a namespace until it is disposed of.</summary>
    /// <param name="name">Its name; null for where we are.</param>
    /// <returns>Null when there is no such namespace any more.</returns>
    /// <exception cref="SosException">Linux refuses.</exception>
    public static NetworkNamespace? TryEnter(string? name)
    {
        if (name is null || name == Current)
        {
            return new NetworkNamespace(null);
        }

        NetworkNamespace entered = Remember();
        SosException? obstacle = null;
        foreach (string path in Candidates(name))
        {
            try
            {
                using FileDescriptor other = Open(path);
                int errno = TryEnter(other);
                if (errno == Errno.Invalid)
                {
                    continue; // A file that nothing is mounted on any more: 'ip netns' leaves such when it is killed.
                }

                Check(errno);
            }
            catch (SosException e)
            {
                // A process may be gone by now; all else must not look as if the namespace were.
                obstacle = File.Exists(path) ? e : obstacle;
                continue;
            }

            if (Current == name)
            {
                return entered;
            }
        }

        entered.Dispose();
        return obstacle is null ? null : throw obstacle;
    }

    /// <summary>The namespace of the first process, as <see cref="Current"/>; null where that cannot be seen.</summary>
    public static string? First => LinkOf("/proc/1/ns/net");

    /// <summary>Lets this thread be in the namespace of the first process until it is disposed of.</summary>
    /// <returns>Null when it cannot be.</returns>
    public static NetworkNamespace? TryEnterFirst()
    {
        try
        {
            return EnterNamed("/proc/1/ns/net");
        }
        catch (SosException)
        {
            return null; // In a container, for one.
        }
    }

    /// <summary>Lets this thread come back, when it is disposed of, to where it is now.</summary>
    internal static NetworkNamespace Remember() => new(Open(Own));

    /// <summary>Lets this thread be in each of the other namespaces, one after the other.</summary>
    /// <returns>The namespace that it is in; it is left as the next one is asked for.</returns>
    internal static IEnumerable<NetworkNamespace> EnterOthers()
    {
        HashSet<string> seen = [Current];
        foreach (string path in Named.Concat(Processes.Where(path => LinkOf(path) is { } link && !seen.Contains(link))))
        {
            NetworkNamespace entered;
            try
            {
                entered = EnterNamed(path);
            }
            catch (SosException)
            {
                continue; // The process is gone.
            }

            using (entered)
            {
                if (seen.Add(Current))
                {
                    yield return entered;
                }
            }
        }
    }

    /// <summary>Lets this thread be in the namespace of a file until it is disposed of.</summary>
    /// <param name="path">A file of /proc/PID/ns, or one that 'ip netns' has made.</param>
    /// <exception cref="SosException">Linux refuses.</exception>
    internal static NetworkNamespace EnterNamed(string path)
    {
        using FileDescriptor other = Open(path);
        NetworkNamespace entered = Remember();
        Enter(other);
        return entered;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_before is not null)
        {
            // This thread must not stay where it does not belong: its next work would be done there.
            if (NetworkCalls.SetNamespace(_before.Descriptor, NetworkCalls.NewNetwork) != 0)
            {
                Environment.FailFast("a thread cannot come back to its network namespace: " + Marshal.GetLastPInvokeErrorMessage());
            }

            _before.Dispose();
        }
    }

    // Those that 'ip netns' has named tell who they are only from inside.
    private static IEnumerable<string> Named => Directory.Exists("/run/netns") ? Directory.EnumerateFiles("/run/netns") : [];

    private static IEnumerable<string> Processes => Directory.EnumerateDirectories("/proc")
        .Where(process => int.TryParse(Path.GetFileName(process), out _))
        .Select(process => Path.Combine(process, "ns/net"));

    private static IEnumerable<string> Candidates(string name) => Named.Concat(Processes.Where(path => LinkOf(path) == name));

    private static string? LinkOf(string path)
    {
        try
        {
            return new FileInfo(path).LinkTarget;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null; // The process is gone, or another user's.
        }
    }

    private static FileDescriptor Open(string path)
        => FileDescriptor.Raise(Libc.Open(path, Libc.OpenCloseOnExec), $"opening {path}");

    private static void Enter(FileDescriptor other) => Check(TryEnter(other));

    /// <returns>0 or an errno; EINVAL for a file that is no network namespace.</returns>
    private static int TryEnter(FileDescriptor other)
    {
        int errno = FaultPoint.Check("setns");
        if (errno == 0 && NetworkCalls.SetNamespace(other.Descriptor, NetworkCalls.NewNetwork) != 0)
        {
            errno = Marshal.GetLastPInvokeError();
        }

        return errno;
    }

    private static void Check(int errno)
    {
        if (errno != 0)
        {
            throw Errno.ToException("entering a network namespace", errno, null);
        }
    }
}
