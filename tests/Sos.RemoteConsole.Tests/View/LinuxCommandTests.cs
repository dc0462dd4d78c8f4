using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text.Json;
using Sos.RemoteConsole.Commands;
using Sos.RemoteConsole.View;
using Xunit;

namespace Sos.RemoteConsole.Tests.View;

/// <summary>The commands that look into Linux's memory, on one that the test makes up: well, torn, and changing meanwhile.</summary>
public sealed class LinuxCommandTests
{
    [Theory]
    [InlineData("dmesg")]
    [InlineData("ps")]
    [InlineData("cpus")]
    [InlineData("load")]
    [InlineData("mem")]
    [InlineData("slab")]
    [InlineData("stack 1")]
    [InlineData("vmcore")]
    [InlineData("modules")]
    [InlineData("mounts")]
    [InlineData("stack --cpu 0")]
    [InlineData("irq")]
    [InlineData("softirq")]
    [InlineData("net")]
    [InlineData("netstat")]
    [InlineData("sym ffffffff81000000")]
    [InlineData("read ffffffff81000000 16")]
    public void WithoutAGrantThereIsNoView(string line)
    {
        using ViewShell shell = new(null);
        Assert.Contains("--grant linux-memory", shell.Run(line), StringComparison.Ordinal);
        Assert.Equal(CommandRun.Failure, shell.Status);
    }

    [Theory]
    [InlineData("ps")]
    [InlineData("cpus")]
    [InlineData("load")]
    [InlineData("mem")]
    [InlineData("slab")]
    [InlineData("stack 1")]
    [InlineData("vmcore")]
    [InlineData("modules")]
    [InlineData("mounts")]
    [InlineData("stack --cpu 0")]
    [InlineData("irq")]
    [InlineData("softirq")]
    [InlineData("net")]
    [InlineData("netstat")]
    [InlineData("dmesg")]
    public void WhatAKernelDoesNotTellIsSaid(string line)
    {
        using SyntheticLinux linux = new();
        using ViewShell shell = new(linux);
        Assert.Contains("kernel did not tell", shell.Run(line), StringComparison.Ordinal);
        Assert.Equal(CommandRun.Failure, shell.Status);
    }

    [Theory]
    [InlineData("dmesg --level 8")]
    [InlineData("dmesg -x")]
    [InlineData("ps --state")]
    [InlineData("ps --state DD")]
    [InlineData("ps all")]
    [InlineData("sym")]
    [InlineData("sym xyz")]
    [InlineData("sym 1 2")]
    [InlineData("stack")]
    [InlineData("stack 1 2")]
    [InlineData("stack --cpu")]
    [InlineData("stack --cpu x")]
    [InlineData("read 1000")]
    [InlineData("read 1000 0")]
    [InlineData("read 1000 1048577")]
    [InlineData("read 10000000000000000 1")]
    public void ArgumentsThatCannotBeAreSaid(string line)
    {
        using SyntheticLinux linux = new();
        using ViewShell shell = new(linux);
        Assert.Contains("takes", shell.Run(line), StringComparison.Ordinal);
        Assert.Equal(CommandRun.Usage, shell.Status);
    }

