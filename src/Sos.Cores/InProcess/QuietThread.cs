using System;
using System.Collections.Generic;
using System.IO;
using System.Runtime.InteropServices;
using System.Threading;
using Sos.Linux;

namespace Sos.Cores.InProcess;

/// <summary>
/// Makes a thread as quiet as Linux lets it be: SCHED_FIFO, and the process in an isolated partition of cgroup v2, which no other task and no
/// load balancing enters. What cannot be had is noted.
/// </summary>
internal sealed unsafe class QuietThread : IDisposable
{
    private const string Root = "/sys/fs/cgroup";
    private const int Priority = 80;

    private readonly string _group;
    private readonly int _process;

    /// <summary>Sets a runner's thread apart.</summary>
    /// <param name="process">The runner.</param>
    /// <param name="thread">Its thread that runs the service.</param>
    /// <param name="cpu">The cpu that the thread is bound to.</param>
    /// <param name="notes">Takes what could not be had.</param>
    /// <exception cref="SosException">SCHED_FIFO is not permitted.</exception>
    public QuietThread(int process, int thread, int cpu, List<string> notes)
    {
        _process = process;
        _group = Path.Combine(Root, $"sos-thread-{process}");
        try
        {
            Directory.CreateDirectory(_group);
            if (!File.Exists(Path.Combine(_group, "cpuset.cpus")))
            {
                File.WriteAllText(Path.Combine(Root, "cgroup.subtree_control"), "+cpuset");
            }

            File.WriteAllText(Path.Combine(_group, "cpuset.cpus"), $"{cpu}");
            File.WriteAllText(Path.Combine(_group, "cpuset.cpus.partition"), "isolated");
            string partition = File.ReadAllText(Path.Combine(_group, "cpuset.cpus.partition")).Trim();
            File.WriteAllText(Path.Combine(_group, "cgroup.procs"), $"{process}");
            if (partition != "isolated")
            {
                notes.Add($"the cpuset is not isolated: {partition}");
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            notes.Add($"no isolated cpuset could be made: {e.Message}");
        }

        int priority = Priority;
        if (SchedulerCalls.SetScheduler(thread, SchedulerCalls.Fifo, &priority) != 0)
        {
            string problem = Marshal.GetLastPInvokeErrorMessage();
            Dispose();
            throw new SosException(SosError.NotPermitted, $"SCHED_FIFO is not permitted: {problem}; run this as root");
        }

        string runtime = File.ReadAllText("/proc/sys/kernel/sched_rt_runtime_us").Trim();
        if (runtime != "-1")
        {
            notes.Add($"Linux takes the cpu from SCHED_FIFO after {runtime} us of each second (sched_rt_runtime_us; -1 ends that)");
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!Directory.Exists(_group))
        {
            return;
        }

        try
        {
            if (Directory.Exists($"/proc/{_process}"))
            {
                File.WriteAllText(Path.Combine(Root, "cgroup.procs"), $"{_process}");
            }

            // The kernel lets go of an ended process a moment after its parent knows of it.
            for (int attempt = 0; attempt < 100 && File.ReadAllText(Path.Combine(_group, "cgroup.procs")).Length > 0; attempt++)
            {
                Thread.Sleep(10);
            }

            Directory.Delete(_group);
        }
        catch (IOException)
        {
            // An empty group that stays does no harm: it goes with the next boot.
        }
    }
}
