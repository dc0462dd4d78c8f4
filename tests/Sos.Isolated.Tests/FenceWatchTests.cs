using System;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Text.Json;
using Sos.Cores;
using Sos.Cores.Isolation;
using Xunit;

namespace Sos.Isolated.Tests;

/// <summary>Others break a fence: it is mended, counted and told; and it goes back wherever one asks for it.</summary>
public sealed class FenceWatchTests : IsolatedScenario
{
    [Fact]
    public void AnInterruptThatIsPutOntoTheCpuIsTakenAway()
    {
        string before = Interrupts();
        Reserve();
        Assert.Equal("whole", Core().GetProperty("fence").GetString());
        string moved = Directory.EnumerateDirectories("/proc/irq").Select(folder => Path.Combine(folder, "smp_affinity_list"))
            .First(path => TryWrite(path, $"{Cpu}"));
        Command.Await(() => !CpuSet.ParseList(File.ReadAllText(moved).Trim()).Contains(Cpu), "the interrupt stays");
        Command.Await(() => Core().GetProperty("fence").GetString()!.StartsWith("mended", StringComparison.Ordinal), "nobody says so");
        Assert.Contains("smp_affinity_list", Status().GetProperty("remarks").ToString(), StringComparison.Ordinal);
        Assert.Contains("others broke its fence", Command.Sosctl("doctor").Output, StringComparison.Ordinal);
        Command.Sosctl("core", "release", $"{Cpu}").Succeeded();
        Assert.Equal(before, Interrupts());
    }

    [Fact]
    public void AThreadThatWidensItsAffinityIsMovedAndGetsItBack()
    {
        using Process process = Command.Start("sleep", "1000");
        try
        {
            Reserve();
            Command.Shell($"taskset -cp 0,{Cpu} {process.Id}").Succeeded();
            if (File.Exists($"/sys/fs/cgroup/sos-{Cpu}/cpuset.cpus.partition"))
            {
                return; // The kernel itself does not let it, or keeps what it asked for until the fence is gone.
            }

            Command.Await(() => Allowed(process.Id) == "0", "the thread stays");
            Command.Sosctl("core", "release", $"{Cpu}").Succeeded();
            Assert.True(CpuSet.ParseList(Allowed(process.Id)).Equals(CpuSet.Of(0, Cpu)), Allowed(process.Id));
        }
        finally
        {
            process.Kill();
        }
    }

    [Fact]
    public void AServiceKeepsItsCpuThoughThatWasOffline()
    {
        string online = $"/sys/devices/system/cpu/cpu{Cpu}/online";
        if (!File.Exists(online))
        {
            return; // This machine cannot unplug it.
        }

        Reserve();
        Command.SosctlJson(null, "service", "start", $"{Cpu}", Command.Metadata("Hello")).Succeeded();
        int runner = Runner();
        try
        {
            File.WriteAllText(online, "0");
            Command.Await(() => Core().GetProperty("fence").GetString() == "broken", "nobody says that it is offline");
            Assert.Contains("is offline", Status().GetProperty("remarks").ToString(), StringComparison.Ordinal);
        }
        finally
        {
            File.WriteAllText(online, "1");
        }

        Command.Await(() => Allowed(runner) == $"{Cpu}", "the service may run elsewhere");
        Command.Await(() => Core().GetProperty("fence").GetString()!.StartsWith("mended", StringComparison.Ordinal), "nobody says so");
        Assert.Equal("Running", State());
    }

    [Fact]
    public void AKeeperThatWasKilledIsStartedWithTheNextService()
    {
        Reserve();
        Command.Await(() => Keepers().Length > 0, "there is no keeper");
        Array.ForEach(Keepers(), keeper => Process.GetProcessById(keeper).Kill());
        Command.Await(() => Status().GetProperty("remarks").ToString().Contains("nobody watches", StringComparison.Ordinal), "nobody says so");
        Command.SosctlJson(null, "service", "start", $"{Cpu}", Command.Metadata("Hello")).Succeeded();
        Command.Await(() => !Status().GetProperty("remarks").ToString().Contains("nobody watches", StringComparison.Ordinal), "none was started");
        Command.Sosctl("core", "release", $"{Cpu}").Succeeded();
        Command.Await(() => Keepers().Length == 0, "it outlives the last fence");
    }