    [Fact]
    public void DmesgShowsThePanicsLastLine()
    {
        using SyntheticLinux linux = new();
        SyntheticLog log = new(linux);
        using ViewShell shell = new(linux);
        _ = log.Add("Linux version", level: 5);
        _ = log.Add("two\nlines \"quoted\" \u0001", level: 4);
        _ = log.Add("Kernel panic - not syncing: sysrq triggered crash", level: 0);
        _ = log.Add("---[ end Kernel panic ]---", state: 1, level: 0);
        string text = shell.Run("dmesg");
        Assert.Equal(
            ["Linux version", "two", "lines \"quoted\" ?", "Kernel panic - not syncing: sysrq triggered crash", "---[ end Kernel panic ]---"],
            text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line[line.IndexOfAny("LtlK-".ToCharArray())..]));
        Assert.DoesNotContain("two", shell.Run("dmesg --level 3"), StringComparison.Ordinal);
        using JsonDocument json = JsonDocument.Parse(shell.Run("dmesg --json --level 0"));
        Assert.Equal(2, json.RootElement.GetArrayLength());
        Assert.Equal("---[ end Kernel panic ]---", json.RootElement[1].GetProperty("text").GetString());
    }

    [Fact]
    public void DmesgWaitsForMore()
    {
        using SyntheticLinux linux = new();
        SyntheticLog log = new(linux);
        using ViewShell shell = new(linux);
        _ = log.Add("first");
        shell.Begin("dmesg -w");
        Assert.Contains("first", shell.GoOn(), StringComparison.Ordinal);
        Assert.Equal("", shell.GoOn());
        for (int i = 0; i < 50; i++)
        {
            _ = log.Add("more");
            Assert.Contains("more", shell.GoOn(), StringComparison.Ordinal);
        }

        // One that its writer may add to is waited for.
        ulong open = log.Add("being written", state: 1);
        Assert.Equal("", shell.GoOn());
        log.SetState(open, 2);
        Assert.Contains("being written", shell.GoOn(), StringComparison.Ordinal);

        // But not for ever: its writer may have died.
        _ = log.Add("never finished", state: 1);
        Assert.Equal("", shell.GoOn());
        shell.Advance(TimeSpan.FromSeconds(3));
        Assert.Contains("never finished", shell.GoOn(), StringComparison.Ordinal);
    }

    [Fact]
    public void PsListsProcessesByState()
    {
        using SyntheticLinux linux = new();
        SyntheticTasks tasks = new(linux);
        using ViewShell shell = new(linux);
        ulong first = tasks.Add(1, "init");
        _ = tasks.Add(2, "kthreadd", flags: SyntheticTasks.KernelThread);
        _ = tasks.Add(77, "stuck", SyntheticTasks.WaitsForDisk, parent: first);
        _ = tasks.Add(78, "kworker/0:1", SyntheticTasks.Idles, SyntheticTasks.KernelThread);
        _ = tasks.Add(4_194_303, "0123456789abcde");
        Assert.Equal([1, 2, 77, 78, 4_194_303], Pids(shell, "ps --json"));
        Assert.Equal([77], Pids(shell, "ps --json --state D"));
        Assert.Equal([2, 78], Pids(shell, "ps --kernel --json"));
        Assert.Equal([78], Pids(shell, "ps --kernel --state I --json"));
        string text = shell.Run("ps");
        Assert.Contains("     77       1  D    0        0  00:00:04      no      stuck\n", text, StringComparison.Ordinal);
    }

    [Fact]
    public void ThreadsFollowTheirProcess()
    {
        using SyntheticLinux linux = new();
        SyntheticTasks tasks = new(linux);
        using ViewShell shell = new(linux);
        ulong first = tasks.Add(1, "init");
        ulong server = tasks.Add(77, "server");
        _ = tasks.AddThread(server, 80, "worker");
        ulong stuck = tasks.AddThread(server, 81, "stuck", SyntheticTasks.WaitsForDisk);
        _ = tasks.AddThread(server, 82, "worker");
        _ = tasks.Add(90, "last", parent: first);
        Assert.Equal([1, 77, 90], Pids(shell, "ps --json"));
        Assert.Equal([1, 77, 80, 81, 82, 90], Pids(shell, "ps --threads --json"));
        Assert.Equal([81], Pids(shell, "ps --threads --state D --json"));
        Assert.Empty(Pids(shell, "ps --state D --json"));

        // A list of threads that is torn ends with what it had, and the rest is there.
        linux.Write(SyntheticTasks.ThreadNodeOf(stuck), 0xdead_0000_0000_0100UL);
        string text = shell.Run("ps --threads");
        Assert.Contains("the list changed", text, StringComparison.Ordinal);
        Assert.Contains("last", text, StringComparison.Ordinal);
        Assert.Equal([1, 77, 80, 81, 90], Pids(shell, "ps --threads --json"));
        linux.Write(server + 0x68, 0xdead_0000_0000_0100UL);
        Assert.Equal([1, 77, 90], Pids(shell, "ps --threads --json"));
    }

    [Fact]
    public void AThreadThatEndsMeanwhileIsNotFollowed()
    {
        using SyntheticLinux linux = new();
        SyntheticTasks tasks = new(linux);
        using ViewShell shell = new(linux);
        ulong server = tasks.Add(77, "server");
        List<ulong> threads = [.. Enumerable.Range(100, 50).Select(pid => tasks.AddThread(server, pid, "worker"))];
        _ = tasks.Add(200, "last");
        shell.Meanwhile = step => threads.ForEach(thread => linux.Write(thread + 0x10, 100_000 + step)); // their memory is others'
        string text = shell.Run("ps --threads");
        Assert.Contains("last", text, StringComparison.Ordinal);
        Assert.Contains("the list changed", text, StringComparison.Ordinal);
        Assert.Equal(0u, shell.Status);
    }

    [Fact]
    public void ATornListOfTasksIsNotTakenForTruth()
    {
        using SyntheticLinux linux = new();
        SyntheticTasks tasks = new(linux);
        using ViewShell shell = new(linux);
        ulong torn = 0;
        for (int pid = 1; pid <= 20; pid++)
        {
            ulong task = tasks.Add(pid, "task");
            torn = pid == 10 ? task : torn;
        }

        // Linux died in the middle: one way leads elsewhere.
        linux.Write(SyntheticTasks.NodeOf(torn), 0xdead_0000_0000_0100UL);
        string text = shell.Run("ps");
        Assert.Equal(1 + 10 + 1, text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        Assert.Contains("torn", text, StringComparison.Ordinal);
        Assert.Equal(CommandRun.Failure, shell.Status);

        // Or it leads back into the list, for ever.
        linux.Write(SyntheticTasks.NodeOf(torn), SyntheticTasks.NodeOf(torn));
        Assert.Contains("torn", shell.Run("ps"), StringComparison.Ordinal);
    }

    [Fact]
    public void ProcessesThatComeAndGoMeanwhileMakeNoWrongOnes()
    {
        using SyntheticLinux linux = new();
        SyntheticTasks tasks = new(linux);
        using ViewShell shell = new(linux);
        Random random = new(15);
        Dictionary<int, ulong> alive = [];
        int last = 0;
        for (int i = 0; i < 200; i++)
        {
            alive[++last] = tasks.Add(last, "task");
        }

        // Between two steps any task may end, and its memory be another's.
        shell.Meanwhile = step =>
        {
            for (int i = random.Next(4); i > 0; i--)
            {
                int gone = alive.Keys.ElementAt(random.Next(alive.Count));
                tasks.Remove(alive[gone]);
                _ = alive.Remove(gone);
                alive[++last] = tasks.Add(last, "task");
            }
        };
        int whole = 0;
        for (int i = 0; i < 20; i++)
        {
            List<int> before = [.. alive.Keys];
            string text = shell.Run("ps");
            bool hasChanged = text.Contains("the list changed", StringComparison.Ordinal);
            whole += shell.Status == 0 ? 1 : 0;
            if (shell.Status == 0 && !hasChanged)
            {
                IEnumerable<string> survivors = before.Where(alive.ContainsKey).Select(pid => string.Create(CultureInfo.InvariantCulture, $"{pid,7} "));
                Assert.All(survivors, pid => Assert.Contains(pid, text, StringComparison.Ordinal));
            }

            IEnumerable<string> lines = text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Skip(1);
            foreach (string line in lines.Where(line => !line.StartsWith("the list", StringComparison.Ordinal)))
            {
                Assert.EndsWith("task", line, StringComparison.Ordinal);
                Assert.InRange(int.Parse(line[..7], CultureInfo.InvariantCulture), 1, last);
            }
        }

        Assert.InRange(whole, 1, 20);
    }

    [Fact]
    public void AStackShowsReturnAddressesAndNotWhatLooksLikeOne()
    {
        using SyntheticLinux linux = new();
        SyntheticTasks tasks = new(linux);
        linux.Values[LinuxField.TaskStack] = 0x70;
        linux.Values[LinuxField.TaskStackPointer] = 0x78;
        ulong code = SyntheticLinux.Image(0x8000);
        linux.AddFunction(code, "schedule");
        linux.AddFunction(code + 0x100, "io_wait");
        linux.AddFunction(code + 0x200, "after");
        linux.Write(code + 0x10, (ReadOnlySpan<byte>)[0xe8, 1, 2, 3, 4]); // call rel32, returns to 0x15
        linux.Write(code + 0x1fe, (ReadOnlySpan<byte>)[0xff, 0xd0]); // call *%rax, returns to 0x200, behind its function
        linux.Write(code + 0x50, (ReadOnlySpan<byte>)[0xff, 0xe0, 0xff, 0xd8]); // a jump, and a far call, which Linux has not
        ulong task = tasks.Add(9, "waits", SyntheticTasks.WaitsForDisk);
        ulong stack = linux.Allocate(16 << 10, 16 << 10);
        linux.Write(task + 0x70, stack);
        linux.Write(task + 0x78, stack + 0x3000);
        linux.Write(stack + 0x2ff8, code + 0x15); // what is left of an earlier call
        linux.Write(stack + 0x3010, code + 0x15);
        linux.Write(stack + 0x3018, code + 0x52);
        linux.Write(stack + 0x3020, code + 0x54);
        linux.Write(stack + 0x3028, code);
        linux.Write(stack + 0x3ff8, code + 0x200);
        using ViewShell shell = new(linux);
        using JsonDocument json = JsonDocument.Parse(shell.Run("stack --json 9"));
        Assert.Equal(
            ["schedule 0x15", "io_wait 0x100"],
            json.RootElement.EnumerateArray().Select(row => $"{row.GetProperty("function").GetString()} {row.GetProperty("offset").GetString()}"));
        linux.Write(task + 0x3c, 1);
        Assert.Contains("a CPU runs it", shell.Run("stack 9"), StringComparison.Ordinal);
        Assert.Contains("no process", shell.Run("stack 10"), StringComparison.Ordinal);
        Assert.Contains("takes", shell.Run("stack init"), StringComparison.Ordinal);
    }

    [Fact]
    public void ReadShowsBytesAndWhereThereAreNone()
    {
        using SyntheticLinux linux = new();
        using ViewShell shell = new(linux);
        ulong address = SyntheticLinux.PageOffset + SyntheticLinux.RangeStart + SyntheticLinux.RangeSize - 24;
        linux.Write(address, (ReadOnlySpan<byte>)"Hello, machine!\0\u0001"u8);
        string text = shell.Run(string.Create(CultureInfo.InvariantCulture, $"read {address:x} 24"));
        Assert.Equal(2, text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        Assert.Contains("48 65 6c 6c 6f 2c 20 6d  61 63 68 69 6e 65 21 00  Hello, machine!.", text, StringComparison.Ordinal);
        Assert.Contains("no memory at that address", shell.Run(string.Create(CultureInfo.InvariantCulture, $"read {address:x} 25")), StringComparison.Ordinal);
        string physical = shell.Run(string.Create(CultureInfo.InvariantCulture, $"read 0x{address - SyntheticLinux.PageOffset:x} 0x18"));
        Assert.Contains("48 65 6c", physical, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(-1, false)]
    [InlineData(0, true)]
    [InlineData(3, true)]
    public void StatusTellsWhichCpuPanicked(int cpu, bool isTold)
    {
        using SyntheticLinux linux = new();
        linux.Values[LinuxField.PanicCpu] = unchecked((long)SyntheticLinux.Image(0x800));
        linux.Write(SyntheticLinux.Image(0x800), cpu);
        using ViewShell shell = new(linux);
        using JsonDocument json = JsonDocument.Parse(shell.Run("status --json"));
        Assert.Equal(isTold, json.RootElement.TryGetProperty("panic_on_cpu", out JsonElement told));
        Assert.True(!isTold || told.GetInt32() == cpu);
    }

    [Fact]
    public void SymNamesAFunction()
    {
        using SyntheticLinux linux = new();
        linux.AddFunction(0xffff_ffff_8100_0000, "_stext");
        using ViewShell shell = new(linux);
        Assert.Contains("_stext", shell.Run("sym ffffffff81000010"), StringComparison.Ordinal);
        Assert.Contains("no function", shell.Run("sym 1000"), StringComparison.Ordinal);
    }

    [Fact]
    public void LoadAveragesHaveTwoDigits()
    {
        using SyntheticLinux linux = new();
        linux.Values[LinuxField.LoadAverages] = unchecked((long)SyntheticLinux.Image(0x600));
        linux.Write(SyntheticLinux.Image(0x600), 2048UL * 12 + 1024);
        linux.Write(SyntheticLinux.Image(0x608), 20UL);
        using ViewShell shell = new(linux);
        using JsonDocument json = JsonDocument.Parse(shell.Run("load --json"));
        Assert.Equal("12.50", json.RootElement.GetProperty("load_1m").GetString());
        Assert.Equal("0.01", json.RootElement.GetProperty("load_5m").GetString());
    }

    private static IEnumerable<int> Pids(ViewShell shell, string line)
    {
        using JsonDocument json = JsonDocument.Parse(shell.Run(line));
        return [.. json.RootElement.EnumerateArray().Select(row => row.GetProperty("pid").GetInt32())];
    }
}
