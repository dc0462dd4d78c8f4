using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json;
using System.Threading.Tasks;
using Sos.Lab.Guest;
using Sos.Lab.Machine;
using Sos.Torture.Parts;
using Xunit;

namespace Sos.Lab.Tests;

/// <summary>
/// A visitor of the console acts on the machine from a core that Linux does not have: on a Linux that lives, that hangs with interrupts off on every CPU, and
/// that has panicked. Each in a machine of its own.
/// </summary>
public sealed class ConsoleActionScenarios
{
    private const string Grants = "linux-memory,sysrq,nmi,crash,reboot,release";
    private const string Havoc = "/usr/lib/sos/tests/sos_havoc.ko";

    private static readonly TimeSpan Limit = ConsoleVisitor.Limit;

    /// <summary>After a panic the words and the registers of every CPU are there, by telnet and by ssh, and each method resets the machine.</summary>
    [Theory]
    [InlineData("6.1", 4, "cf9")]
    [InlineData("6.1", 3, "acpi")]
    [InlineData("6.12", 3, "kbd")]
    [InlineData("6.12", 4, "triple")]
    public async Task ConsoleSeesAPanicAndResetsTheMachine(string kernel, int cpus, string method)
    {
        await using ConsoleVisitor visitor = await ConsoleVisitor.BootAsync(
            new LabMachineOptions { Kernel = kernel, Cpus = cpus, KernelArguments = "panic=0" });
        await visitor.StartAsync(Grants);
        Assert.Contains("alive", await visitor.AskAsync("status"), StringComparison.Ordinal);
        Assert.Contains("nmi --look", (await visitor.TryAsync("cpus --registers")).Error, StringComparison.Ordinal);

        _ = visitor.Machine.Start("echo c > /proc/sysrq-trigger");
        await visitor.Machine.Console.WaitForAsync("end Kernel panic", Limit);
        string status = await visitor.AskUntilAsync("status --json", text => text.Contains("panic_words", StringComparison.Ordinal));
        using JsonDocument json = JsonDocument.Parse(status);
        Assert.Equal("PANICKED", json.RootElement.GetProperty("linux").GetString());
        Assert.Equal("sysrq triggered crash", json.RootElement.GetProperty("panic_words").GetString());
        Assert.InRange(json.RootElement.GetProperty("panic_ago_s").GetInt64(), 0, (long)Limit.TotalSeconds);
        int panicked = json.RootElement.GetProperty("panic_on_cpu").GetInt32();
        Assert.InRange(panicked, 0, cpus - 2);
        Assert.Contains("PANICKED", await visitor.TelnetAsync("status"), StringComparison.Ordinal);
        Assert.Contains("end Kernel panic", (await visitor.AskAsync("dmesg --level 0")).Split('\n', StringSplitOptions.RemoveEmptyEntries)[^1],
            StringComparison.Ordinal);

        // All but the console's own stored theirs before Linux stopped them; one whose emulation is late does so as soon as it runs.
        ILookup<int, (string Name, JsonElement Row)> registers = await StoredAsync(visitor, cpus - 1);
        Assert.Equal(Enumerable.Range(0, cpus - 1), registers.Select(cpu => cpu.Key).Order());
        Assert.All(registers.SelectMany(cpu => cpu), register => Assert.Equal("panic", register.Row.GetProperty("of").GetString()));
        Assert.All(registers, cpu => Assert.NotEqual(new string('0', 16), Value(cpu, "rip")));
        string function = registers[panicked].First(register => register.Name == "rip").Row.GetProperty("function").GetString()!;
        Assert.True(function.StartsWith("panic+", StringComparison.Ordinal) || function.StartsWith("vpanic+", StringComparison.Ordinal), function);
        Assert.Contains(function, await visitor.AskAsync("cpus"), StringComparison.Ordinal);

        Assert.Contains("EFI's reset", (await visitor.TryAsync("reboot --method efi --yes")).Error, StringComparison.Ordinal);
        await visitor.RebootAsync(method);
    }

