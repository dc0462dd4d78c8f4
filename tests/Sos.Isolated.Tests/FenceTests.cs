using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using Sos.Cores;
using Xunit;

namespace Sos.Isolated.Tests;

/// <summary>A cpu is fenced off, and when it is released the machine is as it was found.</summary>
public sealed class FenceTests : IsolatedScenario
{
    [Fact]
    public void ReleaseLeavesTheMachineAsItWasFound()
    {
        using Process free = Command.Start("sleep", "1000");
        using Process bound = Command.Start("taskset", "-c", $"0,{Cpu}", "sleep", "1000");
        using Process elsewhere = Command.Start("taskset", "-c", "0", "sleep", "1000");
        try
        {
            Command.Await(() => Allowed(elsewhere.Id) == "0", "taskset did not bind its command");
            Command.Await(() => CpuSet.ParseList(Allowed(bound.Id)).Equals(CpuSet.Of(0, Cpu)), "taskset did not bind its command");
            int[] watched = [1, Environment.ProcessId, free.Id, bound.Id, elsewhere.Id];
            SortedDictionary<string, string> before = Snapshot(watched);

            Reserve();
            Assert.Equal(("sos", "Isolated"), (Core().GetProperty("owner").GetString(), Core().GetProperty("back_end").GetString()));
            Assert.All(watched, process => Assert.False(CpuSet.ParseList(Allowed(process)).Contains(Cpu), $"process {process}"));
            Assert.False(CpuSet.ParseMask(File.ReadAllText("/proc/irq/default_smp_affinity")).Contains(Cpu));
            Assert.False(CpuSet.ParseMask(File.ReadAllText("/sys/devices/virtual/workqueue/cpumask")).Contains(Cpu));
            using Process born = Command.Start("sleep", "1000");
            Assert.False(CpuSet.ParseList(Allowed(born.Id)).Contains(Cpu), "a new process may run there");

            Command.Sosctl("core", "release", $"{Cpu}").Succeeded();
            Assert.Equal(before, Snapshot(watched));
            Assert.Equal(Allowed(Environment.ProcessId), Allowed(born.Id));
            born.Kill();
        }
        finally
        {
            free.Kill();
            bound.Kill();
            elsewhere.Kill();
        }
    }

    [Fact]
    public void WhatIsChangedMeanwhileStaysChanged()
    {
        using Process process = Command.Start("sleep", "1000");
        try
        {
            Reserve();
            Command.Shell($"taskset -cp {Cpu} {process.Id}").Succeeded();
            Command.Sosctl("core", "release", $"{Cpu}").Succeeded();
            Assert.Equal($"{Cpu}", Allowed(process.Id));
        }
        finally
        {
            process.Kill();
        }
    }

    /// <summary>As sosctl leaves it when it is killed while it builds the fence: the record says what was, not what became of it.</summary>
    [Fact]
    public void AReservationThatWasInterruptedIsPutBack()
    {
        SortedDictionary<string, string> before = Snapshot([1, Environment.ProcessId]);
        Reserve();
        string path = $"/run/sos/fence-{Cpu}.json";
        JsonNode record = JsonNode.Parse(File.ReadAllText(path))!;
        record["complete"] = false;
        foreach (JsonNode? entry in record["threads"]!.AsArray().Concat(record["settings"]!.AsArray()))
        {
            entry!["after"] = null;
        }

        File.WriteAllText(path, record.ToJsonString());
        Command.Sosctl("core", "release", $"{Cpu}").Succeeded();
        Assert.Equal(before, Snapshot([1, Environment.ProcessId]));
    }

