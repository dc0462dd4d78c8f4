using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text.Json;
using System.Threading.Tasks;
using Sos.Lab.Machine;
using Sos.Lab.Network;
using Xunit;

namespace Sos.Lab.Tests;

/// <summary>
/// A visitor of the console looks at Linux from a core that Linux does not have: first while Linux lives, held against what Linux's own files say, and then
/// at one that has panicked. With 3 and 4 CPUs, in machines of their own.
/// </summary>
public sealed class ConsoleViewScenarios
{
    private const string Address = TelnetVisit.Address;
    private const string Password = TelnetVisit.Password;
    private const string Image = "/usr/lib/sos/console.sosimg";
    private const string Marker = "console view: the marker";

    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    [Theory]
    [InlineData("6.1", 4)]
    [InlineData("6.12", 3)]
    public async Task LinuxIsSeenAliveAndDead(string kernel, int cpus)
    {
        await using LabNetwork network = await LabNetwork.CreateAsync();
        LabPeer client = await network.AddPeerAsync("client");
        await using LabMachine machine = await LabMachine.BootAsync(new LabMachineOptions
        {
            Kernel = kernel,
            Cpus = cpus,
            Network = network,
            KernelArguments = "panic=0",
        });
        await machine.ConfigureAsync("eth0");
        await machine.CheckAsync($"sosctl core reserve {cpus - 1}");
        await machine.CheckAsync($"echo '{Password}' | sosctl console password /tmp/telnet");
        await machine.CheckAsync(
            $"sosctl service start {cpus - 1} {Image} --device eth0 -p address={Address} --telnet /tmp/telnet --grant linux-memory", Limit);
        Assert.Contains("a service may read Linux's memory", await machine.CheckAsync("dmesg"), StringComparison.Ordinal);

        await CompareAsync(machine, client, cpus);
        HashSet<int> alive = [.. (await PidsAsync(machine)).Intersect(await PidsAsync(machine))];

        _ = machine.Start("echo c > /proc/sysrq-trigger");
        await machine.Console.WaitForAsync("end Kernel panic", Limit);
        TelnetAnswers seen = await TelnetVisit.AskAsync(client, "dmesg --level 5", "ps --json", "cpus --json");
        string log = seen["dmesg --level 5"];
        Assert.Contains("Kernel panic - not syncing: sysrq triggered crash", log, StringComparison.Ordinal);
        Assert.Contains("end Kernel panic", log.Split('\n', StringSplitOptions.RemoveEmptyEntries)[^1], StringComparison.Ordinal);
        IEnumerable<int> dead = seen.Rows("ps --json").Select(row => row.GetProperty("pid").GetInt32());
        Assert.Empty(alive.Except(dead));
        Assert.Equal(cpus, seen.Rows("cpus --json").Count);
        string status = await AskUntilAsync(client, "status", "PANICKED");
        Assert.Contains("PANICKED", status, StringComparison.Ordinal);
        Assert.Contains("panic on cpu", status, StringComparison.Ordinal);
    }

    [Fact]
    public async Task WithoutAGrantThereIsNoViewAndAnIsolatedCoreHasNone()
    {
        await using LabNetwork network = await LabNetwork.CreateAsync();
        LabPeer client = await network.AddPeerAsync("client");
        await using LabMachine machine = await LabMachine.BootAsync(new LabMachineOptions { Network = network });
        await machine.ConfigureAsync("eth0");
        await machine.CheckAsync($"echo '{Password}' | sosctl console password /tmp/telnet");
        string start = $"{Image} --device eth0 -p address={Address} --telnet /tmp/telnet";
        await machine.CheckAsync("sosctl core reserve 2 --isolated");
        Assert.Contains("ends with Linux", (await machine.RunAsync($"sosctl service start 2 {start} --grant linux-memory")).Error, StringComparison.Ordinal);
        await machine.CheckAsync("sosctl core release 2; sosctl core reserve 3");
        Assert.Contains("nothing called", (await machine.RunAsync($"sosctl service start 3 {start} --grant everything")).Error, StringComparison.Ordinal);
        await machine.CheckAsync($"sosctl service start 3 {start}");
        Assert.Contains("--grant linux-memory", await AskAsync(client, "ps"), StringComparison.Ordinal);

        await machine.CheckAsync("sosctl service stop 3 && sosctl core release 3");
        machine.EnsureHealthy();
    }

