using System;
using System.Linq;
using System.Text;
using System.Threading.Tasks;
using Sos.Lab.Machine;
using Sos.Lab.Network;

namespace Sos.Lab;

/// <summary>A shell in the guest, on this terminal.</summary>
internal static class LabShell
{
    /// <summary>Boots the machine, gives its cards addresses, tells what to try, and waits until the shell ends.</summary>
    public static async Task<int> RunAsync(LabMachineOptions options)
    {
        Console.Error.WriteLine($"lab: booting Linux {options.Kernel}");
        await using LabMachine machine = await LabMachine.BootAsync(options);
        for (int segment = 0; segment < (options.Network?.Segments ?? 0); segment++)
        {
            await machine.ConfigureAsync($"eth{segment}", segment);
        }

        await machine.WriteFileAsync("/etc/motd", Encoding.UTF8.GetBytes(Welcome(machine)));
        await machine.CheckAsync("touch /run/sos-lab.ready");
        await machine.WaitForExitAsync();
        return 0;
    }

    private static string Welcome(LabMachine machine)
    {
        StringBuilder text = new();
        text.AppendLine();
        text.AppendLine($"SOS lab: Linux {machine.Kernel.Release}, {machine.Options.Cpus} CPUs, {machine.Accelerator}");
        text.AppendLine($"  console log: {machine.Console.Path}");
        text.AppendLine("  exit (or Ctrl-D) ends the machine");
        text.AppendLine();
        text.AppendLine("In this shell:");
        text.AppendLine("  sosctl core list                    the cores, and who has them");
        text.AppendLine("  sosctl core reserve 3; nproc        take cpu 3 from Linux");
        text.AppendLine("  sosctl core release 3; nproc        give it back");
        text.AppendLine("  sosctl device list                  the cards that a service can have");
        if (machine.Options.Network is { Peers.Count: > 0 } network)
        {
            LabPeer peer = network.Peers[0];
            text.AppendLine($"  ping -c 3 {peer.IPv4}               a peer; ping {peer.IPv6} works too");
            text.AppendLine("  httpd -h /usr/share; iperf3 -s -D   servers for the peers");
            text.AppendLine();
            text.AppendLine("In another terminal of the host, as a peer:");
            text.AppendLine($"  ip netns exec {peer.Namespace} ping {LabNetwork.MachineIPv4()}");
            text.AppendLine($"  ip netns exec {peer.Namespace} iperf3 -c {LabNetwork.MachineIPv4()}");
            text.AppendLine($"  peers: {string.Join(", ", network.Peers.Select(other => $"{other.Namespace} ({other.IPv4})"))}");
        }

        text.AppendLine();
        return text.ToString();
    }
}