    /// <summary>Where 'ip netns exec' shows a /sys without cgroups.</summary>
    [Fact]
    public void ACoreGoesBackFromInsideANetworkNamespace()
    {
        using NetworkPair network = new();
        string groups = Groups();
        Reserve();
        Command.SosctlJson(network.Host, "core", "release", $"{Cpu}").Succeeded();
        Assert.Equal(groups, Groups());
        Assert.Equal("linux", Core().GetProperty("owner").GetString());
        Command.SosctlJson(network.Host, "core", "reserve", $"{Cpu}", "--isolated", "--force").Succeeded();
        Command.Sosctl("core", "release", $"{Cpu}").Succeeded();
        Assert.Equal(groups, Groups());
    }

    /// <summary>A container sees other process ids: what runs outside must not be taken for dead.</summary>
    [Fact]
    public void AServiceIsSeenAndStoppedFromAnotherProcessIdNamespace()
    {
        using NetworkPair network = new();
        network.AssertPing();
        Reserve();
        Command.SosctlJson(network.Host, "service", "start", $"{Cpu}", Command.Metadata("Firewall"), "--device", "eth0").Succeeded();
        int runner = Runner();
        string inside = $"unshare --pid --fork --mount-proc {Command.Metadata("Ctl")}";
        Assert.Contains("Running", Command.Shell($"{inside} service status {Cpu}").Succeeded().Output, StringComparison.Ordinal);
        Assert.NotNull(ThreadMask.StartTimeOf(runner));
        Command.Shell($"{inside} service stop {Cpu}").Succeeded();
        Assert.Null(ThreadMask.StartTimeOf(runner));
        Assert.Equal("Reserved", State());
        network.AssertPing();
    }

    /// <summary>Giving back needs no room: here there is none for any record.</summary>
    [Fact]
    public void AllGoesBackThoughNothingCanBeWritten()
    {
        using NetworkPair network = new();
        network.AssertPing();
        Reserve();
        Command.SosctlJson(network.Host, "service", "start", $"{Cpu}", Command.Metadata("Firewall"), "--device", "eth0").Succeeded();
        DirectoryInfo obstacle = Directory.CreateDirectory($"/run/sos/core-{Cpu}.json.new");
        try
        {
            Command.SosctlJson(network.Host, "service", "stop", $"{Cpu}").Succeeded();
        }
        finally
        {
            obstacle.Delete();
        }

        network.AssertPing();
        Assert.Equal("Reserved", State());
    }

    private static bool TryWrite(string path, string text)
    {
        try
        {
            File.WriteAllText(path, text);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false; // Linux keeps it where it is.
        }
    }

    private static string Interrupts() => string.Join('\n', Directory.EnumerateDirectories("/proc/irq")
        .Select(folder => Path.Combine(folder, "smp_affinity_list")).Order(StringComparer.Ordinal).Select(File.ReadAllText));

    private static string Groups() => string.Join('\n', new[] { "/sys/fs/cgroup", "/sys/fs/cgroup/cpuset" }.Where(Directory.Exists)
        .SelectMany(Directory.EnumerateDirectories).Order(StringComparer.Ordinal));

    private static string Allowed(int process)
        => File.ReadLines($"/proc/{process}/status").First(line => line.StartsWith("Cpus_allowed_list:", StringComparison.Ordinal)).Split(':')[1].Trim();

    private static int[] Keepers() => [.. Directory.EnumerateDirectories("/proc").Where(folder => char.IsAsciiDigit(Path.GetFileName(folder)[0]))
        .Where(folder => CommandLine(folder).Contains("keep-fences", StringComparison.Ordinal)).Select(folder => int.Parse(Path.GetFileName(folder)))];

    private static string CommandLine(string folder)
    {
        try
        {
            return File.ReadAllText(Path.Combine(folder, "cmdline"));
        }
        catch (IOException)
        {
            return ""; // It has ended.
        }
    }

    private int Runner()
    {
        string path = new[] { $"/run/sos/core-{Cpu}/run.json", $"/dev/shm/sos/core-{Cpu}/run.json" }.First(File.Exists);
        using JsonDocument record = JsonDocument.Parse(File.ReadAllText(path));
        return record.RootElement.GetProperty("runner").GetInt32();
    }
}
