using System;
using System.Linq;
using System.Text.Json;
using Sos.RemoteConsole.View;
using Sos.Sdk.Control;
using Xunit;

namespace Sos.RemoteConsole.Tests.View;

/// <summary>The record of a panic as commands show it: when, which words, the registers of each CPU; and what is forged, torn or missing in it.</summary>
public sealed class PanicViewTests
{
    private const uint Cpus = 4;

    [Fact]
    public void StatusTellsThatLinuxPanickedSinceWhenAndWithWhichWords()
    {
        using SyntheticLinux linux = new();
        SyntheticPanic panic = new(linux, Cpus);
        using ViewShell shell = new(linux, panic);
        Assert.DoesNotContain("PANICKED", shell.Run("status"), StringComparison.Ordinal);
        panic.Panic(3, shell.NowTsc, "");
        Assert.DoesNotContain("panic words", shell.Run("status"), StringComparison.Ordinal);
        panic.Panic(3, shell.NowTsc, "Attempted to kill init! exitcode=0x00000009");
        shell.Advance(TimeSpan.FromSeconds(65));
        using JsonDocument json = JsonDocument.Parse(shell.Run("status --json"));
        Assert.Equal("PANICKED", json.RootElement.GetProperty("linux").GetString());
        Assert.Equal(3, json.RootElement.GetProperty("panic_on_cpu").GetInt32());
        Assert.Equal(65, json.RootElement.GetProperty("panic_ago_s").GetInt32());
        Assert.Equal("Attempted to kill init! exitcode=0x00000009", json.RootElement.GetProperty("panic_words").GetString());
    }

    [Fact]
    public void WordsOfAnyLengthAndKindFit()
    {
        using SyntheticLinux linux = new();
        SyntheticPanic panic = new(linux, Cpus);
        using ViewShell shell = new(linux, panic);
        panic.Panic(0, shell.NowTsc, new string('\u0001', LinuxPanicLayout.WordsSize));
        using JsonDocument json = JsonDocument.Parse(shell.Run("status --json"));
        Assert.Equal(100, json.RootElement.GetProperty("panic_words").GetString()!.Length);
    }

    [Fact]
    public void CpusShowWhereEachWasAndItsRegisters()
    {
        using SyntheticLinux linux = new();
        SyntheticPanic panic = Prepare(linux);
        ulong code = SyntheticLinux.Image(0x8000);
        CpuRegistersLayout registers = new()
        {
            Sequence = 2,
            Flags = CpuRegistersLayout.AtPanic,
            Rip = code + 0x15,
            Rsp = 0xffff_c900_0001_2345,
            Rflags = 0x46,
            Cs = 0x10,
        };
        for (int i = 0; i < CpuRegistersLayout.RegistersMax; i++)
        {
            registers.Registers[i] = 0x1000UL + (ulong)i;
        }

        using ViewShell shell = new(linux, panic);
        panic.Store(1, registers);
        panic.Store(2, registers with { Flags = 0, Cs = 0x33, Rip = 0x40_1000, Tsc = shell.NowTsc });
        panic.Store(3, registers with { Sequence = 3 }); // it is being written
        using JsonDocument places = JsonDocument.Parse(shell.Run("cpus --json"));
        Assert.Equal(["", "native_halt+0x15", "a program", ""], places.RootElement.EnumerateArray().Select(row => row.GetProperty("at").GetString()!));

        using JsonDocument json = JsonDocument.Parse(shell.Run("cpus --registers --json"));
        JsonElement[] rows = [.. json.RootElement.EnumerateArray()];
        Assert.Equal(2 * 19, rows.Length);
        Assert.Equal(
            ["rip", "rsp", "rflags", "cs", "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"],
            rows.Take(19).Select(row => row.GetProperty("register").GetString()!));
        Assert.All(rows.Take(19), row => Assert.Equal((1, "panic"), (row.GetProperty("cpu").GetInt32(), row.GetProperty("of").GetString())));
        Assert.All(rows.Skip(19), row => Assert.Equal((2, "look"), (row.GetProperty("cpu").GetInt32(), row.GetProperty("of").GetString())));
        Assert.Equal("0xffffc90000012345", rows[1].GetProperty("value").GetString());
        Assert.Equal("native_halt+0x15", rows[0].GetProperty("function").GetString());
        Assert.Equal("0x000000000000100e", rows[18].GetProperty("value").GetString());
        Assert.Contains("CPU  OF     SECONDS AGO  REGISTER", shell.Run("cpus --registers"), StringComparison.Ordinal);

        // What a CPU stored some time ago is shown as that, and not as where it is now.
        shell.Advance(TimeSpan.FromSeconds(11));
        using JsonDocument later = JsonDocument.Parse(shell.Run("cpus --json"));
        Assert.Equal(["", "native_halt+0x15", "", ""], later.RootElement.EnumerateArray().Select(row => row.GetProperty("at").GetString()!));
        using JsonDocument old = JsonDocument.Parse(shell.Run("cpus --registers --json"));
        Assert.Equal(11, old.RootElement.EnumerateArray().First(row => row.GetProperty("cpu").GetInt32() == 2).GetProperty("ago_s").GetInt32());
    }