    /// <summary>Where there is no keyboard controller its pulse resets nothing: the log tells so to who logs in again, to take another method.</summary>
    [Fact]
    public Task ConsoleTellsThatThereIsNoKeyboardControllerToPulse() => TryWithoutKeyboardControllerAsync("6.12");

    /// <summary>The same on the older kernel.</summary>
    [Fact]
    [Trait("Length", "long")]
    public Task ConsoleTellsThatThereIsNoKeyboardControllerToPulseOnTheOlderKernel() => TryWithoutKeyboardControllerAsync("6.1");

    private static async Task TryWithoutKeyboardControllerAsync(string kernel)
    {
        await using ConsoleVisitor visitor = await ConsoleVisitor.BootAsync(new LabMachineOptions { Kernel = kernel, KeyboardController = false });
        await visitor.StartAsync(Grants);
        CommandResult reboot = await visitor.TryAsync("reboot --method kbd --yes");
        Assert.Contains("log in again", reboot.Output, StringComparison.Ordinal);
        _ = await visitor.AskUntilAsync("log", text => text.Contains("not reset by that method: try another", StringComparison.Ordinal));
        Assert.Contains("alive", await visitor.AskAsync("status"), StringComparison.Ordinal);
        await visitor.RebootAsync("cf9");
    }

    /// <summary>Actions that were not granted are refused; those that were, Linux does; and the core goes back when the visitor says so.</summary>
    [Fact]
    public async Task ConsoleActsOnALinuxThatLivesIfThatWasGranted()
    {
        await using ConsoleVisitor visitor = await ConsoleVisitor.BootAsync(new LabMachineOptions());
        LabMachine machine = visitor.Machine;
        await visitor.StartAsync("linux-memory");
        foreach (string action in new[] { "sysrq h", "nmi", "nmi --look", "crash", "reboot", "reboot --method triple", "release" })
        {
            CommandResult refused = await visitor.TryAsync($"{action} --yes");
            Assert.Equal(1, refused.ExitCode);
            Assert.Contains("--grant", refused.Error, StringComparison.Ordinal);
        }

        await machine.CheckAsync($"sosctl service stop {visitor.Core}", Limit);
        await machine.CheckAsync("echo 1 > /proc/sys/kernel/sysrq");
        await visitor.StartAsync(Grants);
        Assert.Contains("its service may: sysrq release look nmi crash reset", await machine.CheckAsync("dmesg"), StringComparison.Ordinal);

        Assert.Contains("not done", (await visitor.TryAsync("crash < /dev/null")).Error, StringComparison.Ordinal);
        Assert.Contains("Linux took it", await visitor.AskAsync("sysrq h --yes"), StringComparison.Ordinal);
        _ = await visitor.AskUntilAsync("dmesg", text => text.Contains("sysrq: HELP", StringComparison.Ordinal));

        Assert.Contains($"{visitor.Core} CPUs", await visitor.AskAsync("nmi --look"), StringComparison.Ordinal);
        ILookup<int, (string Name, JsonElement Row)> registers = await StoredAsync(visitor, visitor.Core);
        Assert.All(registers.SelectMany(cpu => cpu), register => Assert.Equal("look", register.Row.GetProperty("of").GetString()));

        Assert.Contains("sent to CPU 1", await visitor.AskAsync("nmi 1 --yes"), StringComparison.Ordinal);
        _ = await visitor.AskUntilAsync("dmesg", text => text.Contains("NMI received for unknown reason", StringComparison.Ordinal));
        Assert.Contains("no CPU of Linux's", (await visitor.TryAsync($"nmi {visitor.Core} --yes")).Error, StringComparison.Ordinal);
        Assert.Contains("alive", await visitor.AskAsync("status"), StringComparison.Ordinal);

        _ = await visitor.TryAsync("release --yes");
        await machine.Console.WaitForAsync($"sos: cpu {visitor.Core} released", Limit);
        Assert.Equal($"0-{visitor.Core}", await machine.CheckAsync("cat /sys/devices/system/cpu/online"));
        machine.EnsureHealthy();
    }

