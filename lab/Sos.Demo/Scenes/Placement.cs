using System;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Threading.Tasks;
using Sos.Lab;
using Sos.Lab.Machine;

namespace Sos.Demo.Scenes;

/// <summary>
/// Who runs where on the host, and before whom, in both scenes alike: the virtual CPU that meets the flood (Linux's softirqs in one
/// scene, the service in the other) has a host CPU of its own; the other virtual CPUs, QEMU, wire and clients share the rest.
/// </summary>
internal static class Placement
{
    /// <summary>Before other programs of the host, so that these disturb little.</summary>
    private const string Niceness = "-15";

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    /// <summary>Moves all threads of this process, of the wire and of QEMU to their places.</summary>
    /// <param name="machine">The machine.</param>
    /// <param name="wire">The wire.</param>
    /// <param name="virtualCpu">The virtual CPU that meets the flood.</param>
    /// <exception cref="LabException">The host refuses.</exception>
    public static async Task ApplyAsync(LabMachine machine, Wire wire, int virtualCpu)
    {
        int[] processes = [Environment.ProcessId, wire.ProcessId, machine.ProcessId];
        string[] threads =
        [
            .. processes.SelectMany(process => Directory.EnumerateDirectories($"/proc/{process}/task")).Select(Path.GetFileName)!,
        ];
        _ = await HostProcess.RunAsync(["renice", "-n", Niceness, "-p", .. threads], Limit); // A thread may have ended: no error.

        // A link does not wait for the machine at its end: the wire, which mostly sleeps, goes before all others. Where the host
        // forbids it, more of the flood is late, and the result says how much.
        string wireId = wire.ProcessId.ToString(CultureInfo.InvariantCulture);
        _ = await HostProcess.RunAsync(["chrt", "--all-tasks", "--rr", "--pid", "1", wireId], Limit);
        await HostPlacement.Choose().ApplyAsync(machine, virtualCpu, Environment.ProcessId, wire.ProcessId);
    }
}
