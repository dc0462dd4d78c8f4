using System;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Threading.Tasks;
using Sos.Lab.Machine;
using Sos.Lab.Network;

namespace Sos.Lab.Tests;

/// <summary>A DHCP server at a peer (busybox's udhcpd), which has one address to give, for a while.</summary>
internal sealed class DhcpServer : IDisposable
{
    /// <summary>The address that it gives.</summary>
    public const string Given = "10.77.0.50";

    private const int LeaseSeconds = 40; // of which a client renews each 20
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    private readonly string _folder = Directory.CreateTempSubdirectory("sos-dhcp-").FullName;
    private readonly Process _process;

    private DhcpServer(LabPeer peer)
    {
        string configuration = Path.Combine(_folder, "udhcpd.conf");
        File.WriteAllText(
            configuration,
            $"start {Given}\nend {Given}\nmax_leases 1\ninterface eth0\nlease_file {_folder}/leases\npidfile {_folder}/pid\nauto_time 0\nmin_lease 10\n"
                + $"option subnet 255.255.255.0\noption lease {LeaseSeconds}\n");
        _process = peer.Start($"exec busybox udhcpd -f -I {peer.IPv4} {configuration} >{Log} 2>&1");
    }

    /// <summary>How often it has given or renewed a lease.</summary>
    public int Count => Text.Split('\n').Count(line => line.Contains("sending ACK", StringComparison.OrdinalIgnoreCase));

    private string Log => Path.Combine(_folder, "log");

    private string Text => File.Exists(Log) ? File.ReadAllText(Log) : "";

    /// <summary>Starts one.</summary>
    public static DhcpServer Start(LabPeer peer) => new(peer);

    /// <summary>Waits for a lease that is given or renewed from now on.</summary>
    /// <param name="machine">The client's machine.</param>
    /// <param name="show">A command line that tells what the client did, for when none comes.</param>
    public async Task AwaitLeaseAsync(LabMachine machine, string show)
    {
        int before = Count;
        for (Stopwatch waited = Stopwatch.StartNew(); Count == before; await Task.Delay(200))
        {
            if (waited.Elapsed > Patience)
            {
                throw new InvalidOperationException($"no lease is given:\n{Text}\n{(await machine.RunAsync(show)).Text}");
            }
        }
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            _process.WaitForExit();
        }

        Directory.Delete(_folder, recursive: true);
    }
}
