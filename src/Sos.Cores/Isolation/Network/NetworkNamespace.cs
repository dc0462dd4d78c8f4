using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;
using Sos.Cores.Loading;
using Sos.Cores.Native;

namespace Sos.Cores.Isolation.Network;

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

        NetworkNamespace entered = new(Open(Own));
        foreach (string path in Candidates(name))
        {
            try
            {
                using FileDescriptor other = Open(path);
                Enter(other);
            }
            catch (SosException)
            {
                continue; // The process is gone.
            }

            if (Current == name)
            {
                return entered;
            }
        }

        entered.Dispose();
        return null;
    }

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

    /// <summary>Lets this thread be in the namespace of a file until it is disposed of.</summary>
    /// <param name="path">A file of /proc/PID/ns, or one that 'ip netns' has made.</param>
    /// <exception cref="SosException">Linux refuses.</exception>
    internal static NetworkNamespace EnterNamed(string path)
    {
        NetworkNamespace entered = new(Open(Own));
        using FileDescriptor other = Open(path);
        Enter(other);
        return entered;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_before is not null)
        {
            Enter(_before);
            _before.Dispose();
        }
    }

    // Those that 'ip netns' has named, which tell who they are only from inside, and that of a process in it.
    private static IEnumerable<string> Candidates(string name)
    {
        IEnumerable<string> named = Directory.Exists("/run/netns") ? Directory.EnumerateFiles("/run/netns") : [];
        return named.Concat(Directory.EnumerateDirectories("/proc")
            .Where(process => int.TryParse(Path.GetFileName(process), out _))
            .Select(process => Path.Combine(process, "ns/net"))
            .Where(path => LinkOf(path) == name));
    }

    private static string? LinkOf(string path)
    {
        try
        {
            return new FileInfo(path).LinkTarget;
        }
        catch (IOException)
        {
            return null; // The process is gone.
        }
    }

    private static FileDescriptor Open(string path)
        => RunnerProcess.Raise(Libc.Open(path, Libc.OpenCloseOnExec), $"opening {path}");

    private static void Enter(FileDescriptor other)
    {
        if (NetworkCalls.SetNamespace(other.Descriptor, NetworkCalls.NewNetwork) != 0)
        {
            throw Errno.ToException("entering a network namespace", Marshal.GetLastPInvokeError(), null);
        }
    }
}