    [Fact]
    public void AReservationWhoseLeaseCannotBeWrittenIsPutBack()
    {
        SortedDictionary<string, string> before = Snapshot([1, Environment.ProcessId]);
        DirectoryInfo obstacle = Directory.CreateDirectory($"/run/sos/lease-{Cpu}.json.new");
        try
        {
            Assert.NotEqual(0, Command.Sosctl("core", "reserve", $"{Cpu}", "--isolated", "--force", "--lease", "1h").ExitCode);
            Assert.Equal("linux", Core().GetProperty("owner").GetString());
            Assert.Equal(before, Snapshot([1, Environment.ProcessId]));
        }
        finally
        {
            obstacle.Delete();
        }
    }

    [Fact]
    public void WhatShouldNotBeTakenIsRefusedWithAdvice()
    {
        Assert.Equal(5, Command.Sosctl("core", "reserve", "0", "--isolated").ExitCode);
        Assert.Equal(6, Command.Sosctl("core", "reserve", "1000", "--isolated").ExitCode);
        Assert.Equal(2, Command.Sosctl("core", "reserve", $"{Cpu}", "--isolated", "--auto").ExitCode);
        Reserve();
        Result again = Command.Sosctl("core", "reserve", $"{Cpu}", "--isolated");
        Assert.Equal(5, again.ExitCode);
        Assert.Contains("sosctl core list", again.Error, StringComparison.Ordinal);
        Assert.Equal(6, Command.Sosctl("service", "stop", $"{Cpu}").ExitCode);
    }

    [Fact]
    public void ACpuWithABoundThreadIsRefusedUnlessForced()
    {
        using Process bound = Command.Start("taskset", "-c", $"{Cpu}", "sleep", "1000");
        try
        {
            Command.Await(() => Allowed(bound.Id) == $"{Cpu}", "taskset did not bind its command");
            Result refused = Command.Sosctl("core", "reserve", $"{Cpu}", "--isolated");
            Assert.Equal(5, refused.ExitCode);
            Assert.Contains("--force", refused.Error, StringComparison.Ordinal);
            Reserve();
            Assert.NotEqual($"{Cpu}", Allowed(bound.Id));
            Command.Sosctl("core", "release", $"{Cpu}").Succeeded();
            Assert.Equal($"{Cpu}", Allowed(bound.Id));
        }
        finally
        {
            bound.Kill();
        }
    }

    [Fact]
    public void AutoTakesTheBestBackEndAndSaysWhy()
    {
        Result result = Command.SosctlJson(null, "core", "reserve", $"{Cpu}", "--auto", "--force").Succeeded();
        string expected = File.Exists("/dev/sos") ? "Offline" : "Isolated";
        Assert.Equal(expected, result.Json.GetProperty("back_end").GetString());
        Assert.NotEmpty(result.Json.GetProperty("reason").GetString()!);
    }

    private static string Allowed(int process)
        => File.ReadLines($"/proc/{process}/status").First(line => line.StartsWith("Cpus_allowed_list:", StringComparison.Ordinal)).Split(':')[1].Trim();

    /// <summary>Whatever a fence changes: masks of some processes and of the kernel's threads, interrupts, workqueues, cpusets.</summary>
    private static SortedDictionary<string, string> Snapshot(int[] processes)
    {
        SortedDictionary<string, string> found = new(StringComparer.Ordinal);
        foreach (int process in processes)
        {
            found[$"process {process}"] = Allowed(process);
        }

        foreach (string path in Directory.EnumerateDirectories("/proc/irq").Select(folder => Path.Combine(folder, "smp_affinity_list"))
            .Append("/proc/irq/default_smp_affinity").Append("/sys/devices/virtual/workqueue/cpumask").Where(File.Exists))
        {
            found[path] = File.ReadAllText(path).Trim();
        }

        foreach (string root in new[] { "/sys/fs/cgroup", "/sys/fs/cgroup/cpuset" }.Where(Directory.Exists))
        {
            found[root] = string.Join(' ', Directory.EnumerateDirectories(root).Order(StringComparer.Ordinal));
            string control = Path.Combine(root, "cgroup.subtree_control");
            found[control] = File.Exists(control) ? File.ReadAllText(control).Trim() : "";
        }

        return found;
    }
}
