using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Threading.Tasks;

namespace Sos.Lab.Network;

/// <summary>A host on a <see cref="LabNetwork"/>: a network namespace with one interface, eth0.</summary>
public sealed class LabPeer
{
    private readonly List<Process> _processes = [];

    internal LabPeer(string name, string @namespace, int segment, string ipv4, string ipv6)
    {
        Name = name;
        Namespace = @namespace;
        Segment = segment;
        IPv4 = ipv4;
        IPv6 = ipv6;
    }

    /// <summary>The name it was given.</summary>
    public string Name { get; }

    /// <summary>The network namespace, for <c>ip netns exec</c>.</summary>
    public string Namespace { get; }

    /// <summary>The segment it is on.</summary>
    public int Segment { get; }

    /// <summary>Its address, without prefix length (24).</summary>
    public string IPv4 { get; }

    /// <summary>Its IPv6 address, without prefix length (64).</summary>
    public string IPv6 { get; }

    /// <summary>Runs a shell command line in the peer's namespace.</summary>
    /// <param name="line">The command line, for sh.</param>
    /// <param name="timeout">Limit; 30 s if not given.</param>
    /// <exception cref="TimeoutException">It took longer.</exception>
    public Task<CommandResult> RunAsync(string line, TimeSpan? timeout = null) =>
        HostProcess.RunAsync(Command(line), timeout ?? TimeSpan.FromSeconds(30));

    /// <summary>Starts a server or a generator in the peer's namespace; it ends with the network at the latest.</summary>
    /// <param name="line">The command line, for sh; begin with <c>exec</c> so that no shell stays between.</param>
    /// <returns>
    /// The process, its standard streams redirected; read what it writes, or send that to /dev/null. Whoever disposes it ends it before.
    /// </returns>
    public Process Start(string line)
    {
        Process process = HostProcess.Start(Command(line));
        _processes.Add(process);
        return process;
    }

    internal Task<CommandResult> IpAsync(params string[] arguments) =>
        LabNetwork.RunHostAsync(["ip", "-n", Namespace, .. arguments]);

    internal async Task StopAsync()
    {
        foreach (Process process in _processes)
        {
            if (Runs(process))
            {
                process.Kill(entireProcessTree: true);
                await process.WaitForExitAsync();
            }

            process.Dispose();
        }

        _processes.Clear();
    }

    private static bool Runs(Process process)
    {
        try
        {
            return !process.HasExited;
        }
        catch (InvalidOperationException)
        {
            return false; // Its user has ended it, and disposed of it.
        }
    }

    private string[] Command(string line) => ["ip", "netns", "exec", Namespace, "sh", "-c", line];
}