    [Fact]
    public void WithoutRegistersThatIsSaid()
    {
        using SyntheticLinux linux = new();
        SyntheticPanic panic = Prepare(linux);
        using ViewShell shell = new(linux, panic);
        Assert.Contains("nmi --look", shell.Run("cpus --registers"), StringComparison.Ordinal);
        using ViewShell without = new(linux);
        Assert.Contains("nmi --look", without.Run("cpus --registers"), StringComparison.Ordinal);
        Assert.Contains("takes", shell.Run("cpus 1"), StringComparison.Ordinal);
    }

    [Fact]
    public void ARecordThatIsNoneIsNotRead()
    {
        using SyntheticLinux linux = new();
        SyntheticPanic panic = Prepare(linux);
        panic.Panic(0, 1, "forged");
        panic.Forge(0x1234);
        using ViewShell shell = new(linux, panic);
        Assert.DoesNotContain("forged", shell.Run("status"), StringComparison.Ordinal);
    }

    [Fact]
    public void AStackBeginsWhereTheCpuWasThatRunsIt()
    {
        using SyntheticLinux linux = new();
        SyntheticTasks tasks = new(linux);
        SyntheticPanic panic = Prepare(linux);
        linux.Values[LinuxField.TaskStack] = 0x70;
        linux.Values[LinuxField.TaskStackPointer] = 0x78;
        ulong code = SyntheticLinux.Image(0x8000);
        linux.Write(code + 0x10, (ReadOnlySpan<byte>)[0xe8, 1, 2, 3, 4]); // call rel32, returns to 0x15
        ulong task = tasks.Add(9, "runs");
        ulong stack = linux.Allocate(16 << 10, 16 << 10);
        linux.Write(task + 0x70, stack);
        linux.Write(task + 0x3c, 1);
        linux.Write(task + 0x50, 2);
        linux.Write(stack + 0x2000, code + 0x15); // what is left of an earlier call
        linux.Write(stack + 0x3000, code + 0x15);
        using ViewShell shell = new(linux, panic);
        panic.Store(2, new CpuRegistersLayout { Sequence = 2, Rsp = stack + 0x3000, Cs = 0x10, Tsc = shell.NowTsc });
        using JsonDocument json = JsonDocument.Parse(shell.Run("stack --json 9"));
        _ = Assert.Single(json.RootElement.EnumerateArray());
        Assert.DoesNotContain("a CPU runs it", shell.Run("stack 9"), StringComparison.Ordinal);
        shell.Advance(TimeSpan.FromSeconds(11)); // it has called and returned since
        Assert.Contains("a CPU runs it", shell.Run("stack 9"), StringComparison.Ordinal);
        panic.Store(2, new CpuRegistersLayout { Sequence = 4, Rsp = 0x7fff_0000_1000, Cs = 0x33, Tsc = shell.NowTsc });
        Assert.Contains("a CPU runs it", shell.Run("stack 9"), StringComparison.Ordinal);
    }

    /// <summary>Gives a Linux four CPUs, without tasks on them.</summary>
    private static SyntheticPanic Prepare(SyntheticLinux linux)
    {
        linux.AddFunction(SyntheticLinux.Image(0x8000), "native_halt");
        (LinuxField Field, long Value)[] values =
        [
            (LinuxField.CpuIds, unchecked((long)SyntheticLinux.Image(0x100))), (LinuxField.CpuOnline, unchecked((long)SyntheticLinux.Image(0x108))),
            (LinuxField.PerCpuOffset, unchecked((long)SyntheticLinux.Image(0x200))), (LinuxField.RunQueues, unchecked((long)SyntheticLinux.Image(0x300))),
            (LinuxField.RunQueueCurrent, 8), (LinuxField.RunQueueRunning, 0),
        ];
        foreach ((LinuxField field, long value) in values)
        {
            linux.Values[field] = value;
        }

        linux.Write(SyntheticLinux.Image(0x100), Cpus);
        linux.Write(SyntheticLinux.Image(0x108), (1UL << (int)Cpus) - 1);
        return new SyntheticPanic(linux, Cpus);
    }
}