    /// <summary>No task and no interrupt runs any more: what asks Linux says so, and what does not works.</summary>
    [Theory]
    [InlineData("6.1", 3, "crash 1", "asked for by a service of SOS")]
    [InlineData("6.12", 3, "nmi 1", "NMI: Not continuing")]
    public Task ConsoleCrashesALinuxWhoseCpusAllHang(string kernel, int cpus, string action, string words)
        => TryAHangAsync(kernel, cpus, action, words);

    /// <summary>The same with one CPU more, on the newer kernel.</summary>
    [Fact]
    [Trait("Length", "long")]
    public Task ConsoleCrashesALinuxWhoseFourCpusHang() => TryAHangAsync("6.12", 4, "crash 1", "asked for by a service of SOS");

    private static async Task TryAHangAsync(string kernel, int cpus, string action, string words)
    {
        await using ConsoleVisitor visitor = await ConsoleVisitor.BootAsync(new LabMachineOptions
        {
            Kernel = kernel,
            Cpus = cpus,
            KernelArguments = "panic=0 unknown_nmi_panic",
            Files = [new GuestFile(Path.Combine(LabPaths.Artifacts, "driver", kernel, "havoc", "sos_havoc.ko"), Havoc)],
        });
        await visitor.StartAsync(Grants);
        _ = visitor.Machine.Start($"insmod {Havoc}");
        await visitor.Machine.Console.WaitForAsync("sos_havoc: every CPU hangs now", Limit);
        _ = await visitor.AskUntilAsync("status", text => text.Contains("SILENT", StringComparison.Ordinal));

        CommandResult sysrq = await visitor.TryAsync("sysrq h --yes");
        Assert.Equal(1, sysrq.ExitCode);
        Assert.Contains("withdrawn", sysrq.Error, StringComparison.Ordinal);
        Assert.Contains($"{cpus - 1} CPUs", await visitor.AskAsync("nmi --look"), StringComparison.Ordinal);
        _ = await StoredAsync(visitor, cpus - 1);
        List<string> functions = [];
        for (int cpu = 0; cpu < cpus - 1; cpu++)
        {
            functions.AddRange(await UnwoundAsync(visitor, cpu));
        }

        // One hangs in a thread of the kernel's, the others in a call that it had them make.
        Assert.Contains("kthread", functions);
        Assert.Contains(functions, function => function.Contains("flush_smp_call_function_queue", StringComparison.Ordinal));

        _ = await visitor.AskAsync($"{action} --yes");
        string status = await visitor.AskUntilAsync("status", text => text.Contains("panic words", StringComparison.Ordinal));
        Assert.Contains("panic on cpu      1", status, StringComparison.Ordinal);
        Assert.Contains(words, status, StringComparison.Ordinal);
        await visitor.Machine.Console.WaitForAsync($"Kernel panic - not syncing: {words}", Limit);
        await visitor.RebootAsync("");
    }

    /// <summary>With kdump, an oops that would be a panic goes to the crash kernel at once: its registers are kept nevertheless.</summary>
    [Fact]
    public Task ConsoleTellsOfAnOopsThatGoesStraightToTheCrashKernel() => TryAnOopsWithCrashKernelAsync("6.1");

    /// <summary>The same on the newer kernel.</summary>
    [Fact]
    [Trait("Length", "long")]
    public Task ConsoleTellsOfAnOopsThatGoesStraightToTheCrashKernelOnTheNewerKernel() => TryAnOopsWithCrashKernelAsync("6.12");