    /// <summary>Holds what the console shows against what Linux's own files say of the same moment.</summary>
    private static async Task CompareAsync(LabMachine machine, LabPeer client, int cpus)
    {
        await machine.CheckAsync($"echo '{Marker}' > /dev/kmsg");
        string function = await machine.CheckAsync("awk '$3 == \"panic\" {print $1}' /proc/kallsyms");
        string banner = await machine.CheckAsync("awk '$3 == \"linux_banner\" {print $1}' /proc/kallsyms");
        string sleeper = await machine.CheckAsync(
            "sleep 10000 > /dev/null 2>&1 & pid=$!; until grep -q nanosleep /proc/$pid/stack; do sleep 0.1; done; echo $pid");
        HashSet<int> before = await PidsAsync(machine);
        TelnetAnswers seen = await TelnetVisit.AskAsync(
            client,
            "ps --json", "dmesg", "version", "mem --json", "modules --json", "cpus --json", "net --json", "softirq --json", "irq --json", "load --json",
            "slab --json", "stack 2 --json", $"stack {sleeper} --json", "mounts --json",
            "netstat --json", $"sym {function}", $"read {banner} 16", "read fee00000 4");
        HashSet<int> after = await PidsAsync(machine);

        List<JsonElement> tasks = seen.Rows("ps --json");
        HashSet<int> pids = [.. tasks.Select(task => task.GetProperty("pid").GetInt32())];
        Assert.Empty(before.Intersect(after).Except(pids));
        Assert.Equal(pids.Count, tasks.Count);
        Assert.Contains(tasks, task => task.GetProperty("pid").GetInt32() == 2 && task.GetProperty("name").GetString() == "kthreadd"
            && task.GetProperty("kernel").GetBoolean());

        Assert.Contains(Marker, seen["dmesg"], StringComparison.Ordinal);
        Assert.Contains(await machine.CheckAsync("cat /proc/version"), seen["version"], StringComparison.Ordinal);
        ulong total = ulong.Parse(await machine.CheckAsync("awk '/^MemTotal/ {print $2}' /proc/meminfo"), CultureInfo.InvariantCulture);
        Assert.Equal(total, seen.Object("mem --json").GetProperty("total_kib").GetUInt64());
        string[] modules = (await machine.CheckAsync("awk '{print $1}' /proc/modules")).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(modules.Order(), seen.Rows("modules --json").Select(row => row.GetProperty("name").GetString()!).Order());
        IEnumerable<JsonElement> offlineCpus = seen.Rows("cpus --json").Where(row => !row.GetProperty("online").GetBoolean());
        Assert.Equal([cpus - 1], offlineCpus.Select(row => row.GetProperty("cpu").GetInt32()));
        Assert.Contains(seen.Rows("net --json"), row => row.GetProperty("name").GetString() == "lo");
        Assert.Equal(cpus - 1, seen.Rows("softirq --json").Count);
        string numbers = await machine.CheckAsync("awk '$1 ~ /^[0-9]+:$/ {print $1 + 0}' /proc/interrupts");
        IEnumerable<string> irqs = seen.Rows("irq --json").Where(row => row.GetProperty("name").GetString()!.Length > 0)
            .Select(row => row.GetProperty("irq").GetInt32().ToString(CultureInfo.InvariantCulture));
        Assert.NotEmpty(irqs);
        Assert.Empty(irqs.Except(numbers.Split('\n', StringSplitOptions.RemoveEmptyEntries)));
        _ = seen.Object("load --json").GetProperty("load_1m");
        Assert.Contains(seen.Rows("slab --json"), row => row.GetProperty("name").GetString() == "task_struct"
            && row.GetProperty("objects").GetUInt64() > 0);
        foreach (string pid in new[] { "2", sleeper })
        {
            await CompareStackAsync(machine, pid, seen.Rows($"stack {pid} --json"));
        }

        string listed = await machine.CheckAsync("awk '{print $2, $3, substr($4, 1, 2)}' /proc/1/mounts");
        string[] mounts = listed.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        string[] shown = [.. seen.Rows("mounts --json").Select(row => $"{Text(row, "path")} {Text(row, "type")} {Text(row, "options")[..2]}")];
        Assert.NotEmpty(mounts);
        Assert.Empty(mounts.Except(shown));
        Assert.NotEmpty(seen.Rows("netstat --json"));
        Assert.Contains("panic", seen[$"sym {function}"], StringComparison.Ordinal);
        Assert.Contains("Linux version", seen[$"read {banner} 16"], StringComparison.Ordinal);
        Assert.Contains("no memory", seen["read fee00000 4"], StringComparison.Ordinal);

        // What the console can see does not go offline meanwhile.
        CommandResult offline = await machine.RunAsync("printf offline | dd of=/sys/devices/system/memory/memory4/state");
        Assert.NotEqual(0, offline.ExitCode);
        Assert.Contains("Device or resource busy", offline.Error, StringComparison.Ordinal);
    }

    /// <summary>Holds a stack against Linux's own, who leaves out its scheduler at the inner end.</summary>
    private static async Task CompareStackAsync(LabMachine machine, string pid, List<JsonElement> rows)
    {
        string[] wanted = (await machine.CheckAsync($"cat /proc/{pid}/stack")).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        wanted = [.. wanted.Select(line => line[(line.IndexOf("] ", StringComparison.Ordinal) + 2)..line.IndexOf('/', StringComparison.Ordinal)])];
        string[] seen = [.. rows.Select(row => $"{Text(row, "function")}+{Text(row, "offset")}")];
        Assert.NotEmpty(wanted);
        bool isSame = seen.Length >= wanted.Length && seen[^wanted.Length..].SequenceEqual(wanted);
        Assert.True(isSame, $"{string.Join(' ', seen)}; Linux: {string.Join(' ', wanted)}");
        Assert.All(rows, row => Assert.Equal("table", Text(row, "how")));
    }

    private static string Text(JsonElement row, string name) => row.GetProperty(name).GetString()!;

    private static async Task<HashSet<int>> PidsAsync(LabMachine machine)
        => [.. (await machine.CheckAsync("cd /proc && echo [0-9]*")).Split([' ', '\n'], StringSplitOptions.RemoveEmptyEntries)
            .Select(pid => int.Parse(pid, CultureInfo.InvariantCulture))];

    /// <summary>Logs in by telnet, runs a command and leaves.</summary>
    private static async Task<string> AskAsync(LabPeer client, string command) => (await TelnetVisit.AskAsync(client, command))[command];

    /// <summary>Asks again until an answer holds a text, which it must within the limit.</summary>
    private static async Task<string> AskUntilAsync(LabPeer client, string command, string wanted)
    {
        DateTime end = DateTime.UtcNow + Limit;
        string answer = await AskAsync(client, command);
        while (!answer.Contains(wanted, StringComparison.Ordinal) && DateTime.UtcNow < end)
        {
            answer = await AskAsync(client, command);
        }

        return answer;
    }
}