    private static async Task TryAnOopsWithCrashKernelAsync(string kernel)
    {
        await using ConsoleVisitor visitor = await ConsoleVisitor.BootAsync(new LabMachineOptions
        {
            Kernel = kernel,
            MemoryMiB = 1024,
            KernelArguments = "crashkernel=192M oops=panic",
            Files =
            [
                new GuestFile(Path.Combine(LabPaths.Artifacts, "driver", kernel, "havoc", "sos_havoc.ko"), Havoc),
                new GuestFile((await GuestKernel.GetAsync(kernel)).BootImage, PanicPart.KernelImage),
            ],
        });
        await visitor.StartAsync(Grants);
        _ = visitor.Machine.Start($"{PanicPart.LoadCrashKernel} && insmod {Havoc} oops=1");
        await visitor.Machine.Console.WaitForAsync("crash kernel: up", Limit);
        using JsonDocument json = JsonDocument.Parse(await visitor.AskAsync("status --json"));
        Assert.Equal("PANICKED", json.RootElement.GetProperty("linux").GetString());
        Assert.Equal("an oops, straight to the crash kernel", json.RootElement.GetProperty("panic_words").GetString());
        ILookup<int, (string Name, JsonElement Row)> registers = await StoredAsync(visitor, 1);
        Assert.Contains(registers[json.RootElement.GetProperty("panic_on_cpu").GetInt32()], register => register.Name == "rip");
        Assert.Contains("kernel BUG at", await visitor.AskAsync("dmesg"), StringComparison.Ordinal);
        foreach (string late in new[] { "crash --yes", "nmi --yes", "nmi --look" })
        {
            Assert.Contains("panicked already", (await visitor.TryAsync(late)).Error, StringComparison.Ordinal);
        }

        await visitor.RebootAsync("");
    }

    /// <summary><c>make console</c>, without its end: the log-in that it prints works, and the machine has panicked.</summary>
    [Fact]
    public async Task ConsoleOfALabMachineIsReachedByAForwardedPort()
    {
        CommandResult result = await HostProcess.RunAsync(
            ["dotnet", Path.Combine(LabPaths.Repository, "lab/Sos.Lab/bin/Release/net10.0/Sos.Lab.dll"), "console", "--once"], 2 * Limit);
        Assert.True(result.ExitCode == 0, result.Output + result.Error);
        Assert.Contains("PANICKED", result.Output, StringComparison.Ordinal);
        Assert.Contains("sysrq triggered crash", result.Output, StringComparison.Ordinal);
    }

    /// <summary>Looks at a CPU until its stack is shown from its registers, whose age counts, and returns the functions, all found by tables.</summary>
    private static async Task<IEnumerable<string>> UnwoundAsync(ConsoleVisitor visitor, int cpu)
    {
        List<JsonElement> rows = [];
        for (DateTime end = DateTime.UtcNow + Limit; rows.Count == 0 || rows.Any(row => row.GetProperty("how").GetString() != "table");)
        {
            Assert.True(DateTime.UtcNow < end, string.Join('\n', rows));
            _ = await visitor.AskAsync($"nmi --look {cpu}");
            using JsonDocument json = JsonDocument.Parse(await visitor.AskAsync($"stack --cpu {cpu} --json"));
            rows = [.. json.RootElement.EnumerateArray().Select(row => row.Clone())];
        }

        return rows.Select(row => row.GetProperty("function").GetString()!);
    }

    private static async Task<ILookup<int, (string Name, JsonElement Row)>> StoredAsync(ConsoleVisitor visitor, int cpus)
    {
        DateTime end = DateTime.UtcNow + Limit;
        ILookup<int, (string Name, JsonElement Row)> registers = await visitor.RegistersAsync();
        while (registers.Count < cpus)
        {
            Assert.True(DateTime.UtcNow < end, $"{registers.Count} of {cpus} CPUs have stored their registers");
            registers = await visitor.RegistersAsync();
        }

        return registers;
    }

    private static string Value(IGrouping<int, (string Name, JsonElement Row)> cpu, string register)
        => cpu.First(each => each.Name == register).Row.GetProperty("value").GetString()![2..];
}
